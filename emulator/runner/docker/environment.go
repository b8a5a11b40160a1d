package docker

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// environment is what a container gets, low to high: what the user of the emulator gives to every job, the job's own, what Batch and ECS set, secrets
// (runtime.md 2.11). Below all of it is the image's.
func (r *run) environment(u *unit, is image.InspectResponse) []string {
	c := u.container
	list := r.driver.given(c)
	if r.attempt.Platform == batch.EC2 && imageHas(is, "AWS_REGION", "AWS_DEFAULT_REGION") && !has(c, "AWS_REGION", "AWS_DEFAULT_REGION") {
		list = slices.DeleteFunc(list, func(kv api.KeyValuePair) bool {
			return api.Value(kv.Name) == "AWS_REGION" || api.Value(kv.Name) == "AWS_DEFAULT_REGION"
		})
	}
	env := environment(list)
	env = append(env, r.endpointVariables(u)...)
	env = append(env, r.routerEnvironment(c)...)
	for _, name := range slices.Sorted(maps.Keys(r.secretEnv[u.index])) {
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		env = append(env, name+"="+r.secretEnv[u.index][name])
	}
	return env
}

// given is what the user of the emulator gives to every job, and the job's own.
func (d *Driver) given(c batch.Container) []api.KeyValuePair {
	list := make([]api.KeyValuePair, 0, len(d.options.Environment)+len(c.Environment))
	for _, kv := range d.options.Environment {
		name, value, _ := strings.Cut(kv, "=")
		list = append(list, api.KeyValuePair{Name: &name, Value: &value})
	}
	return append(list, c.Environment...)
}

// has says whether a definition gives a container one of these variables.
func has(c batch.Container, names ...string) bool {
	return c.Properties != nil && slices.ContainsFunc(c.Properties.Environment, func(kv api.KeyValuePair) bool { return slices.Contains(names, api.Value(kv.Name)) })
}

func imageHas(is image.InspectResponse, names ...string) bool {
	return is.Config != nil && slices.ContainsFunc(is.Config.Env, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(names, name)
	})
}

// environment keeps the last entry of each name.
func environment(list []api.KeyValuePair) []string {
	at := make(map[string]int, len(list))
	env := make([]string, 0, len(list))
	for _, kv := range list {
		name, entry := api.Value(kv.Name), api.Value(kv.Name)+"="+api.Value(kv.Value)
		if i, ok := at[name]; ok {
			env[i] = entry
			continue
		}
		at[name] = len(env)
		env = append(env, entry)
	}
	return env
}

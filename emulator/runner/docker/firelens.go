package docker

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// FireLens: a container of the task routes the output of the others (runtime.md 2.5). The engine's fluentd driver hands it over by a socket in a volume of
// the task, which is on the engine's machine and so within reach of both.

// routerVolume is the name of the volume with the router's socket; no volume of a definition can have it.
const routerVolume = "~firelens"

// routedLog is the log driver of a container whose output the router takes.
func (r *run) routedLog(ctx context.Context, u *unit) (container.LogConfig, error) {
	_, folder, err := r.ownVolume(ctx, routerVolume, nil)
	if err != nil {
		return container.LogConfig{}, err
	}
	c := container.LogConfig{Type: "fluentd", Config: map[string]string{
		"fluentd-address": "unix://" + path.Join(folder, "fluent.sock"), "fluentd-async": "true", "fluentd-sub-second-precision": "true",
		"tag": u.container.Name + "-firelens-" + r.attempt.ID,
	}}
	if n := u.container.Properties.LogConfiguration.Options["log-driver-buffer-limit"]; n != "" {
		c.Config["fluentd-buffer-limit"] = n
	}
	return c, nil
}

// mountRouter gives the router the folder of its socket, and its configuration: a file that is mounted, as ECS does, so that it is there in a container
// whose root is read only too.
func (r *run) mountRouter(ctx context.Context, u *unit, host *container.HostConfig) error {
	name, _, err := r.ownVolume(ctx, routerVolume, nil)
	if err != nil {
		return err
	}
	host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: "/var/run", VolumeOptions: &mount.VolumeOptions{NoCopy: true}})
	f := u.container.Firelens
	target, text := "/fluent-bit/etc/fluent-bit.conf", r.fluentBit(f)
	if f.Type == api.FirelensConfigurationTypeFluentd {
		target, text = "/fluentd/etc/fluent.conf", r.fluentd(f)
	}
	_, folder, err := r.filledVolume(ctx, routerVolume+"-configuration", []batch.File{{Path: path.Base(target), Content: []byte(text)}})
	if err != nil {
		return err
	}
	return bind(host, path.Join(folder, path.Base(target)), target, false)
}

// routerEnvironment are the variables of FireLens.
func (r *run) routerEnvironment(c batch.Container) []string {
	var env []string
	if c.Firelens != nil && c.Firelens.Type == api.FirelensConfigurationTypeFluentd {
		env = append(env, "FLUENT_UID=0")
	}
	if routed(c) && !r.attempt.SharesHost() { // in host mode the agent sets none
		env = append(env, "FLUENT_HOST=127.0.0.1", "FLUENT_PORT=24224")
	}
	return env
}

// metadata is what the router adds to each record.
func (r *run) metadata(f *api.FirelensConfiguration) [][2]string {
	if f.Options["enable-ecs-log-metadata"] == "false" {
		return nil
	}
	t := r.attempt.Task
	return [][2]string{{"ecs_cluster", t.Cluster}, {"ecs_task_arn", taskARN(t)}, {"ecs_task_definition", fmt.Sprintf("%s:%d", t.Family, t.Revision)}}
}

// outputs are the options of each container that the router serves, without those that are the engine's.
func (r *run) outputs() map[string]map[string]string {
	all := map[string]map[string]string{}
	for i, c := range r.attempt.Containers {
		if !routed(c) {
			continue
		}
		options := maps.Clone(c.Properties.LogConfiguration.Options)
		if options == nil {
			options = map[string]string{}
		}
		delete(options, "log-driver-buffer-limit")
		maps.Copy(options, r.secretOptions[i])
		all[c.Name] = options
	}
	return all
}

// fluentBit is the configuration of a router of that type.
func (r *run) fluentBit(f *api.FirelensConfiguration) string {
	var b strings.Builder
	section := func(name string, lines ...[2]string) {
		fmt.Fprintf(&b, "[%s]\n", name)
		for _, l := range lines {
			fmt.Fprintf(&b, "    %s %s\n", l[0], l[1])
		}
		b.WriteString("\n")
	}
	section("INPUT", [2]string{"Name", "forward"}, [2]string{"unix_path", "/var/run/fluent.sock"})
	section("INPUT", [2]string{"Name", "forward"}, [2]string{"Listen", "127.0.0.1"}, [2]string{"Port", "24224"})
	if records := r.metadata(f); len(records) > 0 {
		lines := [][2]string{{"Name", "record_modifier"}, {"Match", "*"}}
		for _, m := range records {
			lines = append(lines, [2]string{"Record", m[0] + " " + m[1]})
		}
		section("FILTER", lines...)
	}
	if file := configFile(f); file != "" {
		fmt.Fprintf(&b, "@INCLUDE %s\n\n", file)
	}
	outputs := r.outputs()
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		options := outputs[name]
		if options["Name"] == "" { // the user's own file says where its output goes
			continue
		}
		lines := [][2]string{{"Name", options["Name"]}, {"Match", name + "-firelens*"}}
		for _, key := range slices.Sorted(maps.Keys(options)) {
			if key != "Name" {
				lines = append(lines, [2]string{key, options[key]})
			}
		}
		section("OUTPUT", lines...)
	}
	return b.String()
}

// fluentd is the configuration of a router of that type.
func (r *run) fluentd(f *api.FirelensConfiguration) string {
	var b strings.Builder
	b.WriteString("<source>\n  @type unix\n  path /var/run/fluent.sock\n</source>\n\n<source>\n  @type forward\n  bind 127.0.0.1\n  port 24224\n</source>\n\n")
	if records := r.metadata(f); len(records) > 0 {
		b.WriteString("<filter **>\n  @type record_transformer\n  <record>\n")
		for _, m := range records {
			fmt.Fprintf(&b, "    %s %s\n", m[0], m[1])
		}
		b.WriteString("  </record>\n</filter>\n\n")
	}
	if file := configFile(f); file != "" {
		fmt.Fprintf(&b, "@include %s\n\n", file)
	}
	outputs := r.outputs()
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		options := outputs[name]
		if options["@type"] == "" {
			continue
		}
		fmt.Fprintf(&b, "<match %s-firelens**>\n", name)
		for _, key := range slices.Sorted(maps.Keys(options)) {
			fmt.Fprintf(&b, "  %s %s\n", key, options[key])
		}
		b.WriteString("</match>\n\n")
	}
	return b.String()
}

// configFile is the user's own part of the configuration, a file in the router's image.
func configFile(f *api.FirelensConfiguration) string {
	if f.Options["config-file-type"] != "file" {
		return ""
	}
	return f.Options["config-file-value"]
}

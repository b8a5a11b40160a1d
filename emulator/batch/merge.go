package batch

import (
	"maps"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
)

// merging lays what SubmitJob says over a definition (jobs.md 8.2) and replaces references to parameters (8.1). The
// first reference without a value is its error.
type merging struct {
	given, defaults map[string]string
	err             error
}

// command answers the list itself if it has no reference.
func (m *merging) command(list []string) []string {
	list, err := substitute(list, m.given, m.defaults)
	if m.err == nil {
		m.err = err
	}
	return list
}

func (m *merging) container(base *api.ContainerProperties, o *api.ContainerOverrides) *api.ContainerProperties {
	c := base
	if o != nil {
		merged := *base
		c = &merged
		override(c, o)
	}
	command := m.command(c.Command)
	if c == base && len(command) > 0 && &command[0] != &base.Command[0] {
		copied := *base
		c = &copied
	}
	if c != base {
		c.Command = command
	}
	return c
}

// ecs merges container by container, by name. What names no container is without effect.
func (m *merging) ecs(base *api.EcsProperties, o *api.EcsPropertiesOverride) *api.EcsProperties {
	e := &api.EcsProperties{TaskProperties: slices.Clone(base.TaskProperties)}
	for i := range e.TaskProperties {
		t := &e.TaskProperties[i]
		t.Containers = slices.Clone(t.Containers)
		for n := range t.Containers {
			c := &t.Containers[n]
			if o != nil && i < len(o.TaskProperties) {
				overrideTask(c, o.TaskProperties[i].Containers)
			}
			c.Command = m.command(c.Command)
		}
	}
	return e
}

func overrideTask(c *api.TaskContainerProperties, overrides []api.TaskContainerOverrides) {
	for _, o := range overrides {
		if api.Value(o.Name) != api.Value(c.Name) {
			continue
		}
		if len(o.Command) > 0 {
			c.Command = o.Command
		}
		if len(o.Environment) > 0 {
			c.Environment = mergeEnvironment(c.Environment, o.Environment)
		}
		if len(o.ResourceRequirements) > 0 {
			c.ResourceRequirements = mergeRequirements(c.ResourceRequirements, o.ResourceRequirements)
		}
	}
}

// eks merges container by container, by name, which may be left out if there is one.
func (m *merging) eks(base *api.EksProperties, o *api.EksPropertiesOverride) *api.EksProperties {
	if base.PodProperties == nil || o == nil || o.PodProperties == nil {
		return base
	}
	pod := *base.PodProperties
	pod.Containers = overridePods(pod.Containers, o.PodProperties.Containers)
	pod.InitContainers = overridePods(pod.InitContainers, o.PodProperties.InitContainers)
	if over := o.PodProperties.Metadata; over != nil {
		is := api.EksMetadata{}
		if pod.Metadata != nil {
			is = *pod.Metadata
		}
		is.Labels, is.Annotations = overlaid(is.Labels, over.Labels), overlaid(is.Annotations, over.Annotations)
		if over.Namespace != nil {
			is.Namespace = over.Namespace
		}
		pod.Metadata = &is
	}
	return &api.EksProperties{PodProperties: &pod}
}

func overridePods(base []api.EksContainer, overrides []api.EksContainerOverride) []api.EksContainer {
	list := slices.Clone(base)
	for _, o := range overrides {
		for i := range list {
			c := &list[i]
			if name := api.Value(o.Name); name != api.Value(c.Name) && (name != "" || len(list) != 1) {
				continue
			}
			if o.Image != nil {
				c.Image = o.Image
			}
			if len(o.Command) > 0 {
				c.Command = o.Command
			}
			if len(o.Args) > 0 {
				c.Args = o.Args
			}
			if o.Resources != nil {
				c.Resources = o.Resources
			}
			c.Env = overrideEnv(c.Env, o.Env)
		}
	}
	return list
}

func overrideEnv(base, over []api.EksContainerEnvironmentVariable) []api.EksContainerEnvironmentVariable {
	list := slices.Clone(base)
	for _, v := range over {
		at := slices.IndexFunc(list, func(is api.EksContainerEnvironmentVariable) bool { return api.Value(is.Name) == api.Value(v.Name) })
		if at < 0 {
			list = append(list, v)
		} else {
			list[at] = v
		}
	}
	return list
}

func overlaid(base, over map[string]string) map[string]string {
	if len(over) == 0 {
		return base
	}
	return edited(base, func(all map[string]string) { maps.Copy(all, over) })
}

// nodes merges range by range. Which ranges there are was checked by checkNodeOverrides.
func (m *merging) nodes(base *api.NodeProperties, o *api.NodeOverrides) *api.NodeProperties {
	if o == nil {
		o = &api.NodeOverrides{}
	}
	n := *base
	if o.NumNodes != nil {
		n.NumNodes = o.NumNodes
	}
	if m.err == nil {
		m.err = checkNodeOverrides(base, o)
	}
	n.NodeRangeProperties = slices.Clone(base.NodeRangeProperties)
	for i := range n.NodeRangeProperties {
		r := &n.NodeRangeProperties[i]
		over := api.NodePropertyOverride{}
		for _, p := range o.NodePropertyOverrides {
			if api.Value(p.TargetNodes) == api.Value(r.TargetNodes) {
				over = p
			}
		}
		switch {
		case r.Container != nil:
			r.Container = m.container(r.Container, over.ContainerOverrides)
		case r.EcsProperties != nil:
			r.EcsProperties = m.ecs(r.EcsProperties, over.EcsPropertiesOverride)
		case r.EksProperties != nil:
			r.EksProperties = m.eks(r.EksProperties, over.EksPropertiesOverride)
		}
		if len(over.InstanceTypes) > 0 {
			r.InstanceTypes = over.InstanceTypes
		}
		if over.ConsumableResourcePropertiesOverride != nil {
			r.ConsumableResourceProperties = over.ConsumableResourcePropertiesOverride
		}
	}
	return &n
}

func override(c *api.ContainerProperties, o *api.ContainerOverrides) {
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	if len(o.Environment) > 0 {
		c.Environment = mergeEnvironment(c.Environment, o.Environment)
	}
	legacyCPU, legacyMemory := c.Vcpus != nil, c.Memory != nil
	if len(o.ResourceRequirements) > 0 {
		c.ResourceRequirements = mergeRequirements(c.ResourceRequirements, o.ResourceRequirements)
		for _, r := range o.ResourceRequirements {
			switch r.Type { // both old and new style give way
			case api.ResourceTypeVcpu:
				c.Vcpus = nil
			case api.ResourceTypeMemory:
				c.Memory = nil
			}
		}
	}
	// The deprecated members override deprecated members only; otherwise they are ignored without a word.
	if o.Vcpus != nil && legacyCPU && c.Vcpus != nil {
		c.Vcpus = o.Vcpus
	}
	if o.Memory != nil && legacyMemory && c.Memory != nil {
		c.Memory = o.Memory
	}
}

// mergeEnvironment replaces by name and adds; the order of what stays is kept. Of one name the last entry wins, and an entry
// without a value is left out (jobs.md 8.3).
func mergeEnvironment(base, over []api.KeyValuePair) []api.KeyValuePair {
	at := make(map[string]int, len(base)+len(over))
	result := make([]api.KeyValuePair, 0, len(base)+len(over))
	for _, list := range [][]api.KeyValuePair{base, over} {
		for _, kv := range list {
			if api.Value(kv.Value) == "" {
				continue
			}
			name := api.Value(kv.Name)
			if i, ok := at[name]; ok {
				result[i] = kv
				continue
			}
			at[name] = len(result)
			result = append(result, kv)
		}
	}
	return result
}

func mergeRequirements(base, over []api.ResourceRequirement) []api.ResourceRequirement {
	result := append([]api.ResourceRequirement(nil), base...)
next:
	for _, r := range over {
		for i := range result {
			if result[i].Type == r.Type {
				result[i] = r
				continue next
			}
		}
		result = append(result, r)
	}
	return result
}

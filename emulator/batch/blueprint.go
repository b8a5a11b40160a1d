package batch

import (
	"iter"

	"github.com/batch-local/batch-local/emulator/api"
)

// A Blueprint is what a job is to run: a block of its definition, with what SubmitJob overrides (jobs.md 8.2) and with references
// substituted (8.1). One member is set. It may share memory with the definition: read only.
type Blueprint struct {
	Container *api.ContainerProperties
	Ecs       *api.EcsProperties
	Eks       *api.EksProperties
	Nodes     *api.NodeProperties // of the parent; a node has one of the others
}

// Blueprint is that of a job, a child or a node.
func (s *State) Blueprint(j *Job) Blueprint {
	if j.ID.Mark() == MarkNode {
		parent := s.jobs[j.ID.Parent()]
		if parent == nil {
			return Blueprint{Container: &api.ContainerProperties{}}
		}
		return s.blueprintOf(parent).node(j.ID.index())
	}
	return s.blueprintOf(j)
}

func (s *State) blueprintOf(j *Job) Blueprint {
	d := s.definitions[j.Definition]
	if d == nil {
		return Blueprint{Container: &api.ContainerProperties{}}
	}
	b, err := blueprint(d, s.requestOf(j))
	if err != nil { // was checked when the job was submitted
		return raw(d)
	}
	return b
}

func raw(d *Definition) Blueprint {
	return Blueprint{Container: d.Detail.ContainerProperties, Ecs: d.Detail.EcsProperties, Eks: d.Detail.EksProperties, Nodes: d.Detail.NodeProperties}
}

// blueprint merges a definition and a request.
func blueprint(d *Definition, r *Request) (Blueprint, error) {
	b := raw(d)
	if err := b.fits(r); err != nil {
		return b, err
	}
	if o := r.Overrides; o != nil && d.Platform == Fargate {
		switch {
		case o.Vcpus != nil:
			return b, refused("vcpus is not applicable for Fargate. Use resource requirements instead.")
		case o.Memory != nil:
			return b, refused("memory is not applicable for Fargate. Use resource requirements instead.")
		}
	}
	m := merging{given: r.Parameters, defaults: d.Detail.Parameters}
	switch {
	case b.Nodes != nil:
		b.Nodes = m.nodes(b.Nodes, r.Nodes)
	case b.Eks != nil:
		b.Eks = m.eks(b.Eks, r.Eks)
	case b.Ecs != nil:
		b.Ecs = m.ecs(b.Ecs, r.Ecs)
	case b.Container != nil:
		b.Container = m.container(b.Container, r.Overrides)
	default:
		b.Container = &api.ContainerProperties{}
	}
	return b, m.err
}

// fits refuses overrides for another kind of definition.
//
// Guess: AWS refuses these; none of the texts was seen (jobs.md 7.3, 8.2).
func (b Blueprint) fits(r *Request) error {
	kind := "containerProperties"
	switch {
	case b.Nodes != nil:
		kind = "nodeProperties"
	case b.Eks != nil:
		kind = "eksProperties"
	case b.Ecs != nil:
		kind = "ecsProperties"
	}
	for _, o := range []struct {
		given      bool
		name, goes string
	}{
		{r.Overrides != nil, "containerOverrides", "containerProperties"},
		{r.Nodes != nil, "nodeOverrides", "nodeProperties"},
		{r.Ecs != nil, "ecsPropertiesOverride", "ecsProperties"},
		{r.Eks != nil, "eksPropertiesOverride", "eksProperties"},
	} {
		if o.given && o.goes != kind {
			return refused("%s is not applicable for a job definition with %s.", o.name, kind)
		}
	}
	return nil
}

// node is the blueprint of one node: of the ranges that hold it the narrowest (jobs.md 7.1).
func (b Blueprint) node(index int32) Blueprint {
	best, width := -1, int32(0)
	for i := range b.Nodes.NodeRangeProperties {
		first, last, err := NodeRange(api.Value(b.Nodes.NodeRangeProperties[i].TargetNodes), api.Value(b.Nodes.NumNodes))
		if err == nil && first <= index && index <= last && (best < 0 || last-first < width) {
			best, width = i, last-first
		}
	}
	if best < 0 {
		return Blueprint{Container: &api.ContainerProperties{}}
	}
	r := b.Nodes.NodeRangeProperties[best]
	return Blueprint{Container: r.Container, Ecs: r.EcsProperties, Eks: r.EksProperties}
}

// A Part is one container of a blueprint, as the block of a containerProperties job would say it.
type part struct {
	name string
	*api.ContainerProperties
	essential bool
	dependsOn []api.TaskContainerDependency
	firelens  *api.FirelensConfiguration
	// start is how long others wait for it, stop the time between SIGTERM and SIGKILL, in seconds.
	start, stop int32
}

// defaultName is what ECS calls the container of a containerProperties job (jobs.md 2.7).
const defaultName = "default"

// parts yields the containers of a job that ECS runs.
func (b Blueprint) parts() iter.Seq[part] {
	return func(yield func(part) bool) {
		switch {
		case b.Container != nil:
			yield(part{name: defaultName, ContainerProperties: b.Container, essential: true, stop: stopSeconds})
		case b.Ecs != nil:
			for _, task := range b.Ecs.TaskProperties {
				for i := range task.Containers {
					if !yield(taskPart(&task, &task.Containers[i])) {
						return
					}
				}
			}
		}
	}
}

// modes are pidMode and ipcMode of a task of ecsProperties.
func (b Blueprint) modes() (pid, ipc string) {
	if b.Ecs == nil || len(b.Ecs.TaskProperties) == 0 {
		return "", ""
	}
	return api.Value(b.Ecs.TaskProperties[0].PidMode), api.Value(b.Ecs.TaskProperties[0].IpcMode)
}

// containers yields every container, those of nodes too. Of a pod's there is the image alone.
func (b Blueprint) containers() iter.Seq[*api.ContainerProperties] {
	return func(yield func(*api.ContainerProperties) bool) {
		all := []Blueprint{b}
		if b.Nodes != nil {
			all = nil
			for _, r := range b.Nodes.NodeRangeProperties {
				all = append(all, Blueprint{Container: r.Container, Ecs: r.EcsProperties, Eks: r.EksProperties})
			}
		}
		for _, b := range all {
			for p := range b.parts() {
				if !yield(p.ContainerProperties) {
					return
				}
			}
			for c := range b.podContainers() {
				if !yield(&api.ContainerProperties{Image: c.Image}) {
					return
				}
			}
		}
	}
}

// podContainers yields the containers of a pod, init containers first.
func (b Blueprint) podContainers() iter.Seq[*api.EksContainer] {
	return func(yield func(*api.EksContainer) bool) {
		if b.Eks == nil || b.Eks.PodProperties == nil {
			return
		}
		for _, list := range [][]api.EksContainer{b.Eks.PodProperties.InitContainers, b.Eks.PodProperties.Containers} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// TaskContainerName is what ECS calls a container of ecsProperties.
//
// Guess: an only one may have no name, and is then called as that of containerProperties.
func TaskContainerName(c *api.TaskContainerProperties) string {
	if name := api.Value(c.Name); name != "" {
		return name
	}
	return defaultName
}

// taskPart says a container of ecsProperties in the words of containerProperties: what the task says for all goes with each.
func taskPart(t *api.EcsTaskProperties, c *api.TaskContainerProperties) part {
	p := part{
		name: TaskContainerName(c), essential: c.Essential == nil || *c.Essential, dependsOn: c.DependsOn, firelens: c.FirelensConfiguration,
		start: api.Value(c.StartTimeout), stop: stopSeconds,
		ContainerProperties: &api.ContainerProperties{
			Image: c.Image, Command: c.Command, Environment: c.Environment, LinuxParameters: c.LinuxParameters, LogConfiguration: c.LogConfiguration,
			MountPoints: c.MountPoints, Privileged: c.Privileged, ReadonlyRootFilesystem: c.ReadonlyRootFilesystem,
			RepositoryCredentials: c.RepositoryCredentials, ResourceRequirements: c.ResourceRequirements, Secrets: c.Secrets, Ulimits: c.Ulimits, User: c.User,
			Volumes: t.Volumes, JobRoleArn: t.TaskRoleArn, ExecutionRoleArn: t.ExecutionRoleArn, EphemeralStorage: t.EphemeralStorage,
			NetworkConfiguration: t.NetworkConfiguration, RuntimePlatform: t.RuntimePlatform, EnableExecuteCommand: t.EnableExecuteCommand,
		},
	}
	if c.StopTimeout != nil {
		p.stop = *c.StopTimeout
	}
	return p
}

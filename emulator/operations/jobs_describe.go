package operations

import (
	"context"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

const maxDescribed = 100

// DescribeJobs answers the jobs of the given ids, each once; unknown ones are left out (jobs.md 12).
func (s *Service) DescribeJobs(ctx context.Context, in *api.DescribeJobsInput) (*api.DescribeJobsOutput, error) {
	if len(in.Jobs) > maxDescribed {
		return nil, api.Invalid("Maximum number of jobs supported is  %d .", maxDescribed) // the spaces are AWS's
	}
	for _, id := range in.Jobs {
		if !legalJobID(id) {
			return nil, wire(batch.UnsupportedName(id))
		}
	}
	out := &api.DescribeJobsOutput{Jobs: make([]api.JobDetail, 0, len(in.Jobs))}
	at := scope(ctx)
	err := s.view(ctx, func(state *batch.State) error {
		seen := make(map[batch.JobID]bool, len(in.Jobs))
		for _, text := range in.Jobs {
			id := batch.JobID(text)
			if j := state.Job(at, id); j != nil && !seen[id] {
				seen[id] = true
				out.Jobs = append(out.Jobs, Detail(state, j))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Detail is a job as DescribeJobs shows it. Which members are there in which state is jobs.md 2.9.
func Detail(state *batch.State, j *batch.Job) api.JobDetail {
	d := api.JobDetail{
		JobArn:        new(string(j.ARN())),
		JobId:         (*string)(&j.ID),
		JobName:       &j.Name,
		JobQueue:      (*string)(&j.Queue),
		JobDefinition: (*string)(&j.Definition),
		Status:        j.Status,
		StatusReason:  optional(&j.StatusReason),
		CreatedAt:     &j.CreatedAt,
		StartedAt:     nonzero(&j.StartedAt),
		StoppedAt:     nonzero(&j.StoppedAt),
		Attempts:      []api.AttemptDetail{},
		DependsOn:     []api.JobDependency{},
		EksAttempts:   []api.EksAttemptDetail{},
		Parameters:    orEmpty(state.Parameters(j)),
		Tags:          orEmpty(j.Tags),
		RetryStrategy: state.RetryStrategy(j),
		Timeout:       state.Timeout(j),
		PropagateTags: state.PropagateTags(j),
		IsCancelled:   onlyTrue(j.Cancelled),
		IsTerminated:  onlyTrue(j.Terminated),

		ShareIdentifier:              optional(&j.Share),
		PlatformCapabilities:         []api.PlatformCapability{},
		ConsumableResourceProperties: state.Consumables(j),
	}
	if j.Prioritized {
		d.SchedulingPriority = &j.Priority
	}
	if on := state.DependsOn(j); len(on) > 0 {
		d.DependsOn = on
	}
	if def := state.Definition(j.Definition); def != nil && len(def.Detail.PlatformCapabilities) > 0 {
		d.PlatformCapabilities = def.Detail.PlatformCapabilities
	}
	family(&d, state, j)
	content(&d, state, j)
	return d
}

// family says what the job is of an array or of a multi-node job (jobs.md 2.9).
func family(d *api.JobDetail, state *batch.State, j *batch.Job) {
	index, _ := j.ID.Index()
	switch mark := j.ID.Mark(); {
	case j.Array != nil:
		summary := make(map[string]int32, 7)
		for status, n := range state.StatusCounts(j.ID) {
			summary[string(status)] = n
		}
		d.ArrayProperties = &api.ArrayPropertiesDetail{Size: &j.Array.Size, StatusSummary: summary}
	case mark == batch.MarkChild:
		d.ArrayProperties = &api.ArrayPropertiesDetail{Index: new(int32(index)), StatusSummary: map[string]int32{}}
	case mark == batch.MarkNode:
		main := false
		if parent := state.AnyJob(j.ID.Parent()); parent != nil {
			main = int(parent.Nodes.Main) == index
		}
		d.NodeDetails = &api.NodeDetails{NodeIndex: new(int32(index)), IsMainNode: &main}
		d.RetryStrategy = nil // it is the whole job's
	}
}

// content is what the job runs, and how its attempts went.
func content(d *api.JobDetail, state *batch.State, j *batch.Job) {
	b := state.Blueprint(j)
	switch {
	case b.Nodes != nil:
		d.NodeProperties = b.Nodes
	case b.Ecs != nil:
		d.EcsProperties = ecsDetail(state, j, b.Ecs)
	case b.Eks != nil:
		d.EksProperties = &api.EksPropertiesDetail{PodProperties: podDetail(state, j, b.Eks.PodProperties)}
	default:
		d.Container = containerDetail(state, j, b.Container)
	}
	for _, a := range j.Attempts {
		switch {
		case a.State != batch.Exited:
		case b.Ecs != nil:
			d.Attempts = append(d.Attempts, taskAttempt(state, j, a, b.Ecs))
		case b.Eks != nil:
			d.EksAttempts = append(d.EksAttempts, podAttempt(state, j, a))
		case b.Nodes != nil && podsOf(b.Nodes):
			// Guess: of a multi-node job it is the main node's pod, as its container is otherwise.
			if main := state.AnyJob(j.ID.Node(j.Nodes.Main)); main != nil && a.Number <= len(main.Attempts) {
				d.EksAttempts = append(d.EksAttempts, podAttempt(state, main, main.Attempts[a.Number-1]))
			}
		default:
			d.Attempts = append(d.Attempts, attemptDetail(state, j, a))
		}
	}
}

// attemptDetail is an attempt of one container. That of a multi-node job has no task of its own (jobs.md 2.8).
func attemptDetail(state *batch.State, j *batch.Job, a *batch.Attempt) api.AttemptDetail {
	d := api.AttemptDetail{
		StartedAt:    nonzero(&a.StartedAt),
		StoppedAt:    nonzero(&a.StoppedAt),
		StatusReason: optional(&a.StatusReason),
		Container: &api.AttemptContainerDetail{
			ExitCode:          a.ExitCode,
			Reason:            optional(&a.Reason),
			LogStreamName:     logStream(state, j, a),
			NetworkInterfaces: []api.NetworkInterface{},
		},
	}
	if j.Nodes == nil {
		d.Container.ContainerInstanceArn, d.Container.TaskArn, d.Container.NetworkInterfaces = instanceARN(j, a), taskARN(j, a), interfaces(a)
	}
	return d
}

func containerDetail(state *batch.State, j *batch.Job, c *api.ContainerProperties) *api.ContainerDetail {
	d := &api.ContainerDetail{
		Image:                c.Image,
		Command:              list(c.Command),
		Volumes:              list(c.Volumes),
		Environment:          list(c.Environment),
		MountPoints:          list(c.MountPoints),
		Ulimits:              list(c.Ulimits),
		ResourceRequirements: list(c.ResourceRequirements),
		Secrets:              list(c.Secrets),
		NetworkInterfaces:    []api.NetworkInterface{},
		Vcpus:                c.Vcpus,
		Memory:               c.Memory,
		JobRoleArn:           c.JobRoleArn,
		ExecutionRoleArn:     c.ExecutionRoleArn,
		User:                 c.User,
		Privileged:           c.Privileged,
		InstanceType:         c.InstanceType,
		LinuxParameters:      c.LinuxParameters,
		LogConfiguration:     c.LogConfiguration,
		NetworkConfiguration: c.NetworkConfiguration,
		RuntimePlatform:      c.RuntimePlatform,
		EphemeralStorage:     c.EphemeralStorage,

		ReadonlyRootFilesystem:       c.ReadonlyRootFilesystem,
		RepositoryCredentials:        c.RepositoryCredentials,
		EnableExecuteCommand:         c.EnableExecuteCommand,
		FargatePlatformConfiguration: c.FargatePlatformConfiguration,
	}
	if a := j.Attempt(); a != nil {
		d.ContainerInstanceArn = instanceARN(j, a)
		d.TaskArn = taskARN(j, a)
		d.LogStreamName = logStream(state, j, a)
		d.NetworkInterfaces = interfaces(a)
		d.ExitCode = a.ExitCode
		d.Reason = optional(&a.Reason)
	}
	return d
}

// logStream is there once the container runs or ran (wire.md 2: a job that did not start has none).
func logStream(state *batch.State, j *batch.Job, a *batch.Attempt) *string {
	if a.StartedAt == 0 {
		return nil
	}
	for _, s := range state.LogStreams(j, a) {
		return optional(&s.Stream)
	}
	return nil
}

func taskARN(j *batch.Job, a *batch.Attempt) *string {
	return new(ecsARN(j, "task/"+a.Cluster+"/"+a.TaskID))
}

// instanceARN is absent on Fargate. Its last part is 32 hex digits made of the instance's id, so that it stays the same.
func instanceARN(j *batch.Job, a *batch.Attempt) *string {
	if a.Host == "" {
		return nil
	}
	return new(ecsARN(j, "container-instance/"+a.Cluster+"/"+batch.ContainerInstanceID(a.Host)))
}

func ecsARN(j *batch.Job, resource string) string {
	return "arn:" + j.Scope.Partition() + ":ecs:" + j.Scope.Region + ":" + j.Scope.Account + ":" + resource
}

// interfaces shows the address of a task that has one of its own (jobs.md 2.7).
func interfaces(a *batch.Attempt) []api.NetworkInterface {
	if a.PrivateIPv4 == "" {
		return []api.NetworkInterface{}
	}
	return []api.NetworkInterface{{AttachmentId: new(batch.AttachmentID(a.TaskID)), PrivateIpv4Address: &a.PrivateIPv4}}
}

// optional and nonzero answer pointers into a record, which never changes, or nil.
func optional(text *string) *string {
	if *text == "" {
		return nil
	}
	return text
}

func nonzero(n *int64) *int64 {
	if *n == 0 {
		return nil
	}
	return n
}

func onlyTrue(b bool) *bool {
	if !b {
		return nil
	}
	return &b
}

// list makes an absent list an empty one, which the API sends.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

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
		IsCancelled:   onlyTrue(j.Cancelled),
		IsTerminated:  onlyTrue(j.Terminated),

		PlatformCapabilities: []api.PlatformCapability{},
	}
	if def := state.Definition(j.Definition); def != nil {
		d.Timeout = def.Detail.Timeout
		d.PropagateTags = def.Detail.PropagateTags
		if len(def.Detail.PlatformCapabilities) > 0 {
			d.PlatformCapabilities = def.Detail.PlatformCapabilities
		}
	}
	if r := j.Request; r != nil {
		if r.Timeout != nil {
			d.Timeout = r.Timeout
		}
		if r.PropagateTags != nil {
			d.PropagateTags = r.PropagateTags
		}
	}
	for _, a := range j.Attempts {
		if a.State == batch.Exited {
			d.Attempts = append(d.Attempts, attemptDetail(state, j, a))
		}
	}
	d.Container = containerDetail(state, j)
	return d
}

func attemptDetail(state *batch.State, j *batch.Job, a *batch.Attempt) api.AttemptDetail {
	return api.AttemptDetail{
		StartedAt:    nonzero(&a.StartedAt),
		StoppedAt:    nonzero(&a.StoppedAt),
		StatusReason: optional(&a.StatusReason),
		Container: &api.AttemptContainerDetail{
			ContainerInstanceArn: instanceARN(j, a),
			TaskArn:              taskARN(j, a),
			ExitCode:             a.ExitCode,
			Reason:               optional(&a.Reason),
			LogStreamName:        logStream(state, j, a),
			NetworkInterfaces:    interfaces(a),
		},
	}
}

func containerDetail(state *batch.State, j *batch.Job) *api.ContainerDetail {
	c := state.ContainerOf(j)
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
	_, stream := state.LogStream(j, a)
	return optional(&stream)
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

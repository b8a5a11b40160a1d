package operations

import (
	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Submission is a SubmitJob that makes a job once more: what its caller said, but that names stand for ARNs and the definition's revision is
// the one that was meant. Children and nodes have that of their parent.
func Submission(state *batch.State, j *batch.Job) *api.SubmitJobInput {
	if parent := state.AnyJob(j.ID.Parent()); parent != nil {
		j = parent
	}
	in := &api.SubmitJobInput{JobName: &j.Name, JobQueue: nameIn(j.Queue), JobDefinition: nameIn(j.Definition), Tags: j.Tags, ShareIdentifier: optional(&j.Share)}
	if j.Array != nil {
		in.ArrayProperties = &api.ArrayProperties{Size: &j.Array.Size}
	}
	if j.Prioritized {
		d := state.Definition(j.Definition)
		if said := d == nil || d.Detail.SchedulingPriority == nil || *d.Detail.SchedulingPriority != j.Priority; said {
			in.SchedulingPriorityOverride = &j.Priority
		}
	}
	if r := j.Request; r != nil {
		in.Parameters, in.ContainerOverrides, in.EcsPropertiesOverride, in.EksPropertiesOverride, in.NodeOverrides = r.Parameters, r.Overrides, r.Ecs, r.Eks, r.Nodes
		in.RetryStrategy, in.Timeout, in.PropagateTags, in.DependsOn = r.Retry, r.Timeout, r.PropagateTags, r.DependsOn
		in.ConsumableResourcePropertiesOverride = r.Consumables
	}
	if r := in.RetryStrategy; r != nil && len(r.EvaluateOnExit) == 0 { // it is kept as it is shown, with an empty list
		in.RetryStrategy = &api.RetryStrategy{Attempts: r.Attempts}
	}
	return in
}

// ServiceSubmission is a SubmitServiceJob that makes a service job once more.
func ServiceSubmission(j *batch.Job) *api.SubmitServiceJobInput {
	v := j.Service
	in := &api.SubmitServiceJobInput{
		JobName: &j.Name, JobQueue: nameIn(j.Queue), ServiceJobType: v.Type, ServiceRequestPayload: &v.Payload, Tags: j.Tags, ShareIdentifier: optional(&j.Share),
		QuotaShareName: optional(&v.QuotaShare), TimeoutConfig: v.Timeout, RetryStrategy: v.Retry,
	}
	if j.Prioritized {
		in.SchedulingPriority = &j.Priority
	}
	if v.Requeues != nil {
		in.PreemptionConfiguration = &api.ServiceJobPreemptionConfiguration{PreemptionRetriesBeforeTermination: v.Requeues}
	}
	return in
}

// nameIn is the name that an ARN ends with.
func nameIn(arn batch.ARN) *string {
	if _, _, name, ok := arn.Parts(); ok {
		return &name
	}
	return (*string)(&arn)
}

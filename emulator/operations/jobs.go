package operations

import (
	"context"
	"regexp"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// jobName is the rule for names of jobs: as for resources, but the first character is a letter or a digit (jobs.md 11).
var jobName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}$`)

// Limits of a submission (jobs.md 16).
const (
	maxDependencies   = 20
	maxSubmissionSize = 30 << 10
)

// SubmitJob adds a job to a queue (jobs.md 11).
func (s *Service) SubmitJob(ctx context.Context, in *api.SubmitJobInput) (*api.SubmitJobOutput, error) {
	if err := checkSubmission(in, api.CallerFrom(ctx).Size); err != nil {
		return nil, err
	}
	submission := batch.Submission{
		Scope:      scope(ctx),
		Name:       *in.JobName,
		Queue:      *in.JobQueue,
		Definition: *in.JobDefinition,
		Tags:       in.Tags,
		Request: batch.Request{
			Parameters:    in.Parameters,
			Overrides:     overridesOf(in),
			Retry:         storedRetry(in.RetryStrategy),
			Timeout:       in.Timeout,
			PropagateTags: in.PropagateTags,
		},
	}
	var out api.SubmitJobOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		if in.ShareIdentifier != nil || in.SchedulingPriorityOverride != nil {
			if tx.Queue(submission.Scope, submission.Queue) != nil {
				return api.ClientError("Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.")
			}
		}
		j, err := tx.Submit(submission)
		if err != nil {
			return err
		}
		out = api.SubmitJobOutput{JobArn: new(string(j.ARN())), JobId: new(string(j.ID)), JobName: &j.Name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// checkSubmission is what needs no state. AWS's own refusals come first, then what batch-local does not do yet.
func checkSubmission(in *api.SubmitJobInput, size int) error {
	switch {
	case size > maxSubmissionSize:
		return api.Invalid("Job size must be less than 30 KiB, got %d KiB", size>>10)
	case !jobName.MatchString(*in.JobName):
		return api.Invalid("Job name should match valid pattern")
	case len(in.DependsOn) > maxDependencies:
		return api.Invalid("Job cannot have more than %d dependencies", maxDependencies)
	}
	if err := checkRetry(in.RetryStrategy); err != nil {
		return err
	}
	if err := checkTimeout(in.Timeout); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	for member, given := range map[string]bool{
		"arrayProperties":                      in.ArrayProperties != nil && api.Value(in.ArrayProperties.Size) != 0,
		"dependsOn":                            len(in.DependsOn) > 0,
		"nodeOverrides":                        in.NodeOverrides != nil,
		"ecsPropertiesOverride":                in.EcsPropertiesOverride != nil,
		"eksPropertiesOverride":                in.EksPropertiesOverride != nil,
		"consumableResourcePropertiesOverride": in.ConsumableResourcePropertiesOverride != nil,
	} {
		if given {
			return api.ClientError("SubmitJob with %s is not available in batch-local yet.", member)
		}
	}
	return nil
}

// overridesOf is the container's overrides; nil if they say nothing.
func overridesOf(in *api.SubmitJobInput) *api.ContainerOverrides {
	o := in.ContainerOverrides
	if o == nil || len(o.Command) == 0 && len(o.Environment) == 0 && len(o.ResourceRequirements) == 0 && o.Vcpus == nil && o.Memory == nil && o.InstanceType == nil {
		return nil
	}
	return o
}

const maxReason = 1024

// checkStop is what CancelJob and TerminateJob have in common (jobs.md 14.1).
//
// Guess: the texts for an empty id or reason were not seen.
func checkStop(id, reason string) error {
	switch {
	case id == "":
		return api.Invalid("jobId is required.")
	case reason == "":
		return api.Invalid("reason is required.")
	case len([]rune(reason)) > maxReason:
		return api.Invalid("reason must be at most %d characters", maxReason)
	case !legalJobID(id):
		return wire(batch.UnsupportedName(id))
	}
	return nil
}

// legalJobID says whether text can be the id of a job, a child or a node. That of nobody is legal too.
func legalJobID(text string) bool {
	base := text
	if i := strings.IndexAny(text, ":#"); i >= 0 {
		base = text[:i]
		if _, ok := batch.JobID(text).Index(); !ok {
			return false
		}
	}
	return batch.LegalName(base)
}

// CancelJob ends a job that has not started (jobs.md 14.1). Unknown jobs are no error.
func (s *Service) CancelJob(ctx context.Context, in *api.CancelJobInput) (*api.CancelJobOutput, error) {
	if err := checkStop(*in.JobId, *in.Reason); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		tx.Cancel(scope(ctx), batch.JobID(*in.JobId), *in.Reason)
		return nil
	})
	return &api.CancelJobOutput{}, err
}

// TerminateJob ends a job in any state (jobs.md 14.1). Unknown jobs are no error.
func (s *Service) TerminateJob(ctx context.Context, in *api.TerminateJobInput) (*api.TerminateJobOutput, error) {
	if err := checkStop(*in.JobId, *in.Reason); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		tx.Terminate(scope(ctx), batch.JobID(*in.JobId), *in.Reason)
		return nil
	})
	return &api.TerminateJobOutput{}, err
}

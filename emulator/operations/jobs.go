package operations

import (
	"context"
	"regexp"
	"slices"

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
		Size:       arraySize(in),
		Share:      api.Value(in.ShareIdentifier),
		Priority:   in.SchedulingPriorityOverride,
		Request: batch.Request{
			Parameters:    in.Parameters,
			Overrides:     overridesOf(in),
			Ecs:           in.EcsPropertiesOverride,
			Eks:           in.EksPropertiesOverride,
			Nodes:         in.NodeOverrides,
			Retry:         storedRetry(in.RetryStrategy),
			Timeout:       in.Timeout,
			PropagateTags: in.PropagateTags,
			DependsOn:     in.DependsOn,
			Consumables:   in.ConsumableResourcePropertiesOverride,
		},
	}
	var out api.SubmitJobOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
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

// checkSubmission is what needs no state.
func checkSubmission(in *api.SubmitJobInput, size int) error {
	switch {
	case size > maxSubmissionSize:
		return api.Invalid("Job size must be less than 30 KiB, got %d KiB", size>>10)
	case !jobName.MatchString(*in.JobName):
		return api.Invalid("Job name should match valid pattern")
	case len(in.DependsOn) > maxDependencies:
		return api.Invalid("Job cannot have more than %d dependencies", maxDependencies)
	}
	return firstOf(
		checkRetry(in.RetryStrategy),
		checkTimeout(in.Timeout),
		checkTags(in.Tags),
		checkShareIdentifier(in.ShareIdentifier),
		checkArray(in),
		checkDependencyTypes(in.DependsOn),
		checkOverrides(in),
		checkConsumables(in.ConsumableResourcePropertiesOverride),
	)
}

// Sizes of an array (jobs.md 6).
const (
	minArray = 2
	maxArray = 10_000
)

// arraySize is 0 for a job that is no array: several clients send empty arrayProperties (wire.md 2).
func arraySize(in *api.SubmitJobInput) int32 {
	if in.ArrayProperties == nil {
		return 0
	}
	return api.Value(in.ArrayProperties.Size)
}

func checkArray(in *api.SubmitJobInput) error {
	if n := arraySize(in); n != 0 && (n < minArray || n > maxArray) {
		// Guess: the rule is sure, the text was not seen (jobs.md 6).
		return api.Invalid("Array size must be between %d and %d", minArray, maxArray)
	}
	return nil
}

func checkDependencyTypes(list []api.JobDependency) error {
	for _, d := range list {
		if err := oneOf("type", d.Type); err != nil {
			return err
		}
		if id := api.Value(d.JobId); id != "" && !legalJobID(id) {
			return wire(batch.UnsupportedName(id))
		}
	}
	return nil
}

// checkOverrides holds the rules about overrides that follow from themselves (jobs.md 8.2).
func checkOverrides(in *api.SubmitJobInput) error {
	if p := in.SchedulingPriorityOverride; p != nil && (*p < 0 || *p > maxSchedulingPriority) {
		return api.Invalid("Scheduling priority must be between 0 and %d.", maxSchedulingPriority)
	}
	if err := checkPodOverrides(in.EksPropertiesOverride); err != nil {
		return err
	}
	lists := []*api.ContainerOverrides{in.ContainerOverrides}
	if in.NodeOverrides != nil {
		for _, o := range in.NodeOverrides.NodePropertyOverrides {
			if err := checkPodOverrides(o.EksPropertiesOverride); err != nil {
				return err
			}
			lists = append(lists, o.ContainerOverrides)
		}
	}
	if e := in.EcsPropertiesOverride; e != nil {
		for _, t := range e.TaskProperties {
			for _, c := range t.Containers {
				lists = append(lists, &api.ContainerOverrides{Command: c.Command, Environment: c.Environment, ResourceRequirements: c.ResourceRequirements})
			}
		}
	}
	for _, o := range lists {
		if o == nil {
			continue
		}
		if slices.Contains(o.Command, "") {
			// Guess: documented as not allowed; the text was not seen.
			return api.Invalid("Container overrides command must not contain an empty string.")
		}
		if err := firstOf(checkEnvironment(o.Environment), checkRequirements(o.ResourceRequirements)); err != nil {
			return err
		}
	}
	return nil
}

func checkRequirements(list []api.ResourceRequirement) error {
	seen := map[api.ResourceType]bool{}
	for _, r := range list {
		if err := oneOf("type", r.Type); err != nil {
			return err
		}
		if seen[r.Type] {
			return api.Invalid("Cannot provide duplicates in resourceRequirements.")
		}
		seen[r.Type] = true
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

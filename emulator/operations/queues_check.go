package operations

import (
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/ec2"
)

// What CreateJobQueue and UpdateJobQueue refuse (resources.md 3.2, 3.3).

// Limits of a queue (resources.md 0.7, 3.5).
const (
	maxEnvironments = 3
	minLimitSeconds = 600
	maxLimitSeconds = 86400
)

func checkNewQueue(at batch.Scope, in *api.CreateJobQueueInput) error {
	if !batch.LegalName(api.Value(in.JobQueueName)) {
		return api.Invalid("Job Queue name should match a valid pattern.")
	}
	return firstOf(
		oneOf("state", in.State),
		oneOf("jobQueueType", in.JobQueueType),
		checkPriority(in.Priority),
		checkTags(in.Tags),
		checkServices(in),
		checkOrders(at, in),
		checkLimits(kindOf(in), in.JobStateTimeLimitActions),
		checkPolicyKind(in.SchedulingPolicyArn),
	)
}

func checkQueueUpdate(at batch.Scope, in *api.UpdateJobQueueInput) error {
	if len(in.ServiceEnvironmentOrder) > 1 {
		return api.Invalid("Job queue can only have 1 service environment.")
	}
	if in.ComputeEnvironmentOrder != nil {
		if err := checkOrder(at, in.ComputeEnvironmentOrder); err != nil {
			return err
		}
	}
	return firstOf(
		oneOf("state", in.State),
		checkPriority(in.Priority),
		checkPolicyKind(in.SchedulingPolicyArn),
	)
}

// kindOf says whether a queue is to be for service jobs.
func kindOf(in *api.CreateJobQueueInput) api.JobQueueType {
	if len(in.ServiceEnvironmentOrder) > 0 {
		return api.JobQueueTypeSagemakerTraining
	}
	return in.JobQueueType
}

func checkOrders(at batch.Scope, in *api.CreateJobQueueInput) error {
	if len(in.ServiceEnvironmentOrder) > 0 {
		return nil
	}
	return checkOrder(at, in.ComputeEnvironmentOrder)
}

func checkPriority(priority *int32) error {
	if api.Value(priority) < 0 {
		// Guess: the range is not documented (resources.md 3.1).
		return api.Invalid("priority should be greater than or equal to 0.")
	}
	return nil
}

// checkServices is about queues for service jobs.
func checkServices(in *api.CreateJobQueueInput) error {
	services := in.ServiceEnvironmentOrder
	training := in.JobQueueType == api.JobQueueTypeSagemakerTraining
	switch {
	case training && len(services) == 0:
		return api.Invalid("Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder.")
	case len(services) == 0:
		return nil
	case len(in.ComputeEnvironmentOrder) > 0:
		// Guess: refused, as the model says; the text was not seen.
		return api.Invalid("computeEnvironmentOrder and serviceEnvironmentOrder cannot both be set.")
	case len(services) > 1:
		return api.Invalid("Job queue can only have 1 service environment.")
	case in.JobQueueType != "" && !training:
		return api.Invalid("The jobQueueType provided is %s, which is incompatible with the provided serviceEnvironmentOrder.", in.JobQueueType)
	}
	return nil
}

func checkOrder(at batch.Scope, order []api.ComputeEnvironmentOrder) error {
	switch {
	case len(order) == 0:
		// Seen in github.com/badmintoncryer/cdk-preflight, rule pf-batch-queue-order-required; resources.md 3.2 has a guess.
		return api.Invalid("computeEnvironmentOrder is required.")
	case len(order) > maxEnvironments:
		return api.Invalid("Only %d environments are allowed in job queue request.", maxEnvironments)
	}
	names, places := map[batch.ARN]bool{}, map[int32]bool{}
	for _, e := range order {
		name := batch.Resolve(at, "compute-environment", api.Value(e.ComputeEnvironment))
		if name == "" {
			name = batch.ARN(api.Value(e.ComputeEnvironment))
		}
		if names[name] {
			return api.Invalid("Duplicate ComputeEnvironments within order list.")
		}
		names[name] = true
	}
	for _, e := range order {
		if places[api.Value(e.Order)] {
			return api.Invalid("Duplicate ComputeEnvironment order values.")
		}
		places[api.Value(e.Order)] = true
	}
	return nil
}

// checkLimits is about jobStateTimeLimitActions. A queue for containers cancels, one for service jobs terminates.
func checkLimits(kind api.JobQueueType, actions []api.JobStateTimeLimitAction) error {
	action := api.JobStateTimeLimitActionsActionCancel
	if kind == api.JobQueueTypeSagemakerTraining {
		action = api.JobStateTimeLimitActionsActionTerminate
	}
	type event struct {
		state  api.JobStateTimeLimitActionsState
		reason string
	}
	seen := map[event]bool{}
	for _, a := range actions {
		e := event{a.State, api.Value(a.Reason)}
		switch {
		case e.reason == "" || a.State == "" || a.Action == "" || a.MaxTimeSeconds == nil:
			// Guess: all four are required; the text was not seen (resources.md 3.5).
			return api.Invalid("jobStateTimeLimitActions require reason, state, maxTimeSeconds and action.")
		case a.Action != action:
			return api.Invalid("Invalid job action. Valid job actions: [%s]", action)
		case !slices.Contains(a.State.Values(), a.State):
			// Guess: by analogy with actions.
			return api.Invalid("Invalid job state. Valid job states: [RUNNABLE]")
		case *a.MaxTimeSeconds < minLimitSeconds || *a.MaxTimeSeconds > maxLimitSeconds:
			// Guess: the range is documented; the text was not seen.
			return api.Invalid("maxTimeSeconds should be between %d and %d.", minLimitSeconds, maxLimitSeconds)
		case seen[e]:
			return api.Invalid("Duplicate job state limit actions are not allowed.")
		}
		seen[e] = true
	}
	return nil
}

// checkPolicyKind wants the ARN of a scheduling policy. An empty text is none.
func checkPolicyKind(arn *string) error {
	if api.Value(arn) == "" {
		return nil
	}
	if _, kind, _, ok := batch.ARN(*arn).Parts(); !ok || kind != "scheduling-policy" {
		return api.Invalid("Only scheduling policy Arn can be allowed.")
	}
	return nil
}

// checkPolicy finds the policy, which must be of a kind that the queue can have.
func checkPolicy(at batch.Scope, state *batch.State, kind api.JobQueueType, arn string) error {
	if arn == "" {
		return nil
	}
	switch p := state.Policy(at, arn); {
	case p == nil:
		return api.Invalid("SchedulingPolicy %s not found.", arn)
	case !p.FairShare() && kind != api.JobQueueTypeSagemakerTraining:
		return api.Invalid("Quota Management feature is only supported for SageMaker Training job queues.")
	}
	return nil
}

// checkAttached holds what the core does not: the kind of the queue, and one architecture for all of its environments.
func checkAttached(at batch.Scope, state *batch.State, kind api.JobQueueType, environments []batch.ARN, service batch.ARN) error {
	if is := queueType(at, state, environments, service); is != kind {
		// The text was seen for EKS, in cdk-preflight, rule pf-batch-jq-type-matches-ce-type.
		// Guess: by analogy for the others.
		return api.Invalid("%s job queue type must have %s compute environment.", kind, kind)
	}
	arm, other := false, false
	for _, arn := range environments {
		e := state.Environment(at, string(arn))
		if e == nil || e.Detail.ComputeResources == nil {
			continue
		}
		for _, t := range e.Detail.ComputeResources.InstanceTypes {
			arm, other = arm || ec2.Arm(t), other || !ec2.Arm(t)
		}
	}
	if arm && other {
		// Guess: refused, as documented; the text was not seen.
		return api.Invalid("x86 and ARM compute environments can not be mixed.")
	}
	return nil
}

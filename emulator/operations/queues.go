package operations

import (
	"cmp"
	"context"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// CreateJobQueue adds a queue (resources.md 3).
func (s *Service) CreateJobQueue(ctx context.Context, in *api.CreateJobQueueInput) (*api.CreateJobQueueOutput, error) {
	at := scope(ctx)
	if err := checkNewQueue(at, in); err != nil {
		return nil, err
	}
	arn := at.ARN("job-queue", *in.JobQueueName)
	environments, order := orderOf(at, in.ComputeEnvironmentOrder)
	detail := &api.JobQueueDetail{
		ComputeEnvironmentOrder:  list(order),
		JobQueueArn:              new(string(arn)),
		JobQueueName:             in.JobQueueName,
		JobStateTimeLimitActions: list(in.JobStateTimeLimitActions),
		Priority:                 in.Priority,
		State:                    cmp.Or(in.State, api.JQStateEnabled),
		Tags:                     orEmpty(in.Tags),
	}
	service, services := serviceOf(at, in.ServiceEnvironmentOrder)
	detail.ServiceEnvironmentOrder = services
	policy := api.Value(in.SchedulingPolicyArn)
	if policy != "" {
		detail.SchedulingPolicyArn = &policy
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		detail.JobQueueType = cmp.Or(in.JobQueueType, queueType(at, tx.State, environments, service))
		err := tx.CreateQueue(batch.Queue{
			ARN: arn, Scope: at, Name: *in.JobQueueName, Priority: api.Value(in.Priority), Environments: environments, Service: service,
			Policy: batch.ARN(policy), Detail: detail,
		})
		return firstOf(err, checkAttached(at, tx.State, detail.JobQueueType, environments, service), checkPolicy(at, tx.State, detail.JobQueueType, policy))
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateJobQueueOutput{JobQueueArn: new(string(arn)), JobQueueName: in.JobQueueName}, nil
}

// orderOf sorts the environments of a request and makes ARNs of their names (resources.md 3.1). An ARN of elsewhere stays, and is
// refused as unknown.
func orderOf(at batch.Scope, given []api.ComputeEnvironmentOrder) ([]batch.ARN, []api.ComputeEnvironmentOrder) {
	order := slices.Clone(given)
	slices.SortStableFunc(order, func(a, b api.ComputeEnvironmentOrder) int { return cmp.Compare(api.Value(a.Order), api.Value(b.Order)) })
	arns := make([]batch.ARN, 0, len(order))
	for i := range order {
		arn := batch.Resolve(at, "compute-environment", api.Value(order[i].ComputeEnvironment))
		arns = append(arns, arn)
		order[i].ComputeEnvironment = new(string(arn))
	}
	return arns, order
}

// serviceOf is orderOf for the one service environment of a queue.
func serviceOf(at batch.Scope, given []api.ServiceEnvironmentOrder) (batch.ARN, []api.ServiceEnvironmentOrder) {
	if len(given) == 0 {
		return "", nil
	}
	arn := batch.Resolve(at, "service-environment", api.Value(given[0].ServiceEnvironment))
	if arn == "" { // of elsewhere: unknown
		arn = batch.ARN(api.Value(given[0].ServiceEnvironment))
	}
	return arn, []api.ServiceEnvironmentOrder{{Order: given[0].Order, ServiceEnvironment: new(string(arn))}}
}

// queueType is what the environments make a queue to be (resources.md 3.1).
func queueType(at batch.Scope, state *batch.State, environments []batch.ARN, service batch.ARN) api.JobQueueType {
	if service != "" {
		return api.JobQueueTypeSagemakerTraining
	}
	for _, arn := range environments {
		e := state.Environment(at, string(arn))
		switch {
		case e == nil:
		case e.Platform == batch.Fargate:
			return api.JobQueueTypeEcsFargate
		case e.Platform == batch.EKS:
			return api.JobQueueTypeEks
		case e.Platform == managedInstances:
			return api.JobQueueTypeEcsManagedInstances
		}
	}
	return api.JobQueueTypeEcs
}

// DescribeJobQueues answers the named queues, or all in order of creation. Unknown ones are left out (resources.md 0.3).
func (s *Service) DescribeJobQueues(ctx context.Context, in *api.DescribeJobQueuesInput) (*api.DescribeJobQueuesOutput, error) {
	if err := checkList("JobQueues", in.JobQueues, in.MaxResults); err != nil {
		return nil, err
	}
	const of = "DescribeJobQueues"
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	at := scope(ctx)
	out := &api.DescribeJobQueuesOutput{JobQueues: []api.JobQueueDetail{}}
	err = s.view(ctx, func(state *batch.State) error {
		if len(in.JobQueues) > 0 {
			seen := map[batch.ARN]bool{}
			for _, name := range in.JobQueues {
				if q := state.Queue(at, name); q != nil && !seen[q.ARN] {
					seen[q.ARN] = true
					out.JobQueues = append(out.JobQueues, *q.Detail)
				}
			}
			return nil
		}
		last := after
		for q := range state.QueuesAfter(at, after) {
			if len(out.JobQueues) == limit {
				out.NextToken = numberToken(of, last)
				break
			}
			out.JobQueues = append(out.JobQueues, *q.Detail)
			last = q.Number
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateJobQueue changes the members that are sent and leaves the others; lists are replaced (resources.md 3.4). Its refusals are bare.
func (s *Service) UpdateJobQueue(ctx context.Context, in *api.UpdateJobQueueInput) (*api.UpdateJobQueueOutput, error) {
	at := scope(ctx)
	if err := checkQueueUpdate(at, in); err != nil {
		return nil, bare(err)
	}
	var out api.UpdateJobQueueOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		arn, err := arnOf(at, "job-queue", api.Value(in.JobQueue))
		if err != nil {
			return err
		}
		var is *batch.Queue
		err = tx.UpdateQueue(arn, func(q *batch.Queue) error {
			is = q
			out = api.UpdateJobQueueOutput{JobQueueArn: new(string(q.ARN)), JobQueueName: &q.Name}
			if err := mergePolicyOf(q, in.SchedulingPolicyArn, tx.State); err != nil {
				return err
			}
			return mergeQueue(q, in)
		})
		if err != nil {
			return err
		}
		return checkAttached(at, tx.State, is.Detail.JobQueueType, is.Environments, is.Service)
	})
	if err != nil {
		return nil, bare(err)
	}
	return &out, nil
}

// mergePolicyOf replaces a queue's policy by another of its kind (resources.md 3.3).
//
// Guess: the texts are not recorded.
func mergePolicyOf(q *batch.Queue, sent *string, state *batch.State) error {
	switch {
	case sent == nil || *sent == string(q.Policy):
		return nil
	case q.Policy == "":
		return api.ClientError("Cannot add a scheduling policy to a FIFO job queue.")
	case *sent == "":
		return api.ClientError("Cannot remove the scheduling policy.")
	}
	if err := checkPolicy(q.Scope, state, q.Detail.JobQueueType, *sent); err != nil {
		return err
	}
	if was := state.Policy(q.Scope, string(q.Policy)); was != nil && was.FairShare() != state.Policy(q.Scope, *sent).FairShare() {
		return api.ClientError("Cannot change between fair share and quota share scheduling policies.")
	}
	q.Policy, q.Detail.SchedulingPolicyArn = batch.ARN(*sent), sent
	return nil
}

func mergeQueue(q *batch.Queue, in *api.UpdateJobQueueInput) error {
	d := q.Detail
	training := d.JobQueueType == api.JobQueueTypeSagemakerTraining
	switch {
	case training && in.ComputeEnvironmentOrder != nil, !training && len(in.ServiceEnvironmentOrder) > 0:
		// Guess: a queue keeps its kind; the text is that of CreateJobQueue.
		return api.ClientError("The jobQueueType provided is %s, which is incompatible with the provided serviceEnvironmentOrder.", d.JobQueueType)
	case training && len(in.ServiceEnvironmentOrder) > 0:
		q.Service, d.ServiceEnvironmentOrder = serviceOf(q.Scope, in.ServiceEnvironmentOrder)
	}
	if err := checkLimits(d.JobQueueType, in.JobStateTimeLimitActions); err != nil {
		return err
	}
	if in.ComputeEnvironmentOrder != nil {
		q.Environments, d.ComputeEnvironmentOrder = orderOf(q.Scope, in.ComputeEnvironmentOrder)
	}
	if in.JobStateTimeLimitActions != nil { // an empty list clears
		d.JobStateTimeLimitActions = in.JobStateTimeLimitActions
	}
	d.Priority = cmp.Or(in.Priority, d.Priority)
	q.Priority = api.Value(d.Priority)
	d.State = cmp.Or(in.State, d.State)
	return nil
}

// DeleteJobQueue removes a DISABLED queue, and its jobs end (resources.md 3.4).
func (s *Service) DeleteJobQueue(ctx context.Context, in *api.DeleteJobQueueInput) (*api.DeleteJobQueueOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		arn, err := arnOf(scope(ctx), "job-queue", api.Value(in.JobQueue))
		if err != nil {
			return err
		}
		return tx.DeleteQueue(arn)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteJobQueueOutput{}, nil
}

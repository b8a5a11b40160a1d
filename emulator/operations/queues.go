package operations

import (
	"cmp"
	"context"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

const queueHealthy = "JobQueue Healthy"

// CreateJobQueue adds a queue, which is VALID at once (resources.md 3).
func (s *Service) CreateJobQueue(ctx context.Context, in *api.CreateJobQueueInput) (*api.CreateJobQueueOutput, error) {
	at := scope(ctx)
	if err := checkNewQueue(at, in); err != nil {
		return nil, err
	}
	arn := at.ARN("job-queue", *in.JobQueueName)
	environments, order := orderOf(at, in.ComputeEnvironmentOrder)
	detail := &api.JobQueueDetail{
		ComputeEnvironmentOrder:  order,
		JobQueueArn:              new(string(arn)),
		JobQueueName:             in.JobQueueName,
		JobStateTimeLimitActions: list(in.JobStateTimeLimitActions),
		Priority:                 in.Priority,
		State:                    cmp.Or(in.State, api.JQStateEnabled),
		Status:                   api.JQStatusValid,
		StatusReason:             new(queueHealthy),
		Tags:                     orEmpty(in.Tags),
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		detail.JobQueueType = cmp.Or(in.JobQueueType, queueType(at, tx.State, environments))
		err := tx.CreateQueue(batch.Queue{
			ARN: arn, Scope: at, Name: *in.JobQueueName, Priority: api.Value(in.Priority), Environments: environments, Detail: detail,
		})
		return firstOf(err, checkAttached(at, tx.State, detail.JobQueueType, environments), checkPolicy(in.SchedulingPolicyArn))
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

// queueType is what the environments make a queue to be (resources.md 3.1).
func queueType(at batch.Scope, state *batch.State, environments []batch.ARN) api.JobQueueType {
	for _, arn := range environments {
		if e := state.Environment(at, string(arn)); e != nil && e.Platform == batch.Fargate {
			return api.JobQueueTypeEcsFargate
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
			mergeQueue(q, in)
			return checkPolicy(in.SchedulingPolicyArn)
		})
		if err != nil {
			return err
		}
		return checkAttached(at, tx.State, is.Detail.JobQueueType, is.Environments)
	})
	if err != nil {
		return nil, bare(err)
	}
	return &out, nil
}

func mergeQueue(q *batch.Queue, in *api.UpdateJobQueueInput) {
	d := q.Detail
	if in.ComputeEnvironmentOrder != nil {
		q.Environments, d.ComputeEnvironmentOrder = orderOf(q.Scope, in.ComputeEnvironmentOrder)
	}
	if in.JobStateTimeLimitActions != nil { // an empty list clears
		d.JobStateTimeLimitActions = in.JobStateTimeLimitActions
	}
	d.Priority = cmp.Or(in.Priority, d.Priority)
	q.Priority = api.Value(d.Priority)
	d.State = cmp.Or(in.State, d.State)
}

// DeleteJobQueue removes a DISABLED queue; it is gone at once, and its jobs end (resources.md 3.4).
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

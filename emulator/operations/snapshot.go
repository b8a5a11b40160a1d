package operations

import (
	"context"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Sizes of a snapshot (resources.md 4.4).
const (
	frontJobs = 100
	topShares = 20
)

// GetJobQueueSnapshot answers who comes next in a queue, and what its jobs hold (resources.md 4.4).
func (s *Service) GetJobQueueSnapshot(ctx context.Context, in *api.GetJobQueueSnapshotInput) (*api.GetJobQueueSnapshotOutput, error) {
	now := s.engine.Now()
	out := &api.GetJobQueueSnapshotOutput{}
	err := s.view(ctx, func(state *batch.State) error {
		q := state.Queue(scope(ctx), api.Value(in.JobQueue))
		if q == nil {
			// Guess: the text of SubmitJob.
			return api.ClientError("JobQueue %s not found.", api.Value(in.JobQueue))
		}
		out.FrontOfQueue = &api.FrontOfQueueDetail{Jobs: []api.FrontOfQueueJobSummary{}, LastUpdatedAt: &now}
		for _, j := range state.Front(q, now, frontJobs) {
			out.FrontOfQueue.Jobs = append(out.FrontOfQueue.Jobs, api.FrontOfQueueJobSummary{JobArn: new(string(j.ARN())), EarliestTimeAtPosition: new(since(j))})
		}
		out.QueueUtilization = &api.QueueSnapshotUtilizationDetail{TotalCapacityUsage: []api.QueueSnapshotCapacityUsage{}, LastUpdatedAt: &now}
		unit := vcpuUnit(q)
		for _, u := range state.QueueUse(q) {
			out.QueueUtilization.TotalCapacityUsage = append(out.QueueUtilization.TotalCapacityUsage, api.QueueSnapshotCapacityUsage{CapacityUnit: unitOf(unit, u), Quantity: &u.Quantity})
		}
		switch {
		case state.FairShare(q):
			count, top := state.ActiveShares(q, now, topShares)
			fair := &api.FairshareUtilizationDetail{ActiveShareCount: new(int64(count)), TopCapacityUtilization: []api.FairshareCapacityUtilization{}}
			for _, share := range top {
				fair.TopCapacityUtilization = append(fair.TopCapacityUtilization, api.FairshareCapacityUtilization{ShareIdentifier: &share.Share,
					CapacityUsage: []api.FairshareCapacityUsage{{CapacityUnit: &unit, Quantity: new(float64(share.MilliVCPU) / 1000)}}})
			}
			out.QueueUtilization.FairshareUtilization = fair
		case state.QuotaManaged(q):
			quotaSnapshot(out, state, q, now)
		}
		return nil
	})
	return out, err
}

// since is when a job can have come to its place.
//
// Guess: when it was submitted; that of others before it is not kept.
func since(j *batch.Job) int64 {
	if j.Waits != nil && j.Waits.Since > j.CreatedAt {
		return j.Waits.Since
	}
	return j.CreatedAt
}

// vcpuUnit is how a queue's kind calls a vCPU.
func vcpuUnit(q *batch.Queue) string {
	switch q.Detail.JobQueueType {
	case api.JobQueueTypeEks:
		return "cpu"
	case api.JobQueueTypeSagemakerTraining:
		return batch.UnitInstances
	}
	return "VCPU"
}

func unitOf(vcpu string, u batch.Use) *string {
	if u.Unit == "" {
		return &vcpu
	}
	return &u.Unit
}

func quotaSnapshot(out *api.GetJobQueueSnapshotOutput, state *batch.State, q *batch.Queue, now int64) {
	front := &api.FrontOfQuotaSharesDetail{LastUpdatedAt: &now, QuotaShares: map[string][]api.FrontOfQuotaShareJobSummary{}}
	use := &api.QuotaShareUtilizationDetail{TopCapacityUtilization: []api.QuotaShareCapacityUtilization{}}
	for name, j := range state.QuotaFront(q) {
		front.QuotaShares[name] = []api.FrontOfQuotaShareJobSummary{{JobArn: new(string(j.ARN())), EarliestTimeAtPosition: new(since(j))}}
	}
	for _, share := range state.QuotaSharesOf(q.ARN) {
		var list []api.QuotaShareCapacityUsage
		for _, u := range state.QuotaUse(share) {
			list = append(list, api.QuotaShareCapacityUsage{CapacityUnit: &u.Unit, Quantity: &u.Quantity})
		}
		if len(list) > 0 {
			use.TopCapacityUtilization = append(use.TopCapacityUtilization, api.QuotaShareCapacityUtilization{QuotaShareName: &share.Name, CapacityUsage: list})
		}
	}
	out.FrontOfQuotaShares, out.QueueUtilization.QuotaShareUtilization = front, use
}

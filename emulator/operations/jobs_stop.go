package operations

import (
	"context"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Limits of a request to stop jobs (jobs.md 14).
const (
	maxReason = 1024
	maxBulk   = 50
)

// checkStop is what CancelJob and TerminateJob have in common (jobs.md 14.1).
//
// Guess: the texts for an empty id or reason were not seen.
func checkStop(id, reason string) error {
	switch {
	case id == "":
		return api.Invalid("jobId is required.")
	case !legalJobID(id):
		return wire(batch.UnsupportedName(id))
	}
	return checkReason(reason)
}

func checkReason(reason string) error {
	switch {
	case reason == "":
		return api.Invalid("reason is required.")
	case len([]rune(reason)) > maxReason:
		return api.Invalid("reason must be at most %d characters", maxReason)
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
	if err := checkStop(api.Value(in.JobId), api.Value(in.Reason)); err != nil {
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
	if err := checkStop(api.Value(in.JobId), api.Value(in.Reason)); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		tx.Terminate(scope(ctx), batch.JobID(*in.JobId), *in.Reason)
		return nil
	})
	return &api.TerminateJobOutput{}, err
}

// CancelJobs is CancelJob for up to 50 jobs, each on its own (jobs.md 14.2). It answers 200 even if every one failed.
func (s *Service) CancelJobs(ctx context.Context, in *api.CancelJobsInput) (*api.CancelJobsOutput, error) {
	out := &api.CancelJobsOutput{Successful: []string{}, Errors: []api.CancelJobsErrorDetail{}}
	bad, err := s.stopAll(ctx, in.Jobs, api.Value(in.Reason), (*batch.Tx).Cancel, &out.Successful)
	for _, b := range bad {
		out.Errors = append(out.Errors, api.CancelJobsErrorDetail{Job: &b.job, Code: &b.code, Message: &b.message})
	}
	return out, err
}

// TerminateJobs is TerminateJob for up to 50 jobs, each on its own (jobs.md 14.2).
func (s *Service) TerminateJobs(ctx context.Context, in *api.TerminateJobsInput) (*api.TerminateJobsOutput, error) {
	out := &api.TerminateJobsOutput{Successful: []string{}, Errors: []api.TerminateJobsErrorDetail{}}
	bad, err := s.stopAll(ctx, in.Jobs, api.Value(in.Reason), (*batch.Tx).Terminate, &out.Successful)
	for _, b := range bad {
		out.Errors = append(out.Errors, api.TerminateJobsErrorDetail{Job: &b.job, Code: &b.code, Message: &b.message})
	}
	return out, err
}

type bulkError struct{ job, code, message string }

// stopAll stops jobs in one transition. Ids that cannot be one are told apart; unknown ones count as done, as does an id that is there twice, once.
//
// Guess: the texts for no id, too many and a bad reason were not seen.
func (s *Service) stopAll(ctx context.Context, jobs []string, reason string, stop func(*batch.Tx, batch.Scope, batch.JobID, string), done *[]string) ([]bulkError, error) {
	switch {
	case len(jobs) == 0:
		return nil, api.Invalid("jobs is required.")
	case len(jobs) > maxBulk:
		return nil, api.Invalid("Maximum number of jobs supported is %d.", maxBulk)
	}
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	var bad []bulkError
	seen := make(map[string]bool, len(jobs))
	for _, id := range jobs {
		switch {
		case seen[id]:
		case !legalJobID(id):
			bad = append(bad, bulkError{id, "ValidationException", batch.UnsupportedName(id).Error()})
		default:
			*done = append(*done, id)
		}
		seen[id] = true
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		for _, id := range *done {
			stop(tx, scope(ctx), batch.JobID(id), reason)
		}
		return nil
	})
	return bad, err
}

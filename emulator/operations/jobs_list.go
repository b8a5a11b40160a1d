package operations

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Limits of a page of ListJobs (jobs.md 13). Above them the service is taken to clamp.
const (
	maxListed         = 1000
	maxListedFiltered = 100
)

// ListJobs answers the jobs of a queue, newest first (jobs.md 13).
func (s *Service) ListJobs(ctx context.Context, in *api.ListJobsInput) (*api.ListJobsOutput, error) {
	if err := checkSelector(in); err != nil {
		return nil, err
	}
	match, err := filterOf(in.Filters)
	if err != nil {
		return nil, err
	}
	limit := maxListed
	if match != nil {
		limit = maxListedFiltered
	}
	if n := api.Value(in.MaxResults); n > 0 {
		limit = min(limit, int(n))
	} else if in.MaxResults != nil {
		return nil, api.Invalid("MaxResults must be between 1 and %d", limit)
	}
	statuses := []batch.Status{batch.RunningOn}
	switch {
	case match != nil && in.Filters[0].Name != nil && *in.Filters[0].Name == filterShare && in.JobStatus != "":
		statuses = []batch.Status{in.JobStatus}
	case match != nil:
		statuses = batch.Statuses() // jobStatus is ignored
	case in.JobStatus != "":
		statuses = []batch.Status{in.JobStatus}
	}
	of := "ListJobs " + api.Value(in.JobQueue) + api.Value(in.ArrayJobId) + api.Value(in.MultiNodeJobId)
	before, err := number(of, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListJobsOutput{JobSummaryList: []api.JobSummary{}}
	if in.JobQueue == nil {
		return out, nil // there are no parents yet, so there are no children
	}
	err = s.view(ctx, func(state *batch.State) error {
		q := state.Queue(scope(ctx), *in.JobQueue)
		if q == nil {
			// Guess: the text of SubmitJob (jobs.md 13).
			return api.ClientError("JobQueue %s not found.", *in.JobQueue)
		}
		var last uint64
		for j := range state.JobsOfAnyBefore(q.ARN, statuses, before) {
			if match != nil && !match(j) {
				continue
			}
			if len(out.JobSummaryList) == limit {
				out.NextToken = token(of, strconv.FormatUint(last, 10))
				break
			}
			out.JobSummaryList = append(out.JobSummaryList, summary(j, match != nil))
			last = j.Number
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func checkSelector(in *api.ListJobsInput) error {
	selectors := 0
	for _, given := range []*string{in.JobQueue, in.ArrayJobId, in.MultiNodeJobId} {
		if api.Value(given) != "" {
			selectors++
		}
	}
	if selectors != 1 {
		// Guess: the text was not seen (jobs.md 13).
		return api.Invalid("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be provided.")
	}
	if in.JobStatus != "" && !slices.Contains(batch.Statuses(), in.JobStatus) {
		return api.Invalid("Job status %s is not valid. Valid values: [SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED]", in.JobStatus)
	}
	return nil
}

// Names of filters.
const (
	filterJobName    = "JOB_NAME"
	filterDefinition = "JOB_DEFINITION"
	filterBefore     = "BEFORE_CREATED_AT"
	filterAfter      = "AFTER_CREATED_AT"
	filterShare      = "SHARE_IDENTIFIER"
)

// filterOf makes a test of the one filter that may be given; nil if there is none.
//
// Guess: several values of a filter match as one of them would; an unknown name is refused.
func filterOf(filters []api.KeyValuesPair) (func(*batch.Job) bool, error) {
	if len(filters) == 0 {
		return nil, nil
	}
	if len(filters) > 1 {
		return nil, api.Invalid("Only one filter key-value pair can be specified.")
	}
	name, values := api.Value(filters[0].Name), filters[0].Values
	var one func(j *batch.Job, value string) bool
	switch name {
	case filterJobName:
		one = func(j *batch.Job, value string) bool {
			return glob(strings.ToLower(value), strings.ToLower(j.Name))
		}
	case filterDefinition:
		one = func(j *batch.Job, value string) bool {
			if strings.HasPrefix(value, "arn:") {
				return value == string(j.Definition)
			}
			_, _, definition, _ := j.Definition.Parts()
			definition, _, _ = strings.Cut(definition, ":")
			return glob(value, definition)
		}
	case filterBefore, filterAfter:
		for _, v := range values {
			if _, err := strconv.ParseInt(v, 10, 64); err != nil {
				return nil, api.Invalid("Value %s for filter %s is not a time in milliseconds.", v, name)
			}
		}
		one = func(j *batch.Job, value string) bool {
			at, _ := strconv.ParseInt(value, 10, 64)
			if name == filterBefore {
				return j.CreatedAt < at
			}
			return j.CreatedAt > at
		}
	case filterShare:
		one = func(*batch.Job, string) bool { return false } // no queue has shares yet
	default:
		return nil, api.Invalid("Filter %s is not valid. Valid values: [%s]", name,
			strings.Join([]string{filterJobName, filterDefinition, filterBefore, filterAfter, filterShare}, ", "))
	}
	return func(j *batch.Job) bool {
		return slices.ContainsFunc(values, func(v string) bool { return one(j, v) })
	}, nil
}

// glob compares with a text, or a prefix before one trailing star.
func glob(pattern, text string) bool {
	if prefix, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(text, prefix)
	}
	return pattern == text
}

// summary is a job as ListJobs shows it. The definition is there only with a filter: AWS calls it a bug, and keeps it.
func summary(j *batch.Job, filtered bool) api.JobSummary {
	s := api.JobSummary{
		JobArn:       new(string(j.ARN())),
		JobId:        (*string)(&j.ID),
		JobName:      &j.Name,
		Status:       j.Status,
		StatusReason: optional(&j.StatusReason),
		CreatedAt:    &j.CreatedAt,
		StartedAt:    nonzero(&j.StartedAt),
		StoppedAt:    nonzero(&j.StoppedAt),
		IsCancelled:  onlyTrue(j.Cancelled),
		IsTerminated: onlyTrue(j.Terminated),
	}
	if filtered {
		s.JobDefinition = (*string)(&j.Definition)
	}
	if a := j.Attempt(); a != nil {
		s.Container = &api.ContainerSummary{}
		if batch.Ended(j.Status) {
			s.Container.ExitCode, s.Container.Reason = a.ExitCode, optional(&a.Reason)
		}
	}
	return s
}

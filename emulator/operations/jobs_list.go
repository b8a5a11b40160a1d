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
	match, err := filterOf(in.Filters, filterJobName, filterDefinition, filterBefore, filterAfter, filterShare)
	if err != nil {
		return nil, err
	}
	if api.Value(in.JobQueue) == "" {
		match = nil // filters are for queues
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
	case match != nil && combines(in.Filters) && in.JobStatus != "":
		statuses = []batch.Status{in.JobStatus}
	case match != nil:
		statuses = batch.Statuses() // jobStatus is ignored
	case in.JobStatus != "":
		statuses = []batch.Status{in.JobStatus}
	}
	of := "ListJobs " + api.Value(in.JobQueue) + api.Value(in.ArrayJobId) + api.Value(in.MultiNodeJobId)
	from, err := number(of, in.NextToken)
	if err != nil {
		return nil, err
	}
	l := listing{limit: limit, of: of, match: match, statuses: statuses, from: from, out: &api.ListJobsOutput{JobSummaryList: []api.JobSummary{}}}
	err = s.view(ctx, func(state *batch.State) error {
		switch {
		case api.Value(in.ArrayJobId) != "":
			l.members(state, state.Job(scope(ctx), batch.JobID(*in.ArrayJobId)), true)
		case api.Value(in.MultiNodeJobId) != "":
			l.members(state, state.Job(scope(ctx), batch.JobID(*in.MultiNodeJobId)), false)
		default:
			q := state.Queue(scope(ctx), *in.JobQueue)
			if q == nil {
				// Guess: the text of SubmitJob (jobs.md 13).
				return api.ClientError("JobQueue %s not found.", *in.JobQueue)
			}
			l.queue(state, q)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.out, nil
}

// A listing is one page of ListJobs on its way.
type listing struct {
	limit    int
	of       string
	match    func(*batch.Job) bool
	statuses []batch.Status
	from     uint64 // where the page before ended
	out      *api.ListJobsOutput
}

// queue lists the jobs of a queue, newest first; children and nodes are not among them.
func (l *listing) queue(state *batch.State, q *batch.Queue) {
	last := uint64(0)
	for j := range state.JobsOfAnyBefore(q.ARN, l.statuses, l.from) {
		if j.Service != nil || l.match != nil && !l.match(j) {
			continue
		}
		if len(l.out.JobSummaryList) == l.limit {
			l.out.NextToken = token(l.of, strconv.FormatUint(last, 10))
			return
		}
		l.out.JobSummaryList = append(l.out.JobSummaryList, summary(state, j, l.match != nil))
		last = j.Number
	}
}

// members lists children or nodes by their index. Filters do not apply to them (jobs.md 13), jobStatus does. An id of nobody has none.
func (l *listing) members(state *batch.State, parent *batch.Job, children bool) {
	if parent == nil || children != (parent.Array != nil) || !children && parent.Nodes == nil {
		return
	}
	left := state.MembersIn(parent.ID, l.statuses)
	for j := range state.Members(parent, int32(l.from)) {
		if !slices.Contains(l.statuses, j.Status) {
			continue
		}
		index, _ := j.ID.Index()
		if len(l.out.JobSummaryList) == l.limit {
			l.out.NextToken = token(l.of, strconv.Itoa(index))
			return
		}
		l.out.JobSummaryList = append(l.out.JobSummaryList, summary(state, j, false))
		if left--; left <= 0 && l.from == 0 {
			return
		}
	}
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

// combines says whether a filter leaves jobStatus to count too; others have it ignored.
func combines(filters []api.KeyValuesPair) bool {
	name := api.Value(filters[0].Name)
	return name == filterShare || name == filterQuotaShare
}

// filterOf makes a test of the one filter that may be given, of a name among those that are known; nil if there is none.
//
// Guess: several values of a filter match as one of them would; an unknown name is refused.
func filterOf(filters []api.KeyValuesPair, known ...string) (func(*batch.Job) bool, error) {
	if len(filters) == 0 {
		return nil, nil
	}
	if len(filters) > 1 {
		return nil, api.Invalid("Only one filter key-value pair can be specified.")
	}
	name, values := api.Value(filters[0].Name), filters[0].Values
	if !slices.Contains(known, name) {
		return nil, api.Invalid("Filter %s is not valid. Valid values: [%s]", name, strings.Join(known, ", "))
	}
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
		one = func(j *batch.Job, value string) bool { return value == j.Share }
	case filterQuotaShare:
		one = func(j *batch.Job, value string) bool { return j.Service != nil && j.Service.QuotaShare == value }
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
func summary(state *batch.State, j *batch.Job, filtered bool) api.JobSummary {
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
		// Guess: when these are there (jobs.md 13).
		ShareIdentifier: optional(&j.Share),
		ScheduledAt:     scheduledAt(j),
		CapacityUsage:   []api.JobCapacityUsageSummary{{CapacityUnit: new("VCPU"), Quantity: new(float64(j.MilliVCPU) / 1000)}},
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
	index, _ := j.ID.Index()
	switch mark := j.ID.Mark(); {
	case j.Array != nil:
		s.ArrayProperties = &api.ArrayPropertiesSummary{Size: &j.Array.Size}
	case j.Nodes != nil:
		s.NodeProperties = &api.NodePropertiesSummary{NumNodes: &j.Nodes.Count}
	case mark == batch.MarkChild:
		s.ArrayProperties = &api.ArrayPropertiesSummary{Index: new(int32(index))}
	case mark == batch.MarkNode:
		if parent := state.AnyJob(j.ID.Parent()); parent != nil {
			s.NodeProperties = &api.NodePropertiesSummary{NodeIndex: new(int32(index)), IsMainNode: new(int(parent.Nodes.Main) == index), NumNodes: &parent.Nodes.Count}
		}
	}
	return s
}

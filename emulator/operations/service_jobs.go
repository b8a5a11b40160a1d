package operations

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Limits of a service job (resources.md 0.7, 5.4).
const (
	maxPayload     = 10 << 10
	maxClientToken = 64
)

// SubmitServiceJob adds a service job to a queue of a service environment (resources.md 5.4).
func (s *Service) SubmitServiceJob(ctx context.Context, in *api.SubmitServiceJobInput) (*api.SubmitServiceJobOutput, error) {
	payload, err := checkServiceJob(in, api.CallerFrom(ctx).Size)
	if err != nil {
		return nil, err
	}
	submission := batch.ServiceSubmission{
		Scope: scope(ctx), Name: *in.JobName, Queue: *in.JobQueue, Share: api.Value(in.ShareIdentifier), Priority: in.SchedulingPriority, Tags: in.Tags,
		Service: batch.Service{
			Type: in.ServiceJobType, Payload: *in.ServiceRequestPayload, InstanceType: payload.ResourceConfig.InstanceType, Count: payload.ResourceConfig.InstanceCount,
			QuotaShare: quotaShareName(scope(ctx), *in.JobQueue, api.Value(in.QuotaShareName)), Timeout: in.TimeoutConfig, Retry: in.RetryStrategy, Token: api.Value(in.ClientToken),
		},
	}
	if p := in.PreemptionConfiguration; p != nil {
		submission.Service.Requeues = p.PreemptionRetriesBeforeTermination
	}
	var out api.SubmitServiceJobOutput
	err = s.update(ctx, func(tx *batch.Tx) error {
		j, err := tx.SubmitService(submission)
		if err != nil {
			return err
		}
		out = api.SubmitServiceJobOutput{JobArn: new(string(j.ARN())), JobId: new(string(j.ID)), JobName: &j.Name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// quotaShareName takes the name out of an ARN.
func quotaShareName(at batch.Scope, queue, given string) string {
	if arn := batch.QuotaShareARN(batch.Resolve(at, "job-queue", queue), ""); strings.HasPrefix(given, "arn:") {
		return strings.TrimPrefix(given, string(arn))
	}
	return given
}

// checkServiceJob is what needs no state.
//
// Guess: of the texts none was seen; they are those of SubmitJob where it has the same rule.
func checkServiceJob(in *api.SubmitServiceJobInput, size int) (*batch.Training, error) {
	text := api.Value(in.ServiceRequestPayload)
	switch {
	case size > maxSubmissionSize:
		return nil, api.Invalid("Job size must be less than 30 KiB, got %d KiB", size>>10)
	case !jobName.MatchString(api.Value(in.JobName)):
		return nil, api.Invalid("Job name should match valid pattern")
	case in.ServiceJobType == "":
		return nil, api.Invalid("serviceJobType is required.")
	case len(text) > maxPayload:
		return nil, api.Invalid("serviceRequestPayload must be at most 10 KiB, got %d bytes", len(text))
	case len([]rune(api.Value(in.ClientToken))) > maxClientToken:
		return nil, api.Invalid("clientToken must be at most %d characters", maxClientToken)
	}
	err := firstOf(
		oneOf("serviceJobType", in.ServiceJobType),
		checkServicePriority(in.SchedulingPriority),
		checkServiceRetry(in.RetryStrategy),
		checkShareIdentifier(in.ShareIdentifier),
		checkTags(in.Tags),
	)
	if err == nil && in.TimeoutConfig != nil {
		err = checkTimeout(&api.JobTimeout{AttemptDurationSeconds: in.TimeoutConfig.AttemptDurationSeconds})
	}
	if p := in.PreemptionConfiguration; err == nil && p != nil && api.Value(p.PreemptionRetriesBeforeTermination) < 0 {
		err = api.Invalid("preemptionRetriesBeforeTermination must not be negative.")
	}
	if err != nil {
		return nil, err
	}
	payload, err := batch.ParseTraining(text)
	if err != nil {
		return nil, api.Invalid("%v", err)
	}
	return payload, nil
}

func checkServicePriority(p *int32) error {
	if p != nil && (*p < 0 || *p > maxSchedulingPriority) {
		return api.Invalid("Scheduling priority must be between 0 and %d.", maxSchedulingPriority)
	}
	return nil
}

// checkServiceRetry is checkRetry for a strategy that knows status reasons alone.
func checkServiceRetry(r *api.ServiceJobRetryStrategy) error {
	if r == nil {
		return nil
	}
	is := &api.RetryStrategy{Attempts: r.Attempts}
	for _, e := range r.EvaluateOnExit {
		is.EvaluateOnExit = append(is.EvaluateOnExit, api.EvaluateOnExit{Action: api.RetryAction(e.Action), OnStatusReason: cmp.Or(e.OnStatusReason, new("*"))})
	}
	return checkRetry(is)
}

// DescribeServiceJob answers one service job.
func (s *Service) DescribeServiceJob(ctx context.Context, in *api.DescribeServiceJobInput) (*api.DescribeServiceJobOutput, error) {
	id := api.Value(in.JobId)
	var out api.DescribeServiceJobOutput
	err := s.view(ctx, func(state *batch.State) error {
		j := state.ServiceJob(scope(ctx), batch.JobID(id))
		if j == nil {
			// Guess: the text was not seen (resources.md 0.3).
			return api.ClientError("%s does not exist", cmp.Or(scope(ctx).ARN("service-job", id), batch.ARN(id)))
		}
		out = ServiceDetail(j)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// recentPreemptions is how many preempted attempts are shown.
//
// Guess: AWS shows the latest of a number that is not documented.
const recentPreemptions = 10

// ServiceDetail is a service job as DescribeServiceJob shows it.
func ServiceDetail(j *batch.Job) api.DescribeServiceJobOutput {
	v := j.Service
	d := api.DescribeServiceJobOutput{
		JobArn: new(string(j.ARN())), JobId: (*string)(&j.ID), JobName: &j.Name, JobQueue: (*string)(&j.Queue), ServiceJobType: v.Type,
		Status: api.ServiceJobStatus(j.Status), StatusReason: optional(&j.StatusReason), CreatedAt: &j.CreatedAt, StartedAt: &j.StartedAt, StoppedAt: nonzero(&j.StoppedAt),
		IsTerminated: onlyTrue(j.Terminated), Attempts: []api.ServiceJobAttemptDetail{}, CapacityUsage: serviceUsage(v), RetryStrategy: v.Retry, TimeoutConfig: v.Timeout,
		ServiceRequestPayload: &v.Payload, ShareIdentifier: optional(&j.Share), QuotaShareName: optional(&v.QuotaShare), Tags: orEmpty(j.Tags),
		ScheduledAt: scheduledAt(j), LatestAttempt: latestAttempt(j),
	}
	if j.Prioritized {
		d.SchedulingPriority = &j.Priority
	}
	if v.Requeues != nil {
		d.PreemptionConfiguration = &api.ServiceJobPreemptionConfiguration{PreemptionRetriesBeforeTermination: v.Requeues}
	}
	preempted := &api.ServiceJobPreemptionSummary{RecentPreemptedAttempts: []api.ServiceJobPreemptedAttempt{}}
	count := int32(0)
	for _, a := range slices.Backward(j.Attempts) {
		if a.Preempted && a.State == batch.Exited {
			if count++; count <= recentPreemptions {
				preempted.RecentPreemptedAttempts = append(preempted.RecentPreemptedAttempts, api.ServiceJobPreemptedAttempt(serviceAttempt(j, a)))
			}
		}
	}
	if count > 0 {
		preempted.PreemptedAttemptCount, d.PreemptionSummary = &count, preempted
	}
	for _, a := range j.Attempts {
		if a.State == batch.Exited && !a.Preempted {
			d.Attempts = append(d.Attempts, serviceAttempt(j, a))
		}
	}
	return d
}

func serviceAttempt(j *batch.Job, a *batch.Attempt) api.ServiceJobAttemptDetail {
	return api.ServiceJobAttemptDetail{
		ServiceResourceId: resourceID(j, a), StartedAt: nonzero(&a.StartedAt), StoppedAt: nonzero(&a.StoppedAt), StatusReason: optional(&a.StatusReason),
	}
}

func resourceID(j *batch.Job, a *batch.Attempt) *api.ServiceResourceId {
	return &api.ServiceResourceId{Name: api.ServiceResourceIdNameSagemakerTrainingJobArn, Value: new(batch.TrainingJobARN(j, a))}
}

func latestAttempt(j *batch.Job) *api.LatestServiceJobAttempt {
	if a := j.Attempt(); a != nil {
		return &api.LatestServiceJobAttempt{ServiceResourceId: resourceID(j, a)}
	}
	return nil
}

// scheduledAt is when the newest attempt was placed.
func scheduledAt(j *batch.Job) *int64 {
	if a := j.Attempt(); a != nil {
		return &a.PlacedAt
	}
	return nil
}

func serviceUsage(v *batch.Service) []api.ServiceJobCapacityUsageDetail {
	return []api.ServiceJobCapacityUsageDetail{{CapacityUnit: &v.InstanceType, Quantity: new(float64(v.Count))}}
}

// filterQuotaShare is a filter of ListServiceJobs alone.
const filterQuotaShare = "QUOTA_SHARE_NAME"

// ListServiceJobs answers the service jobs of a queue, newest first.
func (s *Service) ListServiceJobs(ctx context.Context, in *api.ListServiceJobsInput) (*api.ListServiceJobsOutput, error) {
	limit, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	if err := oneOf("jobStatus", in.JobStatus); err != nil {
		return nil, err
	}
	match, err := filterOf(in.Filters, filterJobName, filterBefore, filterAfter, filterShare, filterQuotaShare)
	if err != nil {
		return nil, err
	}
	statuses := []batch.Status{batch.Status(cmp.Or(in.JobStatus, api.ServiceJobStatusRunning))}
	if match != nil && (in.JobStatus == "" || !combines(in.Filters)) {
		statuses = statuses[:0]
		for _, status := range api.ServiceJobStatus("").Values() {
			statuses = append(statuses, batch.Status(status))
		}
	}
	of := "ListServiceJobs " + api.Value(in.JobQueue)
	from, err := number(of, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListServiceJobsOutput{JobSummaryList: []api.ServiceJobSummary{}}
	err = s.view(ctx, func(state *batch.State) error {
		q := state.Queue(scope(ctx), api.Value(in.JobQueue))
		if q == nil {
			// Guess: the text of SubmitJob.
			return api.ClientError("JobQueue %s not found.", api.Value(in.JobQueue))
		}
		last := uint64(0)
		for j := range state.JobsOfAnyBefore(q.ARN, statuses, from) {
			switch {
			case j.Service == nil || match != nil && !match(j):
			case len(out.JobSummaryList) == limit:
				out.NextToken = token(of, strconv.FormatUint(last, 10))
				return nil
			default:
				out.JobSummaryList, last = append(out.JobSummaryList, serviceSummary(j)), j.Number
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func serviceSummary(j *batch.Job) api.ServiceJobSummary {
	return api.ServiceJobSummary{
		JobArn: new(string(j.ARN())), JobId: (*string)(&j.ID), JobName: &j.Name, ServiceJobType: j.Service.Type, Status: api.ServiceJobStatus(j.Status),
		StatusReason: optional(&j.StatusReason), CreatedAt: &j.CreatedAt, StartedAt: nonzero(&j.StartedAt), StoppedAt: nonzero(&j.StoppedAt), ScheduledAt: scheduledAt(j),
		IsTerminated: onlyTrue(j.Terminated), ShareIdentifier: optional(&j.Share), QuotaShareName: optional(&j.Service.QuotaShare), LatestAttempt: latestAttempt(j),
		CapacityUsage: []api.ServiceJobCapacityUsageSummary{{CapacityUnit: &j.Service.InstanceType, Quantity: new(float64(j.Service.Count))}},
	}
}

// UpdateServiceJob changes the scheduling priority.
func (s *Service) UpdateServiceJob(ctx context.Context, in *api.UpdateServiceJobInput) (*api.UpdateServiceJobOutput, error) {
	if in.SchedulingPriority == nil {
		return nil, api.ClientError("schedulingPriority is required.")
	}
	if err := checkServicePriority(in.SchedulingPriority); err != nil {
		return nil, bare(err)
	}
	var out api.UpdateServiceJobOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		j := tx.ServiceJob(scope(ctx), batch.JobID(api.Value(in.JobId)))
		switch {
		case j == nil:
			return api.ClientError("%s does not exist", scope(ctx).ARN("service-job", api.Value(in.JobId)))
		case batch.Ended(j.Status):
			// Guess: the text was not seen.
			return api.ClientError("Service job %s is in a terminal state and cannot be updated.", j.ID)
		}
		tx.PrioritizeService(j, *in.SchedulingPriority)
		out = api.UpdateServiceJobOutput{JobArn: new(string(j.ARN())), JobId: (*string)(&j.ID), JobName: &j.Name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// TerminateServiceJob ends a service job in any state. Unknown ones are no error.
func (s *Service) TerminateServiceJob(ctx context.Context, in *api.TerminateServiceJobInput) (*api.TerminateServiceJobOutput, error) {
	if err := checkStop(api.Value(in.JobId), api.Value(in.Reason)); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		tx.TerminateService(scope(ctx), batch.JobID(*in.JobId), *in.Reason)
		return nil
	})
	return &api.TerminateServiceJobOutput{}, err
}

// TerminateServiceJobs is TerminateServiceJob for up to 50 jobs, each on its own.
func (s *Service) TerminateServiceJobs(ctx context.Context, in *api.TerminateServiceJobsInput) (*api.TerminateServiceJobsOutput, error) {
	out := &api.TerminateServiceJobsOutput{Successful: []string{}, Errors: []api.TerminateServiceJobsErrorDetail{}}
	bad, err := s.stopAll(ctx, in.Jobs, api.Value(in.Reason), (*batch.Tx).TerminateService, &out.Successful)
	for _, b := range bad {
		out.Errors = append(out.Errors, api.TerminateServiceJobsErrorDetail{Job: &b.job, Code: &b.code, Message: &b.message})
	}
	return out, err
}

package client

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// A Job is a job of a list.
type Job struct {
	types.JobSummary
	JobQueue string // name
	// Service is a service job as the API lists it; then JobSummary has what both kinds have. Nil for other jobs.
	Service *types.ServiceJobSummary
}

// A Queue is where jobs are looked for.
type Queue struct {
	Name    string // or ARN, if it was named so
	Service bool   // what it holds are service jobs
}

// Queues are the job queues of these names or ARNs; no names are all queues. One that is not there is answered too: the service refuses it in its own words.
func (c *Client) Queues(ctx context.Context, named ...string) ([]Queue, error) {
	var all []Queue
	known := make(map[string]Queue)
	pages := batch.NewDescribeJobQueuesPaginator(c.Batch, &batch.DescribeJobQueuesInput{JobQueues: named})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, queue := range page.JobQueues {
			is := Queue{aws.ToString(queue.JobQueueName), len(queue.ServiceEnvironmentOrder) > 0}
			all = append(all, is)
			known[is.Name], known[aws.ToString(queue.JobQueueArn)] = is, is
		}
	}
	if len(named) == 0 {
		return all, nil
	}
	all = nil
	for _, name := range named {
		all = append(all, Queue{name, known[name].Service})
	}
	return all, nil
}

// Jobs lists jobs, newest first. No queues is every queue, no statuses every status.
func (c *Client) Jobs(ctx context.Context, queues []string, statuses []types.JobStatus) ([]Job, error) {
	if len(statuses) == 0 {
		return c.list(ctx, queues, filter("AFTER_CREATED_AT", "0"))
	}
	var requests []batch.ListJobsInput
	for _, status := range statuses {
		requests = append(requests, batch.ListJobsInput{JobStatus: status})
	}
	return c.list(ctx, queues, requests...)
}

// filter asks for jobs of any status.
func filter(name, value string) batch.ListJobsInput {
	return batch.ListJobsInput{Filters: []types.KeyValuesPair{{Name: &name, Values: []string{value}}}}
}

func (c *Client) list(ctx context.Context, named []string, requests ...batch.ListJobsInput) ([]Job, error) {
	queues, err := c.Queues(ctx, named...)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, queue := range queues {
		for _, request := range requests {
			request.JobQueue = &queue.Name
			pages := c.pages
			if queue.Service {
				pages = c.servicePages
			}
			if err := pages(ctx, request, func(job Job) {
				job.JobQueue = Name(queue.Name)
				jobs = append(jobs, job)
			}); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b Job) int { return cmp.Compare(aws.ToInt64(b.CreatedAt), aws.ToInt64(a.CreatedAt)) })
	return jobs, nil
}

func (c *Client) pages(ctx context.Context, request batch.ListJobsInput, each func(Job)) error {
	pages := batch.NewListJobsPaginator(c.Batch, &request)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, summary := range page.JobSummaryList {
			each(Job{JobSummary: summary})
		}
	}
	return nil
}

// Failed are the first children of an array that failed, by their index and no more than most, and how many there are.
func (c *Client) Failed(ctx context.Context, array types.JobDetail, most int32) (children []types.JobSummary, count int, err error) {
	answer, err := c.Batch.ListJobs(ctx, &batch.ListJobsInput{ArrayJobId: array.JobId, JobStatus: types.JobStatusFailed, MaxResults: &most})
	if err != nil {
		return nil, 0, err
	}
	count = int(array.ArrayProperties.StatusSummary[string(types.JobStatusFailed)])
	return answer.JobSummaryList, count, nil
}

// Name is what follows the last slash of an ARN; a name is its own.
func Name(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

var (
	wholeID  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}([:#][0-9]+)?$`)
	partOfID = regexp.MustCompile(`^[0-9a-f][0-9a-f-]{0,35}$`)
)

// Find is the job that a person means: by its id, by its name (the newest of that name), or by the beginning of its id.
func (c *Client) Find(ctx context.Context, said string) (types.JobDetail, error) {
	id := said
	if !wholeID.MatchString(said) {
		var err error
		if id, err = c.resolve(ctx, said); err != nil {
			return types.JobDetail{}, err
		}
	}
	return c.Describe(ctx, id)
}

// Describe is the job with this id, which may be a service job.
func (c *Client) Describe(ctx context.Context, id string) (types.JobDetail, error) {
	answer, err := c.Batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		return types.JobDetail{}, err
	}
	if len(answer.Jobs) == 0 {
		return c.describeService(ctx, id)
	}
	return answer.Jobs[0], nil
}

func (c *Client) resolve(ctx context.Context, said string) (id string, err error) {
	if !strings.Contains(said, "*") { // which ListJobs would take for more than itself
		named, err := c.list(ctx, nil, filter("JOB_NAME", said))
		if err != nil {
			return "", err
		}
		for _, job := range named {
			if aws.ToString(job.JobName) == said { // ListJobs does not mind case
				return aws.ToString(job.JobId), nil
			}
		}
	}
	if !partOfID.MatchString(said) {
		return "", c.unknown(said)
	}
	all, err := c.Jobs(ctx, nil, nil)
	if err != nil {
		return "", err
	}
	var found []string
	for _, job := range all {
		if strings.HasPrefix(aws.ToString(job.JobId), said) {
			found = append(found, aws.ToString(job.JobId))
		}
	}
	switch len(found) {
	case 0:
		return "", c.unknown(said)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%d job ids begin with %s: %s", len(found), said, strings.Join(found[:min(len(found), 5)], ", "))
}

// unknown says where a job was looked for: the usual reason is another region or account.
func (c *Client) unknown(said string) error {
	return fmt.Errorf("there is no job %s at %s in region %s with access key %s", said, c.Endpoint.Said(), c.Identity.Region, c.Identity.AccessKey)
}

// Ended says that a job has reached its last state.
func Ended(job types.JobDetail) bool {
	return job.Status == types.JobStatusSucceeded || job.Status == types.JobStatusFailed
}

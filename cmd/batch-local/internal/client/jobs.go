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
}

// Queues are the names of all job queues.
func (c *Client) Queues(ctx context.Context) ([]string, error) {
	var names []string
	pages := batch.NewDescribeJobQueuesPaginator(c.Batch, &batch.DescribeJobQueuesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, queue := range page.JobQueues {
			names = append(names, aws.ToString(queue.JobQueueName))
		}
	}
	return names, nil
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

func (c *Client) list(ctx context.Context, queues []string, requests ...batch.ListJobsInput) ([]Job, error) {
	if len(queues) == 0 {
		var err error
		if queues, err = c.Queues(ctx); err != nil {
			return nil, err
		}
	}
	var jobs []Job
	for _, queue := range queues {
		for _, request := range requests {
			request.JobQueue = &queue
			pages := batch.NewListJobsPaginator(c.Batch, &request)
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return nil, err
				}
				for _, summary := range page.JobSummaryList {
					jobs = append(jobs, Job{summary, Name(queue)})
				}
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b Job) int { return cmp.Compare(aws.ToInt64(b.CreatedAt), aws.ToInt64(a.CreatedAt)) })
	return jobs, nil
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

// Describe is the job with this id.
func (c *Client) Describe(ctx context.Context, id string) (types.JobDetail, error) {
	answer, err := c.Batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		return types.JobDetail{}, err
	}
	if len(answer.Jobs) == 0 {
		return types.JobDetail{}, c.unknown(id)
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

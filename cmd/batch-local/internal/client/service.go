package client

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// Service jobs have calls of their own in the API, which tell neither exit code nor log stream. For everything else here they are jobs of one container.

// IsService says that a job was submitted as a service job.
func IsService(job types.JobDetail) bool {
	return strings.Contains(aws.ToString(job.JobArn), ":service-job/")
}

// describeService is a service job as other jobs are described. Whether there is one in this account and region, the API says; what it is like, the server.
func (c *Client) describeService(ctx context.Context, id string) (types.JobDetail, error) {
	var refusal *types.ClientException
	_, err := c.Batch.DescribeServiceJob(ctx, &batch.DescribeServiceJobInput{JobId: &id})
	if errors.As(err, &refusal) {
		return types.JobDetail{}, c.unknown(id)
	}
	if err != nil {
		return types.JobDetail{}, err
	}
	return c.Wait(ctx, id, types.JobStatusSubmitted, 0) // which every job has reached
}

func (c *Client) servicePages(ctx context.Context, request batch.ListJobsInput, each func(Job)) error {
	pages := batch.NewListServiceJobsPaginator(c.Batch, &batch.ListServiceJobsInput{
		JobQueue: request.JobQueue, Filters: request.Filters, JobStatus: types.ServiceJobStatus(request.JobStatus),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.JobSummaryList {
			each(Job{Service: &s, JobSummary: types.JobSummary{
				JobArn: s.JobArn, JobId: s.JobId, JobName: s.JobName, Status: types.JobStatus(s.Status), StatusReason: s.StatusReason,
				CreatedAt: s.CreatedAt, StartedAt: s.StartedAt, StoppedAt: s.StoppedAt,
			}})
		}
	}
	return nil
}

package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

func (p *program) wait() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wait [flags] JOB",
		Short: "Wait for a job, and end with its exit code",
		Long: `Wait until a job has ended, or has come as far as --until says. JOB is an id, the
beginning of one, or a name (then the newest job of that name).

The exit code is the job's own, 1 if it failed without one, and 124 if --timeout
passed. Of several containers it is that of the first essential one that failed, of
a pod that of the first that failed. With --until it is 0 when the job is that far,
unless it has failed since.`,
		Example: `  batch-local wait 4f1c && echo it worked
  batch-local wait nightly --until RUNNING --timeout 90s`,
		Args: exactly("JOB"),
	}
	endpoint := endpointFlag(cmd)
	until := statusFlag(cmd)
	limit := limitFlag(cmd, "wait no longer than this `TIME`, such as 90s (default: as long as it takes)")
	cmd.ValidArgsFunction = p.completeJobs(endpoint)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		start := time.Now()
		c, job, err := p.find(ctx, *endpoint, args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		left := time.Duration(*limit)
		if left > 0 {
			left = max(left-time.Since(start), time.Millisecond)
		}
		id := *job.JobId
		job, err = c.Wait(ctx, id, types.JobStatus(*until), left)
		if errors.Is(err, client.ErrTimeLimit) {
			return late(ctx, c, id)
		}
		if err != nil {
			return err
		}
		return ended(job, types.JobStatus(*until))
	}
	return cmd
}

// late says of a job that was not far enough in time how far it is, and how to find out why.
func late(ctx context.Context, c *client.Client, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	job, err := c.Describe(ctx, id)
	if err != nil { // the server may be what is slow
		return fmt.Errorf("%w for job %s; batch-local why %s says what keeps it", client.ErrTimeLimit, id, id)
	}
	if client.Ended(job) { // just now
		return fmt.Errorf("%w for job %s (%s), which has become %s since", client.ErrTimeLimit, id, *job.JobName, job.Status)
	}
	return fmt.Errorf("%w for job %s (%s), which is %s; batch-local why %s says what keeps it", client.ErrTimeLimit, id, *job.JobName, job.Status, id)
}

// ended is how a command that waited for a job ends. Who waits for a job to run wants to do something with it: one that has failed since is of no use.
func ended(job types.JobDetail, until types.JobStatus) error {
	if until == job.Status || until != "" && !client.Ended(job) {
		return nil
	}
	code := client.ExitCode(job)
	if until == types.JobStatusFailed { // and it succeeded
		code = exitFailed
	}
	if code == 0 {
		return nil
	}
	return exitCode(code)
}

package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

func (p *program) jobs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs [flags]",
		Short: "List jobs, newest first",
		Example: `  batch-local jobs
  batch-local jobs --status FAILED --queue nightly
  batch-local jobs --output json | jq -r '.[].jobId'`,
		Args: exactly(),
	}
	endpoint := endpointFlag(cmd)
	output := outputFlag(cmd)
	queues := cmd.Flags().StringSlice("queue", nil, "only jobs of this `QUEUE`; may be repeated (default: all)")
	statuses := new(statusList)
	cmd.Flags().Var(statuses, "status", "only jobs in this status; may be repeated (default: all)")
	_ = cmd.RegisterFlagCompletionFunc("status", completeStatuses)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		c, info, err := p.meet(ctx, *endpoint)
		if err != nil {
			return err
		}
		defer c.Close()
		jobs, err := c.Jobs(ctx, *queues, *statuses)
		if err != nil {
			return err
		}
		if *output == asJSON {
			return printJSON(p.out, listed(jobs))
		}
		if len(jobs) == 0 {
			are := "no such jobs"
			if len(*queues) == 0 && len(*statuses) == 0 {
				are = "no jobs"
			}
			p.say("there are %s at %s in region %s with access key %s", are, c.Endpoint.Said(), c.Identity.Region, c.Identity.AccessKey)
			return nil
		}
		// The emulator's time may have been moved, or stand still.
		now, err := time.Parse(time.RFC3339, info.Clock.Now)
		if err != nil {
			return fmt.Errorf("read the server's clock: %w", err)
		}
		return table(p.out, []string{"JOB", "NAME", "QUEUE", "STATUS", "EXIT", "CREATED", "RAN", "REASON"}, jobRows(jobs, now))
	}
	return cmd
}

// listed are jobs as the API lists them: service jobs have other members.
func listed(jobs []client.Job) []any {
	list := make([]any, len(jobs))
	for i, job := range jobs {
		list[i] = struct {
			types.JobSummary
			JobQueue string
		}{job.JobSummary, job.JobQueue}
		if job.Service != nil {
			list[i] = struct {
				types.ServiceJobSummary
				JobQueue string
			}{*job.Service, job.JobQueue}
		}
	}
	return list
}

func jobRows(jobs []client.Job, now time.Time) [][]string {
	var rows [][]string
	for _, job := range jobs {
		exit, reason := outcome(job.JobSummary)
		rows = append(rows, []string{
			aws.ToString(job.JobId), aws.ToString(job.JobName), job.JobQueue, string(job.Status), exit,
			rough(now.Sub(moment(job.CreatedAt))) + " ago", ran(job, now), reason,
		})
	}
	return rows
}

// outcome is a job's exit code, if it has one, and its reason.
func outcome(job types.JobSummary) (exit, reason string) {
	reason = aws.ToString(job.StatusReason)
	if job.Container == nil {
		return "", reason
	}
	if job.Container.ExitCode != nil {
		exit = strconv.Itoa(int(*job.Container.ExitCode))
	}
	if detail := aws.ToString(job.Container.Reason); detail != "" {
		reason = detail // says more: OutOfMemoryError, CannotPullContainerError
	}
	return exit, reason
}

// ran is how long the newest attempt has run.
func ran(job client.Job, now time.Time) string {
	if aws.ToInt64(job.StartedAt) == 0 {
		return ""
	}
	if aws.ToInt64(job.StoppedAt) != 0 {
		now = moment(job.StoppedAt)
	}
	return rough(now.Sub(moment(job.StartedAt)))
}

// moment is a time stamp of the API.
func moment(milliseconds *int64) time.Time { return time.UnixMilli(aws.ToInt64(milliseconds)) }

// rough is a duration as exact as a person wants it.
func rough(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		return d.Truncate(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return strconv.Itoa(int(d.Hours())/24) + "d"
}

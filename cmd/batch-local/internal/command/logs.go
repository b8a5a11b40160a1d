package command

import (
	"bufio"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

func (p *program) logs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs [flags] JOB",
		Short: "Print what a job printed",
		Long: `Print what a job printed, on either output, attempt after attempt. JOB is an id, the
beginning of one, or a name (then the newest job of that name).`,
		Example: `  batch-local logs 4f1c
  batch-local logs -f nightly`,
		Args: exactly("JOB"),
	}
	endpoint := endpointFlag(cmd)
	follow := cmd.Flags().BoolP("follow", "f", false, "go on until the job has ended (default: print what there is)")
	times := cmd.Flags().BoolP("timestamps", "t", false, "begin each line with its time (default: no)")
	cmd.ValidArgsFunction = p.completeJobs(endpoint)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		c, err := p.connect(ctx, *endpoint)
		if err != nil {
			return err
		}
		defer c.Close()
		job, err := c.Find(ctx, args[0])
		if err != nil {
			return err
		}
		lines := p.printer(*times)
		if !*follow {
			return p.printed(ctx, c, job, lines)
		}
		return p.followed(ctx, c, job, lines)
	}
	return cmd
}

// printed prints what a job has printed so far.
func (p *program) printed(ctx context.Context, c *client.Client, job types.JobDetail, lines func([]client.Line) error) error {
	transcript := c.Transcript()
	transcript.Update(job)
	if transcript.Streams() == 0 {
		p.say("%s", silence(job))
		return nil
	}
	return transcript.Read(ctx, lines)
}

// followed prints what a job prints until it has ended.
func (p *program) followed(ctx context.Context, c *client.Client, job types.JobDetail, lines func([]client.Line) error) error {
	job, err := c.Follow(ctx, aws.ToString(job.JobId), client.Observer{Lines: lines})
	if err != nil {
		return err
	}
	if job.Container == nil || job.Container.LogStreamName == nil {
		p.say("%s", silence(job))
	}
	return nil
}

// silence says why a job has no log.
func silence(job types.JobDetail) string {
	text := fmt.Sprintf("job %s has no log: it is %s", aws.ToString(job.JobId), job.Status)
	if client.Ended(job) {
		text = fmt.Sprintf("job %s has no log: it never ran", aws.ToString(job.JobId))
	}
	if why := reason(job); why != "" {
		text += " (" + why + ")"
	}
	return text
}

// reason is why a job is in its status, in the service's words.
func reason(job types.JobDetail) string {
	why := aws.ToString(job.StatusReason)
	if job.Container != nil && job.Container.Reason != nil {
		if why != "" {
			why += ": "
		}
		why += *job.Container.Reason
	}
	return why
}

// printer writes lines of a log to standard output, all that came together in one go.
func (p *program) printer(times bool) func([]client.Line) error {
	return func(lines []client.Line) error {
		w := bufio.NewWriter(p.out)
		for _, line := range lines {
			if times {
				fmt.Fprint(w, line.Time.UTC().Format("2006-01-02T15:04:05.000Z"), " ")
			}
			w.WriteString(line.Text)
			w.WriteByte('\n')
		}
		return w.Flush()
	}
}

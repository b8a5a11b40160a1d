package command

import (
	"context"
	"fmt"
	"slices"

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
beginning of one, or a name (then the newest job of that name).

Of a job of several containers each line begins with the name of its container, and
lines of all are in the order of their time. What pods print is kept only by a
server that was started with --pod-logs.`,
		Example: `  batch-local logs 4f1c
  batch-local logs -f nightly
  batch-local logs nightly -c sidecar`,
		Args: exactly("JOB"),
	}
	endpoint := endpointFlag(cmd)
	follow := cmd.Flags().BoolP("follow", "f", false, "go on until the job has ended (default: print what there is)")
	times := cmd.Flags().BoolP("timestamps", "t", false, "begin each line with its time (default: no)")
	container := p.containerFlag(cmd, endpoint, "print only what the container of this `NAME` printed (default: all)")
	cmd.ValidArgsFunction = p.completeJobs(endpoint)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		c, job, err := p.find(ctx, *endpoint, args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		if client.IsArray(job) {
			p.say("job %[1]s has no log: it is an array; its children have one each, the first is %[1]s:0", *job.JobId)
			return nil
		}
		names := client.Containers(job)
		if *container != "" {
			if job.NodeProperties != nil {
				return fmt.Errorf("job %[1]s has several nodes; say which, the main one is %[1]s#%[2]d", *job.JobId, aws.ToInt32(job.NodeProperties.MainNode))
			}
			if !slices.Contains(names, *container) {
				return fmt.Errorf("job %s has no container %s; it has %v", *job.JobId, *container, names)
			}
			names = []string{*container}
		}
		l := logPrinter{p: p, client: c, container: *container, print: p.printer(*times, names)}
		if client.IsPod(job) {
			info, err := c.Info(ctx)
			if err != nil {
				return err
			}
			l.unkept, *follow = !info.PodLogs, *follow && info.PodLogs
		}
		if !*follow {
			return l.printed(ctx, job)
		}
		return l.followed(ctx, job)
	}
	return cmd
}

// A logPrinter prints logs of one job.
type logPrinter struct {
	p         *program
	client    *client.Client
	container string // only of this one, if not empty
	print     func([]client.Line) error
	unkept    bool // the job is a pod, and nothing that it prints now is kept
}

// podsUnkept is why a job of a pod has no log.
const podsUnkept = "pods' output is kept with serve --pod-logs"

// printed prints what a job has printed so far.
func (l logPrinter) printed(ctx context.Context, job types.JobDetail) error {
	transcript := l.client.Transcript(l.container)
	transcript.Update(job)
	silent := true
	err := transcript.Read(ctx, func(lines []client.Line) error {
		silent = silent && len(lines) == 0
		return l.print(lines)
	})
	if err != nil {
		return err
	}
	switch {
	case l.unkept && transcript.Found() && !client.Ended(job): // by an earlier server
		l.p.say("job %s goes on, but %s", *job.JobId, podsUnkept)
	case client.IsPod(job) && !transcript.Found() && (l.unkept || client.Ran(job)):
		l.p.say("job %s has no log: %s", *job.JobId, podsUnkept)
	case client.IsPod(job) && !transcript.Found(), transcript.Attempts() == 0, silent && client.Ended(job) && aws.ToInt64(job.StartedAt) == 0:
		l.p.say("%s", silence(job, l.container))
	}
	return nil
}

// followed prints what a job prints until it has ended.
func (l logPrinter) followed(ctx context.Context, job types.JobDetail) error {
	job, err := l.client.Follow(ctx, *job.JobId, client.Observer{Lines: l.print, Container: l.container})
	if err != nil {
		return err
	}
	if !client.Ran(job) || client.Elsewhere(job, l.container) != "" && l.container != "" {
		l.p.say("%s", silence(job, l.container))
	}
	return nil
}

// silence says why a job has no log.
func silence(job types.JobDetail, container string) string {
	text := fmt.Sprintf("job %s has no log: it is %s", aws.ToString(job.JobId), job.Status)
	if driver := client.Elsewhere(job, container); driver != "" && aws.ToInt64(job.StartedAt) != 0 {
		return fmt.Sprintf("job %s has no log here: what it prints goes to the log driver %s", aws.ToString(job.JobId), driver)
	}
	if client.Ended(job) {
		text = fmt.Sprintf("job %s has no log: it never ran", aws.ToString(job.JobId))
	}
	if why := reason(job); why != "" {
		text += " (" + why + ")"
	}
	if job.NodeProperties != nil {
		text += fmt.Sprintf("; its nodes have one each, the main one is %s#%d", *job.JobId, aws.ToInt32(job.NodeProperties.MainNode))
	}
	return text
}

// reason is why a job is in its status, in the service's words.
func reason(job types.JobDetail) string {
	why, result := aws.ToString(job.StatusReason), client.ResultOf(job)
	if result.Reason == "" || client.IsPod(job) { // whose statusReason says it already
		return why
	}
	if why != "" {
		why += ": "
	}
	if result.Container != "" {
		why += result.Container + ": "
	}
	return why + result.Reason
}

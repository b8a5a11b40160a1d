package command

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/emulator"
)

func (p *program) why() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why [flags] JOB",
		Short: "Say why a job waits",
		Long: `Say what keeps a job from going on, with numbers. JOB is an id, the beginning of
one, or a name (then the newest job of that name).`,
		Example: `  batch-local why nightly
  batch-local why 4f1c --output json | jq '.obstacles[0].needs'`,
		Args: exactly("JOB"),
	}
	endpoint := endpointFlag(cmd)
	output := outputFlag(cmd)
	cmd.ValidArgsFunction = p.completeJobs(endpoint)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		c, job, err := p.find(ctx, *endpoint, args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		why, err := c.Why(ctx, aws.ToString(job.JobId))
		if err != nil {
			return err
		}
		if *output == asJSON {
			return printOwn(p.out, why)
		}
		reason := why.Reason
		if reason == "" {
			reason = "Nothing keeps it."
		}
		fmt.Fprintf(p.out, "%s (%s) is %s. %s\n", aws.ToString(job.JobId), printable(aws.ToString(job.JobName)), why.Status, printable(reason))
		if client.IsArray(job) {
			if err := p.whyChildren(ctx, c, job); err != nil {
				return err
			}
		}
		if len(why.Obstacles) == 0 {
			return nil
		}
		fmt.Fprintln(p.out)
		return table(p.out, []string{"OBSTACLE", "NEEDS", "FREE", "WHERE"}, obstacleRows(why))
	}
	return cmd
}

// shownChildren is how many failed children of an array are named: enough to see whether they failed alike.
const shownChildren = 5

// whyChildren names the first children that failed, which is all that keeps an array from its success, and how they ended.
func (p *program) whyChildren(ctx context.Context, c *client.Client, array types.JobDetail) error {
	children, count, err := c.Failed(ctx, array, shownChildren)
	if err != nil || len(children) == 0 {
		return err
	}
	fmt.Fprintln(p.out)
	var rows [][]string
	for _, child := range children {
		exit, why := outcome(child)
		rows = append(rows, []string{aws.ToString(child.JobId), exit, why})
	}
	if err := table(p.out, []string{"FAILED CHILD", "EXIT", "REASON"}, rows); err != nil {
		return err
	}
	if more := count - len(children); more > 0 {
		fmt.Fprintf(p.out, "and %d more\n", more)
	}
	return nil
}

// obstacleRows have numbers where an obstacle has some: a secret or a hold does not, and then both are 0.
func obstacleRows(why emulator.Why) (rows [][]string) {
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	for _, o := range why.Obstacles {
		row := []string{o.Kind, "", "", o.Where}
		if o.Needs != 0 || o.Has != 0 {
			row[1], row[2] = number(o.Needs), number(o.Has)
		}
		rows = append(rows, row)
	}
	return rows
}

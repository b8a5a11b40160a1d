package command

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
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
		if len(why.Obstacles) == 0 {
			return nil
		}
		number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
		var rows [][]string
		for _, o := range why.Obstacles {
			rows = append(rows, []string{o.Kind, number(o.Needs), number(o.Has), o.Where})
		}
		fmt.Fprintln(p.out)
		return table(p.out, []string{"OBSTACLE", "NEEDS", "FREE", "WHERE"}, rows)
	}
	return cmd
}

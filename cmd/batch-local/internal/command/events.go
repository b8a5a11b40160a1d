package command

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

func (p *program) events() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "Print what became of jobs: each change of status",
		Long: `Print each change of a job's status, oldest first, as the server has kept them (the last
4,096 at least). With --output json it prints them as EventBridge would deliver them; with --follow, one in each line.`,
		Example: `  batch-local events
  batch-local events -f
  batch-local events -f --output json | jq -r '.detail.status'`,
		Args: exactly(),
	}
	endpoint := endpointFlag(cmd)
	output := outputFlag(cmd)
	follow := cmd.Flags().BoolP("follow", "f", false, "go on with those that come (default: print what there is)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		c, err := p.connect(ctx, *endpoint)
		if err != nil {
			return err
		}
		defer c.Close()
		if *output == asTable {
			return c.Events(ctx, *follow, p.printEvent)
		}
		if *follow {
			return c.Events(ctx, true, func(e client.Event) error {
				_, err := fmt.Fprintf(p.out, "%s\n", e.Text)
				return err
			})
		}
		list := []json.RawMessage{}
		if err := c.Events(ctx, false, func(e client.Event) error {
			list = append(list, e.Text)
			return nil
		}); err != nil {
			return err
		}
		encoder := json.NewEncoder(p.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(list)
	}
	return cmd
}

// printEvent writes one event as a line. Its columns have fixed widths: what comes next is not known.
func (p *program) printEvent(e client.Event) error {
	why := reason(e.Detail)
	if why != "" {
		why = "  " + printable(why)
	}
	_, err := fmt.Fprintf(p.out, "%s  %-9s  %-42s %s%s\n", e.Time.UTC().Format("2006-01-02T15:04:05Z"), e.Detail.Status,
		aws.ToString(e.Detail.JobId), printable(aws.ToString(e.Detail.JobName)), why)
	return err
}

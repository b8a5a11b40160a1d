package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

func (p *program) reset() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset [flags]",
		Short: "Stop every job and remove everything",
		Long: `Stop every job and remove everything: jobs, queues, environments, definitions and
logs of all accounts and regions. The server goes on, as if it had just started.`,
		Args: exactly(),
	}
	endpoint := endpointFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := p.reach(*endpoint, client.Identity{})
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Reset(cmd.Context()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "%s is empty now.\n", c.Endpoint.URL)
		return err
	}
	return cmd
}

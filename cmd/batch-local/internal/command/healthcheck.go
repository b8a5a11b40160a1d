package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator"
)

// healthTime is less than the three seconds that health checks of compose files tend to have.
const healthTime = 2 * time.Second

func (p *program) healthcheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck [flags]",
		Short: "Ask the server whether it works, for HEALTHCHECK",
		Long: `Ask the server of this machine or container whether it works. The exit code is 0
if it does, else 1 with the reason on standard error.

It asks the first address that serve listens on with the same BATCH_LOCAL_* variables;
without those it looks where the other commands do.`,
		Example: `  HEALTHCHECK CMD ["/batch-local", "healthcheck"]`,
		Args:    exactly(),
	}
	endpoint := endpointFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), healthTime)
		defer cancel()
		where := *endpoint
		// In a container AWS_ENDPOINT_URL may well name a neighbour, for jobs.
		if s, err := settings.Load(nil, p.environ); err != nil {
			return err
		} else if where == "" && s.Given("listen") {
			where = emulator.BaseURL(s.Emulator.Listen[0])
		}
		c, err := p.reach(where, client.Identity{})
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Ready(ctx)
	}
	return cmd
}

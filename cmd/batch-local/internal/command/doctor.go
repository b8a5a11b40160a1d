package command

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/doctor"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

func (p *program) doctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Look for what keeps jobs from running, and say how to mend it",
		Long: `Look at the server, the container engine and this machine, and say of each thing
that is not as it should be how to mend it. Nothing is changed. The exit code is 1
if something keeps jobs from running.`,
		Args: exactly(),
	}
	endpoint := endpointFlag(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		// Wrong settings are findings; the rest is looked at with the defaults.
		s, err := settings.Load(nil, p.environ)
		environ := p.environ
		if err != nil {
			environ = nil
			s, _ = settings.Load(nil, nil)
		}
		c, err := (&program{environ: environ}).reach(*endpoint, client.Identity{})
		if err != nil {
			return err
		}
		defer c.Close()
		findings := doctor.Examine(cmd.Context(), doctor.Patient{
			Version: p.version, Environ: p.environ, Settings: s, Client: c, Inspect: docker.Inspect,
			Resolve: net.DefaultResolver.LookupHost,
		})
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if *output == asJSON {
			err = printJSON(p.out, findings)
		} else {
			err = p.findings(findings)
		}
		if err == nil && doctor.Sick(findings) {
			return exitCode(exitFailed)
		}
		return err
	}
	return cmd
}

func (p *program) findings(findings []doctor.Finding) error {
	for _, f := range findings {
		fmt.Fprintf(p.out, "%-8s %-10s %s\n", f.Level, f.Check, printable(f.Text))
		if f.Fix != "" {
			fmt.Fprintf(p.out, "%-8s %-10s -> %s\n", "", "", printable(f.Fix))
		}
	}
	verdict := "Jobs can run."
	if doctor.Sick(findings) {
		verdict = "Jobs cannot run until what is marked as a problem is mended."
	}
	_, err := fmt.Fprintf(p.out, "\n%s\n", verdict)
	return err
}

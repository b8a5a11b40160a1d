package command

import (
	"context"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

func (p *program) exec() *cobra.Command {
	var e client.Exec
	cmd := &cobra.Command{
		Use:   "exec [flags] JOB [-- COMMAND...]",
		Short: "Run a command in a job's container, and end with its exit code",
		Long: `Run a command in a container of a job that runs, and end with its exit code. JOB is
an id, the beginning of one, or a name (then the newest job of that name). Without
COMMAND it is sh.

On a terminal the command has one too, and what is typed goes to it. Elsewhere its
outputs are ours, and it has no input unless -i hands ours on.`,
		Example: `  batch-local exec nightly
  batch-local exec nightly -- ps aux
  batch-local exec 4f1c -c sidecar -- cat /etc/hosts
  tar c data | batch-local exec -i nightly -- tar x -C /tmp`,
		Args: thenCommand("JOB"),
	}
	endpoint := endpointFlag(cmd)
	flags := cmd.Flags()
	container := p.containerFlag(cmd, endpoint, "run it in the container of this `NAME` (default: the first that runs)")
	input := flags.BoolP("interactive", "i", false, "hand our input on (default: on a terminal)")
	tty := flags.BoolP("tty", "t", false, "give the command a terminal (default: on a terminal)")
	cmd.ValidArgsFunction = p.completeJobs(endpoint)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here := term.IsTerminal(int(p.in.Fd())) && terminal(p.out)
		either := func(name string, given bool) bool { return given || here && !flags.Changed(name) }
		e.TTY = either("tty", *tty)
		e.Container, e.Stdout, e.Stderr, e.Command = *container, p.out, p.err, args[1:]
		if either("interactive", *input) {
			e.Stdin = p.in
		}
		if len(e.Command) == 0 {
			e.Command = []string{"sh"}
		}
		ctx := cmd.Context()
		c, job, err := p.find(ctx, *endpoint, args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		code, err := p.performed(ctx, c, aws.ToString(job.JobId), e)
		if err == nil && code != 0 {
			err = exitCode(code)
		}
		return err
	}
	return cmd
}

// performed runs the command, on our terminal if there is one: then that is raw, so that every key is the command's, and tells its size.
func (p *program) performed(ctx context.Context, c *client.Client, job string, e client.Exec) (code int, err error) {
	if keyboard := int(p.in.Fd()); e.TTY && e.Stdin != nil && term.IsTerminal(keyboard) {
		was, failure := term.MakeRaw(keyboard)
		if failure != nil {
			return 0, failure
		}
		defer func() { err = errors.Join(err, term.Restore(keyboard, was)) }()
	}
	if screen, ok := p.out.(*os.File); e.TTY && ok && term.IsTerminal(int(screen.Fd())) {
		sizes, stop := sizesOf(screen)
		defer stop()
		e.Sizes = sizes
	}
	return c.Exec(ctx, job, e)
}

// sizesOf tells the size of a terminal, now and when it has changed.
func sizesOf(screen *os.File) (<-chan client.Size, func()) {
	sizes, done := make(chan client.Size), make(chan struct{})
	changed, forget := resized()
	go func() {
		for {
			if width, height, err := term.GetSize(int(screen.Fd())); err == nil {
				select {
				case sizes <- client.Size{Rows: uint16(height), Columns: uint16(width)}:
				case <-done:
					return
				}
			}
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	}()
	return sizes, func() { forget(); close(done) }
}

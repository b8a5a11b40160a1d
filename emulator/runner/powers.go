package runner

import (
	"context"
	"errors"
	"io"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Powers that not every driver has; find them by type assertion.

// An Execer runs further commands in the containers of attempts that run.
type Execer interface {
	// Exec returns when the command has ended, with its exit code, or when ctx is done. ErrNotRunning if there is no such container, or it does not run.
	Exec(ctx context.Context, attempt batch.AttemptID, e Exec) (exitCode int, err error)
}

// ErrNotRunning is a container that does not run.
var ErrNotRunning = errors.New("the container does not run")

// An Exec is a command to be run in a container.
type Exec struct {
	// Container is its name; empty is the first of those that run.
	Container string
	Command   []string
	// TTY has the command on a terminal: all its output is on Stdout then.
	TTY bool
	// Stdin is nil for none.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Resize tells the size of the terminal, at once and when it changes; nil is never.
	Resize <-chan Size
}

// A Size of a terminal.
type Size struct{ Rows, Columns uint16 }

// A Reproducer says how a task would be run without us.
type Reproducer interface {
	// Reproduce answers the commands, each a list of words, that do by hand what the driver does. They hold no values of secrets.
	Reproduce(t batch.Task) ([][]string, error)
}

// A Resetter has things that outlive the jobs that made them, such as file systems.
type Resetter interface {
	// Reset removes them. It is called when no attempt is left.
	Reset(ctx context.Context) error
}

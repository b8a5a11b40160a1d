package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
)

// Exit codes.
const (
	exitFailed    = 1
	exitUsage     = 2
	exitTimeLimit = 124 // as timeout(1) has it
)

// exitCode ends the process with this code; what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// finish says what went wrong and answers the exit code.
func (p *program) finish(cmd *cobra.Command, err error) int {
	var (
		code     exitCode
		usage    usageError
		setting  *settings.Error
		stranger *client.StrangerError
		nobody   *client.UnreachableError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &setting):
		for _, fault := range setting.Unwrap() {
			p.say("%v", fault)
		}
		return exitUsage
	case errors.As(err, &usage):
		p.say("%v", usage)
		fmt.Fprintf(p.err, "See %s --help\n", cmd.CommandPath())
		return exitUsage
	case p.interrupt.context.Err() != nil && errors.Is(err, context.Canceled):
		return p.interrupt.code()
	case errors.Is(err, syscall.EPIPE): // the reader has enough, which is no news to it
		return 128 + int(syscall.SIGPIPE)
	case errors.Is(err, client.ErrTimeLimit):
		p.say("%v", err)
		return exitTimeLimit
	case errors.As(err, &nobody):
		p.say("%v", nobody)
		fmt.Fprintln(p.err, "Start it with batch-local serve, or say where it is with --endpoint URL.")
	case errors.As(err, &stranger):
		p.say("%v", stranger)
		fmt.Fprintln(p.err, "Say where batch-local is with --endpoint URL.")
	default:
		p.say("%s", plain(err))
	}
	return exitFailed
}

// plain is an error as a person wants it: of a refusal by the service its own words, not how they travelled.
func plain(err error) string {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	text := refusal.ErrorCode() + ": " + refusal.ErrorMessage()
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		text = operation.Operation() + ": " + text
	}
	return strings.TrimSuffix(text, ": ")
}

package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
)

// maxReason is how many characters a container's reason may have (runtime.md 9).
const maxReason = 255

// A failure is an attempt that cannot run, in ECS's words.
type failure struct{ name, text string }

func (f *failure) Error() string { return f.name + ": " + f.text }

// reason is what the API shows.
func (f *failure) reason() string { return cut(f.Error()) }

// end is that of a container which did not start.
func (f *failure) end(t batch.Task) end {
	if t.Pod != nil {
		return podFailure(f)
	}
	return end{reason: f.reason()}
}

// cut leaves as many characters as a reason may have.
func cut(text string) string {
	n := 0
	for i := range text {
		if n == maxReason {
			return text[:i]
		}
		n++
	}
	return text
}

// Names of failures (runtime.md 9).
const (
	cannotPull   = "CannotPullContainerError"
	cannotCreate = "CannotCreateContainerError"
	cannotStart  = "CannotStartContainerError"
	timedOut     = "DockerTimeoutError"
	vanished     = "ContainerVanishedError"
)

// fail words what the engine said. An engine that could not be asked is no failure of the attempt: the error comes back as it is.
func fail(name, stage, limit string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{timedOut, "Could not transition to " + stage + "; timed out after waiting " + limit}
	case errors.Is(err, context.Canceled), unreachable(err):
		return err
	}
	return &failure{name, daemonText(err)}
}

// unanswered says whether the engine may have done what it was asked for, or do it still.
func unanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || unreachable(err)
}

// unreachable says whether it is the connection that failed, not the engine that refused.
func unreachable(err error) bool {
	switch {
	case client.IsErrConnectionFailed(err):
		return true
	case strings.HasPrefix(err.Error(), daemonPrefix): // it answered; what it could not reach is a registry, or a log server
		return false
	}
	// What breaks off in the middle of an answer, and what is attached, comes as it is.
	var broken *net.OpError
	return errors.As(err, &broken) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || cerrdefs.IsUnavailable(err)
}

// daemonText restores the beginning that ECS shows and that some client libraries leave out.
func daemonText(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, daemonPrefix) {
		return text
	}
	return daemonPrefix + text
}

const daemonPrefix = "Error response from daemon: "

// exitReason is the container's reason after it has run (jobs.md 2.4).
func exitReason(oom bool, stateError string) string {
	switch {
	case oom:
		return batch.ReasonOutOfMemory
	case stateError != "":
		return cut("DockerStateError: " + stateError)
	}
	return ""
}

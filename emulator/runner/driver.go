package runner

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// ErrStop is the cause of a context whose attempt is to be stopped: SIGTERM, the stop time, SIGKILL.
var ErrStop = errors.New("stop the attempt")

// ErrDetach is the cause of a context whose attempt is to be left running for the next process.
var ErrDetach = errors.New("leave the attempt running")

// A Driver runs attempts.
//
// Every method may be called from many goroutines. A driver keeps nothing in memory that a restart would miss: what it needs
// to adopt an attempt is in the attempt itself and on the engine.
type Driver interface {
	// Run brings the attempt up and returns when it has ended and its report Exited was given, or when it was detached.
	//
	// It reports batch.Running once, when the container runs, and batch.Exited once, after the last line of output is in the log. An attempt that cannot start is a report of Exited
	// with the reason in ECS's words (runtime.md 9), not an error. An attempt that is already there, from this process or an
	// earlier one, is adopted and never started twice.
	//
	// Before that it may report batch.Placed with an Await, any number of times: what a container waits for before it can start, or, with an empty
	// Secret, that it waits no longer. State.Why tells it to whoever asks.
	//
	// When ctx is done, context.Cause says what is wanted. ErrStop: stop it and go on until it has ended; one that has
	// not started never does. Anything else, ErrDetach above all: return soon and leave it as it is. Attempt.Abandon ends
	// either.
	//
	// An error means that the driver does not know how the attempt stands, for example because the engine is out of reach for good. Nothing has been
	// reported then, and calling Run again is right.
	//
	// What is reported when Run has returned is not heard.
	//
	// Nothing of the attempt is removed by Run: Remove follows when the end is durable.
	Run(ctx context.Context, attempt Attempt, report func(batch.Report)) error

	// Remove takes away everything that carries the attempt's labels. An attempt that is not there is no error.
	// Whether a container is kept after its end for the user to look at (--keep-containers) is the driver's own affair; failed says how the attempt ended.
	Remove(ctx context.Context, attempt batch.AttemptID, failed bool) error

	// List answers the attempts that are there, running or not, ours by label: what this process runs and what an earlier one left.
	List(ctx context.Context) ([]batch.AttemptID, error)

	// Watch tells, until ctx is done, whether attempts can be run, at once and after every change.
	Watch(ctx context.Context, changed func(Availability))

	// Capabilities are facts about the driver that others need.
	Capabilities() Capabilities

	// Close takes away what the driver made for itself and no attempt needs. With keep it leaves everything that a running attempt needs.
	// When ctx is done it leaves what is left, and says so.
	Close(ctx context.Context, keep bool) error
}

// Availability says whether the place where attempts run is there.
type Availability struct {
	Ready bool
	// Reason is a sentence for people if it is not: what was tried, and what to do.
	Reason string
	// Version and Endpoint of the engine, where there is one.
	Version, Endpoint string
	// CPUs and MemoryMiB are what the machine has on which attempts run; 0 is without bounds.
	CPUs      int
	MemoryMiB int64
}

// Capabilities are facts, not special cases.
type Capabilities struct {
	Name string // "docker", "simulated"
	// Adopts says that attempts outlive the process: with a data folder they are found again after a restart. One that does not adopt starts them again.
	Adopts bool
	// EmulatorTime says that what happens to attempts happens in the emulator's time, which can be moved, and that Settled is called. Of other
	// drivers the times in reports are the machine's.
	EmulatorTime bool
}

// An Attempt is a task with the place where its output goes.
type Attempt struct {
	batch.Task
	// OpenLog opens the log of one container. It is called when the container is about to run, not earlier: an attempt
	// that does not start leaves no stream (runtime.md 12).
	OpenLog func(c batch.Container) (Log, error)
	// CheckLog says, before a container is made, why its log cannot be opened; nil if nothing speaks against it. A nil func never does. The text is
	// the platform's, all but the error's name: what follows "CannotStartContainerError: Error response from daemon: " on EC2, and
	// "ResourceInitializationError: " on Fargate.
	CheckLog func(c batch.Container) error
	// Settled is for drivers of EmulatorTime alone: it says that nothing more happens to the attempt until the clock moves or somebody else
	// acts, and whether a stop was heard. It may be called more than once.
	Settled func(stopped bool)
	// Abandon is closed when nothing more is to be waited for, not even for an engine that is away: Run returns in a second or so and leaves the
	// attempt as it stands, also one that was to be stopped. nil, in tests, is never.
	Abandon <-chan struct{}
}

// Std is one of a process's two outputs.
type Std int

const (
	Stdout Std = iota
	Stderr
)

// Log takes what one container prints. Writers of the two outputs may be used at the same time.
type Log interface {
	// Writer takes the bytes of one output as they come and makes events of them, stamped with the time of arrival.
	Writer(std Std) io.Writer
	// Append adds one whole line, without its newline, that was printed at a known time.
	Append(std Std, at time.Time, line []byte) error
	// Lines is how many lines of each output are already in the log, from an earlier process. Lines that make no event (empty ones) count.
	Lines() (stdout, stderr int64)
	// Close keeps a last line without newline and ends writing.
	Close() error
	// Abandon ends writing without it: the container goes on, and whoever adopts it reads the whole line again.
	Abandon() error
}

// DiscardLog keeps nothing.
type DiscardLog struct{}

// Writer implements Log.
func (DiscardLog) Writer(Std) io.Writer { return io.Discard }

// Append implements Log.
func (DiscardLog) Append(Std, time.Time, []byte) error { return nil }

// Lines implements Log.
func (DiscardLog) Lines() (stdout, stderr int64) { return 0, 0 }

// Close implements Log.
func (DiscardLog) Close() error { return nil }

// Abandon implements Log.
func (DiscardLog) Abandon() error { return nil }

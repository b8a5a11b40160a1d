package runnertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// A Work is what a container is to do: print, then run for a while, then end. The zero value ends at once with exit code 0.
type Work struct {
	// Stdout and Stderr are lines to print, each output in its order.
	Stdout, Stderr []string
	// Rest is printed on stdout after the lines, without a newline behind it.
	Rest string
	// For is the time to run. Where Stdout or Stderr has more than one line, the lines may be spread over it.
	For time.Duration
	// Wait runs until it is stopped; the lines are printed at the start, when a stop would be noticed.
	Wait bool
	// Exit is the exit code.
	Exit int
	// StopExit is the exit code after SIGTERM. The container has a handler for it: the first process of a container
	// without one does not see the signal.
	StopExit int
	// StopSays is a line that is printed at SIGTERM.
	StopSays string
	// IgnoreStop does not react to SIGTERM.
	IgnoreStop bool
	// OutOfMemory takes more memory than the task has.
	OutOfMemory bool
	// NoImage and NoCommand cannot start: there is no such image, or no such program in it.
	NoImage, NoCommand bool
}

// Options are what the suite has to know about a driver.
type Options struct {
	// New makes the driver of one test. The suite closes it.
	New func(t *testing.T) runner.Driver
	// Make answers what makes a task do the work: it sets Image, Command and Environment of the task's one container, and
	// more of it if it must; a task of several is put together of such containers. It may call t.Skip with the reason why the driver cannot do that. The work of one test may be asked for many times at once.
	Make func(t *testing.T, w Work) func(*batch.Task)

	// Reopen makes another driver over the same engine, as the next process would, when the first one was closed. It is needed for drivers that adopt.
	Reopen func(t *testing.T) runner.Driver
	// Leftovers lists what is still there of ours after Close, networks and volumes too; nil if nothing can be.
	Leftovers func(t *testing.T) []string
	// Bubble runs each test, for example in synctest.Test; nil just calls it.
	Bubble func(t *testing.T, f func(t *testing.T))
	// Patience is how long a test waits for what must happen; 0 is one minute.
	Patience time.Duration
	// StopSeconds is the stop time of the tasks; 0 is 1. It is waited for in full where a work ignores the stop.
	StopSeconds int
	// AtOnce is how many attempts the test of many runs; 0 is 50.
	AtOnce int
	// Leaks are more options for goleak, for goroutines that are known and harmless.
	Leaks []goleak.Option
}

// Suite runs every test as a sub-test of t. A driver that cannot do something skips with a reason.
func Suite(t *testing.T, o Options) {
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.StopSeconds == 0 {
		o.StopSeconds = 1
	}
	if o.AtOnce == 0 {
		o.AtOnce = 50
	}
	if o.Bubble == nil {
		o.Bubble = func(t *testing.T, f func(t *testing.T)) { f(t) }
	}
	tests := slices.Concat(tellTests(), startTests(), outputTests(), stopTests(), detachTests(), removeTests(), manyTests(), severalTests(), podTests())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			skipped := false
			o.Bubble(t, func(t *testing.T) {
				defer func() { skipped = t.Skipped() }()
				o.run(t, test.f)
			})
			if skipped {
				t.SkipNow() // synctest.Test does not hand it on
			}
		})
	}
}

type test struct {
	name string
	f    func(*session)
}

// run gives a test a driver of its own, and looks at what is left when it is done.
func (o Options) run(t *testing.T, f func(*session)) {
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithTimeout(t.Context(), o.Patience)
	defer cancel()
	s := &session{T: t, o: o, ctx: ctx, driver: o.New(t), host: newHost()}
	defer func() {
		s.tearDown()
		if err := goleak.Find(append([]goleak.Option{before}, o.Leaks...)...); err != nil {
			t.Errorf("after Close: %v", err)
		}
		if o.Leftovers != nil { // after goleak: it may leave a connection open to look through
			if left := o.Leftovers(t); len(left) > 0 {
				t.Errorf("left behind after Close: %q", left)
			}
		}
	}()
	f(s)
}

package simulated

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Variable is the environment variable of a job that holds its outcome.
const Variable = "BATCH_LOCAL_OUTCOME"

// Options of New. The zero value uses the real time and knows no outcomes but those of jobs.
type Options struct {
	// Clock is where time comes from; nil is the machine's.
	Clock Clock
	// Outcomes answers the outcome of a task that brings none itself; false leaves it to the default. It is asked once for each
	// attempt, when it is placed, and must not block.
	Outcomes func(batch.Task) (*Outcome, bool)
	// Log takes what goes wrong with the logs of jobs; nil discards it.
	Log *slog.Logger
}

// A Driver implements runner.Driver.
type Driver struct {
	options Options

	mu       sync.Mutex
	attempts map[batch.AttemptID]*attempt
}

var _ runner.Driver = (*Driver)(nil)

// New makes a driver.
func New(o Options) *Driver {
	if o.Clock == nil {
		o.Clock = real{}
	}
	if o.Outcomes == nil {
		o.Outcomes = func(batch.Task) (*Outcome, bool) { return nil, false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Driver{options: o, attempts: map[batch.AttemptID]*attempt{}}
}

// Run implements runner.Driver. It answers an error if the attempt is being run already.
func (d *Driver) Run(ctx context.Context, attempt runner.Attempt, report func(batch.Report)) error {
	stopped := false
	if ctx.Err() != nil {
		if stopped = errors.Is(context.Cause(ctx), runner.ErrStop); !stopped {
			return nil
		}
	}
	a, err := d.enter(attempt.Attempt)
	if err != nil {
		return fmt.Errorf("run attempt %s: %w", attempt.Attempt, err)
	}
	defer d.leave(a)
	w := &watch{openLog: attempt.OpenLog, report: report, done: make(chan struct{})}
	defer a.detach()
	if err := a.attachApart(w, attempt.Task, stopped); err != nil {
		return fmt.Errorf("run attempt %s: %w", attempt.Attempt, err)
	}
	settled := attempt.Settled
	if settled == nil {
		settled = func(bool) {}
	}
	settled(stopped)
	if !stopped {
		select {
		case <-w.done:
			return w.result()
		case <-ctx.Done():
		case <-attempt.Abandon:
			return nil
		}
		if !errors.Is(context.Cause(ctx), runner.ErrStop) {
			return nil
		}
		a.stop()
		settled(true)
	}
	select {
	case <-w.done:
		return w.result()
	case <-attempt.Abandon:
		return nil
	}
}

var errBusy = errors.New("it is being run already")

// enter answers the attempt that is there, or a new one, for one Run at a time.
func (d *Driver) enter(id batch.AttemptID) (*attempt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.attempts[id]
	if a == nil {
		a = &attempt{driver: d, id: id}
		d.attempts[id] = a
	}
	if a.entered {
		return nil, errBusy
	}
	a.entered = true
	return a, nil
}

func (d *Driver) leave(a *attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.entered = false
}

// outcomesOf finds what becomes of each container of a task: what the job says itself, the options, the default. The error is for the job's owner.
func (d *Driver) outcomesOf(task batch.Task) ([]*Outcome, error) {
	if len(task.Containers) == 0 {
		return nil, errors.New("the task has no containers")
	}
	rule, ruled := d.options.Outcomes(task)
	all := make([]*Outcome, len(task.Containers))
	for i, c := range task.Containers {
		said := ""
		for _, kv := range c.Environment {
			if api.Value(kv.Name) == Variable {
				said = api.Value(kv.Value)
			}
		}
		switch {
		case said != "": // ECS has no variables without a value
			o, err := ParseOutcome(said)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", Variable, err)
			}
			all[i] = o
		case ruled && rule != nil && !c.Init: // a rule tells how the job goes, not how it is made ready
			all[i] = rule
		default:
			all[i] = &Outcome{}
		}
	}
	return all, nil
}

// Remove implements runner.Driver. An attempt that runs is killed.
func (d *Driver) Remove(_ context.Context, id batch.AttemptID, _ bool) error {
	d.mu.Lock()
	a := d.attempts[id]
	delete(d.attempts, id)
	d.mu.Unlock()
	if a != nil {
		a.kill()
	}
	return nil
}

// List implements runner.Driver.
func (d *Driver) List(context.Context) ([]batch.AttemptID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.attempts)), nil
}

// Watch implements runner.Driver: nothing is needed, so nothing can be missing.
func (d *Driver) Watch(ctx context.Context, changed func(runner.Availability)) {
	changed(runner.Availability{Ready: true})
	<-ctx.Done()
}

// Capabilities implements runner.Driver.
func (d *Driver) Capabilities() runner.Capabilities {
	return runner.Capabilities{Name: "simulated", EmulatorTime: true}
}

// Close implements runner.Driver. There is nothing to take away.
func (d *Driver) Close(context.Context, bool) error { return nil }

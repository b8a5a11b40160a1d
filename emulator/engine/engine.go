package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/batch"
)

// ErrClosed is the answer to updates after Close.
var ErrClosed = errors.New("the engine is closed")

// A Journal keeps what transactions changed.
type Journal interface {
	// Load gives every record that is kept.
	Load(yield func(batch.Record) error) error
	// Start sets who is told that all transactions up to n are durable. With an error none of those that were to become so with n is, and it is
	// final: nothing after it is kept.
	Start(durable func(n uint64, err error))
	// Append takes the changes of transaction n without waiting for the disk. Numbers rise by one from 1.
	Append(n uint64, changes []batch.Change)
}

// A Clock is where time comes from.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once when d has passed, unless stop answered true before. f is never called from within AfterFunc.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// machine is the time of the machine.
type machine struct{}

func (machine) Now() time.Time { return time.Now() }

func (machine) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// Options of New. The zero value keeps everything in memory and uses the real time.
type Options struct {
	// Journal is nil for memory only.
	Journal Journal
	// Clock is the time of transitions and of deadlines; nil is the machine's.
	Clock Clock
	// Chance makes ids; nil makes random ones.
	Chance batch.Chance
	// State is how the core is to behave.
	State batch.Options
	// Observe is told the status changes of each transaction, in order, once they are durable. It must not block and must not call the engine.
	Observe func([]batch.Event)
}

// An Engine runs transitions.
type Engine struct {
	options Options
	journal Journal

	mu       sync.RWMutex // the state and everything that a commit writes
	state    *batch.State
	number   uint64      // of the last transaction that changed something
	disarm   func() bool // of the timer; nil if none is set
	armedFor int64
	closed   bool

	effects effects
}

// New loads what the journal keeps and is ready for updates. Every attempt that was live is in the set to be looked at.
func New(o Options) (*Engine, error) {
	if o.Clock == nil {
		o.Clock = machine{}
	}
	if o.Chance == nil {
		o.Chance = random{}
	}
	e := &Engine{options: o, journal: o.Journal, state: batch.NewState()}
	e.state.Use(o.State)
	if o.Observe != nil {
		e.state.Snapshots()
	}
	e.effects.init()
	if o.Journal != nil {
		err := o.Journal.Load(func(r batch.Record) error {
			e.state.Load(r)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("load the journal: %w", err)
		}
		o.Journal.Start(e.durable)
	}
	var live []batch.AttemptID
	for j := range e.state.LiveAttempts() {
		live = append(live, batch.AttemptID{Job: j.ID, Number: j.Attempt().Number})
	}
	e.effects.touch(live)
	// What an earlier process had not finished is due now; its holds are gone.
	_, err := e.update(func(tx *batch.Tx) error {
		tx.SetHolds(nil)
		tx.Tick()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

type random struct{}

func (random) UUID() string { return uuid.NewString() }

// Now is the time of the engine's clock, in Unix milliseconds.
func (e *Engine) Now() int64 { return e.options.Clock.Now().UnixMilli() }

// Update runs one transition. Unless f returns nil, nothing it did is kept, journalled or acted on, and its error is
// the answer. Update returns when what it did is durable; if ctx ends first, it may still become so.
func (e *Engine) Update(ctx context.Context, f func(*batch.Tx) error) error {
	n, err := e.update(f)
	if err != nil {
		return err
	}
	return e.effects.wait(ctx, n)
}

// workSize is how many children of arrays are spawned or stopped at a time: a few milliseconds, in which nobody else is served.
const workSize = 256

// update runs a transition, and then what it has left to be done, in transitions of their own so that others get their turn between.
func (e *Engine) update(f func(*batch.Tx) error) (uint64, error) {
	n, more, err := e.transition(f)
	for more && err == nil {
		n, more, err = e.transition(func(tx *batch.Tx) error {
			tx.Work(workSize)
			return nil
		})
	}
	return n, err
}

// transition runs one, and answers its number and whether there is work left.
func (e *Engine) transition(f func(*batch.Tx) error) (n uint64, more bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, false, ErrClosed
	}
	if err := e.effects.failure(); err != nil {
		return 0, false, err
	}
	tx := e.state.Begin(e.options.Clock.Now().UnixMilli(), e.options.Chance)
	done := false
	defer func() {
		if !done { // f failed or panicked
			tx.Rollback()
		}
	}()
	if err := f(tx); err != nil {
		return 0, false, err
	}
	c := tx.Commit()
	done = true
	e.arm()
	if len(c.Changes) == 0 || e.journal == nil {
		e.effects.publish(c, e.options.Observe)
		return e.number, e.state.Working(), nil
	}
	e.number++
	e.effects.hold(e.number, c)
	e.journal.Append(e.number, c.Changes)
	return e.number, e.state.Working(), nil
}

// View lets f read the state. What f keeps of it are records, which never change. View returns when all that f may have seen is durable.
func (e *Engine) View(ctx context.Context, f func(*batch.State)) error {
	e.mu.RLock()
	n := e.number
	func() {
		defer e.mu.RUnlock()
		f(e.state)
	}()
	return e.effects.wait(ctx, n)
}

// durable is what the journal calls.
func (e *Engine) durable(n uint64, err error) {
	e.effects.durable(n, err, e.options.Observe)
}

// Failure is why updates are refused: the journal's error. Nil is the ordinary case.
func (e *Engine) Failure() error { return e.effects.failure() }

// Attempts takes the set of attempts to be looked at; it is empty then. Wake says when there are more.
func (e *Engine) Attempts() []batch.AttemptID { return e.effects.take() }

// Wake has a value in it when Attempts has something. One reader.
func (e *Engine) Wake() <-chan struct{} { return e.effects.wake }

// Quiet says whether no attempt waits to be looked at.
func (e *Engine) Quiet() bool { return e.effects.quiet() }

// Touch puts attempts into the set.
func (e *Engine) Touch(ids ...batch.AttemptID) { e.effects.touch(ids) }

// Await returns when done says so of the state. It asks at first and then after each durable change of the job, or, with an
// empty id, each time that a job ends.
func (e *Engine) Await(ctx context.Context, id batch.JobID, done func(*batch.State) bool) error {
	for {
		changed, forget := e.effects.watch(id)
		reached := false
		err := e.View(ctx, func(s *batch.State) { reached = done(s) })
		if err != nil || reached {
			forget()
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			forget()
			return context.Cause(ctx)
		}
	}
}

// arm sets the timer to the earliest deadline. The lock is held.
func (e *Engine) arm() {
	next := e.state.NextDeadline()
	if next == e.armedFor || e.closed {
		return
	}
	e.armedFor = next
	if e.disarm != nil {
		e.disarm()
		e.disarm = nil
	}
	if next == 0 {
		return
	}
	e.disarm = e.options.Clock.AfterFunc(time.UnixMilli(next).Sub(e.options.Clock.Now()), e.tick)
}

func (e *Engine) tick() {
	e.mu.Lock()
	e.armedFor = 0 // the timer is spent; arm must set it again even for the same instant
	e.mu.Unlock()
	// A failure to keep what the tick did is the journal's, and stays with the engine.
	_, _ = e.update(func(tx *batch.Tx) error {
		tx.Tick()
		return nil
	})
}

// Close refuses further updates. What was answered is durable already.
func (e *Engine) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.disarm != nil {
		e.disarm()
	}
}

// Package clock is the time of the emulator: the machine's, until somebody moves it.
//
// A [Clock] that runs is the machine's time plus an offset. One that is frozen stands still. [Clock.Advance] moves either: it
// calls every timer that is due by then, one after the other, each at its own instant and after everything that the one before had
// set off has settled, so that what happens in a moved hour is what would have happened in a real one. What then takes the
// machine's time, as the stop of a container does, has it: the clock runs while it lasts, at the most to where it is moved.
package clock

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidwall/btree"
)

// ErrPast is a time before the present one: the clock only goes forward.
var ErrPast = errors.New("the clock does not go back")

// A Clock is safe for concurrent use. New makes one.
type Clock struct {
	// Settle returns when nothing is on its way that could set a timer; nil is no waiting. It is set before the clock is moved.
	Settle func(context.Context) error
	// Stopping answers what is closed when less is being stopped that takes the machine's time, and nil if nothing is or it is not to be waited for;
	// a nil func has nothing. It is set before the clock is moved.
	Stopping func() <-chan struct{}

	moving sync.Mutex // one move at a time

	mu     sync.Mutex
	offset time.Duration // added to the machine's time; while the clock stands, what it would be
	stands bool
	moves  bool // somebody moves it; frozen is whether it is to stand then
	frozen bool
	at     time.Time // while it stands
	limit  time.Time // beyond which it does not run, from at on; zero is none
	timers *btree.BTreeG[*timer]
	serial uint64
	real   *time.Timer // for the earliest of timers while the clock runs
	slots  chan struct{}
	calls  int           // of timers of a clock that runs, those that wait for a slot too
	called chan struct{} // closed when there are no more; nil if nobody waits
}

// maxCalls is how many timers of a clock that runs are called at once. More would only wait for the processor, and keep others waiting for it.
const maxCalls = 64

type timer struct {
	at     time.Time
	serial uint64
	f      func()
}

// A State is how the clock stands.
type State struct {
	Now    time.Time
	Offset time.Duration
	Frozen bool
}

// New is a clock that runs with the machine's time.
func New() *Clock {
	return &Clock{slots: make(chan struct{}, maxCalls), timers: btree.NewBTreeGOptions(func(a, b *timer) bool {
		if !a.at.Equal(b.at) {
			return a.at.Before(b.at)
		}
		return a.serial < b.serial
	}, btree.Options{NoLocks: true})}
}

// Now is the emulator's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	return c.of(time.Now())
}

// of is the emulator's time of one of the machine. The lock is held.
func (c *Clock) of(machine time.Time) time.Time {
	if c.stands {
		return c.at
	}
	t := machine.Add(c.offset)
	switch {
	case c.limit.IsZero():
	case t.Before(c.at):
		return c.at
	case t.After(c.limit):
		return c.limit
	}
	return t
}

// State is the time and how it came about.
func (c *Clock) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	frozen := c.stands
	if c.moves {
		frozen = c.frozen
	}
	return State{Now: c.now(), Offset: c.now().Sub(time.Now()).Round(time.Millisecond), Frozen: frozen}
}

// Of is the emulator's time of something that happened at a time of the machine, a moment ago.
func (c *Clock) Of(machine time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of(machine)
}

// AfterFunc calls f once when d of the emulator's time has passed, unless stop answered true before. f is called in a goroutine of its own, or, by
// a clock that is moved, by Advance; never from within AfterFunc. f must not move the clock, which waits for it.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	t := &timer{at: c.now().Add(max(0, d)), serial: c.serial, f: f}
	c.timers.Set(t)
	c.arm()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, there := c.timers.Delete(t)
		c.arm()
		return there
	}
}

// arm sets the machine's timer to the earliest of ours. The lock is held.
func (c *Clock) arm() {
	next, ok := c.timers.Min()
	if !ok || c.stands || !c.limit.IsZero() && next.at.After(c.limit) {
		if c.real != nil {
			c.real.Stop()
		}
		return
	}
	d := next.at.Sub(c.now())
	if c.real == nil {
		c.real = time.AfterFunc(d, c.fire)
		return
	}
	c.real.Reset(d)
}

// fire calls what is due of a clock that runs.
func (c *Clock) fire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stands {
		return
	}
	for {
		next, ok := c.timers.Min()
		if !ok || next.at.After(c.now()) {
			break
		}
		c.timers.Delete(next)
		c.calls++
		go c.call(next.f)
	}
	c.arm()
}

func (c *Clock) call(f func()) {
	c.slots <- struct{}{}
	defer func() {
		<-c.slots
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.calls--; c.calls == 0 && c.called != nil {
			close(c.called)
			c.called = nil
		}
	}()
	f()
}

// finish waits for the calls that a clock which ran had begun: they may set timers. While it stands there are no more.
func (c *Clock) finish(ctx context.Context) error {
	c.mu.Lock()
	if c.calls == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.called == nil {
		c.called = make(chan struct{})
	}
	called := c.called
	c.mu.Unlock()
	select {
	case <-called:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Freeze has the clock stand still. What is due by then is called first.
func (c *Clock) Freeze(ctx context.Context) error {
	return c.move(ctx, func(now time.Time, _ bool) (time.Time, bool, error) { return now, true, nil })
}

// Run has the clock run on from where it stands.
func (c *Clock) Run(ctx context.Context) error {
	return c.move(ctx, func(now time.Time, _ bool) (time.Time, bool, error) { return now, false, nil })
}

// Advance moves the clock on by d and answers when everything that was due has happened. Whether it stands or runs stays as it is.
func (c *Clock) Advance(ctx context.Context, d time.Duration) error {
	return c.move(ctx, func(now time.Time, frozen bool) (time.Time, bool, error) {
		if d < 0 {
			return now, frozen, ErrPast
		}
		return now.Add(d), frozen, nil
	})
}

// Set is Advance to an instant.
func (c *Clock) Set(ctx context.Context, to time.Time) error {
	return c.move(ctx, func(now time.Time, frozen bool) (time.Time, bool, error) {
		if to.Before(now) {
			return now, frozen, ErrPast
		}
		return to, frozen, nil
	})
}

// Resume goes on as another clock stood: from its time if that was frozen, else with its offset.
func (c *Clock) Resume(s State) {
	c.moving.Lock()
	defer c.moving.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.stands, c.at = s.Offset, s.Frozen, s.Now.Round(0)
	c.arm()
}

// Reset is the machine's time again.
func (c *Clock) Reset() {
	c.moving.Lock()
	defer c.moving.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.stands = 0, false
	c.arm()
}

// move halts the clock, goes from timer to timer, and lets it run or stand as it is told. If ctx ends on the way, the clock stays where
// it had come to.
func (c *Clock) move(ctx context.Context, where func(now time.Time, frozen bool) (to time.Time, freeze bool, err error)) error {
	c.moving.Lock()
	defer c.moving.Unlock()
	c.mu.Lock()
	now, frozen := c.now(), c.stands
	to, freeze, err := where(now, frozen)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	c.at, c.stands = now.Round(0), true // without the monotonic reading, which means nothing in a moved time
	c.moves, c.frozen = true, freeze
	to = to.Round(0)
	c.arm()
	c.mu.Unlock()
	if err = c.finish(ctx); err == nil {
		err = c.walk(ctx, to)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = time.Until(c.at)
	c.stands, c.moves = freeze, false
	c.arm()
	return err
}

// walk calls what is due up to an instant, in order.
func (c *Clock) walk(ctx context.Context, to time.Time) error {
	moves := to.After(c.at) // else no time is left out, and nothing has to be waited for
	for {
		if c.Settle != nil {
			if err := c.Settle(ctx); err != nil {
				return err
			}
		}
		if moves && c.Stopping != nil {
			if stopping := c.Stopping(); stopping != nil {
				if err := c.pass(ctx, to, stopping); err != nil {
					return err
				}
				continue // with what the ends have set off
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.mu.Lock()
		next, ok := c.timers.Min()
		if !ok || next.at.After(to) {
			c.at = to
			c.mu.Unlock()
			return nil
		}
		c.timers.Delete(next)
		if next.at.After(c.at) {
			c.at = next.at
		}
		c.mu.Unlock()
		next.f()
	}
}

// pass lets the clock run, at the most to an instant, while something is being stopped. There it stands until the stop is over, so that its end is not
// left for later.
func (c *Clock) pass(ctx context.Context, to time.Time, stopping <-chan struct{}) error {
	c.mu.Lock()
	c.offset, c.limit, c.stands = time.Until(c.at), to, false
	c.arm()
	c.mu.Unlock()
	for stopping != nil && ctx.Err() == nil {
		select {
		case <-stopping:
			stopping = c.Stopping()
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	c.at, c.limit, c.stands = c.now().Round(0), time.Time{}, true
	c.arm()
	c.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.finish(ctx)
}

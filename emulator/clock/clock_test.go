package clock_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/clock"
)

// A list is filled by timers.
type list struct {
	mu    sync.Mutex
	items []time.Duration
}

func (l *list) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, d)
}

func (l *list) all() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.items)
}

// TestRuns: a clock that nobody moves is the machine's.
func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, began := clock.New(), time.Now()
		var called list
		note := func() { called.add(time.Since(began)) }
		c.AfterFunc(2*time.Second, note)
		c.AfterFunc(time.Second, note)
		stop := c.AfterFunc(3*time.Second, note)
		c.AfterFunc(-time.Second, note)
		if !stop() || stop() {
			t.Error("a timer that was stopped says so once")
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff([]time.Duration{0, time.Second, 2 * time.Second}, called.all()); diff != "" {
			t.Errorf("called (-want +got):\n%s", diff)
		}
		if !c.Now().Equal(time.Now()) {
			t.Errorf("it is %v, and should be %v", c.Now(), time.Now())
		}
	})
}

// TestAdvance: what is due happens in order, each thing at its instant, and what it sets off in its turn.
func TestAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		settled := 0
		c.Settle = func(context.Context) error { settled++; return nil }
		ok(t, c.Freeze(t.Context()))
		began := c.Now()
		time.Sleep(time.Hour) // nothing moves
		var told list
		note := func() { told.add(c.Now().Sub(began)) }
		c.AfterFunc(20*time.Minute, note)
		c.AfterFunc(10*time.Minute, func() {
			note()
			c.AfterFunc(5*time.Minute, note)
		})
		c.AfterFunc(2*time.Hour, note)
		ok(t, c.Advance(t.Context(), time.Hour))
		if diff := cmp.Diff([]time.Duration{10 * time.Minute, 15 * time.Minute, 20 * time.Minute}, told.all()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := c.Now().Sub(began); got != time.Hour {
			t.Errorf("advanced by %v", got)
		}
		if settled != 1+4 { // once for the freeze; before each timer and before the end
			t.Errorf("settled %d times", settled)
		}
		if is := c.State(); !is.Frozen || is.Offset != 0 { // the machine has gone on by an hour too
			t.Errorf("state %+v", is)
		}
		// It runs on from there.
		ok(t, c.Run(t.Context()))
		time.Sleep(time.Hour)
		synctest.Wait() // the last one is due at this instant
		if len(told.all()) != 4 || c.Now().Sub(began) != 2*time.Hour {
			t.Errorf("after an hour of running it is %v, told %v", c.Now().Sub(began), told.all())
		}
	})
}

// TestStopping: what takes the machine's time to stop has it, up to where the clock is moved and not beyond; what it sets off in its turn is in time.
func TestStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		var (
			mu       sync.Mutex
			stopping chan struct{}
		)
		c.Stopping = func() <-chan struct{} {
			mu.Lock()
			defer mu.Unlock()
			return stopping
		}
		stop := func(ended func()) {
			stopping = make(chan struct{})
			time.AfterFunc(30*time.Second, func() {
				mu.Lock()
				defer mu.Unlock()
				ended()
				close(stopping)
				stopping = nil
			})
		}
		ok(t, c.Freeze(t.Context()))
		began, real := c.Now(), time.Now()
		var told list
		note := func() { told.add(c.Now().Sub(began)) }
		c.AfterFunc(10*time.Minute, func() {
			stop(func() {
				note()
				c.AfterFunc(time.Second, note)
			})
		})
		c.AfterFunc(10*time.Minute+12*time.Second, note)
		c.AfterFunc(time.Hour, func() { stop(func() { told.add(c.Of(time.Now()).Sub(began)) }) })
		c.AfterFunc(time.Hour+5*time.Second, note)
		c.AfterFunc(time.Hour+5*time.Second+1, func() { t.Error("called") })
		ok(t, c.Advance(t.Context(), time.Hour+5*time.Second))
		want := []time.Duration{10*time.Minute + 12*time.Second, 10*time.Minute + 30*time.Second, 10*time.Minute + 31*time.Second, time.Hour + 5*time.Second, time.Hour + 5*time.Second}
		if diff := cmp.Diff(want, told.all()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if c.Now().Sub(began) != time.Hour+5*time.Second || !c.State().Frozen || time.Since(real) != time.Minute {
			t.Errorf("it is %v after %v: %+v", c.Now().Sub(began), time.Since(real), c.State())
		}
	})
}

// TestUnderWay: a timer that was being called when the clock is moved is waited for, one of many that wait for their turn too, and the timers that
// they set are in the moved time.
func TestUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		began := c.Now()
		var told list
		const many = 200
		for range many {
			c.AfterFunc(time.Millisecond, func() {
				time.Sleep(30 * time.Millisecond)
				c.AfterFunc(5*time.Second, func() { told.add(c.Now().Sub(began)) })
			})
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := c.Advance(short, time.Hour); !errors.Is(err, context.DeadlineExceeded) || c.Now().Sub(began) > time.Second {
			t.Errorf("a caller that goes away: %v, it is %v", err, c.Now().Sub(began))
		}
		ok(t, c.Advance(t.Context(), time.Hour))
		if all := told.all(); len(all) != many || slices.Max(all) > 6*time.Second {
			t.Errorf("told %v", all)
		}
	})
}

// TestForwardOnly: interface.md 3, never backwards.
func TestForwardOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		now := c.Now()
		for _, err := range []error{c.Advance(t.Context(), -1), c.Set(t.Context(), now.Add(-time.Second))} {
			if !errors.Is(err, clock.ErrPast) {
				t.Errorf("got %v", err)
			}
		}
		ok(t, c.Set(t.Context(), now.AddDate(10, 0, 0)))
		if got := c.Of(time.Now()); !got.Equal(now.AddDate(10, 0, 0)) || c.State().Frozen {
			t.Errorf("it is %v, frozen %t", got, c.State().Frozen)
		}
		c.Reset()
		if !c.Now().Equal(now) {
			t.Errorf("after a reset it is %v", c.Now())
		}
	})
}

// TestInterrupted: a caller that goes away leaves the clock where it had come to, and it goes on as before.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		began := c.Now()
		ctx, cancel := context.WithCancel(t.Context())
		c.AfterFunc(time.Minute, cancel)
		c.AfterFunc(time.Hour, func() { t.Error("called") })
		if err := c.Advance(ctx, 2*time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := c.Now().Sub(began); got != time.Minute {
			t.Errorf("it stands at %v", got)
		}
	})
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

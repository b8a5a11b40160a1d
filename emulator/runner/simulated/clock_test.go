package simulated_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

// A frozenClock stands still until it is advanced.
type frozenClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*frozenTimer
	// meanwhile is called at the beginning of AfterFunc.
	meanwhile func()
}

type frozenTimer struct {
	at time.Time
	f  func()
}

func (c *frozenClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *frozenClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.meanwhile != nil {
		c.meanwhile()
	}
	timer := &frozenTimer{c.now.Add(d), f}
	c.timers = append(c.timers, timer)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.timers, timer)
		if i >= 0 {
			c.timers = slices.Delete(c.timers, i, i+1)
		}
		return i >= 0
	}
}

// advance calls what is due one after the other, in order.
func (c *frozenClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := c.now.Add(d)
	for {
		var next *frozenTimer
		for _, timer := range c.timers {
			if !timer.at.After(to) && (next == nil || timer.at.Before(next.at)) {
				next = timer
			}
		}
		if next == nil {
			break
		}
		c.timers = slices.DeleteFunc(c.timers, func(t *frozenTimer) bool { return t == next })
		if next.at.After(c.now) {
			c.now = next.at
		}
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = to
}

// TestFrozenClock moves the time of three jobs. What is due has been reported when advance returns, and in order.
func TestFrozenClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &frozenClock{now: time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)}
		began := clock.now
		driver := simulated.New(simulated.Options{Clock: clock})
		var (
			mu    sync.Mutex
			order []string
			logs  runnertest.Logs
			runs  sync.WaitGroup
		)
		for name, outcome := range map[batch.JobID]string{
			"long":  `{"startDelay":"5m","duration":"50m"}`,
			"short": `{"startDelay":"10m","duration":"20m","logs":["a","b"]}`,
			"fails": `{"startDelay":"7m","startError":"no"}`,
		} {
			one := task(outcome)
			one.Attempt.Job, one.Containers[0].LogStream = name, string(name)
			runs.Go(func() {
				err := driver.Run(t.Context(), runner.Attempt{Task: one, OpenLog: logs.Open}, func(r batch.Report) {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, fmt.Sprintf("%s %s at %v", name, r.State, time.UnixMilli(r.At).Sub(began)))
				})
				if err != nil {
					t.Errorf("Run of %s: %v", name, err)
				}
			})
		}
		time.Sleep(24 * time.Hour) // of a time that is not the driver's
		same(t, "reports while the clock stands", order, []string{})
		clock.advance(25 * time.Minute)
		same(t, "lines after 25 minutes", logs.Of("short").Text(runner.Stdout), []string{"a", "b"})
		same(t, "reports after 25 minutes", order, []string{"long running at 5m0s", "fails exited at 7m0s", "short running at 10m0s"})
		clock.advance(30 * time.Minute)
		same(t, "reports after 55 minutes", order[3:], []string{"short exited at 30m0s", "long exited at 55m0s"})
		runs.Wait()
		if len(clock.timers) > 0 {
			t.Errorf("%d timers are left", len(clock.timers))
		}
	})
}

// TestDetachLeavesNoTimer: what nobody watches costs nothing.
func TestDetachLeavesNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &frozenClock{now: time.Now()}
		j := begin(simulated.New(simulated.Options{Clock: clock}), task(`{"duration":"10m","logs":["a","b"]}`))
		synctest.Wait()
		if n := len(clock.timers); n != 1 {
			t.Errorf("%d timers while it runs; want 1", n)
		}
		j.cancel(runner.ErrDetach)
		j.end(t)
		if n := len(clock.timers); n != 0 {
			t.Errorf("%d timers after the detach; want none", n)
		}
	})
}

// TestClockMovesMeanwhile moves the clock between the driver's look at it and its timer, which would then be as late.
func TestClockMovesMeanwhile(t *testing.T) {
	for _, jump := range []time.Duration{5 * time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			clock := &frozenClock{now: time.Now()}
			clock.meanwhile = func() {
				clock.meanwhile = nil
				clock.now = clock.now.Add(jump)
			}
			j := begin(simulated.New(simulated.Options{Clock: clock}), task(`{"duration":"10m"}`))
			synctest.Wait()
			clock.advance(max(0, 10*time.Minute-jump))
			synctest.Wait()
			got := j.told()
			if len(got) != 2 || got[1].At != 10*time.Minute {
				t.Errorf("the clock jumped by %v: reports %+v; want the end after 10m", jump, got)
				j.cancel(runner.ErrStop)
			}
			<-j.err
		})
	}
}

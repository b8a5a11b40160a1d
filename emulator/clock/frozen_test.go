package clock_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/clock"
)

// TestFrozenWhileItMoves: what a clock is said to be is what it is when nobody moves it. It is also what is kept for the next process.
func TestFrozenWhileItMoves(t *testing.T) {
	for _, frozen := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := clock.New()
			stopped := make(chan struct{})
			var over atomic.Bool
			c.Stopping = func() <-chan struct{} {
				if over.Load() {
					return nil
				}
				return stopped
			}
			if frozen {
				ok(t, c.Freeze(t.Context()))
			}
			time.AfterFunc(30*time.Second, func() {
				over.Store(true)
				close(stopped)
			})
			time.AfterFunc(10*time.Second, func() {
				if s := c.State(); s.Frozen != frozen {
					t.Errorf("a clock that is frozen: %t, and is moved: %+v", frozen, s)
				}
			})
			c.AfterFunc(20*time.Minute, func() {
				if s := c.State(); s.Frozen != frozen {
					t.Errorf("a clock that is frozen: %t, and calls a timer: %+v", frozen, s)
				}
			})
			ok(t, c.Advance(t.Context(), time.Hour))
		})
	}
}

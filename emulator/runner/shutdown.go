package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// How long Shutdown still waits when its context is done.
const (
	killTime  = 20 * time.Second // for removals
	lastTime  = 3 * time.Second  // for drivers to notice them, and then for drivers to give up
	closeTime = 20 * time.Second // for the driver to take away what it made for itself
)

// Shutdown ends the goroutines of all attempts, and the driver. With keep the attempts run on; else they are stopped as a
// termination would, for as long as ctx lasts, and then killed. An engine that is away holds it up for some seconds; the error says which attempts
// are left then.
func (r *Runner) Shutdown(ctx context.Context, keep bool) error {
	cause := ErrStop
	if keep {
		cause = ErrDetach
	}
	r.mu.Lock()
	r.closed = true
	for _, d := range r.running {
		d.cancel(cause)
	}
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		r.tasks.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = r.giveUp(done, keep)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return errors.Join(err, r.driver.Close(ctx, keep))
}

// Running is how many attempts Shutdown would wait for.
func (r *Runner) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// giveUp kills what did not stop in time, and leaves as it is what cannot be killed.
func (r *Runner) giveUp(done <-chan struct{}, keep bool) error {
	if !keep && r.kill() { // then the driver sees it, and the ends are told
		within(lastTime, done)
	}
	close(r.abandon)
	if within(lastTime, done) {
		return nil
	}
	left := r.left()
	if len(left) == 0 {
		return errors.New("what attempts left could not be removed in time")
	}
	return fmt.Errorf("%d attempts did not end and are left as they are, %s first", len(left), left[0])
}

// within says whether done is closed in time.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// left are the attempts that somebody still works for.
func (r *Runner) left() []batch.AttemptID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Keys(r.running), func(a, b batch.AttemptID) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Number, b.Number))
	})
}

// kill removes what did not stop in time, and answers whether all of it is gone.
func (r *Runner) kill() bool {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	var (
		removing sync.WaitGroup
		failed   atomic.Bool
	)
	for _, id := range r.left() {
		removing.Go(func() {
			if !r.removeIn(ctx, id, true, 1) {
				failed.Store(true)
			}
		})
	}
	removing.Wait()
	return !failed.Load()
}

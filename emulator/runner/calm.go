package runner

import (
	"context"

	"github.com/batch-local/batch-local/emulator/batch"
)

func (r *Runner) setLooking(is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looking = is
	r.settle()
}

// settled is what a driver of emulator time says.
func (r *Runner) settled(id batch.AttemptID, stopped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.running[id]; d != nil {
		d.settled = stopped || !d.stopping
		r.settle()
	}
}

// settle wakes who waits for calm. The lock is held.
func (r *Runner) settle() {
	close(r.calm)
	r.calm = make(chan struct{})
}

// Calm returns when what the engine has changed is durable, every attempt that it named was looked at and, of a driver of emulator time, nothing more happens until the clock
// moves.
func (r *Runner) Calm(ctx context.Context) error {
	wait := r.driver.Capabilities().EmulatorTime
	for {
		// In this order: what settles after the question is heard of, the engine names attempts only when what it says of them is durable, and what is
		// taken from it is looked at from before that.
		r.mu.Lock()
		calm := r.calm
		r.mu.Unlock()
		if err := r.engine.View(ctx, func(*batch.State) {}); err != nil {
			return err
		}
		quiet := r.engine.Quiet()
		r.mu.Lock()
		busy := !quiet || r.looking
		if wait {
			for _, d := range r.running {
				busy = busy || !d.settled
			}
		}
		r.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-calm:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Settle returns when nothing is left to be done for attempts that are no longer wanted.
func (r *Runner) Settle(ctx context.Context) error {
	r.mu.Lock()
	drives := make(map[batch.AttemptID]*drive, len(r.running))
	for id, d := range r.running {
		drives[id] = d
	}
	r.mu.Unlock()
	for id, d := range drives {
		if w, _, _ := r.wanted(id); w == run || w == stop {
			continue
		}
		r.look(id)
		select {
		case <-d.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

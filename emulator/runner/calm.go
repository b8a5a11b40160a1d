package runner

import (
	"context"
	"time"

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

// stopPatience is how much longer than its stop time the end of an attempt is waited for when the clock is moved: an engine needs a moment too.
const stopPatience = 10 * time.Second

// stopping notes that an attempt is being stopped. The lock is held.
func (r *Runner) stopping(d *drive, t batch.Task) {
	if !d.stopping && !r.driver.Capabilities().EmulatorTime {
		limit := stopPatience
		for _, c := range t.Containers { // which may have to wait for each other
			limit += time.Duration(c.StopSeconds) * time.Second
		}
		d.limit = time.AfterFunc(limit, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			d.late = true
			r.settle()
		})
	}
	d.settled, d.stopping = d.settled && d.stopping, true
}

// Stopping answers nil if no attempt is being stopped in the machine's time, or each has had the time that a stop takes; else what is closed when that may
// have changed. It is for who moves the clock: an end belongs where its stop is.
func (r *Runner) Stopping() <-chan struct{} {
	if r.driver.Capabilities().EmulatorTime {
		return nil // Calm knows
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.running {
		if d.stopping && !d.told && !d.removing && !d.late {
			return r.calm
		}
	}
	return nil
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

package docker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Run implements runner.Driver. What is abandoned may be in the middle of a call that the engine never answers; it is waited for no longer than it takes to put
// down what does not need the engine.
func (d *Driver) Run(ctx context.Context, attempt runner.Attempt, report func(batch.Report)) error {
	r := d.newRun(ctx, attempt, report)
	done := make(chan error, 1)
	go func() {
		err := runner.Guarded(func() error { return r.bring(ctx) })
		r.close()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-attempt.Abandon:
	}
	r.leaveAll(errAbandoned)
	r.quit(errAbandoned)
	select {
	case err := <-done:
		return err
	case <-time.After(putDownTime):
		return errAbandoned
	}
}

// putDownTime is how long a run that is abandoned may take to close what it has open.
const putDownTime = time.Second

// bring takes the attempt from wherever it is to its end.
func (r *run) bring(ctx context.Context) error {
	d := r.driver
	if err := d.engine.await(r.coming); err != nil {
		if !errors.Is(context.Cause(ctx), runner.ErrStop) {
			return err
		}
		if there, _ := d.made.of(r.attempt.Attempt); !r.attempt.Ran && len(there.containers) == 0 { // there is nothing to stop
			r.report(r.never())
			return nil
		}
		if _, err := r.there(r.asking); err != nil {
			return err
		}
	}
	err := r.prepare(r.coming)
	var f *failure
	switch {
	case errors.As(err, &f):
		r.report(r.refusal(f))
		return nil
	case err != nil && !errors.Is(context.Cause(ctx), runner.ErrStop): // what is to stop needs nothing prepared
		return err
	}
	return r.conduct(ctx)
}

// keeps says whether a container runs on in a sandbox without us. A task's own is noted then: the container may turn out not to have started, or somebody may
// remove it, and then nobody takes the sandbox over.
func (r *run) keeps(box *sandbox) bool {
	on := r.goesOn()
	if on && box != nil && box.host == "" {
		r.driver.made.box(r.attempt.Attempt, box.id)
	}
	return on
}

// errAbandoned is why nothing more is waited for.
var errAbandoned = errors.New("it is left as it stands, because nothing more is waited for")

// A run is one attempt on its way through the engine. Its containers go their ways side by side, one goroutine each; what they
// wait for of each other is here.
type run struct {
	driver  *Driver
	attempt runner.Attempt
	report  func(batch.Report)

	units      []*unit
	conditions [][]condition
	able       []bool // to have their turn

	mu       sync.Mutex
	changed  chan struct{}           // closed and replaced whenever a unit has come further
	order    []int                   // in which units ended
	stopping bool                    // all that runs is to be stopped
	running  bool                    // that was reported
	broken   error                   // why everything is left as it is
	let      chan struct{}           // closed when everything is to be left as it is
	lost     bool                    // the host is no more
	coming   context.Context         // for what brings containers up; ends with a stop too
	halt     context.CancelCauseFunc // ends coming
	asking   context.Context         // for calls of the engine that a stop must not cut short; ends when nothing more is waited for
	quit     context.CancelCauseFunc // ends asking
	watching context.Context         // for what only looks; ends with let too
	unwatch  context.CancelCauseFunc // ends watching

	sharing sync.Mutex // guards what the containers share
	shared  shared
	filling sync.Mutex // guards filled
	filled  map[string]bool

	// Of each unit, by name: never logged, never stored.
	secretEnv, secretOptions []map[string]string
}

// newRun has close called at its end. ctx is that of Driver.Run.
func (d *Driver) newRun(ctx context.Context, attempt runner.Attempt, report func(batch.Report)) *run {
	r := &run{driver: d, attempt: attempt, report: report, conditions: conditionsOf(attempt.Task), changed: make(chan struct{}), let: make(chan struct{})}
	for i, c := range attempt.Containers {
		u := &unit{run: r, index: i, container: c, toStop: make(chan struct{}), name: containerName(attempt.Task, i)}
		u.source, u.vessel = r.newSource(u), u
		r.units = append(r.units, u)
	}
	r.able = ableOf(r.conditions)
	r.coming, r.halt = context.WithCancelCause(ctx)
	r.asking, r.quit = context.WithCancelCause(context.WithoutCancel(ctx))
	r.watching, r.unwatch = context.WithCancelCause(r.asking)
	return r
}

// close gives back what the run had.
func (r *run) close() {
	r.leave()
	r.halt(nil)
	r.quit(nil)
}

// conduct brings the containers up in their order and follows them to their ends.
func (r *run) conduct(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), runner.ErrStop) {
			r.stop()
		} else {
			r.leaveAll(nil)
		}
	})()
	if len(r.units) == 1 {
		r.guard(r.units[0])
	} else {
		var all sync.WaitGroup
		for _, u := range r.units {
			all.Go(func() { r.guard(u) })
		}
		all.Wait()
	}
	r.mu.Lock()
	lost, broken, left := r.lost, r.broken, isClosed(r.let)
	r.mu.Unlock()
	switch {
	case lost:
		r.report(batch.Report{State: batch.Exited, HostLost: true})
		return nil
	case left:
		return broken
	}
	units := make([]progress, len(r.units))
	for i, u := range r.units {
		units[i] = u.progress
	}
	p := verdict(r.attempt.Task, units, r.order)
	for i := range p.Containers {
		p.Containers[i].ID = r.units[i].id
	}
	r.report(p)
	return nil
}

// A vessel is the container of a unit; in tests of what is decided here there is none.
type vessel interface {
	// up starts it, adopt takes over one that runs, and follow tells its end.
	up(ctx context.Context) error
	adopt(ctx context.Context) error
	follow()
}

// guard drives a container, and leaves everything as it is if that panics.
func (r *run) guard(u *unit) {
	err := runner.Guarded(func() error {
		r.drive(u)
		return nil
	})
	if err == nil {
		return
	}
	r.leaveAll(err)
	if u.unfollow != nil { // the next try brings the output itself
		u.unfollow()
	}
}

// drive takes one container from its turn to its end.
func (r *run) drive(u *unit) {
	e, start := r.turn(u)
	if !start {
		if e != nil {
			r.ended(u, *e)
		}
		return
	}
	err := u.vessel.up(r.coming)
	stopped := errors.Is(context.Cause(r.coming), runner.ErrStop) && !u.started
	if err != nil && stopped {
		// It may run all the same, from an earlier call: then there is something to stop.
		err = u.vessel.adopt(r.asking)
	}
	var f *failure
	switch {
	case err == nil:
		r.started(u)
		u.vessel.follow()
	case stopped && errors.Is(err, errNotThere):
		r.ended(u, end{reason: lostReason(r.attempt.Ran), stopped: true})
	case errors.As(err, &f):
		r.ended(u, f.end(r.attempt.Task))
	case errors.Is(err, errNotThere):
		r.ended(u, end{reason: lostReason(true)})
	default:
		r.leaveAll(err)
	}
}

// turn waits until a container may start. If it may not, it answers its end, or none if it is to be left as it is.
func (r *run) turn(u *unit) (e *end, start bool) {
	for {
		r.mu.Lock()
		changed := r.changed
		all, never, soon := true, "", false
		patience := time.Duration(-1)
		for _, c := range r.conditions[u.index] {
			on := r.units[c.on]
			ok, no := c.met(on.progress)
			why := c.obstacle(on.progress)
			if left, limited := on.patience(c); limited && !ok {
				if patience < 0 || left < patience { // the first that is over counts
					patience = max(left, 0)
				}
				if left <= 0 {
					no, why = true, batch.TooLate
				}
			}
			if !r.able[c.on] { // it waits for itself, and all would wait for ever
				no, why = true, batch.NotStarted
			}
			if no {
				never = batch.UnableReason(on.container.Name, u.container.Name, why)
			}
			all, soon = all && ok, soon || on.progress.state == waiting
		}
		stopping, left := r.stopping, isClosed(r.let)
		r.mu.Unlock()
		switch {
		case left:
			return nil, false
		case never != "" && r.attempt.Pod != nil:
			return &end{unable: true}, false
		case never != "":
			return &end{code: new(int32(batch.UnableCode)), reason: cut(never), unable: true}, false
		case all: // also to stop what an earlier call has started
			return nil, true
		case stopping && !soon:
			return &end{stopped: true, unable: true}, false
		}
		if !sleep(patience, changed, r.let) {
			return nil, false
		}
	}
}

// sleep waits for a change, or for a time if it is not negative; false if everything is to be left.
func sleep(d time.Duration, changed, let <-chan struct{}) bool {
	var late <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-changed:
	case <-late:
	case <-let:
		return false
	}
	return true
}

// patience is how long others still wait for a container that runs to meet a condition (startTimeout, runtime.md 4.2).
func (u *unit) patience(c condition) (left time.Duration, limited bool) {
	if c.want == wantStart || u.container.StartSeconds == 0 || u.progress.state != up {
		return 0, false
	}
	return time.Until(u.since.Add(time.Duration(u.container.StartSeconds) * time.Second)), true
}

// started notes that a container runs. When all have started, or have ended, the task runs (runtime.md 4, 5.3).
func (r *run) started(u *unit) {
	r.move(u, progress{state: up, ran: true})
}

// ended notes how a container has ended. With an essential one the task ends (runtime.md 4.3).
func (r *run) ended(u *unit, e end) {
	r.mu.Lock()
	ran := u.progress.ran
	r.order = append(r.order, u.index)
	r.mu.Unlock()
	r.move(u, progress{state: ended, ran: ran, end: e})
	if r.ends(u) {
		r.stop()
	}
}

// ends says whether the end of a container is that of the task.
func (r *run) ends(u *unit) bool {
	return r.attempt.Pod == nil && (u.container.Essential || len(r.units) == 1)
}

func (r *run) move(u *unit, p progress) {
	r.mu.Lock()
	u.progress = p
	close(r.changed)
	r.changed = make(chan struct{})
	r.settle()
	runs := !r.running && (!r.stopping || r.attempt.Ran || len(r.units) == 1)
	any := false
	for _, o := range r.units {
		runs = runs && o.progress.state != waiting && !(r.ends(o) && o.progress.state == ended && !o.progress.ran)
		any = any || o.progress.state == up
	}
	tell := runs && any
	r.running = r.running || tell
	r.mu.Unlock()
	if tell {
		r.report(r.runningReport())
	}
}

func (r *run) runningReport() batch.Report {
	p := batch.Report{State: batch.Running}
	for _, u := range r.units {
		if !u.since.IsZero() {
			p.At = max(p.At, u.since.UnixMilli())
		}
	}
	r.sharing.Lock()
	defer r.sharing.Unlock()
	switch {
	case r.attempt.SharesHost():
	case r.shared.box != nil:
		p.PrivateIPv4 = r.shared.box.ipv4
	case r.driver.options.Network == modeHost: // where all are on one host's network, they reach each other
		p.PrivateIPv4 = "127.0.0.1"
	}
	return p
}

// stop has everything stopped, each container after those that depend on it.
func (r *run) stop() {
	r.desireStop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return
	}
	r.stopping = true
	r.halt(runner.ErrStop)
	close(r.changed)
	r.changed = make(chan struct{})
	r.settle()
}

// settle tells those containers to stop whose turn it is. The lock is held.
func (r *run) settle() {
	if !r.stopping {
		return
	}
	for _, u := range r.units {
		free := !u.told
		for i, o := range r.units {
			for _, c := range r.conditions[i] {
				free = free && (c.on != u.index || o.progress.state == ended)
			}
		}
		if free {
			u.told = true
			close(u.toStop)
		}
	}
}

// leaveAll leaves every container as it is.
func (r *run) leaveAll(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !isClosed(r.let) {
		r.broken = why
		close(r.let)
		r.unwatch(runner.ErrDetach)
		r.halt(runner.ErrDetach)
	}
}

// lose leaves everything because the host is gone.
func (r *run) lose() {
	r.mu.Lock()
	r.lost = r.lost || !isClosed(r.let) // each of its containers may find that out
	r.mu.Unlock()
	r.leaveAll(nil)
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// never is the end of a task that was stopped before anything of it was made.
func (r *run) never() batch.Report {
	return r.unmade(func(int) end { return end{stopped: true, unable: true} })
}

// refusal is the end of a task that is not even tried.
func (r *run) refusal(f *failure) batch.Report {
	return r.unmade(func(i int) end {
		if i > 0 {
			return end{unable: true}
		}
		return f.end(r.attempt.Task)
	})
}

// unmade is the end of a task none of whose containers was made.
func (r *run) unmade(of func(i int) end) batch.Report {
	units, order := make([]progress, len(r.units)), make([]int, len(r.units))
	for i := range units {
		units[i], order[i] = progress{state: ended, end: of(i)}, i
	}
	return verdict(r.attempt.Task, units, order)
}

// there lists the containers of the attempt by name.
func (r *run) there(ctx context.Context) (map[string]container.Summary, error) {
	list, err := r.driver.client.ContainerList(ctx, container.ListOptions{All: true, Filters: ours(r.driver.options.Instance, of(r.attempt.Attempt)...)})
	all := map[string]container.Summary{}
	for _, c := range list {
		all[c.Labels[labelContainer]] = c
	}
	return all, err
}

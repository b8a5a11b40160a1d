package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/engine"
)

// Options of New.
type Options struct {
	// OpenLog opens the log of a container.
	OpenLog func(t batch.Task, c batch.Container) (Log, error)
	// CheckLog says why the log of a container cannot be opened; nil speaks against none.
	CheckLog func(t batch.Task, c batch.Container) error
	// TimeOf is the emulator's time of a time of the machine; nil is the same.
	TimeOf func(time.Time) time.Time
	// Bound is how much may run at the same time on a machine; nil is without bounds.
	Bound func(Availability) batch.HostUse
	// Log takes what goes wrong; nil discards it.
	Log *slog.Logger
}

// A Runner makes attempts true: it looks at each attempt that the engine names, reads what is wanted of it now, and has
// the driver bring it there. One goroutine for each live attempt.
type Runner struct {
	engine  *engine.Engine
	driver  Driver
	options Options

	looks sync.Mutex // one look at a time; taken before mu

	mu      sync.Mutex
	running map[batch.AttemptID]*drive
	// finished are attempts whose drive was done before the engine's word that they are over was looked at.
	finished map[batch.AttemptID]bool
	closed   bool
	bound    batch.HostUse
	looking  bool          // attempts were taken from the engine, and not all were looked at
	calm     chan struct{} // closed when something settled
	tasks    sync.WaitGroup
	// abandon is closed when no more is to be tried or waited for.
	abandon chan struct{}
	// slots bound how many attempts a driver of emulator time sets going at once: ten thousand that all want the processor would keep
	// calls of the API waiting. Other drivers bound themselves.
	slots chan struct{}
}

const maxGoing = 64

// A drive is the goroutine of one attempt.
type drive struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	// over says that the engine's word that the attempt is over was looked at.
	over bool
	// removing says that its containers are being taken away under it.
	removing bool
	// reported says that the driver saw its end.
	reported bool
	// settled says that nothing happens until the clock moves; stopping that a stop is on its way to the driver.
	settled, stopping bool
	// told says that the engine knows of the end; late that a stop has had its time, which limit, nil if there is no stop, watches.
	told, late bool
	limit      *time.Timer
}

// New makes a runner; Run starts it.
func New(e *engine.Engine, d Driver, o Options) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{engine: e, driver: d, options: o, running: map[batch.AttemptID]*drive{}, finished: map[batch.AttemptID]bool{}, calm: make(chan struct{}), abandon: make(chan struct{}), slots: make(chan struct{}, maxGoing)}
}

// Run works until ctx is done. Attempts that run then go on until Shutdown.
func (r *Runner) Run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { r.watch(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.engine.Wake():
			r.setLooking(true)
			for _, id := range r.engine.Attempts() {
				r.look(id)
			}
			r.setLooking(false)
		}
	}
}

// watch tells the core whether attempts can be started, and sweeps when that becomes so.
func (r *Runner) watch(ctx context.Context) {
	r.driver.Watch(ctx, func(a Availability) {
		if a.Ready {
			r.sweep(ctx)
		}
		most := batch.HostUse{}
		if r.options.Bound != nil {
			most = r.options.Bound(a)
		}
		r.mu.Lock()
		r.bound = most
		r.mu.Unlock()
		err := r.engine.Update(ctx, func(tx *batch.Tx) error {
			tx.SetHost(batch.Host{Ready: a.Ready, Reason: a.Reason, Most: most})
			return nil
		})
		if err != nil && ctx.Err() == nil {
			r.options.Log.Error("what runs jobs has changed and could not be noted", "error", err)
		}
	})
}

// sweep removes what an earlier process left of attempts that are no longer wanted.
func (r *Runner) sweep(ctx context.Context) {
	there, err := r.driver.List(ctx)
	if err != nil {
		r.options.Log.Warn("left-over containers could not be listed", "error", err)
		return
	}
	for _, id := range there {
		r.look(id)
	}
}

// wanted is what is to become of an attempt now.
type wanted int

const (
	gone wanted = iota // no such job: it was cleared away, nobody waits for its end
	over               // it has ended
	run
	stop
)

func (r *Runner) wanted(id batch.AttemptID) (wanted, batch.Task, bool) {
	var (
		w      = gone
		task   batch.Task
		failed bool
	)
	// Reading cannot fail for want of durability: the engine names an attempt only when what it says of it is durable.
	_ = r.engine.View(context.Background(), func(s *batch.State) {
		j := s.AnyJob(id.Job)
		if j == nil {
			return
		}
		w = over
		if id.Number <= len(j.Attempts) {
			a := j.Attempts[id.Number-1]
			failed = a.State == batch.Exited && (a.ExitCode == nil || *a.ExitCode != 0)
		}
		a := j.Live()
		if a == nil || a.Number != id.Number {
			return
		}
		t, ok := s.TaskOf(j)
		if !ok {
			return
		}
		w, task = run, t
		if a.Desired == batch.Stop {
			w = stop
		}
	})
	return w, task, failed
}

// look brings what is done for an attempt in line with what is wanted of it. One at a time: between the question and what is done about it an attempt
// may come to its end, but nobody else looks at it then, and the end is known by finished.
func (r *Runner) look(id batch.AttemptID) {
	r.looks.Lock()
	defer r.looks.Unlock()
	w, task, failed := r.wanted(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.running[id]
	switch {
	case r.closed:
	case w == over && d != nil: // it is on its way out, or was taken from us: by a lost host
		d.over = true
		if !d.reported {
			r.drop(id, d)
		}
	case d == nil && r.finished[id]:
		if w == over || w == gone { // else it was asked before the end
			delete(r.finished, id)
		}
	case w == gone && d != nil:
		r.drop(id, d)
	case w == gone || w == over:
		r.start(id, func(ctx context.Context) { r.remove(ctx, id, failed) })
	case d == nil:
		r.warn(task)
		d = r.start(id, func(ctx context.Context) {
			if r.drive(ctx, task) {
				r.finish(id)
			}
		})
		fallthrough
	default:
		if w == stop {
			r.stopping(d, task)
			d.cancel(ErrStop)
		}
	}
}

// drop ends a drive that nobody waits for. The lock is held.
func (r *Runner) drop(id batch.AttemptID, d *drive) {
	d.cancel(ErrDetach)
	if !d.removing { // a drive that was told to stop before does not hear of the detaching; without its containers it ends
		d.removing = true
		r.tasks.Go(func() { r.remove(context.Background(), id, true) })
	}
}

// warn tells of a task that is more than the machine has; it runs all the same. The lock is held.
func (r *Runner) warn(t batch.Task) {
	var use batch.HostUse
	for _, c := range t.Containers {
		use.MiB, use.MilliVCPU = use.MiB+c.MemoryMiB, use.MilliVCPU+c.MilliVCPU
	}
	if most := r.bound; most.MiB > 0 && use.MiB > most.MiB || most.MilliVCPU > 0 && use.MilliVCPU > most.MilliVCPU {
		r.options.Log.Warn("a job is larger than the machine; it runs alone, and may not get what it asks for", "attempt", t.Attempt,
			"memoryMiB", use.MiB, "vcpus", float64(use.MilliVCPU)/1000, "boundMiB", most.MiB, "boundVCPUs", float64(most.MilliVCPU)/1000)
	}
}

// start runs f as the attempt's goroutine. The lock is held.
func (r *Runner) start(id batch.AttemptID, f func(context.Context)) *drive {
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &drive{cancel: cancel, done: make(chan struct{})}
	r.running[id] = d
	r.tasks.Go(func() {
		defer cancel(nil)
		f(ctx)
		r.mu.Lock()
		delete(r.running, id)
		if d.limit != nil {
			d.limit.Stop()
		}
		r.settle()
		r.mu.Unlock()
		close(d.done)
	})
	return d
}

// Time between tries after an error of the driver.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// finish notes that nothing is left to be done for an attempt.
func (r *Runner) finish(id batch.AttemptID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running[id].over {
		r.finished[id] = true
	}
}

// drive runs an attempt to its end, again and again if the driver does not know how it stands, and answers whether it told the
// engine of that end.
func (r *Runner) drive(ctx context.Context, task batch.Task) bool {
	leave := r.enter()
	defer leave()
	attempt := Attempt{
		Task:    task,
		OpenLog: func(c batch.Container) (Log, error) { return r.options.OpenLog(task, c) },
		Settled: func(stopped bool) {
			leave()
			r.settled(task.Attempt, stopped)
		},
		Abandon: r.abandon,
	}
	if check := r.options.CheckLog; check != nil {
		attempt.CheckLog = func(c batch.Container) error { return check(task, c) }
	}
	ended, failed, untold := false, false, false
	report := func(p batch.Report) {
		p.Attempt = task.Attempt
		if p.At != 0 && r.options.TimeOf != nil && !r.driver.Capabilities().EmulatorTime {
			p.At = r.options.TimeOf(time.UnixMilli(p.At)).UnixMilli()
		}
		if p.State == batch.Exited {
			ended, failed = true, p.ExitCode == nil || *p.ExitCode != 0
			r.mu.Lock()
			r.running[task.Attempt].reported = true
			r.mu.Unlock()
		}
		err := r.engine.Update(context.WithoutCancel(ctx), func(tx *batch.Tx) error {
			tx.Report(p)
			return nil
		})
		if err != nil && !errors.Is(err, engine.ErrClosed) {
			r.options.Log.Error("what a job did could not be noted", "attempt", task.Attempt, "state", p.State, "error", err)
			ended = false // its container is all that is left to tell it
			untold = r.engine.Failure() != nil
		}
		if p.State == batch.Exited {
			r.mu.Lock()
			r.running[task.Attempt].told = true
			r.settle()
			r.mu.Unlock()
		}
	}
	pause := firstPause
	for {
		err := r.run(ctx, attempt, report)
		leave() // before any pause
		if ended || errors.Is(context.Cause(ctx), ErrDetach) {
			break
		}
		if untold {
			return false // this process can note nothing any more; the next one asks its container
		}
		select {
		case <-r.abandon:
			return false
		default:
		}
		if err == nil {
			err = errors.New("the driver gave up without a report")
		}
		r.options.Log.Warn("an attempt's state is unknown; trying again", "attempt", task.Attempt, "error", err, "pause", pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-detached(ctx):
			timer.Stop()
		case <-r.abandon:
			timer.Stop()
			return false
		}
		pause = min(2*pause, lastPause)
	}
	if !ended {
		if w, _, _ := r.wanted(task.Attempt); w != gone && w != over {
			return false // left for the next process
		}
		failed = true
	}
	r.remove(context.WithoutCancel(ctx), task.Attempt, failed)
	return ended
}

// enter waits for a slot, and answers how to leave it, once or more often.
func (r *Runner) enter() (leave func()) {
	if !r.driver.Capabilities().EmulatorTime {
		return func() {}
	}
	r.slots <- struct{}{}
	return sync.OnceFunc(func() { <-r.slots })
}

// run is the driver's Run. What it reports when it has returned is not heard: nobody may be there any more to note it, and the next call tells it again.
func (r *Runner) run(ctx context.Context, a Attempt, report func(batch.Report)) error {
	var (
		telling  sync.Mutex
		returned bool
	)
	defer func() {
		telling.Lock()
		returned = true
		telling.Unlock()
	}()
	return Guarded(func() error {
		return r.driver.Run(ctx, a, func(p batch.Report) {
			telling.Lock()
			defer telling.Unlock()
			if !returned {
				report(p)
			}
		})
	})
}

// Guarded is f's error. A panic in f is one too: it costs the attempt that f works for one more try, not the process. Drivers that work for an attempt in
// goroutines of their own guard those.
func Guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the driver panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// detached is closed when ctx is done for another cause than a stop: a stop must not cut a pause short, or an engine that
// is away would be asked without end.
func detached(ctx context.Context) <-chan struct{} {
	if errors.Is(context.Cause(ctx), ErrStop) {
		return nil
	}
	return ctx.Done()
}

// mostRemovals is how often it is tried in a row to remove what an attempt left. Later there are the engine's return, the end, and the next start.
const mostRemovals = 5

func (r *Runner) remove(ctx context.Context, id batch.AttemptID, failed bool) bool {
	return r.removeIn(ctx, id, failed, mostRemovals)
}

func (r *Runner) removeIn(ctx context.Context, id batch.AttemptID, failed bool, tries int) bool {
	pause := firstPause
	for n := 1; ; n++ {
		err := r.driver.Remove(ctx, id, failed)
		if err == nil {
			return true
		}
		if n >= tries || ctx.Err() != nil {
			r.options.Log.Warn("what an attempt left could not be removed; that is tried again when the engine is back, and at the next start", "attempt", id, "error", err)
			return false
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-r.abandon:
			tries = 0 // once more
		}
		timer.Stop()
		pause = min(2*pause, lastPause)
	}
}

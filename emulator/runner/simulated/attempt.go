package simulated

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

type phase int

const (
	unplanned phase = iota
	starting
	running
	ended
)

// An attempt is containers that are not there: what stands in it outlives the Run that watches it.
type attempt struct {
	driver  *Driver
	entered bool // the driver's lock guards it

	// mu is held while something is reported, so that what happens to an attempt happens in one order.
	mu    sync.Mutex
	id    batch.AttemptID
	phase phase
	plan  plan
	made  []progress // how far each container is
	// gone is when it was removed before it was placed.
	gone   time.Time
	ran    bool
	exited batch.Report
	watch  *watch // nil while nobody runs it
}

// progress is how far a container is.
type progress struct {
	begun bool
	next  int // line to be written
}

// A watch is one Run.
type watch struct {
	openLog func(batch.Container) (runner.Log, error)
	report  func(batch.Report)
	logs    []runner.Log // of each container that has begun
	// badLog says that the log has failed and that it was told.
	badLog   bool
	cancel   func() bool // of the timer
	done     chan struct{}
	panicked any // what broke in another goroutine than that of Run; valid when done
}

// result is what Run answers when done is closed. A panic goes on in the goroutine of the caller, who knows what to do about it.
func (w *watch) result() error {
	if w.panicked != nil {
		panic(w.panicked)
	}
	return nil
}

// catch keeps a panic for the goroutine of Run, in whatever goroutine it comes.
func (w *watch) catch() {
	if p := recover(); p != nil {
		w.panicked = p
		close(w.done)
	}
}

// attachApart is attach in a goroutine that ends. What a report sets off reaches deep into the core, and the stack that it
// needs would stay with the goroutine of Run for as long as the job runs: of a hundred thousand jobs, half of all memory.
func (a *attempt) attachApart(w *watch, task batch.Task, stopped bool) error {
	var err error
	attached := make(chan struct{})
	go func() {
		defer close(attached)
		defer w.catch()
		err = a.attach(w, task, stopped)
	}()
	<-attached
	return err
}

// attach begins a Run: it plans a new attempt, and tells of one that is there what has happened so far.
func (a *attempt) attach(w *watch, task batch.Task, stopped bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.driver.options.Clock.Now()
	switch a.phase {
	case unplanned:
		if o, err := a.driver.outcomesOf(task); err != nil {
			a.plan = refusal(task, err, now)
		} else {
			a.plan = planOf(task, o, now)
		}
		a.phase, a.made = starting, make([]progress, len(a.plan.parts))
		switch {
		case !a.gone.IsZero():
			a.plan = a.plan.after(a.cutBy(a.gone, (*part).kill))
		case stopped:
			a.plan = a.plan.after(a.cutBy(now, (*part).terminate))
		}
	case starting, running:
		for i := range a.made {
			if !a.made[i].begun {
				continue
			}
			if err := a.open(w, i); err != nil {
				a.bad(w, w.each(runner.Log.Abandon))
				return fmt.Errorf("go on with its log: %w", err)
			}
		}
	}
	a.watch = w
	if a.ran {
		w.report(a.runningReport())
	}
	if a.phase == ended {
		w.report(a.exited)
		close(w.done)
		return nil
	}
	a.step() // of one that nobody watched, first what happened by then
	if stopped {
		a.stopNow()
	}
	return nil
}

// detach ends a Run, whatever became of it.
func (a *attempt) detach() {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.watch
	if w == nil {
		return
	}
	a.watch = nil
	if w.cancel != nil {
		w.cancel()
	}
	a.bad(w, w.each(runner.Log.Abandon))
}

// each ends every log that is open, in one way or the other.
func (w *watch) each(end func(runner.Log) error) error {
	var all error
	for i, log := range w.logs {
		if log != nil {
			w.logs[i] = nil
			all = errors.Join(all, end(log))
		}
	}
	return all
}

// stop is SIGTERM.
func (a *attempt) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopNow()
}

func (a *attempt) stopNow() {
	if a.phase == ended || a.watch == nil { // nobody watches what panicked in attach
		return
	}
	a.plan = a.plan.after(a.cutBy(a.driver.options.Clock.Now(), (*part).terminate))
	a.step()
}

// cutBy is a cut of the containers that are there.
func (a *attempt) cutBy(at time.Time, how func(*part, time.Time)) cut {
	return cut{at: at, begun: func(i int) bool { return a.made[i].begun }, how: how, ran: a.ran}
}

// kill is SIGKILL. Of an attempt that nobody watches nothing is told.
func (a *attempt) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.phase == ended {
		return
	}
	now := a.driver.options.Clock.Now()
	if a.phase == unplanned {
		a.gone = now
		return
	}
	a.plan = a.plan.after(a.cutBy(now, (*part).kill))
	if a.watch != nil {
		defer a.watch.catch()
		a.step()
	}
}

// fire is the timer.
func (a *attempt) fire(w *watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watch != w || a.phase == ended {
		return
	}
	defer w.catch()
	a.step()
}

// step makes everything happen that is due by now, and arms the timer for what comes next. The attempt is watched and has not ended.
func (a *attempt) step() {
	clock, w := a.driver.options.Clock, a.watch
	for a.phase != ended {
		now, due := clock.Now(), a.due()
		if !now.Before(due) {
			a.happen(due)
			continue
		}
		if w.cancel != nil {
			w.cancel()
		}
		w.cancel = clock.AfterFunc(due.Sub(now), func() { a.fire(w) })
		// A clock that was moved between Now and AfterFunc would fire late by as much.
		if clock.Now().Sub(now) < time.Millisecond || !w.cancel() {
			return
		}
	}
}

// due is the instant of the next thing that happens.
func (a *attempt) due() time.Time {
	due := a.plan.end
	sooner := func(at time.Time) {
		if at.Before(due) {
			due = at
		}
	}
	if a.phase == starting && a.plan.runs {
		sooner(a.plan.running)
	}
	for i := range a.made {
		if is := &a.plan.parts[i]; is.begins && !a.made[i].begun {
			sooner(is.start)
		}
		if at, more := a.nextLine(i); more {
			sooner(at)
		}
	}
	return due
}

// nextLine is when a container prints again, if it does before its end.
func (a *attempt) nextLine(i int) (time.Time, bool) {
	is, made := &a.plan.parts[i], &a.made[i]
	if !made.begun || made.next >= len(is.outcome.Logs) {
		return time.Time{}, false
	}
	at := is.lineAt(made.next)
	return at, !at.After(is.end)
}

// happen makes one of the things happen that are due at an instant: a container starts, the attempt runs, a line is printed, all is over.
func (a *attempt) happen(at time.Time) {
	w := a.watch
	for i := range a.made {
		if is := &a.plan.parts[i]; is.begins && !a.made[i].begun && !is.start.After(at) {
			if err := a.open(w, i); err != nil {
				a.over(batch.Report{Attempt: a.id, State: batch.Exited, At: at.UnixMilli(),
					Reason: "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: " + err.Error()})
			}
			return
		}
	}
	if a.phase == starting && a.plan.runs && !a.plan.running.After(at) {
		a.phase, a.ran = running, true
		w.report(a.runningReport())
		return
	}
	for i := range a.made {
		if due, more := a.nextLine(i); more && !due.After(at) {
			a.bad(w, w.logs[i].Append(runner.Stdout, due, []byte(a.plan.parts[i].outcome.Logs[a.made[i].next])))
			a.made[i].next++
			return
		}
	}
	a.over(a.plan.report())
}

// over ends the attempt.
func (a *attempt) over(end batch.Report) {
	w := a.watch
	end.Reason = cutReason(end.Reason)
	for i := range end.Containers {
		end.Containers[i].Reason = cutReason(end.Containers[i].Reason)
	}
	a.bad(w, w.each(runner.Log.Close))
	a.phase, a.exited = ended, end
	w.report(end)
	close(w.done)
}

func (a *attempt) runningReport() batch.Report {
	return batch.Report{Attempt: a.id, State: batch.Running, At: a.plan.running.UnixMilli(), PrivateIPv4: a.plan.address}
}

// open opens the log of a container, which then has begun. Lines that are in it already are not written again: an earlier Run, or an earlier
// process that had started the same attempt, wrote them.
func (a *attempt) open(w *watch, i int) error {
	log, err := w.openLog(*a.plan.parts[i].container)
	if err != nil {
		return err
	}
	if w.logs == nil {
		w.logs = make([]runner.Log, len(a.made))
	}
	w.logs[i] = log
	written, _ := log.Lines()
	a.made[i] = progress{begun: true, next: int(min(written, int64(len(a.plan.parts[i].outcome.Logs))))}
	return nil
}

// bad tells once for each Run that the log has failed. What becomes of a job does not depend on its log.
func (a *attempt) bad(w *watch, err error) {
	if err != nil && !w.badLog {
		w.badLog = true
		a.driver.options.Log.Error("what a job printed could not be kept", "attempt", a.id, "error", err)
	}
}

package simulated

import (
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

// An attempt is a container that is not there: what stands in it outlives the Run that watches it.
type attempt struct {
	driver  *Driver
	entered bool // the driver's lock guards it

	// mu is held while something is reported, so that what happens to an attempt happens in one order.
	mu    sync.Mutex
	id    batch.AttemptID
	phase phase
	plan  plan
	next  int // line to be written
	// cut is when something from outside ends it before its plan does; zero if nothing will. cutCode is its exit code then.
	cut     time.Time
	cutCode int32
	ran     bool
	exited  batch.Report
	watch   *watch // nil while nobody runs it
}

// A watch is one Run.
type watch struct {
	openLog func(batch.Container) (runner.Log, error)
	report  func(batch.Report)
	log     runner.Log
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
		a.phase = starting
		if stopped {
			a.cutAt(now, 0)
		}
	case running:
		if err := a.open(w); err != nil {
			return fmt.Errorf("go on with its log: %w", err)
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
	if w.log != nil {
		a.bad(w, w.log.Abandon())
	}
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
	now := a.driver.options.Clock.Now()
	if a.phase == running && a.plan.ignoreStop {
		a.cutAt(now.Add(a.plan.grace), killed)
	} else {
		a.cutAt(now, a.plan.stopCode)
	}
	a.step()
}

// kill is SIGKILL. Of an attempt that nobody watches nothing is told.
func (a *attempt) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.phase == ended {
		return
	}
	a.cutAt(a.driver.options.Clock.Now(), killed)
	if a.watch != nil {
		defer a.watch.catch()
		a.step()
	}
}

// cutAt ends the attempt at an instant, unless it is to end before.
func (a *attempt) cutAt(at time.Time, code int32) {
	if a.cut.IsZero() || at.Before(a.cut) {
		a.cut, a.cutCode = at, code
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
	if a.phase == starting {
		if !a.cut.IsZero() {
			return a.cut
		}
		return a.plan.start
	}
	end := a.plan.ends()
	if a.cutShort() {
		end = a.cut
	}
	if a.next < len(a.plan.lines) {
		if at := a.plan.lineAt(a.next); !at.After(end) {
			return at
		}
	}
	return end
}

// cutShort says whether what ends a running attempt is not its plan.
func (a *attempt) cutShort() bool { return !a.cut.IsZero() && a.cut.Before(a.plan.ends()) }

// happen makes the one thing happen that is due at an instant.
func (a *attempt) happen(at time.Time) {
	w, end := a.watch, batch.Report{Attempt: a.id, State: batch.Exited}
	switch {
	case a.phase == starting && !a.cut.IsZero():
	case a.phase == starting && a.plan.startError != "":
		end.Reason = a.plan.startError
	case a.phase == starting:
		err := a.open(w)
		if err == nil {
			a.phase, a.ran = running, true
			w.report(a.runningReport())
			return
		}
		end.Reason = "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: " + err.Error()
	case a.next < len(a.plan.lines) && !a.plan.lineAt(a.next).After(at):
		a.bad(w, w.log.Append(runner.Stdout, at, []byte(a.plan.lines[a.next])))
		a.next++
		return
	case a.cutShort():
		code := a.cutCode
		end.ExitCode = &code
		end.Containers = a.plan.endsAt(at, code)
	default:
		end = a.plan.end
	}
	end.At, end.Reason = at.UnixMilli(), cutReason(end.Reason)
	if w.log != nil {
		a.bad(w, w.log.Close())
		w.log = nil
	}
	a.phase, a.exited = ended, end
	w.report(end)
	close(w.done)
}

func (a *attempt) runningReport() batch.Report {
	return batch.Report{Attempt: a.id, State: batch.Running, At: a.plan.start.UnixMilli(), PrivateIPv4: a.plan.address}
}

// open opens the log. Lines that are in it already are not written again: an earlier Run, or an earlier process that had
// started the same attempt, wrote them.
func (a *attempt) open(w *watch) error {
	log, err := w.openLog(a.plan.container)
	if err != nil {
		return err
	}
	w.log = log
	written, _ := log.Lines()
	a.next = int(min(written, int64(len(a.plan.lines))))
	return nil
}

// bad tells once for each Run that the log has failed. What becomes of a job does not depend on its log.
func (a *attempt) bad(w *watch, err error) {
	if err != nil && !w.badLog {
		w.badLog = true
		a.driver.options.Log.Error("what a job printed could not be kept", "attempt", a.id, "error", err)
	}
}

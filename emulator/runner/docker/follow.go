package docker

import (
	"cmp"
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/runner"
)

// follow waits for the container's end and notes it. It stops the container when that is wanted, once, and goes on waiting.
func (u *unit) follow() {
	r, d := u.run, u.run.driver
	defer u.forget()
	stop := u.toStop
	var (
		stopping chan error
		again    <-chan time.Time
		pause    = firstRetry
		output   = u.output.done
		patience = outputTime
		stopTry  = firstRetry
	)
	for {
		select {
		case <-u.events.happens:
		case <-again:
		case <-output: // its end may follow; else what brought the output broke off
			if output = nil; again == nil {
				again = time.After(patience)
				patience = min(2*patience, lastOutputTime)
			}
			continue
		case err := <-stopping:
			// The engine answers when the container has stopped; the event of its end comes by itself.
			if err != nil && !cerrdefs.IsNotFound(err) {
				d.log.Warn("a container could not be stopped; trying again", "container", u.id, "error", err, "pause", stopTry)
				stopping = u.stopLater(stopTry)
				stopTry = min(2*stopTry, lastRetry)
				continue
			}
			stopping = nil
		case <-stop:
			stop, u.stopping = nil, true
			stopping = u.stop()
			continue
		case <-r.let:
			u.detach()
			return
		}
		e, err := u.look(r.watching)
		again = nil
		switch {
		case e != nil:
			r.ended(u, *e)
			return
		case err == nil:
			pause = firstRetry
			u.resume()
			output = u.output.done
		case !isClosed(r.let) && d.engine.ready(): // when it is back it wakes everybody
			d.log.Warn("the end of a container could not be read; trying again", "container", u.id, "error", err, "pause", pause)
			again = time.After(pause)
			pause = min(2*pause, lastRetry)
		}
	}
}

// outputTime is how long a container may go on after its output has ended before that is taken for a broken connection, for the first time and, where it ends
// again and again, at the most.
const (
	outputTime     = time.Second
	lastOutputTime = time.Minute
)

// stop asks the engine to stop the container: SIGTERM or the image's own signal, its stop time, SIGKILL.
func (u *unit) stop() chan error {
	done := make(chan error, 1)
	seconds := u.container.StopSeconds
	go func() {
		done <- u.run.driver.client.ContainerStop(u.run.asking, u.id, container.StopOptions{Timeout: &seconds})
	}()
	return done
}

// stopLater stops the container after a pause, when the engine is there again.
func (u *unit) stopLater(pause time.Duration) chan error {
	done := make(chan error, 1)
	go func() {
		select {
		case <-time.After(pause):
		case <-u.run.asking.Done():
		}
		if err := u.run.driver.engine.await(u.run.asking); err != nil {
			done <- err
			return
		}
		done <- <-u.stop()
	}()
	return done
}

// lookTime is how long the engine may take to say how a container stands, and for each piece of what else is asked for at its end. Nothing else is done for the
// container meanwhile.
const lookTime = 20 * time.Second

func (u *unit) inspect(ctx context.Context) (container.InspectResponse, error) {
	limited, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return u.run.driver.client.ContainerInspect(limited, u.id)
}

// look reads how the container stands, and answers its end if that has come.
func (u *unit) look(ctx context.Context) (*end, error) {
	is, err := u.inspect(ctx)
	switch {
	case cerrdefs.IsNotFound(err):
		if err := u.close(ctx, time.Time{}); err != nil {
			return nil, err
		}
		return u.vanished(), nil
	case err != nil:
		return nil, err
	case is.State.Running || is.State.Paused || is.State.Restarting:
		return nil, nil
	}
	finished, err := time.Parse(time.RFC3339Nano, is.State.FinishedAt)
	if err != nil {
		finished = time.Time{}
	}
	if err := u.close(ctx, finished); err != nil {
		return nil, err
	}
	oom := is.State.OOMKilled || u.killedForMemory(is.State.ExitCode)
	if !oom && is.State.ExitCode == killed && !u.stopping && u.gone(ctx) {
		return u.vanished(), nil
	}
	e := &end{code: new(int32(is.State.ExitCode)), stopped: u.stopping, reason: exitReason(oom, is.State.Error)}
	if is.State.ExitCode != 0 {
		e.reason = cmp.Or(e.reason, u.failureText(ctx))
	}
	if u.container.Kubernetes != nil {
		e.reason = kubernetesReason(*e.code, e.reason)
	}
	if !finished.IsZero() {
		e.at = max(finished.UnixMilli(), u.since.UnixMilli())
	}
	return e, nil
}

// vanished is the end of a container that somebody removed: nobody knows how it ended (runtime.md 2.12).
func (u *unit) vanished() *end {
	return &end{reason: lostReason(true), stopped: u.stopping}
}

// gone says whether a container that was killed is removed, or about to be: a removal by force kills first, so its end is heard of before.
func (u *unit) gone(ctx context.Context) bool {
	is, err := u.inspect(ctx)
	if err != nil {
		return cerrdefs.IsNotFound(err)
	}
	return is.State.Status == container.StateRemoving || is.State.Status == container.StateDead
}

// oomTime is how long the engine's word of a memory kill may be behind the exit that follows from it. Only a job that SIGKILL ended, and not ours, waits for it.
const oomTime = 250 * time.Millisecond

// killedForMemory says whether something in a container that ended with a code was killed for its memory. On a busy machine the engine hears of that only after
// the exit, or never, and then its state does not tell it.
func (u *unit) killedForMemory(code int) bool {
	if u.run.driver.kernel.hasKilled(u.id) {
		return true
	}
	select {
	case <-u.events.oom:
		return true
	default:
	}
	if code != killed || u.stopping {
		return false
	}
	timer := time.NewTimer(oomTime)
	defer timer.Stop()
	select {
	case <-u.events.oom:
		return true
	case <-timer.C:
		return false
	}
}

// killed is the exit code of a process that SIGKILL ended.
const killed = 137

// detach leaves the container as it is. If its host is lost nobody comes back for what it printed before anybody looked.
func (u *unit) detach() {
	r := u.run
	u.unfollow()
	<-u.output.done // it broke off because we said so
	r.mu.Lock()
	lost := r.lost
	r.mu.Unlock()
	if lost && u.record != nil {
		if err := u.record.finish(r.asking); err != nil && !cerrdefs.IsNotFound(err) {
			r.driver.log.Warn("the end of a container's output could not be read", "container", u.id, "error", err)
		}
	}
	if err := u.log.Abandon(); err != nil {
		r.driver.log.Error("the log of a job could not be kept", "attempt", r.attempt.Attempt, "error", err)
	}
}

// aheadTime is how much earlier than the container its outputs may end, which it closes itself.
const aheadTime = 5 * time.Millisecond

// finishTries is how often the end of a container's output is read if that fails: the job has ended, and is not told to have until its log is whole.
const finishTries = 8

// close waits until all that the container printed is in its log. After an error it has not, and can be called again; the log stays open, also for detach. A
// connection that broke looks like one that came to its end, but it does so before the container's, whose time is zero if nobody knows it.
func (u *unit) close(ctx context.Context, finished time.Time) error {
	d := u.run.driver
	select {
	case <-u.output.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	u.unfollow()
	if u.output.err != nil && u.tries == 0 {
		d.log.Warn("the output of a container broke off; the engine's record of it is read", "container", u.id, "error", u.output.err)
	}
	early := u.output.at.Add(aheadTime).Before(finished)
	if u.record == nil && (early || u.output.err != nil || u.attached != d.engine.connections.Load()) {
		u.reopen()
	}
	if u.record != nil {
		if err := u.record.finish(ctx); err != nil && !cerrdefs.IsNotFound(err) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if u.tries++; u.tries < finishTries && !cerrdefs.IsNotImplemented(err) { // by a log driver that does not read
				return fmt.Errorf("read the end of its output: %w", err)
			}
			d.log.Warn("the end of a container's output could not be read", "container", u.id, "error", err)
		}
	}
	if err := u.log.Close(); err != nil {
		d.log.Error("the log of a job could not be kept whole", "attempt", u.run.attempt.Attempt, "error", err)
	}
	return nil
}

// resume goes on with the output of a container that runs if what brought it broke off.
func (u *unit) resume() {
	if !isClosed(u.output.done) {
		return
	}
	u.unfollow()
	if u.record == nil {
		u.reopen()
	}
	if u.record == nil {
		return
	}
	reading, unfollow := context.WithCancel(u.run.watching)
	u.unfollow = unfollow
	record := u.record
	u.output = outputOf(func() error { return record.follow(reading) })
}

// reopen turns to the engine's record of the output, because what was attached to the container may have missed something: it broke off, or the engine was away.
func (u *unit) reopen() {
	if err := u.log.Abandon(); err != nil {
		u.run.driver.log.Error("the log of a job could not be kept", "attempt", u.run.attempt.Attempt, "error", err)
	}
	log, err := u.run.attempt.OpenLog(u.container)
	if err != nil {
		u.run.driver.log.Error("the log of a job cannot be written; the end of what it printed is lost", "attempt", u.run.attempt.Attempt, "error", err)
		u.log = runner.DiscardLog{}
		return
	}
	u.log, u.record = log, u.run.driver.recording(u.id, log)
}

// An output is what brings a container's outputs to its log.
type output struct {
	done chan struct{} // closed when they have ended, or when it broke off
	err  error         // of done
	at   time.Time     // of done
}

func outputOf(bring func() error) *output {
	o := &output{done: make(chan struct{})}
	go func() {
		defer close(o.done)
		o.err = runner.Guarded(bring)
		o.at = time.Now()
	}()
	return o
}

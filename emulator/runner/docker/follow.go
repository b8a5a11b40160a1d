package docker

import (
	"cmp"
	"context"
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
	var stopping chan error
	for {
		select {
		case <-u.events.happens:
			e, err := u.look(context.Background())
			if err != nil {
				d.log.Warn("a container could not be inspected; it is looked at again when the engine is back", "container", u.id, "error", err)
			}
			if e != nil {
				r.ended(u, *e)
				return
			}
		case err := <-stopping:
			// The engine answers when the container has stopped; the event of its end comes by itself.
			if err != nil && !cerrdefs.IsNotFound(err) {
				d.log.Warn("a container could not be stopped; trying again when the engine is back", "container", u.id, "error", err)
				stopping = u.stopLater()
				continue
			}
			stopping = nil
			d.engine.wake(u.id)
		case <-stop:
			stop, u.stopping = nil, true
			stopping = u.stop()
		case <-r.let:
			u.detach()
			return
		}
	}
}

// stop asks the engine to stop the container: SIGTERM or the image's own signal, its stop time, SIGKILL.
func (u *unit) stop() chan error {
	done := make(chan error, 1)
	seconds := u.container.StopSeconds
	go func() {
		done <- u.run.driver.client.ContainerStop(context.Background(), u.id, container.StopOptions{Timeout: &seconds})
	}()
	return done
}

// stopLater stops the container when the engine is there again.
func (u *unit) stopLater() chan error {
	done := make(chan error, 1)
	go func() {
		time.Sleep(firstRetry)
		if err := u.run.driver.engine.await(context.Background()); err != nil {
			done <- err
			return
		}
		done <- <-u.stop()
	}()
	return done
}

// look reads how the container stands, and answers its end if that has come.
func (u *unit) look(ctx context.Context) (*end, error) {
	is, err := u.run.driver.client.ContainerInspect(ctx, u.id)
	switch {
	case cerrdefs.IsNotFound(err):
		u.close()
		return u.vanished(), nil
	case err != nil:
		return nil, err
	case is.State.Running || is.State.Paused || is.State.Restarting:
		return nil, nil
	}
	u.close()
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
	if at, err := time.Parse(time.RFC3339Nano, is.State.FinishedAt); err == nil {
		e.at = max(at.UnixMilli(), u.since.UnixMilli())
	}
	return e, nil
}

// vanished is the end of a container that somebody removed: nobody knows how it ended (runtime.md 2.12).
func (u *unit) vanished() *end {
	return &end{reason: lostReason(true), stopped: u.stopping}
}

// gone says whether a container that was killed is removed, or about to be: a removal by force kills first, so its end is heard of before.
func (u *unit) gone(ctx context.Context) bool {
	is, err := u.run.driver.client.ContainerInspect(ctx, u.id)
	if err != nil {
		return cerrdefs.IsNotFound(err)
	}
	return is.State.Status == container.StateRemoving || is.State.Status == container.StateDead
}

// oomTime is how long the engine's word of a memory kill may be behind the exit that follows from it. Only a job that SIGKILL ended, and not ours, waits for it.
const oomTime = 250 * time.Millisecond

// killedForMemory says whether a container that was killed, and not by us, was killed for its memory. On a busy machine the engine hears of
// that only after the exit, and then its state does not tell it.
func (u *unit) killedForMemory(code int) bool {
	if code != killed || u.stopping {
		return false
	}
	if kernelKilled(u.id) {
		return true
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

// detach leaves the container as it is.
func (u *unit) detach() {
	u.unfollow()
	<-u.output // it broke off because we said so
	if err := u.log.Abandon(); err != nil {
		u.run.driver.log.Error("the log of a job could not be kept", "attempt", u.run.attempt.Attempt, "error", err)
	}
}

// close waits until all that the container printed is in its log.
func (u *unit) close() {
	d := u.run.driver
	if err := <-u.output; err != nil {
		d.log.Warn("the output of a container broke off", "container", u.id, "error", err)
	}
	u.unfollow()
	if u.record == nil && u.attached != d.engine.connections.Load() {
		u.reopen()
	}
	if u.record != nil {
		if err := u.record.finish(context.Background()); err != nil && !cerrdefs.IsNotFound(err) {
			d.log.Warn("the end of a container's output could not be read", "container", u.id, "error", err)
		}
	}
	if err := u.log.Close(); err != nil {
		d.log.Error("the log of a job could not be kept whole", "attempt", u.run.attempt.Attempt, "error", err)
	}
}

// reopen turns to the engine's record of the output, because the engine was away and what was attached to it may have missed something.
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

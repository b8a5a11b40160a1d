package docker

import (
	"cmp"
	"context"
	"errors"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// follow waits for the container's end and reports it. It stops the container when that is wanted, once, and goes on waiting.
func (r *run) follow(ctx context.Context) error {
	d := r.driver
	defer r.forget()
	stop := ctx.Done()
	var stopping chan error
	for {
		select {
		case <-r.events.happens:
			ended, err := r.look(context.WithoutCancel(ctx))
			if err != nil {
				d.log.Warn("a container could not be inspected; it is looked at again when the engine is back", "container", r.id, "error", err)
			}
			if ended {
				return nil
			}
		case err := <-stopping:
			// The engine answers when the container has stopped; the event of its end comes by itself.
			if err != nil && !cerrdefs.IsNotFound(err) {
				d.log.Warn("a container could not be stopped; trying again when the engine is back", "container", r.id, "error", err)
				stopping = r.stopLater()
				continue
			}
			stopping = nil
			d.engine.wake(r.id)
		case <-stop:
			if !errors.Is(context.Cause(ctx), runner.ErrStop) {
				r.detach()
				return nil
			}
			stop, r.stopping = nil, true
			stopping = r.stop()
		}
	}
}

// stop asks the engine to stop the container: SIGTERM or the image's own signal, its stop time, SIGKILL.
func (r *run) stop() chan error {
	done := make(chan error, 1)
	seconds := r.container.StopSeconds
	go func() {
		done <- r.driver.client.ContainerStop(context.Background(), r.id, container.StopOptions{Timeout: &seconds})
	}()
	return done
}

// stopLater stops the container when the engine is there again.
func (r *run) stopLater() chan error {
	done := make(chan error, 1)
	go func() {
		time.Sleep(firstRetry)
		if err := r.driver.engine.await(context.Background()); err != nil {
			done <- err
			return
		}
		done <- <-r.stop()
	}()
	return done
}

// look reads how the container stands, and reports its end if it has come.
func (r *run) look(ctx context.Context) (ended bool, err error) {
	is, err := r.driver.client.ContainerInspect(ctx, r.id)
	switch {
	case cerrdefs.IsNotFound(err):
		r.close()
		r.report(batch.Report{State: batch.Exited, Reason: vanished + ": No container matching saved ID found"})
		return true, nil
	case err != nil:
		return false, err
	case is.State.Running || is.State.Paused || is.State.Restarting:
		return false, nil
	}
	r.close()
	p := batch.Report{State: batch.Exited, ExitCode: new(int32(is.State.ExitCode)), Reason: exitReason(is.State.OOMKilled || r.killedForMemory(is.State.ExitCode), is.State.Error)}
	if is.State.ExitCode != 0 {
		p.Reason = cmp.Or(p.Reason, r.failureText(ctx))
	}
	if at, err := time.Parse(time.RFC3339Nano, is.State.FinishedAt); err == nil {
		p.At = max(at.UnixMilli(), r.since.UnixMilli())
	}
	r.report(p)
	return true, nil
}

// oomTime is how long the engine's word of a memory kill may be behind the exit that follows from it. Only a job that SIGKILL ended, and not ours, waits for it.
const oomTime = 250 * time.Millisecond

// killedForMemory says whether a container that was killed, and not by us, was killed for its memory. On a busy machine the engine hears of
// that only after the exit, and then its state does not tell it.
func (r *run) killedForMemory(code int) bool {
	if code != killed || r.stopping {
		return false
	}
	if kernelKilled(r.id) {
		return true
	}
	timer := time.NewTimer(oomTime)
	defer timer.Stop()
	select {
	case <-r.events.oom:
		return true
	case <-timer.C:
		return false
	}
}

// killed is the exit code of a process that SIGKILL ended.
const killed = 137

// detach leaves the container as it is.
func (r *run) detach() {
	r.unfollow()
	<-r.output // it broke off because we said so
	if err := r.log.Abandon(); err != nil {
		r.driver.log.Error("the log of a job could not be kept", "attempt", r.attempt.Attempt, "error", err)
	}
}

// close waits until all that the container printed is in its log.
func (r *run) close() {
	d := r.driver
	if err := <-r.output; err != nil {
		d.log.Warn("the output of a container broke off", "container", r.id, "error", err)
	}
	r.unfollow()
	if r.record == nil && r.attached != d.engine.connections.Load() {
		r.reopen()
	}
	if r.record != nil {
		if err := r.record.finish(context.Background()); err != nil && !cerrdefs.IsNotFound(err) {
			d.log.Warn("the end of a container's output could not be read", "container", r.id, "error", err)
		}
	}
	if err := r.log.Close(); err != nil {
		d.log.Error("the log of a job could not be kept whole", "attempt", r.attempt.Attempt, "error", err)
	}
}

// reopen turns to the engine's record of the output, because the engine was away and what was attached to it may have missed something.
func (r *run) reopen() {
	if err := r.log.Abandon(); err != nil {
		r.driver.log.Error("the log of a job could not be kept", "attempt", r.attempt.Attempt, "error", err)
	}
	log, err := r.attempt.OpenLog(r.container)
	if err != nil {
		r.driver.log.Error("the log of a job cannot be written; the end of what it printed is lost", "attempt", r.attempt.Attempt, "error", err)
		r.log = runner.DiscardLog{}
		return
	}
	r.log, r.record = log, r.driver.recording(r.id, log)
}

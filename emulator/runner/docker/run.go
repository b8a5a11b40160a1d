package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Times that ECS gives each step (runtime.md 11.1).
const (
	createTime = 4 * time.Minute
	startTime  = 3 * time.Minute
)

// Run implements runner.Driver.
func (d *Driver) Run(ctx context.Context, attempt runner.Attempt, report func(batch.Report)) error {
	if len(attempt.Containers) == 0 { // a pod
		report(batch.Report{State: batch.Exited, Reason: (&failure{cannotCreate, "batch-local runs no pods (eksProperties) yet"}).reason()})
		return nil
	}
	r := &run{driver: d, attempt: attempt, container: attempt.Containers[0], report: report}
	defer func() { d.boxes.give(context.WithoutCancel(ctx), r.box) }()
	err := r.up(ctx)
	stopped := errors.Is(context.Cause(ctx), runner.ErrStop) && !r.started
	if err != nil && stopped {
		// It may run all the same, from an earlier call: then there is something to stop.
		err = r.adopt(context.WithoutCancel(ctx))
	}
	var f *failure
	switch {
	case stopped && errors.Is(err, errNotThere):
		report(batch.Report{State: batch.Exited, Reason: lostReason(attempt.Ran)})
		return nil
	case errors.As(err, &f):
		report(batch.Report{State: batch.Exited, Reason: f.reason()})
		return nil
	case errors.Is(err, errNotThere):
		report(batch.Report{State: batch.Exited, Reason: lostReason(true)})
		return nil
	case err != nil:
		return err
	}
	return r.follow(ctx)
}

// A run is one attempt on its way through the engine.
type run struct {
	driver    *Driver
	attempt   runner.Attempt
	container batch.Container
	report    func(batch.Report)

	box      *sandbox
	id       string // the container's
	started  bool
	stopping bool // we want it to end
	events   *listener
	since    time.Time  // when it started
	output   chan error // ends when the outputs are closed and in the log
	record   *recording // of a container that was taken over; nil otherwise
	attached int64      // the connection of the engine when it was attached to
	unfollow func()     // breaks the output off
	forget   func()     // ends events
	log      runner.Log
}

// up brings the container up, or takes over the one that is there.
func (r *run) up(ctx context.Context) error {
	d := r.driver
	if err := d.engine.await(ctx); err != nil {
		return err
	}
	if r.attempt.Ran {
		return r.adopt(ctx)
	}
	if n := len(r.attempt.Containers); n > 1 {
		return &failure{cannotCreate, fmt.Sprintf("batch-local runs no tasks of several containers in Docker yet; this one has %d", n)}
	}
	if err := d.ensure(ctx, r.container.Image); err != nil {
		return err
	}
	if err := d.starts.Acquire(ctx, 1); err != nil {
		return err
	}
	defer d.starts.Release(1)
	config, host, err := d.translate(r.attempt.Task, r.container)
	if err != nil {
		return err
	}
	if p := r.container.Properties; p != nil {
		if err := d.mounts(ctx, r.attempt.Task, p, host); err != nil {
			return err
		}
	}
	for again := true; ; again = false {
		if err := r.create(ctx, config, host); err != nil {
			return err
		}
		if r.output != nil { // taken over
			return nil
		}
		err := r.start(ctx)
		if err == nil || !again || !r.repair(ctx, host, err) {
			return err
		}
		if err := d.client.ContainerRemove(context.WithoutCancel(ctx), r.id, container.RemoveOptions{Force: true}); err != nil {
			return err
		}
	}
}

// repair says whether a start that failed may go well with something changed, and changes it.
func (r *run) repair(ctx context.Context, host *container.HostConfig, err error) bool {
	switch {
	case len(host.Ulimits) > 0 && (r.container.Properties == nil || len(r.container.Properties.Ulimits) == 0) && strings.Contains(err.Error(), "rlimit"):
		// Ours, not the user's, and the engine itself may have no more.
		r.driver.noUlimits.Store(true)
		host.Ulimits = nil
		return true
	case r.box != nil && r.lostSandbox(ctx): // its user removed it
		r.driver.boxes.replace(ctx, r.box)
		r.box = nil
		return true
	}
	return false
}

// create makes the container in a sandbox. If it is there already, an earlier process made it.
func (r *run) create(ctx context.Context, config *container.Config, host *container.HostConfig) error {
	d := r.driver
	if r.box == nil {
		box, err := d.boxes.take(ctx, r.attempt.Task)
		if err != nil {
			return fail(cannotCreate, "created", "4m0s", err)
		}
		r.box = box
	}
	host.NetworkMode = "host"
	if r.box != nil {
		host.NetworkMode = r.box.mode()
	}
	// A stop does not cut the call short: the engine would make the container all the same, and nobody would know it.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTime)
	defer cancel()
	name := containerName(r.attempt.Attempt)
	for pulled := false; ; pulled = true {
		created, err := d.client.ContainerCreate(limited, config, host, nil, nil, name)
		switch {
		case err == nil:
			r.know(created.ID)
			if err := r.put(limited); err != nil {
				return fail(cannotCreate, "created", "4m0s", err)
			}
			return ctx.Err()
		case cerrdefs.IsConflict(err):
			return r.conflict(ctx, name)
		case !pulled && noSuchImage(err):
			if err := r.supply(ctx, err); err != nil {
				return err
			}
		default:
			if f := mountFailure(r.attempt.Task, err); f != nil {
				return f
			}
			return fail(cannotCreate, "created", "4m0s", err)
		}
	}
}

// supply pulls the image. A long pull must not keep others from starting, so it gives its place away meanwhile.
func (r *run) supply(ctx context.Context, missing error) error {
	r.driver.starts.Release(1)
	err := r.driver.supply(ctx, r.container.Image, missing)
	if again := r.driver.starts.Acquire(context.WithoutCancel(ctx), 1); again != nil {
		return again
	}
	return err
}

// conflict takes over the container of that name if it is this attempt's.
func (r *run) conflict(ctx context.Context, name string) error {
	is, err := r.driver.client.ContainerInspect(ctx, name)
	if err != nil {
		return fail(cannotCreate, "created", "4m0s", err)
	}
	id, ok := attemptOf(is.Config.Labels)
	if !ok || id != r.attempt.Attempt || is.Config.Labels[labelInstance] != r.driver.options.Instance {
		return &failure{cannotCreate, fmt.Sprintf("a container of the name %s is there already, and it is not ours", name)}
	}
	if is.State.Status == container.StateCreated { // it never ran: what an earlier process left in the middle
		if err := r.driver.client.ContainerRemove(ctx, is.ID, container.RemoveOptions{Force: true}); err != nil {
			return err
		}
		return errors.New("a container that was left half made is removed")
	}
	r.driver.boxes.give(ctx, r.box)
	r.box = nil
	r.know(is.ID)
	return r.takeOver(ctx, is)
}

func (r *run) know(id string) {
	r.id = id
	r.driver.remember(r.attempt.Attempt, id)
}

// start attaches, so that nothing that is printed is missed, and starts the container.
func (r *run) start(ctx context.Context) error {
	d := r.driver
	conn, err := d.client.ContainerAttach(ctx, r.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return fail(cannotStart, "started", "3m0s", err)
	}
	heard, forget := d.engine.listen(r.id)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	// From here on a stop is a stop of the container: a start that is taken back in the middle leaves nobody knowing what is.
	if ctx.Err() == nil {
		err = d.client.ContainerStart(limited, r.id, container.StartOptions{})
	} else {
		err = ctx.Err()
	}
	if err != nil {
		forget()
		conn.Close()
		return fail(cannotStart, "started", "3m0s", err)
	}
	r.started, r.events, r.forget = true, heard, forget
	r.attached = d.engine.connections.Load()
	r.since = startedAt(heard)
	r.unfollow = conn.Close
	if r.log, err = r.attempt.OpenLog(r.container); err != nil {
		d.log.Error("the log of a job cannot be written; what it prints is lost", "attempt", r.attempt.Attempt, "error", err)
		r.log = runner.DiscardLog{}
	}
	r.output = make(chan error, 1)
	go func() {
		defer conn.Close()
		r.output <- attached(conn.Reader, r.log)
	}()
	p := batch.Report{State: batch.Running, At: r.since.UnixMilli()}
	if r.box != nil && !r.attempt.SharesHost() {
		p.PrivateIPv4 = r.box.ipv4
	}
	r.report(p)
	return nil
}

// lostSandbox says whether the sandbox is why a container did not start.
func (r *run) lostSandbox(ctx context.Context) bool {
	is, err := r.driver.client.ContainerInspect(ctx, r.box.id)
	return cerrdefs.IsNotFound(err) || err == nil && !is.State.Running
}

// adopt takes over the container of an attempt that ran. If it is gone, so is its end.
func (r *run) adopt(ctx context.Context) error {
	list, err := r.driver.client.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelInstance+"="+r.driver.options.Instance),
		filters.Arg("label", labelJob+"="+string(r.attempt.Attempt.Job)),
		filters.Arg("label", fmt.Sprintf("%s=%d", labelAttempt, r.attempt.Attempt.Number)),
	)})
	if err != nil {
		return err
	}
	if len(list) == 0 || list[0].State == container.StateCreated {
		return errNotThere
	}
	is, err := r.driver.client.ContainerInspect(ctx, list[0].ID)
	if err != nil {
		return err
	}
	r.know(is.ID)
	return r.takeOver(ctx, is)
}

// errNotThere is an attempt without a container that has run.
var errNotThere = errors.New("there is no container of the attempt")

// lostReason is why an attempt ended of which nothing is there: it vanished, if it ever ran.
func lostReason(ran bool) string {
	if ran {
		return (&failure{vanished, "No container matching saved ID found"}).reason()
	}
	return ""
}

// takeOver goes on with a container that has started in an earlier process: its output comes from the engine's record.
func (r *run) takeOver(ctx context.Context, is container.InspectResponse) error {
	heard, forget := r.driver.engine.listen(is.ID)
	log, err := r.attempt.OpenLog(r.container)
	if err != nil {
		forget()
		return fmt.Errorf("open the log: %w", err)
	}
	r.started, r.events, r.forget, r.log = true, heard, forget, log
	reading, unfollow := context.WithCancel(context.WithoutCancel(ctx))
	r.unfollow = unfollow
	r.driver.engine.wake(is.ID) // it may have ended before anybody listened
	r.output = make(chan error, 1)
	r.record = r.driver.recording(is.ID, log)
	go func() { r.output <- r.record.follow(reading) }()
	p := batch.Report{State: batch.Running}
	if at, err := time.Parse(time.RFC3339Nano, is.State.StartedAt); err == nil {
		r.since, p.At = at, at.UnixMilli()
	}
	r.report(p)
	return nil
}

// eventTime is how long the event of a start may be behind the answer to it.
const eventTime = 50 * time.Millisecond

// startedAt is when the container started as the engine saw it: its answer comes so much later that a short job has ended by then.
func startedAt(l *listener) time.Time {
	timer := time.NewTimer(eventTime)
	defer timer.Stop()
	select {
	case at := <-l.started:
		return at
	case <-timer.C:
		return time.Now()
	}
}

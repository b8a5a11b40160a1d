package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Times that ECS gives each step (runtime.md 11.1).
const (
	createTime = 4 * time.Minute
	startTime  = 3 * time.Minute
)

// A unit is one container of an attempt on its way through the engine.
type unit struct {
	run       *run
	vessel    vessel // itself
	index     int
	container batch.Container
	progress  progress      // run.mu guards it
	toStop    chan struct{} // closed when it is to be stopped
	told      bool          // toStop is closed

	source   *source
	name     string // on the engine
	id       string // run.mu guards it for others
	started  bool
	unsure   bool // the engine was asked to start it, and nobody knows whether it did
	stopping bool // we want it to end
	events   *listener
	since    time.Time  // when it started
	output   *output    // nil: it has not started
	record   *recording // of a container that was taken over; nil otherwise
	tries    int        // of reading its end
	attached int64      // the connection of the engine when it was attached to
	unfollow func()     // breaks the output off
	forget   func()     // ends events
	log      runner.Log
}

// asked is all that the engine is asked for of a container.
type asked struct {
	config   *container.Config
	host     *container.HostConfig
	platform *ocispec.Platform
}

// up brings the container up, or takes over the one that is there. Stopping is a ctx that is done with ErrStop.
func (u *unit) up(ctx context.Context) error {
	r, d := u.run, u.run.driver
	if r.attempt.Ran {
		return u.adopt(ctx)
	}
	p := d.pictureOf(r.attempt.Task, u.container)
	p.auth = func(ctx context.Context) (string, error) { return r.registryAuth(ctx, u.container) }
	r.pulling(time.Now())
	is, err := d.image(ctx, p)
	if err != nil {
		return r.pullText(u.container, err)
	}
	r.pulled(time.Now())
	u.source.image(is)
	if err := r.awaitSecrets(ctx, u.container.Kubernetes); err != nil {
		return err
	}
	if err := d.starts.Acquire(ctx, 1); err != nil {
		return err
	}
	defer d.starts.Release(1)
	want, err := r.translate(ctx, u, is)
	if err != nil {
		return err
	}
	want.config.Image, want.platform = p.name, p.platform
	for again := true; ; again = false {
		if err := u.create(ctx, want); err != nil {
			return err
		}
		if u.output != nil { // taken over
			return nil
		}
		err := u.start(ctx)
		if err == nil || !again || u.unsure || !u.repair(ctx, want.host, err) { // what may have run is not made again
			return err
		}
		if err := d.client.ContainerRemove(r.asking, u.id, container.RemoveOptions{Force: true}); err != nil {
			return err
		}
	}
}

// repair says whether a start that failed may go well with something changed, and changes it.
func (u *unit) repair(ctx context.Context, host *container.HostConfig, err error) bool {
	switch {
	case len(host.Ulimits) > 0 && (u.container.Properties == nil || len(u.container.Properties.Ulimits) == 0) && strings.Contains(err.Error(), "rlimit"):
		// Ours, not the user's, and the engine itself may have no more.
		u.run.driver.noUlimits.Store(true)
		host.Ulimits = nil
		return true
	}
	return u.run.replaceSandbox(ctx)
}

// create makes the container in its sandbox. If it is there already, an earlier process made it.
func (u *unit) create(ctx context.Context, want asked) error {
	r, d := u.run, u.run.driver
	if err := r.join(ctx, want.host); err != nil {
		return err
	}
	if err := d.boxes.relay.await(ctx); err != nil {
		return err
	}
	d.byAddress(want.config.Env)
	// A stop does not cut the call short: the engine would make the container all the same, and nobody would know it.
	limited, cancel := context.WithTimeout(r.asking, createTime)
	defer cancel()
	created, err := d.client.ContainerCreate(limited, want.config, want.host, nil, want.platform, u.name)
	switch {
	case err == nil:
		u.know(created.ID)
		if err := u.put(limited, u.container.Files); err != nil {
			return fail(cannotCreate, "created", "4m0s", err)
		}
		return ctx.Err()
	case cerrdefs.IsConflict(err):
		return u.conflict(ctx)
	}
	r.unanswered(err)
	if f := mountFailure(r.attempt.Task, err); f != nil {
		return f
	}
	return fail(cannotCreate, "created", "4m0s", err)
}

// conflict takes over the container of that name if it is this attempt's.
func (u *unit) conflict(ctx context.Context) error {
	d := u.run.driver
	is, err := d.client.ContainerInspect(ctx, u.name)
	if err != nil {
		return fail(cannotCreate, "created", "4m0s", err)
	}
	id, ok := attemptOf(is.Config.Labels)
	if !ok || id != u.run.attempt.Attempt || is.Config.Labels[labelInstance] != d.options.Instance || is.Config.Labels[labelContainer] != u.container.Name {
		return &failure{cannotCreate, fmt.Sprintf("a container of the name %s is there already, and it is not ours", u.name)}
	}
	if is.State.Status == container.StateCreated { // it never ran: what an earlier process left in the middle
		if err := d.client.ContainerRemove(ctx, is.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return err
		}
		if len(u.run.units) == 1 { // others may be in it
			for _, id := range d.made.takeBoxes(id) {
				d.boxes.remove(ctx, &sandbox{id: id})
			}
		}
		return errors.New("a container that was left half made is removed")
	}
	u.run.leaveSandbox()
	u.know(is.ID)
	return u.takeOver(ctx, is)
}

func (u *unit) know(id string) {
	u.run.mu.Lock()
	u.id = id
	u.run.mu.Unlock()
	u.run.driver.made.container(u.run.attempt.Attempt, id)
}

// start attaches, so that nothing that is printed is missed, and starts the container.
func (u *unit) start(ctx context.Context) error {
	d := u.run.driver
	u.attached = d.engine.connections.Load() // before: one that came meanwhile may not be the one that was attached to
	conn, err := d.client.ContainerAttach(ctx, u.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return fail(cannotStart, "started", "3m0s", err)
	}
	heard, forget := d.engine.listen(u.id)
	limited, cancel := context.WithTimeout(u.run.asking, startTime)
	defer cancel()
	// From here on a stop is a stop of the container: a start that is taken back in the middle leaves nobody knowing what is.
	if err = ctx.Err(); err == nil {
		err = d.client.ContainerStart(limited, u.id, container.StartOptions{})
		u.unsure = err != nil && unanswered(err)
	}
	if err != nil {
		forget()
		conn.Close()
		return fail(cannotStart, "started", "3m0s", err)
	}
	u.started, u.events, u.forget = true, heard, forget
	u.since = startedAt(heard)
	u.unfollow = conn.Close
	u.openLog()
	log := u.log
	u.output = outputOf(func() error {
		defer conn.Close()
		return attached(conn.Reader, log)
	})
	return nil
}

// openLog opens the log of a container that runs. It runs on without one.
func (u *unit) openLog() {
	var err error
	if u.log, err = u.run.attempt.OpenLog(u.container); err != nil {
		u.run.driver.log.Error("the log of a job cannot be written; what it prints is lost", "attempt", u.run.attempt.Attempt, "error", err)
		u.log = runner.DiscardLog{}
	}
}

// adopt takes over the container of an attempt that ran. If it is gone, so is its end.
func (u *unit) adopt(ctx context.Context) error {
	there, err := u.run.there(ctx)
	if err != nil {
		return err
	}
	c, ok := there[u.container.Name]
	if !ok {
		return errNotThere
	}
	is, err := u.run.driver.client.ContainerInspect(ctx, c.ID)
	switch {
	case err != nil:
		return err
	case is.State.Status == container.StateCreated && is.State.Error != "": // an earlier process could not start it, and others of the task went on
		return &failure{cannotStart, daemonPrefix + is.State.Error}
	case is.State.Status == container.StateCreated:
		return errNotThere
	}
	u.know(is.ID)
	return u.takeOver(ctx, is)
}

// errNotThere is a container that has not run, or is no more.
var errNotThere = errors.New("there is no container of the attempt")

// lostReason is why an attempt ended of which nothing is there: it vanished, if it ever ran.
func lostReason(ran bool) string {
	if ran {
		return (&failure{vanished, "No container matching saved ID found"}).reason()
	}
	return ""
}

// takeOver goes on with a container that has started in an earlier process: its output comes from the engine's record.
func (u *unit) takeOver(ctx context.Context, is container.InspectResponse) error {
	d := u.run.driver
	heard, forget := d.engine.listen(is.ID)
	log, err := u.run.attempt.OpenLog(u.container)
	if err != nil {
		forget()
		return fmt.Errorf("open the log: %w", err)
	}
	u.run.adopted(u, is)
	u.started, u.events, u.forget, u.log = true, heard, forget, log
	reading, unfollow := context.WithCancel(u.run.watching)
	u.unfollow = unfollow
	d.engine.wake(is.ID) // it may have ended before anybody listened
	record := d.recording(is.ID, log)
	u.record = record
	u.output = outputOf(func() error { return record.follow(reading) })
	if at, err := time.Parse(time.RFC3339Nano, is.State.StartedAt); err == nil {
		u.since = at
	}
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

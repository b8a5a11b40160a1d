package docker

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/batch-local/batch-local/emulator/runner"
)

// engine follows the container engine: one stream of events, which is also the sign that the engine is there.
type engine struct {
	driver *Driver
	cancel context.CancelFunc
	done   chan struct{}

	// connections counts how often the engine was found: what was attached to an earlier connection may have broken off.
	connections atomic.Int64

	mu        sync.Mutex
	is        runner.Availability
	arch      string        // the last that is known: what is begun while nobody hears of the engine goes on as it began
	storage   string        // the engine's storage driver
	changed   chan struct{} // closed when is changes
	listeners map[string]*listener
}

// A listener hears what happens to one container.
type listener struct {
	happens chan struct{}  // has a value after something did
	started chan time.Time // has the time when it started, if that was while somebody listened
	oom     chan struct{}  // has a value after the kernel killed something in it for memory
}

// Times of the connection.
const (
	firstRetry  = 50 * time.Millisecond
	lastRetry   = 2 * time.Second
	pingTimeout = 5 * time.Second
	infoTimeout = 30 * time.Second // a busy engine counts all that it has
)

// uncut is for calls that a stop must not cut short. An engine that is not waited for goes on all the same with what it was asked for, and nobody would know it. Where
// that has a container join a network, a removal that comes across it may leave the engine with a network that it never gives up (moby issue 42119, seen with
// 20.10).
func uncut(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

func (e *engine) start(d *Driver) {
	ctx, cancel := context.WithCancel(context.Background())
	e.driver, e.cancel, e.done = d, cancel, make(chan struct{})
	e.changed, e.listeners = make(chan struct{}), map[string]*listener{}
	go func() {
		defer close(e.done)
		e.follow(ctx)
	}()
}

func (e *engine) stop() {
	e.cancel()
	<-e.done
}

// follow connects again and again. Only while no engine answers does it ask on a timer: there is nothing to be told by.
func (e *engine) follow(ctx context.Context) {
	pause := firstRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := e.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if e.ready() {
			pause = firstRetry
		}
		e.set(runner.Availability{Endpoint: e.driver.client.DaemonHost(), Reason: absence(e.driver.client.DaemonHost(), err)}, "")
		if time.Since(began) > lastRetry {
			pause = firstRetry
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastRetry)
	}
}

// connect follows the engine's events until the stream breaks.
func (e *engine) connect(ctx context.Context) error {
	c := e.driver.client
	pinging, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := c.Ping(pinging); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	version, err := c.ServerVersion(asking)
	if err != nil {
		return err
	}
	following, unfollow := context.WithCancel(ctx)
	defer unfollow()
	messages, errs := c.Events(following, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("label", labelInstance+"="+e.driver.options.Instance),
		filters.Arg("event", string(events.ActionStart)), filters.Arg("event", string(events.ActionDie)), filters.Arg("event", string(events.ActionOOM)), filters.Arg("event", string(events.ActionDestroy)),
	)})
	machine, err := c.Info(asking)
	if err != nil {
		return err
	}
	select {
	case err := <-errs:
		return err
	default:
	}
	e.connections.Add(1)
	e.mu.Lock()
	e.storage = machine.Driver
	e.mu.Unlock()
	e.driver.boxes.reconnect(ctx, version.Arch)
	e.driver.swept.Do(func() {
		if err := e.driver.closeLookers(ctx); err != nil {
			e.driver.log.Warn("containers of an earlier process could not be removed", "error", err)
		}
		if !e.driver.options.Transient {
			return
		}
		if err := e.driver.removeVolumes(ctx, labelVolume); err != nil {
			e.driver.log.Warn("disks and file systems of an earlier process could not be removed", "error", err)
		}
	})
	e.set(runner.Availability{Ready: true, Version: version.Version, Endpoint: c.DaemonHost(), CPUs: machine.NCPU, MemoryMiB: machine.MemTotal / mib}, version.Arch)
	e.driver.boxes.warm()
	e.wakeAll() // what happened while nobody listened
	for {
		select {
		case m := <-messages:
			e.tell(m)
		case err := <-errs:
			return err
		}
	}
}

// absence says for people why there is no engine, and what to do.
func absence(endpoint string, err error) string {
	return fmt.Sprintf("No container engine answers at %s (%v). Start Docker (scripts/ensure-docker does on Debian), or set DOCKER_HOST.", endpoint, err)
}

func (e *engine) set(a runner.Availability, arch string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.arch = cmp.Or(arch, e.arch)
	if e.is == a {
		return
	}
	e.is = a
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *engine) now() (runner.Availability, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.is, e.changed
}

func (e *engine) ready() bool {
	a, _ := e.now()
	return a.Ready
}

// limitsStorage says whether the engine can limit a container's root file system. Of overlay2 that depends on how its folder is mounted, which it does not
// tell.
func (e *engine) limitsStorage() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.storage == "btrfs" || e.storage == "zfs"
}

// architecture is the engine's, as Go names it.
func (e *engine) architecture() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.arch
}

func (e *engine) watch(ctx context.Context, tell func(runner.Availability)) {
	told := runner.Availability{}
	for {
		is, changed := e.now()
		if is != told {
			tell(is)
			told = is
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// await returns when the engine is there.
func (e *engine) await(ctx context.Context) error {
	for {
		is, changed := e.now()
		if is.Ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// listen is for one listener for each container. forget ends it.
func (e *engine) listen(container string) (l *listener, forget func()) {
	l = &listener{happens: make(chan struct{}, 1), started: make(chan time.Time, 1), oom: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners[container] = l
	return l, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.listeners[container] == l {
			delete(e.listeners, container)
		}
	}
}

func (e *engine) tell(m events.Message) {
	if m.Action == events.ActionDie && m.Actor.Attributes[labelSandbox] != "" {
		e.driver.boxes.died(m.Actor.ID)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.listeners[m.Actor.ID]
	switch {
	case l == nil:
	case m.Action == events.ActionStart:
		select {
		case l.started <- time.Unix(0, m.TimeNano):
		default: // only the first start counts
		}
	case m.Action == events.ActionOOM:
		nudge(l.oom)
	default:
		nudge(l.happens)
	}
}

// wake has a container looked at.
func (e *engine) wake(container string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.listeners[container]; l != nil {
		nudge(l.happens)
	}
}

func (e *engine) wakeAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.listeners {
		nudge(l.happens)
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it knows
	}
}

package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/semaphore"

	"github.com/batch-local/batch-local/emulator/batch"
)

// A sandbox holds a network namespace.
type sandbox struct {
	id   string
	name string       // of the host, as containers in it see it
	host batch.HostID // empty: a task's own

	// sandboxes.mu guards these.
	ipv4   string // does not change when somebody has taken it
	inside map[*run]struct{}
	route  []string // to the endpoint, that it was told last; empty: not known
	untold bool     // that could not be done
}

// extraHosts has the engine's machine be known to containers by the name that Docker Desktop gives it (decisions, behaviour 8).
func extraHosts() []string { return []string{hostAlias + ":host-gateway"} }

// mode is the NetworkMode of a container in it.
func (s *sandbox) mode() container.NetworkMode {
	return container.NetworkMode("container:" + s.id)
}

// sandboxes keeps one sandbox for each simulated instance in use, and some for Fargate tasks to come.
type sandboxes struct {
	driver *Driver

	mu     sync.Mutex
	arch   string
	hosts  map[batch.HostID]*hostBox
	spare  chan *sandbox
	making sync.WaitGroup
	coming int  // spare ones on their way
	filled bool // somebody has asked for a task's own
	closed bool
	live   map[string]*sandbox // that this process made or took over, by id
	names  map[string]int      // how many have that name, or are to have it

	route   []string    // to the endpoint as it is now
	again   *time.Timer // calls warm; nil: nothing is to be tried again
	failing bool        // warm could not do it
	machine string      // the address of the engine's machine; empty: not known

	ctx    context.Context // of what is made for all; ends when Close has waited long enough
	cancel context.CancelFunc

	preparing *semaphore.Weighted // of one; who waits for it may give up
	relay     *relayer
	network   string // id of the network; empty: to be looked for
	image     string
}

func newSandboxes(d *Driver) *sandboxes {
	s := &sandboxes{
		driver: d, hosts: map[batch.HostID]*hostBox{}, spare: make(chan *sandbox, d.options.Sandboxes), live: map[string]*sandbox{}, names: map[string]int{},
		preparing: semaphore.NewWeighted(1), relay: newRelayer(d),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// take gives a task its sandbox; nil where jobs are on the host's own network. Give it back with give. If the sandbox is lost meanwhile, the run is told.
func (s *sandboxes) take(ctx context.Context, t batch.Task, r *run) (*sandbox, error) {
	if s.driver.options.Network == "host" {
		return nil, nil
	}
	take := s.takeHost
	if !t.SharesHost() {
		take, ctx = s.takeOwn, r.asking // a stop finds it made, as it does the container
	}
	box, err := take(ctx, t)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		box.enter(r)
	}
	return box, err
}

// enter notes that a run is in it. The lock is held.
func (s *sandbox) enter(r *run) {
	if s.inside == nil {
		s.inside = map[*run]struct{}{}
	}
	s.inside[r] = struct{}{}
}

// errClosed is why nothing more is made.
var errClosed = fmt.Errorf("the driver is closed: %w", context.Canceled)

// begin has something made that does not end with who asked for it; close waits for it. It says whether there was time for that.
func (s *sandboxes) begin(making func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.making.Go(making)
	}
	return !s.closed
}

// errGone is a sandbox that is no more. Its containers run on, without a network.
var errGone = errors.New("the sandbox is gone")

// takeOver gives a task the sandbox in which an earlier process started it, as take does. The endpoint is set up again: its other end was in the earlier
// process.
func (s *sandboxes) takeOver(ctx context.Context, t batch.Task, r *run, id string) (*sandbox, error) {
	is, err := s.driver.client.ContainerInspect(ctx, id)
	switch {
	case isGone(is, err):
		return nil, errGone
	case err != nil:
		return nil, fmt.Errorf("inspect a sandbox: %w", err)
	case t.SharesHost():
		return s.take(ctx, t, r) // by its name it is the same one
	}
	if err := s.ensure(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	box := s.live[is.ID] // this process may have made it: the start was not answered
	if box == nil {
		box = &sandbox{id: is.ID, name: is.Config.Hostname}
		for _, n := range is.NetworkSettings.Networks { // it is on one
			box.ipv4 = n.IPAddress
		}
		s.live[is.ID] = box
		s.names[box.name]++
	}
	box.enter(r)
	s.mu.Unlock()
	// It may have ended before its end was ours to hear.
	if is, err = s.driver.client.ContainerInspect(ctx, id); isGone(is, err) {
		s.drop(box)
		return nil, errGone
	}
	s.lead(box)
	return box, nil
}

// isGone says of what the engine answered whether a sandbox holds its network no more.
func isGone(is container.InspectResponse, err error) bool {
	return cerrdefs.IsNotFound(err) || err == nil && !is.State.Running
}

// has says whether a sandbox is there still.
func (s *sandboxes) has(box *sandbox) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[box.id] == box
}

// give takes a task's sandbox back: an instance's is counted out, a task's own is removed unless the task goes on in it.
func (s *sandboxes) give(ctx context.Context, box *sandbox, r *run, goesOn bool) {
	if box == nil {
		return
	}
	s.mu.Lock()
	delete(box.inside, r)
	s.mu.Unlock()
	if box.host == "" {
		if !goesOn {
			s.remove(ctx, box)
		}
		return
	}
	if h := s.hostOf(box); h != nil {
		s.leave(box.host, h)
	}
}

// replace forgets a sandbox that turned out to be gone, for a run that goes on in another one; whoever else is in it has lost its host. Those that wait for a
// task may have gone with it, as when the engine started anew, which nobody may have told.
func (s *sandboxes) replace(ctx context.Context, box *sandbox, r *run) {
	if box.host != "" {
		if h := s.hostOf(box); h != nil {
			s.lost(box.host, h)
		}
	}
	s.mu.Lock()
	delete(box.inside, r)
	s.mu.Unlock()
	s.died(box.id)
	s.remove(ctx, box)
	for _, other := range s.takeSpares() {
		if is, err := s.driver.client.ContainerInspect(ctx, other.id); err == nil && is.State.Running {
			s.mu.Lock()
			waits := s.offer(other)
			s.mu.Unlock()
			if waits {
				continue
			}
		}
		s.remove(ctx, other)
	}
}

// died is told that a sandbox has ended. If it was not us, whoever is in it has lost its host.
func (s *sandboxes) died(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	box := s.live[id]
	if box == nil {
		return
	}
	delete(s.live, id)
	s.release(box.name)
	if h := s.hosts[box.host]; h != nil && h.box == box {
		delete(s.hosts, box.host)
	}
	for r := range box.inside {
		go r.lose()
	}
}

// drop forgets a sandbox that is not ours to remove.
func (s *sandboxes) drop(box *sandbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[box.id] == box {
		delete(s.live, box.id)
		s.release(box.name)
	}
}

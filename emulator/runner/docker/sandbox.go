package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/google/uuid"
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

// hostBox is the sandbox of an instance, made once for all who ask. sandboxes.mu guards it.
type hostBox struct {
	ready   chan struct{} // closed when box or err is there
	box     *sandbox
	err     error
	users   int
	expires *time.Timer
}

// idleHost is how long an instance's sandbox stays without a task.
const idleHost = time.Minute

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

func (s *sandboxes) takeHost(ctx context.Context, t batch.Task) (*sandbox, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	h := s.hosts[t.Host]
	if h == nil {
		h = &hostBox{ready: make(chan struct{})}
		s.hosts[t.Host] = h
		s.making.Go(func() {
			box, err := s.make(s.ctx, t.Host, t.HostName) // whoever asked first may go away; the others still need it
			s.mu.Lock()
			defer s.mu.Unlock()
			h.box, h.err = box, err
			if err == nil && s.live[box.id] != box && s.hosts[t.Host] == h { // it has ended meanwhile: whoever waits for it sees that, and takes another
				delete(s.hosts, t.Host)
			}
			close(h.ready)
		})
	}
	h.users++
	if h.expires != nil {
		h.expires.Stop()
		h.expires = nil
	}
	s.mu.Unlock()
	select {
	case <-h.ready:
	case <-ctx.Done():
		s.leave(t.Host, h)
		return nil, ctx.Err()
	}
	if h.err != nil {
		s.leave(t.Host, h)
		s.lost(t.Host, h)
		return nil, h.err
	}
	return h.box, nil
}

// leave counts a task out. The last one lets the sandbox expire.
func (s *sandboxes) leave(host batch.HostID, h *hostBox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	if h.users > 0 || s.closed || s.hosts[host] != h {
		return
	}
	h.expires = time.AfterFunc(idleHost, func() { s.expire(host, h) })
}

// expire removes the sandbox of an instance if nobody is in it.
func (s *sandboxes) expire(host batch.HostID, h *hostBox) {
	select {
	case <-h.ready:
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.users > 0 || s.hosts[host] != h || s.closed {
		return
	}
	delete(s.hosts, host)
	if h.box != nil {
		s.making.Go(func() { s.putAway(h.box) })
	}
}

// lost forgets an instance's sandbox that is no more; the next task makes another.
func (s *sandboxes) lost(host batch.HostID, h *hostBox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts[host] == h {
		delete(s.hosts, host)
		if h.expires != nil {
			h.expires.Stop()
		}
	}
}

func (s *sandboxes) takeOwn(ctx context.Context, t batch.Task) (*sandbox, error) {
	if t.Platform != batch.Fargate { // its host name is its own, which nobody knows ahead of need
		s.mu.Lock()
		s.filled = true
		s.mu.Unlock()
		return s.makeOwn(ctx, t.HostName)
	}
	defer s.fill(t) // after the task has its own: the first one should not wait behind those to come
	for {
		select {
		case box := <-s.spare:
			if !s.has(box) { // it has ended
				s.remove(ctx, box)
				continue
			}
			if domainOf(box.name) == domainOf(t.HostName) {
				return box, nil
			}
			s.remove(ctx, box) // of another region
		default:
		}
		return s.makeOwn(ctx, t.HostName)
	}
}

// makeOwn makes a sandbox for a task. When the task goes away meanwhile it is made to its end all the same, and put away then (see uncut).
func (s *sandboxes) makeOwn(ctx context.Context, hostName string) (*sandbox, error) {
	type result struct {
		box *sandbox
		err error
	}
	made := make(chan result)
	begun := s.begin(func() {
		box, err := s.make(s.ctx, "", hostName)
		select {
		case made <- result{box, err}:
		case <-ctx.Done():
			if err == nil {
				s.putAway(box)
			}
		}
	})
	if !begun {
		return nil, errClosed
	}
	select {
	case m := <-made:
		return m.box, m.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// has says whether a sandbox is there still.
func (s *sandboxes) has(box *sandbox) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[box.id] == box
}

// fill makes sandboxes for tasks to come until there are enough, or enough on their way.
func (s *sandboxes) fill(t batch.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filled = true
	for !s.closed && len(s.spare)+s.coming < cap(s.spare) {
		s.coming++
		s.refill(t)
	}
}

// refill makes one more. The lock is held.
func (s *sandboxes) refill(t batch.Task) {
	// Its name has to be chosen before its task is known, as the address of a real network interface has; the endpoint tells the task this one.
	name := anotherName(t.HostName)
	s.making.Go(func() {
		box, err := s.make(s.ctx, "", name)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.coming--
		if err != nil {
			return // the task that misses it makes its own, and tells the error
		}
		if !s.offer(box) {
			s.making.Go(func() { s.putAway(box) })
		}
	})
}

// offer has a sandbox wait for a task to come, if there is need of it. The lock is held.
func (s *sandboxes) offer(box *sandbox) bool {
	if s.closed {
		return false
	}
	select {
	case s.spare <- box:
		return true
	default:
		return false
	}
}

// takeSpares takes all that wait for a task.
func (s *sandboxes) takeSpares() (all []*sandbox) {
	for {
		select {
		case box := <-s.spare:
			all = append(all, box)
		default:
			return all
		}
	}
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

// hostOf is the instance whose sandbox that is; nil if it has another by now.
func (s *sandboxes) hostOf(box *sandbox) *hostBox {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.hosts[box.host]; h != nil && h.box == box {
		return h
	}
	return nil
}

// make brings up a sandbox, of an instance or a task's own. Another emulator may remove the network that both use at the moment when nothing is on it; then it is made
// once more.
func (s *sandboxes) make(ctx context.Context, host batch.HostID, hostName string) (*sandbox, error) {
	box, err := s.tryMake(ctx, host, hostName)
	if cerrdefs.IsNotFound(err) {
		s.forget(ctx)
		box, err = s.tryMake(ctx, host, hostName)
	}
	for end := time.Now().Add(ambiguousTime); isAmbiguous(err) && ctx.Err() == nil && time.Now().Before(end); {
		time.Sleep(firstRetry)
		box, err = s.tryMake(ctx, host, hostName)
	}
	return box, err
}

// tryMake makes a sandbox. Of an instance there is one at most, by its name: one that an earlier process left is taken over.
func (s *sandboxes) tryMake(ctx context.Context, of batch.HostID, hostName string) (*sandbox, error) {
	ground, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	box := &sandbox{name: s.claim(labelOf(of), hostName), host: of}
	made, err := s.start(ctx, box, ground)
	s.mu.Lock()
	if err != nil {
		s.release(box.name)
		s.mu.Unlock()
		return nil, err
	}
	if made { // of one that was there nobody knows what it was told after its start
		box.route = ground.route
	}
	s.live[box.id] = box // it has the name until it goes
	s.mu.Unlock()
	is, err := s.driver.client.ContainerInspect(ctx, box.id)
	switch {
	case err != nil && made:
		s.putAway(box)
		return nil, fmt.Errorf("inspect a sandbox: %w", err)
	case err != nil: // jobs may run in it
		s.drop(box)
		return nil, fmt.Errorf("inspect a sandbox: %w", err)
	case !is.State.Running: // it ended before its end was ours to hear
		s.died(box.id)
	}
	s.mu.Lock()
	for _, n := range is.NetworkSettings.Networks { // it is on one
		box.ipv4 = n.IPAddress
	}
	s.mu.Unlock()
	s.findMachine(ctx, box.id)
	s.lead(box)
	return box, nil
}

// start has a sandbox's container run, finds its id, and says whether it made it.
func (s *sandboxes) start(ctx context.Context, box *sandbox, ground ground) (made bool, err error) {
	d, label := s.driver, labelOf(box.host)
	config := &container.Config{
		Image: ground.image, Hostname: box.name, Cmd: ground.route,
		Labels: map[string]string{labelInstance: d.options.Instance, labelSandbox: label},
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(ground.network),
		ExtraHosts:  extraHosts(),
		LogConfig:   container.LogConfig{Type: "none"},
		IpcMode:     "shareable", // for containers of a task that share it
		CapDrop:     []string{"ALL"},
	}
	if len(ground.route) > 0 {
		host.CapAdd = []string{"NET_ADMIN"} // of the program that pauses alone; containers that join have their own
	}
	name := "batch-local-" + d.options.Instance + "-" + label
	if box.host == "" { // there are several, and none is looked for by its name
		name += "-" + uuid.NewString()[:8]
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	asking, cancel := uncut(ctx)
	defer cancel()
	created, err := d.client.ContainerCreate(asking, config, host, nil, nil, name)
	made = err == nil
	box.id = created.ID
	if cerrdefs.IsConflict(err) && box.host != "" {
		var is container.InspectResponse
		if is, err = d.client.ContainerInspect(ctx, name); err == nil {
			box.id = is.ID
		}
	}
	if err != nil {
		return false, fmt.Errorf("create a sandbox: %w", err)
	}
	if err := d.client.ContainerStart(asking, box.id, container.StartOptions{}); err != nil {
		if made || !unanswered(err) { // else jobs may run in it
			s.putAway(box)
		}
		return false, fmt.Errorf("start a sandbox: %w", err)
	}
	return made, nil
}

// uncut is for a call that has a container join a network. An engine that is not waited for goes on all the same; a removal that comes across that may leave
// it with a network that it never gives up (moby issue 42119, seen with 20.10).
func uncut(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), startTime)
}

// labelOf is what a sandbox's label says.
func labelOf(host batch.HostID) string {
	return cmp.Or(string(host), "task")
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

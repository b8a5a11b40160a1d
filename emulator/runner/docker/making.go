package docker

import (
	"cmp"
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/batch"
)

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
	asking, cancel := uncut(ctx, startTime)
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

// labelOf is what a sandbox's label says.
func labelOf(host batch.HostID) string {
	return cmp.Or(string(host), "task")
}

package docker

import (
	"context"
	"fmt"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/batch"
)

// sweep removes sandboxes of this instance that no container is in and that this process does not know; or all.
func (s *sandboxes) sweep(ctx context.Context, all bool) error {
	list, err := s.driver.client.ContainerList(ctx, container.ListOptions{All: true, Filters: ours(s.driver.options.Instance)})
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, c := range list {
		used[c.HostConfig.NetworkMode] = true
	}
	endpoint, kept := "", false
	for _, c := range list {
		box := &sandbox{id: c.ID}
		switch {
		case c.Labels[labelEndpoint] != "":
			endpoint = c.ID
		case c.Labels[labelSandbox] == "":
		case !all && (used[string(box.mode())] || s.knows(c.ID)):
			kept = true
		default:
			s.remove(ctx, box)
		}
	}
	if endpoint != "" && !kept && s.isClosed() { // sandboxes that are kept have routes to it
		s.remove(ctx, &sandbox{id: endpoint})
	}
	return nil
}

func (s *sandboxes) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *sandboxes) knows(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false // nothing is on its way, and nobody is to come
	}
	if s.filled {
		return true // it may be on its way
	}
	for _, h := range s.hosts {
		if h.box == nil && h.err == nil || h.box != nil && h.box.id == id { // on its way, or this one
			return true
		}
	}
	return false
}

func (s *sandboxes) remove(ctx context.Context, box *sandbox) {
	s.mu.Lock()
	known := s.live[box.id]
	delete(s.live, box.id) // its end is no loss
	s.mu.Unlock()
	err := s.driver.client.ContainerRemove(ctx, box.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
		s.driver.log.Warn("a sandbox could not be removed; the next start tries again", "container", box.id, "error", err)
	}
	if known != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.release(known.name)
	}
}

// removeTime is how long the engine may take to remove a sandbox that nobody waits for.
const removeTime = 30 * time.Second

// putAway removes a sandbox that nobody is to have, whoever has gone away meanwhile.
func (s *sandboxes) putAway(box *sandbox) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	s.remove(ctx, box)
}

// close removes the sandboxes and, if nothing is on it, the network, where there is an engine to ask. With keep, those that a task is in stay. When ctx is done
// it leaves what is left, and says so.
func (s *sandboxes) close(ctx context.Context, keep, engine bool) error {
	s.mu.Lock()
	s.closed = true
	if s.again != nil {
		s.again.Stop()
	}
	hosts := s.hosts
	s.hosts = map[batch.HostID]*hostBox{}
	s.mu.Unlock()
	for _, h := range hosts {
		if h.expires != nil {
			h.expires.Stop()
		}
	}
	defer s.cancel()
	if !engine {
		s.cancel()
	}
	made := make(chan struct{})
	go func() {
		s.making.Wait()
		close(made)
	}()
	select {
	case <-made:
	case <-ctx.Done():
		s.cancel()
		select {
		case <-made:
		case <-time.After(putDownTime): // a call that must not be cut short is not answered; the sandbox goes when it is, if this process is there still
		}
	}
	s.relay.close()
	if !engine {
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.live); (n > 0 || !isClosed(made)) && !keep {
			return fmt.Errorf("sandboxes are left on an engine that is away, %d or more; the next start takes them away", n)
		}
		return nil
	}
	var removing sync.WaitGroup
	for _, h := range hosts {
		if h.box != nil && !keep {
			removing.Go(func() { s.remove(ctx, h.box) })
		}
	}
	for _, box := range s.takeSpares() {
		removing.Go(func() { s.remove(ctx, box) })
	}
	removing.Wait()
	// Those that an earlier process made it may not know; and of those that may stay, the engine knows who is in them.
	if err := s.sweep(ctx, !keep); err != nil {
		return fmt.Errorf("sandboxes may be left; the next start takes them away: %w", err)
	}
	if err := s.driver.removeNetwork(ctx, !keep); err != nil {
		return fmt.Errorf("the network %s is left; the next end tries again: %w", s.driver.options.Network, err)
	}
	return nil
}

package docker

import (
	"context"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// How sandboxes find the endpoint of tasks, whose container may be a new one at another address.

// lives notes a sandbox that is there now.
func (s *sandboxes) lives(ctx context.Context, box *sandbox) {
	s.mu.Lock()
	s.live[box.id] = box
	s.mu.Unlock()
	s.lead(ctx, box)
}

// leadAll has the sandboxes that are there find the endpoint, whose container is a new one.
func (s *sandboxes) leadAll(ctx context.Context, route []string) {
	s.mu.Lock()
	s.route = route
	all := slices.Collect(maps.Values(s.live))
	s.mu.Unlock()
	var leading sync.WaitGroup
	for _, box := range all {
		leading.Go(func() { s.lead(ctx, box) })
	}
	leading.Wait()
}

// lead has a sandbox find the endpoint, if it was made when that was elsewhere. Its program adds a route, of which the newest counts, and pauses then beside
// the one that holds the sandbox.
func (s *sandboxes) lead(ctx context.Context, box *sandbox) {
	s.mu.Lock()
	route, known := s.route, slices.Equal(box.route, s.route)
	box.route = route
	s.mu.Unlock()
	if known || len(route) == 0 {
		return
	}
	c := s.driver.client
	made, err := c.ContainerExecCreate(ctx, box.id, container.ExecOptions{Cmd: append([]string{pauseProgramPath}, route...)})
	if err == nil {
		err = c.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true})
	}
	if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
		s.driver.log.Warn("jobs in a sandbox do not find their endpoint, which is a new one", "container", box.id, "error", err)
	}
}

// routeWords is the argument of a sandbox's program that has it add a route to the endpoint: the gateway as eight letters.
func routeWords(gateway netip.Addr) []string {
	if !gateway.Is4() {
		return nil
	}
	four := gateway.As4()
	n := binary.LittleEndian.Uint32(four[:])
	word := make([]byte, 8)
	for i := range word {
		word[i] = 'a' + byte(n>>(28-4*i))&15
	}
	return []string{string(word)}
}

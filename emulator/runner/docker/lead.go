package docker

import (
	"context"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// How sandboxes find the endpoint of tasks, whose container may be a new one at another address.

// leadTime is how long the engine may take to run the program of a sandbox. Whoever wants a sandbox waits meanwhile.
const leadTime = 5 * time.Second

// leadTo has the sandboxes that are there find the endpoint, whose container is a new one.
func (s *sandboxes) leadTo(route []string) {
	s.mu.Lock()
	s.route = route
	s.mu.Unlock()
	s.leadAll()
}

// leadAll tells the sandboxes that do not know it where the endpoint is.
func (s *sandboxes) leadAll() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.live))
	s.mu.Unlock()
	var leading sync.WaitGroup
	for _, box := range all {
		leading.Go(func() { s.lead(box) })
	}
	leading.Wait()
}

// lead has a sandbox find the endpoint, if it was made when that was elsewhere. Its program adds a route, of which the newest counts, and pauses then beside
// the one that holds the sandbox. All jobs in it need that, so it does not end with who asked for it, and is tried again until it is done.
func (s *sandboxes) lead(box *sandbox) {
	s.mu.Lock()
	route, known := s.route, slices.Equal(box.route, s.route)
	if !known {
		box.route = route // nobody else tells it meanwhile
	}
	s.mu.Unlock()
	if known || len(route) == 0 {
		return
	}
	err := s.tell(box, route)
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) { // it is gone, or has ended
		return
	}
	s.mu.Lock()
	first := err != nil && !box.untold
	box.untold = err != nil
	crossed := !slices.Equal(box.route, route) // it was told another one meanwhile, and nobody knows which came last
	if err != nil || crossed {
		box.route = nil
	}
	s.mu.Unlock()
	if first && s.ctx.Err() == nil {
		s.driver.log.Warn("jobs in a sandbox do not find their endpoint, which is a new one; it is tried again and again", "container", box.id, "error", err)
	}
	if err != nil || crossed {
		s.later()
	}
}

// tell runs the program of a sandbox once more.
func (s *sandboxes) tell(box *sandbox, route []string) error {
	ctx, cancel := context.WithTimeout(s.ctx, leadTime)
	defer cancel()
	c := s.driver.client
	made, err := c.ContainerExecCreate(ctx, box.id, container.ExecOptions{Cmd: append([]string{pauseProgramPath}, route...)})
	if err != nil {
		return err
	}
	return c.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true})
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

package docker

import (
	"context"
	"fmt"
	"time"
)

// A ground is what a sandbox is made on.
type ground struct {
	network, image string
	route          []string // words for its program
}

// prepare has the network, the image and the endpoint there.
func (s *sandboxes) prepare(ctx context.Context) (g ground, err error) {
	if err := s.preparing.Acquire(ctx, 1); err != nil {
		return g, err
	}
	defer s.preparing.Release(1)
	if s.network == "" {
		if s.image, err = s.pauseImage(ctx); err != nil {
			return g, fmt.Errorf("import the image of sandboxes: %w", err)
		}
		if s.network, err = s.driver.ensureNetwork(ctx); err != nil {
			return g, fmt.Errorf("make the network %s: %w", s.driver.options.Network, err)
		}
	}
	gateway, err := s.relay.gateway(ctx, s.network, s.image)
	return ground{s.network, s.image, routeWords(gateway)}, err
}

// pauseImage is the image of sandboxes, on the engine.
func (s *sandboxes) pauseImage(ctx context.Context) (string, error) {
	s.mu.Lock()
	arch := s.arch
	s.mu.Unlock()
	return s.driver.pauseImage(ctx, arch)
}

// forgetEndpoint has the endpoint set up anew, because its container is no more. Jobs that run need it, so that does not wait for the next one.
func (s *sandboxes) forgetEndpoint(ctx context.Context, id string) {
	if s.preparing.Acquire(ctx, 1) != nil {
		return
	}
	defer s.preparing.Release(1)
	if s.relay.id != id {
		return
	}
	s.relay.id, s.network = "", ""
	s.relay.answers(false)
	s.remove(ctx, &sandbox{id: id})
	time.AfterFunc(lastRetry, s.warm) // somebody may take it away again and again
}

// forget has network and image looked for again.
func (s *sandboxes) forget(ctx context.Context) {
	if s.preparing.Acquire(ctx, 1) != nil {
		return
	}
	defer s.preparing.Release(1)
	s.network = ""
}

// reconnect is told that the engine is there, for the first time or again. Sandboxes may be gone, and an earlier process may
// have left some.
func (s *sandboxes) reconnect(ctx context.Context, arch string) {
	s.mu.Lock()
	s.arch, s.machine = arch, ""
	s.mu.Unlock()
	s.forget(ctx)
	if err := s.sweep(ctx, false); err != nil {
		s.driver.log.Warn("left-over sandboxes could not be looked for", "error", err)
	}
}

// warm has the network and the endpoint made before the first job wants them: they take as long as a whole job.
func (s *sandboxes) warm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.relay.offered() {
		return
	}
	s.making.Go(func() {
		if _, err := s.prepare(s.ctx); err != nil {
			s.driver.log.Debug("what jobs share could not be made ahead; the first job tries again", "error", err)
		}
	})
}

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
	if s.isClosed() {
		return g, errClosed
	}
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

// ensure is prepare for somebody who may go away meanwhile.
func (s *sandboxes) ensure(ctx context.Context) error {
	done := make(chan error, 1)
	begun := s.begin(func() {
		_, err := s.prepare(s.ctx)
		done <- err
	})
	if !begun {
		return errClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pauseImage is the image of sandboxes, on the engine.
func (s *sandboxes) pauseImage(ctx context.Context) (string, error) {
	s.mu.Lock()
	arch := s.arch
	s.mu.Unlock()
	return s.driver.pauseImage(ctx, arch)
}

// forgetEndpoint has the endpoint set up anew, because its container is no more. Jobs that run need it, and nobody may ask for a new sandbox.
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
	s.later() // somebody may take it away again and again
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

// warm has the network and the endpoint made before the first job wants them, which take as long as a whole job, or again for the jobs that are there.
func (s *sandboxes) warm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.relay.offered() || !s.driver.engine.ready() { // an engine that comes back has it called
		return
	}
	s.making.Go(func() {
		_, err := s.prepare(s.ctx)
		s.mu.Lock()
		first := err != nil && !s.failing
		s.failing = err != nil
		s.mu.Unlock()
		if err == nil {
			s.leadAll()
			return
		}
		if first && s.ctx.Err() == nil {
			s.driver.log.Warn("what jobs share could not be made; it is tried again and again", "error", err)
		}
		s.later()
	})
}

// later calls warm again. One timer does for all who want that.
func (s *sandboxes) later() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.again != nil {
		return
	}
	s.again = time.AfterFunc(lastRetry, func() {
		s.mu.Lock()
		s.again = nil
		s.mu.Unlock()
		s.warm()
	})
}

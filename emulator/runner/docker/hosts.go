package docker

import (
	"context"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

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

// hostOf is the instance whose sandbox that is; nil if it has another by now.
func (s *sandboxes) hostOf(box *sandbox) *hostBox {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.hosts[box.host]; h != nil && h.box == box {
		return h
	}
	return nil
}

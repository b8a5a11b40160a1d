package docker

import (
	"context"

	"github.com/batch-local/batch-local/emulator/batch"
)

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

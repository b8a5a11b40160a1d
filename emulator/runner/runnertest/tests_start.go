package runnertest

import (
	"context"
	"fmt"
	"strings"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// tellTests are about what a driver says of itself.
func tellTests() []test {
	return []test{
		{"has a name", func(s *session) {
			if s.driver.Capabilities().Name == "" {
				s.Error("Capabilities have no name")
			}
		}},
		{"says at once that it is available", func(s *session) {
			ctx, cancel := context.WithCancel(s.ctx)
			defer cancel()
			told, done := make(chan runner.Availability, 1), make(chan struct{})
			go func() {
				defer close(done)
				s.driver.Watch(ctx, func(a runner.Availability) {
					select {
					case told <- a:
					default: // a later change; the first is what is looked at
					}
				})
			}()
			select {
			case a := <-told:
				if !a.Ready || a.Reason != "" {
					s.Errorf("it is not available: %+v", a)
				}
			case <-s.ctx.Done():
				s.Fatal("Watch says nothing")
			}
			if isClosed(done) {
				s.Error("Watch returned before its context was done")
			}
			cancel()
			s.await(done, "Watch returns when its context is done")
		}},
		{"lists nothing when nothing runs", func(s *session) {
			ids, err := s.driver.List(s.ctx)
			if err != nil || len(ids) > 0 {
				s.Errorf("List: %v, %v; want nothing", ids, err)
			}
		}},
	}
}

// startTests are about attempts that start, or do not, and end by themselves.
func startTests() []test {
	return []test{
		{"runs to exit code 0", func(s *session) {
			s.start(s.task(Work{})).exits(0, "")
		}},
		{"tells the exit code", func(s *session) {
			var runs []*run
			codes := []int{1, 3, 42, 255}
			for _, code := range codes {
				runs = append(runs, s.start(s.task(Work{Exit: code})))
			}
			for i, r := range runs {
				r.exits(int32(codes[i]), "")
			}
		}},
		{"runs on Fargate, with an address", func(s *session) {
			task := s.task(Work{})
			task.Platform, task.Host = batch.Fargate, ""
			task.HostName = "ip-10-0-1-2.ec2.internal"
			r := s.start(task)
			r.exits(0, "")
			if address := r.address(); address == "" {
				s.Errorf("no report of a Fargate task has its address: %s", r)
			}
		}},
		{"ends what takes too much memory", func(s *session) {
			s.start(s.task(Work{OutOfMemory: true})).exits(137, batch.ReasonOutOfMemory)
		}},
		{"a missing image is a report", func(s *session) {
			s.startFails(Work{NoImage: true}, "CannotPullContainerError: ")
		}},
		{"a missing program is a report", func(s *session) {
			s.startFails(Work{NoCommand: true}, "CannotStartContainerError: ")
		}},
		{"does not start what is to be stopped before", func(s *session) {
			r := s.startDone(s.task(Work{}), runner.ErrStop)
			r.neverRan()
			s.remove(r.task.Attempt)
		}},
		{"does nothing when it is detached before", func(s *session) {
			task := s.task(Work{})
			for _, cause := range []error{runner.ErrDetach, context.Canceled} {
				r := s.startDone(task, cause)
				s.await(r.done, "Run returns when its context was done before")
				if r.String() != "none" || r.log() != nil {
					s.Errorf("cause %v: reports %s, a log: %t; want nothing", cause, r, r.log() != nil)
				}
			}
			if there := s.list(); len(there) > 0 {
				s.Errorf("List: %v; want nothing", there)
			}
		}},
		{"runs a task's second attempt as a new one", func(s *session) {
			first := s.task(Work{Stdout: []string{"first"}, Exit: 1})
			s.start(first).exits(1, "")
			second := s.task(Work{Stdout: []string{"second"}})
			second.Attempt = batch.AttemptID{Job: first.Attempt.Job, Number: 2}
			s.remove(first.Attempt) // an attempt's number is no prefix of another's
			r := s.start(second)
			r.exits(0, "")
			r.printed([]string{"second"}, nil)
		}},
	}
}

func (s *session) startFails(w Work, prefix string) {
	s.Helper()
	task := s.task(w)
	r := s.start(task)
	p := r.neverRan()
	if !strings.HasPrefix(p.Reason, prefix) || len(p.Reason) == len(prefix) {
		s.Errorf("got reason %q; want one that begins with %q and says more", p.Reason, prefix)
	}
	if p.StatusReason != "" && p.StatusReason != batch.ReasonNotStarted {
		s.Errorf("got status reason %q; want %q or none", p.StatusReason, batch.ReasonNotStarted)
	}
	s.remove(task.Attempt)
}

// address is the one that a report gave.
func (r *run) address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.reports {
		if p.PrivateIPv4 != "" {
			return p.PrivateIPv4
		}
	}
	return ""
}

// manyTests are about many attempts at a time.
func manyTests() []test {
	return []test{
		{"runs many at once", func(s *session) {
			type one struct {
				*run
				code int
				line string
			}
			var all []one
			for i := range s.o.AtOnce {
				o := one{code: i % 3, line: fmt.Sprintf("this is %d", i)}
				o.run = s.start(s.task(Work{Stdout: []string{o.line}, Exit: o.code}))
				all = append(all, o)
			}
			for _, o := range all {
				o.exits(int32(o.code), "")
				o.printed([]string{o.line}, nil)
			}
		}},
		{"keeps many waiting ones apart", func(s *session) {
			var all []*run
			for range max(s.o.AtOnce/5, 2) {
				all = append(all, s.start(s.task(Work{Stdout: []string{"ready"}, Wait: true, StopExit: 9})))
			}
			for _, r := range all {
				r.runs("ready")
			}
			for i, r := range all {
				if i%2 == 0 {
					r.cancel(runner.ErrStop)
				}
			}
			for i, r := range all {
				if i%2 == 0 {
					r.exits(9, "")
					continue
				}
				if isClosed(r.done) {
					s.Errorf("%s ended, and only others were stopped: %s", r.task.Attempt, r)
				}
			}
			if there := s.list(); len(there) != len(all) {
				s.Errorf("List names %d of %d", len(there), len(all))
			}
		}},
	}
}

package runnertest

import (
	"context"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// waits is a work that runs until it is stopped, and says when it can be.
func waits(exit int) Work { return Work{Stdout: []string{"ready"}, Wait: true, StopExit: exit} }

// stopTests are about ErrStop at every moment.
func stopTests() []test {
	return []test{
		{"stops what runs", func(s *session) {
			for _, code := range []int{0, 12, 143} {
				r := s.start(s.task(waits(code)))
				r.runs("ready")
				r.cancel(runner.ErrStop)
				r.exits(int32(code), "")
			}
		}},
		{"kills what ignores the stop", func(s *session) {
			w := waits(0)
			w.IgnoreStop = true
			r := s.start(s.task(w))
			r.runs("ready")
			r.cancel(runner.ErrStop)
			r.exits(137, "")
		}},
		{"takes a second stop for the first", func(s *session) {
			w := waits(0)
			w.IgnoreStop = true
			r := s.start(s.task(w))
			r.runs("ready")
			r.cancel(runner.ErrStop)
			r.cancel(runner.ErrStop)
			r.cancel(runner.ErrDetach) // too late: the cause stays
			r.exits(137, "")
			again := s.startDone(r.task, runner.ErrStop)
			again.exits(137, "")
		}},
		{"takes a stop while it starts", func(s *session) {
			var all []*run
			for range max(s.o.AtOnce/5, 2) {
				r := s.start(s.task(waits(9)))
				r.cancelLater(len(all), runner.ErrStop)
				all = append(all, r)
			}
			for _, r := range all {
				p := r.ends()
				// The stop may be seen before the work has made its handler, and then kills.
				if ran := isClosed(r.running); ran != (p.ExitCode != nil) || p.Reason != "" {
					s.Errorf("%s: got %s; want a plain end, with an exit code if it ran", r.task.Attempt, r)
				}
			}
		}},
		{"takes a stop while it ends", func(s *session) {
			var all []*run
			for range max(s.o.AtOnce/5, 2) {
				r := s.start(s.task(Work{Stdout: []string{"bye"}, Exit: 6}))
				all = append(all, r)
			}
			for i, r := range all {
				r.runs("")
				if i%2 == 0 {
					if err := s.logs.Await(s.ctx, r.stream(), "bye"); err != nil {
						s.Fatal(err)
					}
				}
				r.cancel(runner.ErrStop)
			}
			for _, r := range all {
				// Which code a program has that gets SIGTERM without a handler is its own affair: a Go program that is its container's
				// first process ends with 2.
				if p := r.ends(); p.ExitCode == nil || p.Reason != "" {
					s.Errorf("%s: got %s; want a plain end with an exit code", r.task.Attempt, r)
				}
			}
		}},
		{"stops what was detached", func(s *session) {
			r := s.start(s.task(waits(9)))
			r.runs("ready")
			r.detach(runner.ErrDetach)
			again := s.startDone(r.task, runner.ErrStop)
			again.exits(9, "")
			again.printed([]string{"ready"}, nil)
		}},
	}
}

// cancelLater meets the start of a container at a moment that differs with i. It waits for nothing: a start that is over by then is
// fine too.
func (r *run) cancelLater(i int, cause error) {
	time.AfterFunc(time.Duration(i)*40*time.Millisecond, func() { r.cancel(cause) })
}

// detach makes Run return and the attempt go on.
func (r *run) detach(cause error) {
	r.s.Helper()
	r.cancel(cause)
	r.returns()
	r.check()
}

// detachTests are about attempts that are left alone and found again.
func detachTests() []test {
	return []test{
		{"leaves what it is detached from", func(s *session) {
			for _, cause := range []error{runner.ErrDetach, context.Canceled} {
				r := s.start(s.task(waits(9)))
				r.runs("ready")
				r.detach(cause)
				if isClosed(r.exited) {
					s.Errorf("cause %v: Exited was reported of an attempt that runs: %s", cause, r)
				}
				if !s.list()[r.task.Attempt] {
					s.Errorf("cause %v: List does not name the attempt any more", cause)
				}
			}
		}},
		{"goes on with what it was detached from", func(s *session) {
			r := s.start(s.task(waits(9)))
			r.runs("ready")
			r.detach(runner.ErrDetach)
			again := s.start(r.task)
			again.runs("ready")
			again.cancel(runner.ErrStop)
			again.exits(9, "")
			again.printed([]string{"ready"}, nil)
		}},
		{"tells the end again", func(s *session) {
			lines := numbered("line", 10)
			task := s.task(Work{Stdout: lines, Exit: 4})
			for range 2 { // nobody removed it: perhaps the end could not be noted
				r := s.start(task)
				r.exits(4, "")
				r.printed(lines, nil)
			}
		}},
		{"is detached at any moment", func(s *session) {
			lines := numbered("line", 10)
			var all []*run
			for range max(s.o.AtOnce/5, 2) {
				r := s.start(s.task(Work{Stdout: lines, Exit: 4}))
				r.cancelLater(len(all), runner.ErrDetach)
				all = append(all, r)
			}
			for _, r := range all {
				s.await(r.done, "a detached Run returns")
				again := s.start(r.task)
				s.await(again.done, "Run of %s returns", r.task.Attempt)
				if again.err != nil && again.String() == "none" {
					// A start that was broken off may first have to be cleared away; the runner asks again, too.
					again = s.start(r.task)
				}
				again.exits(4, "")
				again.printed(lines, nil)
			}
		}},
		{"adopts what an earlier process started", func(s *session) {
			s.adopts()
			r := s.start(s.task(waits(9)))
			r.runs("ready")
			r.detach(runner.ErrDetach)
			s.reopen()
			if !s.list()[r.task.Attempt] {
				s.Error("List does not name the attempt of an earlier process")
			}
			again := s.start(r.task)
			again.runs("ready")
			again.cancel(runner.ErrStop)
			again.exits(9, "")
			again.printed([]string{"ready"}, nil)
		}},
		{"adopts what ends meanwhile", func(s *session) {
			s.adopts()
			lines := numbered("line", 200)
			r := s.start(s.task(Work{Stdout: lines, Exit: 4}))
			r.runs("")
			r.detach(runner.ErrDetach)
			s.reopen()
			again := s.start(r.task)
			again.exits(4, "")
			again.printed(lines, nil)
		}},
		{"does not start again what has vanished", func(s *session) { s.vanishes(false) }},
		{"need not stop what has vanished", func(s *session) { s.vanishes(true) }},
		{"adopts what has ended", func(s *session) {
			s.adopts()
			lines := numbered("line", 200)
			r := s.start(s.task(Work{Stdout: lines, Exit: 4}))
			r.exits(4, "")
			s.reopen()
			again := s.start(r.task)
			again.exits(4, "")
			again.printed(lines, nil)
			s.remove(r.task.Attempt)
			if s.list()[r.task.Attempt] {
				s.Error("List names the attempt after Remove")
			}
		}},
	}
}

// vanishes is an attempt that ran and whose containers somebody took away while nobody looked.
func (s *session) vanishes(stop bool) {
	s.Helper()
	s.adopts()
	r := s.start(s.task(waits(9)))
	r.runs("ready")
	r.detach(runner.ErrDetach)
	s.remove(r.task.Attempt)
	s.reopen()
	task := r.task
	task.Ran = true
	var again *run
	if stop {
		again = s.startDone(task, runner.ErrStop)
	} else {
		again = s.start(task)
	}
	again.returns()
	again.check()
	if p := again.last(); isClosed(again.running) || !isClosed(again.exited) || p.ExitCode != nil || p.Reason == "" {
		s.Errorf("got %s; want only exited, with a reason and without an exit code", again)
	}
}

// last is the last report.
func (r *run) last() batch.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) == 0 {
		return batch.Report{}
	}
	return r.reports[len(r.reports)-1]
}

// adopts skips the test for drivers whose attempts end with the process.
func (s *session) adopts() {
	s.Helper()
	if !s.driver.Capabilities().Adopts {
		s.Skip("the driver's attempts do not outlive the process (Capabilities.Adopts)")
	}
	if s.o.Reopen == nil {
		s.Fatal("a driver that adopts needs Options.Reopen")
	}
}

// removeTests are about Remove and List.
func removeTests() []test {
	return []test{
		{"lists an attempt until it is removed", func(s *session) {
			r := s.start(s.task(waits(0)))
			r.runs("ready")
			if !s.list()[r.task.Attempt] {
				s.Error("List does not name an attempt that runs")
			}
			r.cancel(runner.ErrStop)
			r.exits(0, "")
			if !s.list()[r.task.Attempt] {
				s.Error("List does not name an attempt that has ended and was not removed")
			}
			s.remove(r.task.Attempt)
			if s.list()[r.task.Attempt] {
				s.Error("List names an attempt after Remove")
			}
		}},
		{"removes twice", func(s *session) {
			for _, failed := range []bool{false, true} {
				w := Work{}
				if failed {
					w.Exit = 1
				}
				r := s.start(s.task(w))
				r.exits(int32(w.Exit), "")
				for range 2 {
					if err := s.driver.Remove(s.ctx, r.task.Attempt, failed); err != nil {
						s.Errorf("Remove, failed %t: %v", failed, err)
					}
				}
			}
		}},
		{"removes what was never there", func(s *session) {
			s.remove(s.task(Work{}).Attempt)
			s.remove(batch.AttemptID{Job: "not-a-job:7", Number: 3})
		}},
		{"ends what is removed while it runs", func(s *session) {
			w := waits(0)
			w.IgnoreStop = true
			r := s.start(s.task(w))
			r.runs("ready")
			s.remove(r.task.Attempt)
			if p := r.ends(); p.ExitCode != nil && *p.ExitCode != 137 {
				s.Errorf("got %s; want no exit code, or 137", r)
			}
			if s.list()[r.task.Attempt] {
				s.Error("List names an attempt after Remove")
			}
		}},
		{"ends what is removed while it stops", func(s *session) {
			w := waits(0)
			w.IgnoreStop = true
			task := s.task(w)
			task.Containers[0].StopSeconds = 3600
			r := s.start(task)
			r.runs("ready")
			r.cancel(runner.ErrStop)
			s.remove(r.task.Attempt)
			if p := r.ends(); p.ExitCode != nil && *p.ExitCode != 137 {
				s.Errorf("got %s; want no exit code, or 137", r)
			}
		}},
	}
}

package runnertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// A member is one container of a task that has several.
type member struct {
	name      string
	work      Work
	essential bool
	init      bool
	dependsOn []string // "a START", in pairs
	start     int      // seconds that others wait for it
}

// several makes an EC2 task of containers. With a pod it is one.
func (s *session) several(pod bool, members ...member) batch.Task {
	s.Helper()
	all := s.task(Work{})
	all.Containers = nil
	if pod {
		all.Pod = &batch.Pod{Name: "aws-batch." + all.ID, Namespace: "suite", NodeName: "node", NodeUID: "uid", Properties: &api.EksPodProperties{}}
		all.HostName = all.Pod.NodeName
	}
	for _, m := range members {
		c := s.task(m.work).Containers[0]
		c.Name, c.Essential, c.Init, c.StartSeconds = m.name, m.essential, m.init, m.start
		c.LogStream = "suite/" + m.name + "/" + all.ID
		for i := 0; i < len(m.dependsOn); i += 2 {
			c.DependsOn = append(c.DependsOn, api.TaskContainerDependency{ContainerName: &m.dependsOn[i], Condition: &m.dependsOn[i+1]})
		}
		if pod {
			c.Kubernetes, c.Essential = &api.EksContainer{Name: &m.name}, !m.init
		}
		all.Containers = append(all.Containers, c)
	}
	return all
}

// endsOfAll checks what is told of each container at the end.
func (r *run) endsOfAll(p batch.Report) {
	r.s.Helper()
	if len(p.Containers) != len(r.task.Containers) {
		r.s.Errorf("%s has %d containers, and %d ends: %s", r.task.Attempt, len(r.task.Containers), len(p.Containers), show(p))
		return
	}
	for i, e := range p.Containers {
		c := r.task.Containers[i]
		if e.Name != c.Name || e.Init != c.Init {
			r.s.Errorf("%s: the end of %s is where that of %s should be", r.task.Attempt, e.Name, c.Name)
		}
		ran := e.ExitCode != nil && e.Reason != batch.PodStartError && !strings.HasPrefix(e.Reason, "CannotStartContainerError: ")
		if opened := r.logOf(i) != nil; ran != opened {
			r.s.Errorf("%s: container %s ran: %t, but its log was opened: %t; %s", r.task.Attempt, c.Name, ran, opened, show(p))
		}
	}
}

func showEnd(e batch.ContainerEnd) string {
	text := e.Name
	if e.ExitCode != nil {
		text += fmt.Sprintf(" %d", *e.ExitCode)
	}
	if e.Reason != "" {
		text += " " + e.Reason
	}
	return text
}

// tells compares the end of a task and those of its containers, each as "name code reason". A reason that ends with a star may go on.
func (r *run) tells(code *int32, reason string, ran bool, want ...string) {
	r.s.Helper()
	p := r.ends()
	var got []string
	for i, e := range p.Containers {
		text := showEnd(e)
		if i < len(want) {
			if prefix, star := strings.CutSuffix(want[i], "*"); star && strings.HasPrefix(text, prefix) && len(text) > len(prefix) {
				text = want[i]
			}
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.s.Errorf("%s: its containers ended (-want +got):\n%s", r.task.Attempt, diff)
	}
	prefix, star := strings.CutSuffix(reason, "*")
	fits := p.Reason == reason || star && strings.HasPrefix(p.Reason, prefix)
	if diff := cmp.Diff(code, p.ExitCode); diff != "" || !fits {
		r.s.Errorf("%s: got %s; want reason %q, and the code (-want +got):\n%s", r.task.Attempt, show(p), reason, diff)
	}
	if is := isClosed(r.running); is != ran {
		r.s.Errorf("%s: it was told to run: %t, want %t", r.task.Attempt, is, ran)
	}
}

// said is the text of one container's log.
func (r *run) said(i int) []string {
	r.s.Helper()
	return r.logOf(i).Text(runner.Stdout)
}

// saidAt is when a container printed its first line.
func (r *run) saidAt(i int) time.Time {
	r.s.Helper()
	events := r.logOf(i).Events()
	if len(events) == 0 {
		r.s.Errorf("%s: container %s printed nothing", r.task.Attempt, r.task.Containers[i].Name)
		return time.Time{}
	}
	return events[0].At
}

// all waits until each container has printed a line.
func (r *run) all(line string) {
	r.s.Helper()
	r.runs(line)
	for _, c := range r.task.Containers {
		if err := r.s.logs.Await(r.s.ctx, c.LogStream, line); err != nil {
			r.s.Fatalf("%s: %s: %v", r.task.Attempt, c.Name, err)
		}
	}
}

// moment is long enough for a container that was started to be ready for a stop.
const moment = 700 * time.Millisecond

// severalTests are about tasks of several containers (runtime.md 4).
func severalTests() []test {
	says := func(line string, exit int) Work { return Work{Stdout: []string{line}, Exit: exit} }
	ready := func(name string, exit int, dependsOn ...string) member {
		return member{name: name, work: waits(exit), dependsOn: dependsOn}
	}
	main := func(m member) member {
		m.essential = true
		return m
	}
	return []test{
		{"several: each container's end is told, and an essential one ends the others", func(s *session) {
			r := s.start(s.several(false,
				member{name: "main", essential: true, work: Work{Stdout: []string{"hello"}, For: moment, Exit: 3}, dependsOn: []string{"other", "START", "server", "START"}},
				main(ready("other", 9)), ready("server", 0), member{name: "side", work: says("bye", 4)}))
			r.tells(new(int32(3)), "", true, "main 3", "other 9", "server 0", "side 4")
			for i, want := range [][]string{{"hello"}, {"ready"}, {"ready"}, {"bye"}} {
				if got := r.said(i); !slices.Equal(got, want) {
					s.Errorf("container %d printed %q, want %q", i, got, want)
				}
			}
		}},
		{"several: the end of one that is not essential ends nothing", func(s *session) {
			r := s.start(s.several(false, main(ready("main", 6)), member{name: "side", work: says("bye", 5)}))
			r.runs("ready")
			if err := s.logs.Await(s.ctx, r.task.Containers[1].LogStream, "bye"); err != nil {
				s.Fatal(err)
			}
			if isClosed(r.exited) {
				s.Errorf("it ended: %s", r)
			}
			r.cancel(runner.ErrStop)
			r.tells(new(int32(6)), "", true, "main 6", "side 5")
		}},
		{"several: they start in the order of their dependencies", func(s *session) {
			r := s.start(s.several(false,
				member{name: "main", essential: true, work: says("3", 0), dependsOn: []string{"second", "SUCCESS"}},
				member{name: "second", work: says("2", 0), dependsOn: []string{"first", "COMPLETE"}}, member{name: "first", work: Work{Stdout: []string{"1"}, Exit: 7}}))
			r.tells(new(int32(0)), "", true, "main 0", "second 0", "first 7")
			if a, b, c := r.saidAt(2), r.saidAt(1), r.saidAt(0); a.After(b) || b.After(c) {
				s.Errorf("first at %s, second at %s, main at %s", a, b, c)
			}
		}},
		{"several: one whose dependency fails never starts, and has 143", func(s *session) {
			r := s.start(s.several(false, member{name: "main", essential: true, work: says("hello", 0), dependsOn: []string{"first", "SUCCESS"}}, member{name: "first", work: says("no", 2)}, ready("side", 8)))
			why := batch.UnableReason("first", "main", batch.NotSuccessful)
			p := r.ends()
			if p.ExitCode == nil || *p.ExitCode != batch.UnableCode || p.Reason != why || isClosed(r.running) || r.logOf(0) != nil {
				s.Errorf("got %s; want it never to run, exit code 143 and reason %q", r, why)
			}
		}},
		{"several: one that waits too long never starts", func(s *session) {
			slow := ready("slow", 5)
			slow.start = 2
			r := s.start(s.several(false, main(ready("main", 6)), slow, member{name: "late", work: says("hello", 0), dependsOn: []string{"slow", "COMPLETE"}}))
			r.runs("")
			if err := s.logs.Await(s.ctx, r.task.Containers[1].LogStream, "ready"); err != nil {
				s.Fatal(err)
			}
			if err := s.logs.Await(s.ctx, r.task.Containers[0].LogStream, "ready"); err != nil {
				s.Fatal(err)
			}
			r.cancel(runner.ErrStop)
			r.tells(new(int32(6)), "", true, "main 6", "slow 5", "late 143 "+batch.UnableReason("slow", "late", batch.TooLate))
		}},
		{"several: they are stopped in the reverse order", func(s *session) {
			last := func(exit int) Work {
				return Work{Stdout: []string{"ready"}, Wait: true, StopExit: exit, StopSays: "bye"}
			}
			r := s.start(s.several(false, member{name: "a", essential: true, work: last(1)},
				member{name: "b", work: last(2), dependsOn: []string{"a", "START"}}, member{name: "c", work: last(3), dependsOn: []string{"b", "START", "a", "START"}}))
			r.all("ready")
			r.cancel(runner.ErrStop)
			r.tells(new(int32(1)), "", true, "a 1", "b 2", "c 3")
			var at []time.Time
			for i := range 3 {
				for _, e := range r.logOf(i).Events() {
					if e.Text == "bye" {
						at = append(at, e.At)
					}
				}
			}
			if len(at) != 3 || at[2].After(at[1]) || at[1].After(at[0]) {
				s.Errorf("a, b and c were stopped at %v", at)
			}
		}},
		{"several: each has its own stop time", func(s *session) {
			deaf := waits(0)
			deaf.IgnoreStop = true
			task := s.several(false, main(ready("main", 0)), member{name: "deaf", work: deaf})
			task.Containers[0].StopSeconds = 3600
			r := s.start(task)
			r.all("ready")
			r.cancel(runner.ErrStop)
			r.tells(new(int32(0)), "", true, "main 0", "deaf 137")
		}},
		{"several: one that is not essential and cannot start keeps nobody from running", func(s *session) {
			r := s.start(s.several(false, main(ready("main", 6)), member{name: "side", work: Work{NoImage: true}}, member{name: "after", work: says("x", 0), dependsOn: []string{"side", "START"}}))
			r.runs("ready")
			r.cancel(runner.ErrStop)
			r.tells(new(int32(6)), "", true, "main 6", "side CannotPullContainerError: *", "after 143 "+batch.UnableReason("side", "after", batch.NotStarted))
		}},
		{"several: an essential one that cannot start ends all, and it never runs", func(s *session) {
			r := s.start(s.several(false, member{name: "main", essential: true, work: Work{NoCommand: true}, dependsOn: []string{"side", "START"}}, ready("side", 8)))
			p := r.ends()
			if isClosed(r.running) || p.ExitCode != nil || !strings.HasPrefix(p.Reason, "CannotStartContainerError: ") {
				s.Errorf("got %s; want it never to run", r)
			}
		}},
		{"several: is stopped before it starts", func(s *session) {
			r := s.startDone(s.several(false, main(ready("a", 0)), ready("b", 0, "a", "START")), runner.ErrStop)
			p := r.ends()
			if isClosed(r.running) || p.ExitCode != nil {
				s.Errorf("got %s; want it never to run", r)
			}
		}},
		{"several: is stopped while it starts", func(s *session) {
			var all []*run
			for i := range max(s.o.AtOnce/10, 2) {
				r := s.start(s.several(false, main(ready("main", 9, "first", "SUCCESS")), member{name: "first", work: says("x", 0)}, ready("side", 8, "first", "START")))
				r.cancelLater(3*i, runner.ErrStop)
				all = append(all, r)
			}
			for _, r := range all {
				if p := r.ends(); p.Reason != "" && !strings.HasPrefix(p.Reason, "CannotStartContainerError: dependency graph: ") { // its first container may have been stopped
					s.Errorf("got %s; want a plain end", r)
				}
			}
		}},
		{"several: is detached, and gone on with", func(s *session) {
			r := s.start(s.several(false, main(ready("a", 7)), ready("b", 8, "a", "START"), member{name: "c", work: says("ready", 3)}))
			r.all("ready")
			r.detach(runner.ErrDetach)
			again := s.start(r.task)
			again.all("ready")
			again.cancel(runner.ErrStop)
			again.tells(new(int32(7)), "", true, "a 7", "b 8", "c 3")
			for i := range 3 {
				if got := again.said(i); !slices.Equal(got, []string{"ready"}) {
					s.Errorf("container %d printed %q", i, got)
				}
			}
		}},
		{"several: is adopted in the middle of its order", func(s *session) {
			s.adopts()
			lines := numbered("line", 10)
			r := s.start(s.several(false, member{name: "main", essential: true, work: says("done", 2), dependsOn: []string{"first", "SUCCESS"}},
				member{name: "first", work: Work{Stdout: lines, For: 2 * time.Second}}, ready("side", 8)))
			if err := s.logs.Await(s.ctx, r.task.Containers[1].LogStream, "line 1"); err != nil {
				s.Fatal(err)
			}
			if err := s.logs.Await(s.ctx, r.task.Containers[2].LogStream, "ready"); err != nil {
				s.Fatal(err)
			}
			r.detach(runner.ErrDetach)
			s.reopen()
			again := s.start(r.task)
			again.tells(new(int32(2)), "", true, "main 2", "first 0", "side 8")
			for i, want := range [][]string{{"done"}, lines, {"ready"}} {
				if got := again.said(i); !slices.Equal(got, want) {
					s.Errorf("container %d printed %q", i, got)
				}
			}
		}},
		{"several: is adopted when all run, and when all have ended", func(s *session) {
			s.adopts()
			r := s.start(s.several(false, main(ready("a", 7)), ready("b", 8, "a", "START"), member{name: "c", work: says("ready", 3)}))
			r.all("ready")
			r.detach(runner.ErrDetach)
			s.reopen()
			task := r.task
			task.Ran = true
			again := s.start(task)
			again.all("ready")
			again.cancel(runner.ErrStop)
			again.tells(new(int32(7)), "", true, "a 7", "b 8", "c 3")
			s.reopen()
			third := s.start(task)
			third.returns()
			third.check()
			if p := third.last(); p.ExitCode == nil || *p.ExitCode != 7 || len(p.Containers) != 3 {
				s.Errorf("the end that was told again is %s", show(p))
			}
		}},
		{"several: what could not start is told after an adoption as it was before", func(s *session) {
			s.adopts()
			r := s.start(s.several(false, main(ready("main", 6)), member{name: "side", work: Work{NoCommand: true}}, member{name: "after", work: says("x", 0), dependsOn: []string{"side", "START"}}))
			r.runs("ready")
			r.detach(runner.ErrDetach)
			s.reopen()
			task := r.task
			task.Ran = true
			again := s.start(task)
			again.runs("ready")
			again.cancel(runner.ErrStop)
			again.tells(new(int32(6)), "", true, "main 6", "side CannotStartContainerError: Error response from daemon: *", "after 143 "+batch.UnableReason("side", "after", batch.NotStarted))
		}},
		{"several: is detached at any moment", func(s *session) {
			var all []*run
			for i := range max(s.o.AtOnce/10, 2) {
				r := s.start(s.several(false, member{name: "main", essential: true, work: says("main", 4), dependsOn: []string{"first", "SUCCESS"}}, member{name: "first", work: says("first", 0)}))
				r.cancelLater(4*i, runner.ErrDetach)
				all = append(all, r)
			}
			for _, r := range all {
				s.await(r.done, "a detached Run returns")
				again := s.start(r.task)
				for range 3 {
					s.await(again.done, "Run of %s returns", r.task.Attempt)
					if again.err == nil || again.String() != "none" {
						break
					}
					again = s.start(r.task) // what was broken off may first have to be cleared away
				}
				again.tells(new(int32(4)), "", true, "main 4", "first 0")
				for i, want := range []string{"main", "first"} {
					if got := again.said(i); !slices.Equal(got, []string{want}) {
						s.Errorf("container %d printed %q", i, got)
					}
				}
			}
		}},
	}
}

// podTests are about tasks that are pods (runtime.md 5.3).
func podTests() []test {
	says := func(line string, exit int) Work { return Work{Stdout: []string{line}, Exit: exit} }
	return []test{
		{"pods: init containers one after another, then the others", func(s *session) {
			r := s.start(s.several(true, member{name: "first", init: true, work: Work{Stdout: []string{"1"}, For: 300 * time.Millisecond}}, member{name: "second", init: true, work: says("2", 0)},
				member{name: "a", work: Work{Stdout: []string{"3"}, For: moment}}, member{name: "b", work: Work{Stdout: []string{"3"}, For: moment}}))
			r.tells(new(int32(0)), "*", true, "first 0 Completed", "second 0 Completed", "a 0 Completed", "b 0 Completed")
			if r.saidAt(0).After(r.saidAt(1)) || r.saidAt(1).After(r.saidAt(2)) || r.saidAt(1).After(r.saidAt(3)) {
				s.Error("they did not start in order")
			}
		}},
		{"pods: an init container that fails is the end", func(s *session) {
			r := s.start(s.several(true, member{name: "first", init: true, work: says("no", 3)}, member{name: "second", init: true, work: says("2", 0)}, member{name: "a", work: says("3", 0)}))
			r.tells(new(int32(3)), "Error", false, "first 3 Error", "second", "a")
		}},
		{"pods: one that fails stops no other", func(s *session) {
			r := s.start(s.several(true, member{name: "a", work: Work{Stdout: []string{"x"}, For: moment}}, member{name: "b", work: says("x", 5)}, member{name: "c", work: Work{OutOfMemory: true}}))
			r.tells(new(int32(5)), "Error", true, "a 0 Completed", "b 5 Error", "c 137 OOMKilled")
		}},
		{"pods: one alone", func(s *session) {
			r := s.start(s.several(true, member{name: "Default", work: waits(0)}))
			r.runs("ready")
			r.cancel(runner.ErrStop)
			r.tells(new(int32(0)), "*", true, "Default 0 Completed")
		}},
		{"pods: stopped in an init container, the others never run", func(s *session) {
			r := s.start(s.several(true, member{name: "first", init: true, work: waits(143)}, member{name: "a", work: says("3", 0)}))
			if err := s.logs.Await(s.ctx, r.task.Containers[0].LogStream, "ready"); err != nil {
				s.Fatal(err)
			}
			r.cancel(runner.ErrStop)
			p := r.ends()
			if isClosed(r.running) || r.logOf(1) != nil || p.Containers[0].ExitCode == nil || *p.Containers[0].ExitCode != 143 || p.Containers[1].ExitCode != nil {
				s.Errorf("got %s", r)
			}
		}},
		{"pods: adopted in an init container", func(s *session) {
			s.adopts()
			r := s.start(s.several(true, member{name: "first", init: true, work: Work{Stdout: numbered("line", 5), For: 2 * time.Second}}, member{name: "a", work: says("3", 6)}, member{name: "b", work: says("3", 0)}))
			if err := s.logs.Await(s.ctx, r.task.Containers[0].LogStream, "line 1"); err != nil {
				s.Fatal(err)
			}
			r.detach(runner.ErrDetach)
			s.reopen()
			again := s.start(r.task)
			again.tells(new(int32(6)), "Error", true, "first 0 Completed", "a 6 Error", "b 0 Completed")
			if got := again.said(0); !slices.Equal(got, numbered("line", 5)) {
				s.Errorf("the init container printed %q", got)
			}
		}},
	}
}

package runnertest

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/batch-local/batch-local/emulator/runner"
)

// outputTests are about what a container prints. That a log is complete when Exited is reported is looked at in each test: it
// has to be closed by then.
func outputTests() []test {
	return []test{
		{"opens a log for what prints nothing", func(s *session) {
			r := s.start(s.task(Work{}))
			r.exits(0, "")
			r.printed(nil, nil)
		}},
		{"keeps each output in order", func(s *session) {
			out, err := []string{"out 1", "out 2", "out 3"}, []string{"err 1", "err 2"}
			r := s.start(s.task(Work{Stdout: out, Stderr: err}))
			r.exits(0, "")
			r.printed(out, err)
		}},
		{"keeps a last line without a newline", func(s *session) {
			r := s.start(s.task(Work{Stdout: []string{"whole"}, Rest: "not whole"}))
			r.exits(0, "")
			r.printed([]string{"whole", "not whole"}, nil)
		}},
		{"keeps a line whole that it was detached in", func(s *session) {
			r := s.start(s.task(Work{Stdout: []string{"ready"}, Rest: "not whole", For: 300 * time.Millisecond}))
			r.runs("ready")
			r.detach(runner.ErrDetach)
			again := s.start(r.task)
			again.exits(0, "")
			again.printed([]string{"ready", "not whole"}, nil)
		}},
		{"loses no line of many", func(s *session) {
			lines := numbered("line", 2000)
			r := s.start(s.task(Work{Stdout: lines, Exit: 5}))
			r.exits(5, "")
			r.printed(lines, nil)
		}},
		{"keeps what a long job prints", func(s *session) {
			lines := numbered("slow", 20)
			r := s.start(s.task(Work{Stdout: lines, For: 200 * time.Millisecond}))
			r.exits(0, "")
			r.printed(lines, nil)
		}},
		{"shows lines while it runs", func(s *session) {
			r := s.start(s.task(Work{Stdout: []string{"ready"}, Wait: true}))
			r.runs("ready")
			if isClosed(r.exited) {
				s.Errorf("it ended already: %s", r)
			}
		}},
		{"stamps lines within the run", func(s *session) {
			r := s.start(s.task(Work{Stdout: []string{"a", "b"}}))
			r.exits(0, "")
			var last time.Time
			for _, e := range r.log().Events() {
				if e.At.Before(last) {
					s.Errorf("line %q is %v older than the one before", e.Text, last.Sub(e.At))
				}
				last = e.At
			}
		}},
	}
}

func numbered(word string, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("%s %d", word, i+1)
	}
	return lines
}

// printed compares the whole log of an attempt that ran.
func (r *run) printed(stdout, stderr []string) {
	r.s.Helper()
	log := r.log()
	if log == nil {
		r.s.Errorf("%s: the log was not opened", r.task.Attempt)
		return
	}
	for std, want := range map[runner.Std][]string{runner.Stdout: stdout, runner.Stderr: stderr} {
		if diff := cmp.Diff(want, log.Text(std), cmpopts.EquateEmpty()); diff != "" {
			r.s.Errorf("%s: output %d in the log (-want +got):\n%s", r.task.Attempt, std+1, diff)
		}
	}
}

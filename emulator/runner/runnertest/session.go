package runnertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// A session is one test with its driver.
type session struct {
	*testing.T
	o      Options
	ctx    context.Context
	driver runner.Driver
	logs   Logs
	host   batch.HostID

	mu   sync.Mutex
	runs []*run
}

func newHost() batch.HostID { return batch.HostID("i-" + digits(17)) }

// digits are random: names on an engine are made of ids, and tests may share one.
func digits(n int) string {
	b := make([]byte, (n+1)/2)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)[:n]
}

// task makes an EC2 task with one container, on the session's one instance.
func (s *session) task(w Work) batch.Task {
	s.Helper()
	job := digits(8) + "-" + digits(4) + "-4" + digits(3) + "-a" + digits(3) + "-" + digits(12)
	scope := batch.Scope{Account: "000000000000", Region: "us-east-1"}
	t := batch.Task{
		Attempt:  batch.AttemptID{Job: batch.JobID(job), Number: 1},
		Scope:    scope,
		JobName:  "suite",
		Queue:    scope.ARN("job-queue", "suite"),
		Platform: batch.EC2,
		ID:       digits(32),
		Host:     s.host,
		HostName: "ip-172-31-1-2",
		Family:   "suite",
		Revision: 1,
		Cluster:  "AWSBatch-suite-0",
		Containers: []batch.Container{{
			Name:        "default",
			MilliVCPU:   250,
			MemoryMiB:   64,
			LogGroup:    "/aws/batch/job",
			StopSeconds: s.o.StopSeconds,
			Properties:  &api.ContainerProperties{},
		}},
	}
	t.Containers[0].LogStream = "suite/default/" + t.ID
	s.o.Make(s.T, w)(&t)
	return t
}

// A run is one call of Driver.Run, and what came of it.
type run struct {
	s      *session
	task   batch.Task
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when Run has returned
	err    error         // of Run; valid when done

	mu      sync.Mutex
	reports []batch.Report
	running chan struct{} // closed by the first report of Running
	exited  chan struct{} // closed by the first report of Exited
	wrong   []string      // what may never be, seen at the moment
}

// start calls Run in a goroutine of its own.
func (s *session) start(task batch.Task) *run {
	ctx, cancel := context.WithCancelCause(context.Background())
	return s.startWith(ctx, cancel, task)
}

// startDone calls Run with a context that is done already.
func (s *session) startDone(task batch.Task, cause error) *run {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return s.startWith(ctx, cancel, task)
}

func (s *session) startWith(ctx context.Context, cancel context.CancelCauseFunc, task batch.Task) *run {
	r := &run{s: s, task: task, cancel: cancel, done: make(chan struct{}), running: make(chan struct{}), exited: make(chan struct{})}
	s.mu.Lock()
	s.runs = append(s.runs, r)
	driver := s.driver
	s.mu.Unlock()
	go func() {
		defer close(r.done)
		r.err = driver.Run(ctx, runner.Attempt{Task: task, OpenLog: s.logs.Open}, r.report)
	}()
	return r
}

// report keeps a report and looks at what has to be true at that moment.
func (r *run) report(p batch.Report) {
	closed := true
	for i := range r.task.Containers {
		log := r.logOf(i)
		closed = closed && (log == nil || log.Closed())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, p)
	wrong := func(format string, args ...any) { r.wrong = append(r.wrong, fmt.Sprintf(format, args...)) }
	if p.Attempt != r.task.Attempt && p.Attempt != (batch.AttemptID{}) { // the runner fills it in
		wrong("a report for %s", p.Attempt)
	}
	// Wide enough for an engine on another machine, narrow enough for a wrong unit.
	if off := time.Since(time.UnixMilli(p.At)).Abs(); p.At != 0 && off > time.Hour {
		wrong("%s was reported with a time that is %v off", p.State, off)
	}
	switch {
	case isClosed(r.done):
		wrong("%s was reported after Run had returned", p.State)
	case isClosed(r.exited):
		wrong("%s was reported after Exited", p.State)
	case p.State == batch.Running && isClosed(r.running):
		wrong("Running was reported twice")
	case p.State == batch.Running:
		close(r.running)
	case p.State == batch.Exited:
		if !closed {
			wrong("a log was still open when Exited was reported")
		}
		close(r.exited)
	default:
		wrong("%s was reported", p.State)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (r *run) stream() string { return r.task.Containers[0].LogStream }

// log is the log of the run's first container, nil if it was not opened.
func (r *run) log() *Log { return r.logOf(0) }

func (r *run) logOf(i int) *Log { return r.s.logs.Of(r.task.Containers[i].LogStream) }

// await waits for something, or fails the test and says what did not happen.
func (s *session) await(c <-chan struct{}, format string, args ...any) {
	s.Helper()
	select {
	case <-c:
	case <-s.ctx.Done():
		s.Fatalf("did not happen: "+format, args...)
	}
}

// returns waits until Run has returned, without an error.
func (r *run) returns() {
	r.s.Helper()
	r.s.await(r.done, "Run of %s returns; reports so far: %s", r.task.Attempt, r)
	if r.err != nil {
		r.s.Fatalf("Run of %s answers %v; reports: %s", r.task.Attempt, r.err, r)
	}
}

// runs waits until Running was reported and, if line is not empty, that line printed.
func (r *run) runs(line string) {
	r.s.Helper()
	select {
	case <-r.running:
	case <-r.done:
		if !isClosed(r.running) {
			r.s.Fatalf("Run of %s returned (%v) and Running was not reported; reports: %s", r.task.Attempt, r.err, r)
		}
	case <-r.s.ctx.Done():
		r.s.Fatalf("did not happen: %s runs", r.task.Attempt)
	}
	if line == "" {
		return
	}
	if err := r.s.logs.Await(r.s.ctx, r.stream(), line); err != nil {
		r.s.Fatalf("%s: %v", r.task.Attempt, err)
	}
}

// ends waits for the end of the attempt and checks all that every run to the end has in common. It answers the last report.
func (r *run) ends() batch.Report {
	r.s.Helper()
	r.returns()
	r.mu.Lock()
	reports := slices.Clone(r.reports)
	r.mu.Unlock()
	r.check()
	if len(reports) == 0 || reports[len(reports)-1].State != batch.Exited {
		r.s.Fatalf("Run of %s returned without a report of Exited: %s", r.task.Attempt, r)
	}
	exited := reports[len(reports)-1]
	ran := len(reports) > 1
	if several := len(r.task.Containers) > 1 || r.task.Pod != nil; several {
		r.endsOfAll(exited)
	} else {
		if log := r.log(); ran != (log != nil) {
			r.s.Errorf("%s ran: %t, but its log was opened: %t", r.task.Attempt, ran, log != nil)
		}
		if !ran && exited.ExitCode != nil {
			r.s.Errorf("%s never ran, and has exit code %d", r.task.Attempt, *exited.ExitCode)
		}
	}
	if ran && exited.At != 0 && exited.At < reports[0].At {
		r.s.Errorf("%s ended %d ms before it ran", r.task.Attempt, reports[0].At-exited.At)
	}
	if n := len([]rune(exited.Reason)); n > 255 {
		r.s.Errorf("%s: a reason of %d characters", r.task.Attempt, n)
	}
	return exited
}

// check fails the test for what went wrong in a report or in the log.
func (r *run) check() {
	r.s.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.wrong {
		r.s.Errorf("%s: %s", r.task.Attempt, w)
	}
	r.wrong = nil // said once
	for i, c := range r.task.Containers {
		log := r.logOf(i)
		if log == nil {
			continue
		}
		if err := log.Misuse(); err != nil {
			r.s.Errorf("%s: log of %s: %v", r.task.Attempt, c.Name, err)
		}
		if isClosed(r.done) && !log.Closed() {
			r.s.Errorf("%s: the log of %s is open though nothing runs it", r.task.Attempt, c.Name)
		}
	}
}

// String lists the reports.
func (r *run) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) == 0 {
		return "none"
	}
	var parts []string
	for _, p := range r.reports {
		parts = append(parts, show(p))
	}
	return strings.Join(parts, ", ")
}

func show(p batch.Report) string {
	text := p.State.String()
	if p.ExitCode != nil {
		text += fmt.Sprintf(" %d", *p.ExitCode)
	}
	if p.Reason != "" {
		text += fmt.Sprintf(" reason %q", p.Reason)
	}
	if p.StatusReason != "" {
		text += fmt.Sprintf(" status reason %q", p.StatusReason)
	}
	for _, e := range p.Containers {
		text += "; " + showEnd(e)
	}
	return text
}

// exits checks the whole end of an attempt that ran.
func (r *run) exits(code int32, reason string) {
	r.s.Helper()
	p := r.ends()
	if !isClosed(r.running) || p.ExitCode == nil || *p.ExitCode != code || p.Reason != reason || (p.StatusReason != "" && p.StatusReason != batch.ReasonExited) {
		r.s.Errorf("%s: got %s; want running, exited %d reason %q", r.task.Attempt, r, code, reason)
	}
}

// neverRan checks the whole end of an attempt that was not started.
func (r *run) neverRan() batch.Report {
	r.s.Helper()
	p := r.ends()
	if isClosed(r.running) || p.ExitCode != nil {
		r.s.Errorf("%s: got %s; want it never to run", r.task.Attempt, r)
	}
	return p
}

// list is Driver.List, limited to the session's attempts: others may share the engine.
func (s *session) list() map[batch.AttemptID]bool {
	s.Helper()
	ids, err := s.driver.List(s.ctx)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	there := map[batch.AttemptID]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if there[id] {
			s.Errorf("List names %s twice", id)
		}
		for _, r := range s.runs {
			if r.task.Attempt == id {
				there[id] = true
			}
		}
	}
	return there
}

// remove is Driver.Remove, which must not fail.
func (s *session) remove(id batch.AttemptID) {
	s.Helper()
	if err := s.driver.Remove(s.ctx, id, false); err != nil {
		s.Errorf("Remove %s: %v", id, err)
	}
}

// reopen closes the driver as a process does that leaves its attempts running, and goes on with another one.
func (s *session) reopen() {
	s.Helper()
	if err := s.driver.Close(s.ctx, true); err != nil {
		s.Fatalf("Close: %v", err)
	}
	next := s.o.Reopen(s.T)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.driver = next
}

// tearDown ends whatever the test has not, and closes the driver.
func (s *session) tearDown() {
	s.Helper()
	// Not t.Context, nor the test's: it must still be possible after t.FailNow, or when the test ran out of time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), s.o.Patience)
	defer cancel()
	s.ctx = ctx
	s.mu.Lock()
	runs := slices.Clone(s.runs)
	s.mu.Unlock()
	var removing sync.WaitGroup
	seen := map[batch.AttemptID]bool{}
	for _, r := range runs {
		r.cancel(runner.ErrDetach)
		if id := r.task.Attempt; !seen[id] {
			seen[id] = true
			removing.Go(func() { s.remove(id) })
		}
	}
	removing.Wait()
	for _, r := range runs {
		select {
		case <-r.done:
		case <-s.ctx.Done():
			s.Errorf("Run of %s did not return after its attempt was removed", r.task.Attempt)
			continue
		}
		r.check()
	}
	if there := s.list(); len(there) > 0 && !s.Failed() {
		s.Errorf("after Remove, List still names %d attempts", len(there))
	}
	if err := s.driver.Close(s.ctx, false); err != nil && !errors.Is(err, context.Canceled) {
		s.Errorf("Close: %v", err)
	}
}

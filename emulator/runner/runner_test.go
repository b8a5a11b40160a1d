package runner_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/clock"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/runner"
)

var scope = batch.Scope{Account: "000000000000", Region: "us-east-1"}

// A scripted driver does what a test says, and notes what it was asked for.
type scripted struct {
	run       func(ctx context.Context, a runner.Attempt, report func(batch.Report)) error
	remove    func(ctx context.Context) error // nil succeeds
	there     []batch.AttemptID               // what an earlier process left
	checkLog  func(batch.Task, batch.Container) error
	available chan runner.Availability
	journal   engine.Journal
	clock     *clock.Clock // nil is the machine's

	mu      sync.Mutex
	runs    []string
	removed []string
	closed  []bool
}

func (d *scripted) Run(ctx context.Context, a runner.Attempt, report func(batch.Report)) error {
	d.mu.Lock()
	d.runs = append(d.runs, a.JobName)
	d.mu.Unlock()
	return d.run(ctx, a, report)
}

func (d *scripted) Remove(ctx context.Context, id batch.AttemptID, failed bool) error {
	if d.remove != nil {
		if err := d.remove(ctx); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	how := "ended well"
	if failed {
		how = "failed"
	}
	d.removed = append(d.removed, how)
	return nil
}

func (d *scripted) List(context.Context) ([]batch.AttemptID, error) { return d.there, nil }

func (d *scripted) Watch(ctx context.Context, changed func(runner.Availability)) {
	for {
		select {
		case a := <-d.available:
			changed(a)
		case <-ctx.Done():
			return
		}
	}
}

func (d *scripted) Capabilities() runner.Capabilities { return runner.Capabilities{Name: "scripted"} }

func (d *scripted) Close(_ context.Context, keep bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = append(d.closed, keep)
	return nil
}

func (d *scripted) timeOf() func(time.Time) time.Time {
	if d.clock == nil {
		return nil
	}
	return d.clock.Of
}

func (d *scripted) noted() (runs, removed []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.runs), slices.Clone(d.removed)
}

// A stage is an engine and a runner with a scripted driver, in a bubble.
type stage struct {
	*testing.T
	engine *engine.Engine
	runner *runner.Runner
	driver *scripted
	end    func()
}

func play(t *testing.T, d *scripted, f func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		options := engine.Options{Journal: d.journal}
		if d.clock != nil {
			options.Clock = d.clock
		}
		e, err := engine.New(options)
		if err != nil {
			t.Fatal(err)
		}
		d.available = make(chan runner.Availability)
		r := runner.New(e, d, runner.Options{OpenLog: func(batch.Task, batch.Container) (runner.Log, error) { return runner.DiscardLog{}, nil }, CheckLog: d.checkLog, TimeOf: d.timeOf()})
		if d.clock != nil {
			d.clock.Settle, d.clock.Stopping = r.Calm, r.Stopping
		}
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { r.Run(ctx) })
		s := &stage{T: t, engine: e, runner: r, driver: d, end: sync.OnceFunc(func() { cancel(); loop.Wait() })}
		defer e.Close()
		defer s.end()
		s.update(func(tx *batch.Tx) error {
			a := batch.Environment{ARN: scope.ARN("compute-environment", "e"), Scope: scope, Name: "e", Platform: batch.EC2, MaxMilliVCPU: 100_000, Host: "i-0",
				Detail: &api.ComputeEnvironmentDetail{State: api.CEStateEnabled, Status: api.CEStatusValid, EcsClusterArn: new("arn:aws:ecs:r:a:cluster/c")}}
			tx.RegisterDefinition(scope, "d", batch.EC2, api.JobDefinition{ContainerProperties: &api.ContainerProperties{Image: new("i"), Vcpus: new(int32(1)), Memory: new(int32(64))}})
			return errors.Join(tx.CreateEnvironment(a), tx.CreateQueue(batch.Queue{ARN: scope.ARN("job-queue", "q"), Scope: scope, Name: "q", Environments: []batch.ARN{a.ARN}, Detail: &api.JobQueueDetail{State: api.JQStateEnabled}}))
		})
		f(s)
	})
}

func (s *stage) update(f func(*batch.Tx) error) {
	s.Helper()
	if err := s.engine.Update(s.Context(), f); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) ready() {
	s.driver.available <- runner.Availability{Ready: true}
	synctest.Wait()
}

func (s *stage) submit(name string) (id batch.JobID) {
	s.Helper()
	s.update(func(tx *batch.Tx) error {
		j, err := tx.Submit(batch.Submission{Scope: scope, Name: name, Queue: "q", Definition: "d"})
		if err == nil {
			id = j.ID
		}
		return err
	})
	synctest.Wait()
	return id
}

func (s *stage) job(id batch.JobID) (job *batch.Job) {
	s.engine.View(s.Context(), func(state *batch.State) { job = state.AnyJob(id) })
	return job
}

func (s *stage) wants(id batch.JobID, status batch.Status, reason string) {
	s.Helper()
	if j := s.job(id); j.Status != status || j.StatusReason != reason {
		s.Errorf("job is %s (%s), want %s (%s)", j.Status, j.StatusReason, status, reason)
	}
}

func (s *stage) shutdown(limit time.Duration, keep bool) {
	s.Helper()
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.runner.Shutdown(ctx, keep); err != nil {
		s.Error(err)
	}
}

// untilStopped runs until it is told to stop, and ends with a code; or is detached.
func untilStopped(code int32) func(context.Context, runner.Attempt, func(batch.Report)) error {
	return func(ctx context.Context, _ runner.Attempt, report func(batch.Report)) error {
		report(batch.Report{State: batch.Running})
		<-ctx.Done()
		if errors.Is(context.Cause(ctx), runner.ErrStop) {
			report(batch.Report{State: batch.Exited, ExitCode: &code})
		}
		return nil
	}
}

// TestNothingBeforeTheEngine: jobs wait with the reason, and run when the driver can.
func TestNothingBeforeTheEngine(t *testing.T) {
	d := &scripted{run: untilStopped(0)}
	play(t, d, func(s *stage) {
		d.available <- runner.Availability{Reason: "no engine there"}
		id := s.submit("a")
		s.wants(id, batch.Runnable, "no engine there")
		s.ready()
		s.wants(id, batch.RunningOn, "")
		s.shutdown(time.Minute, false)
		if runs, removed := d.noted(); !slices.Equal(runs, []string{"a"}) || !slices.Equal(removed, []string{"ended well"}) {
			t.Errorf("runs %v, removed %v", runs, removed)
		}
	})
}

// TestCheckLog: a driver may ask whether a log can be opened, for the task that it runs; a runner that was not told how has no question.
func TestCheckLog(t *testing.T) {
	refusal := errors.New("no such group")
	for _, check := range []func(batch.Task, batch.Container) error{nil, func(t batch.Task, c batch.Container) error {
		if t.JobName == "a" && c.Name == "default" {
			return refusal
		}
		return nil
	}} {
		d := &scripted{checkLog: check}
		d.run = func(_ context.Context, a runner.Attempt, report func(batch.Report)) error {
			if (a.CheckLog != nil) != (check != nil) {
				t.Errorf("the attempt can ask: %v", a.CheckLog != nil)
			}
			if a.CheckLog != nil {
				report(batch.Report{State: batch.Exited, Reason: a.CheckLog(a.Containers[0]).Error()})
				return nil
			}
			report(batch.Report{State: batch.Exited, Reason: "not asked"})
			return nil
		}
		play(t, d, func(s *stage) {
			s.ready()
			want := "not asked"
			if check != nil {
				want = refusal.Error()
			}
			if j := s.job(s.submit("a")); j.Status != batch.Failed || j.Attempts[0].Reason != want {
				t.Errorf("%s, %q, want %q", j.Status, j.Attempts[0].Reason, want)
			}
		})
	}
}

// TestDriverInTrouble: a driver that does not know, and one that panics, are asked again, with growing pauses, and the job runs once.
func TestDriverInTrouble(t *testing.T) {
	tries := 0
	d := &scripted{}
	d.run = func(_ context.Context, _ runner.Attempt, report func(batch.Report)) error {
		switch tries++; tries {
		case 1:
			return errors.New("the engine is away")
		case 2:
			panic("a mistake")
		}
		report(batch.Report{State: batch.Running})
		report(batch.Report{State: batch.Exited, ExitCode: new(int32(0))})
		return nil
	}
	play(t, d, func(s *stage) {
		s.ready()
		began := time.Now()
		id := s.submit("a")
		s.wants(id, batch.Starting, "")
		time.Sleep(time.Minute)
		s.wants(id, batch.Succeeded, batch.ReasonExited)
		if took := s.job(id).StoppedAt - began.UnixMilli(); took != 300 || len(s.job(id).Attempts) != 1 {
			t.Errorf("it ended after %d ms and %d attempts, want 300 ms and one", took, len(s.job(id).Attempts))
		}
	})
}

// TestReportsWhenNobodyListens: a driver that is abandoned in the middle of a call, and hears of the end when its Run has returned, ends nothing.
func TestReportsWhenNobodyListens(t *testing.T) {
	var late func(batch.Report)
	d := &scripted{}
	d.run = func(_ context.Context, a runner.Attempt, report func(batch.Report)) error {
		late = report
		<-a.Abandon
		return errors.New("left as it stands")
	}
	play(t, d, func(s *stage) {
		s.ready()
		id := s.submit("a")
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		if err := s.runner.Shutdown(ctx, true); err != nil {
			t.Error(err)
		}
		late(batch.Report{State: batch.Exited, HostLost: true})
		s.wants(id, batch.Starting, "")
	})
}

// TestTerminate reaches the driver, also while the driver is in trouble, and what is over is removed once.
func TestTerminate(t *testing.T) {
	d := &scripted{run: untilStopped(143)}
	play(t, d, func(s *stage) {
		s.ready()
		id := s.submit("a")
		s.update(func(tx *batch.Tx) error { tx.Terminate(scope, id, "enough"); return nil })
		synctest.Wait()
		s.wants(id, batch.Failed, "enough")
		if _, removed := d.noted(); !slices.Equal(removed, []string{"failed"}) {
			t.Errorf("removed %v", removed)
		}
	})
}

// TestRemovesAgain: an engine that refuses to remove what an attempt left is asked again.
func TestRemovesAgain(t *testing.T) {
	tries := 0
	d := &scripted{run: untilStopped(0), remove: func(context.Context) error {
		if tries++; tries < 4 {
			return errors.New("not now")
		}
		return nil
	}}
	play(t, d, func(s *stage) {
		s.ready()
		id := s.submit("a")
		s.update(func(tx *batch.Tx) error { tx.Terminate(scope, id, "enough"); return nil })
		time.Sleep(time.Minute)
		if _, removed := d.noted(); len(removed) != 1 || tries != 4 {
			t.Errorf("%d tries, removed %v", tries, removed)
		}
	})
}

// TestCalm hears of the last look, also when it ends between Calm's questions; without that the bubble would stand still, and a call that moves the
// clock would never answer.
func TestCalm(t *testing.T) {
	d := &scripted{run: untilStopped(0)}
	play(t, d, func(s *stage) {
		s.ready()
		attempt := batch.AttemptID{Job: s.submit("a"), Number: 1}
		for range 20_000 {
			s.engine.Touch(attempt)
			if err := s.runner.Calm(s.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.shutdown(time.Minute, true)
	})
}

// TestReset: attempts of jobs that are no more are detached and removed, and Settle returns when they are.
func TestReset(t *testing.T) {
	d := &scripted{run: untilStopped(0)}
	play(t, d, func(s *stage) {
		s.ready()
		s.submit("a")
		s.submit("b")
		s.update(func(tx *batch.Tx) error { tx.Clear(func(batch.Scope) bool { return true }); return nil })
		if err := s.runner.Settle(s.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, removed := d.noted(); len(removed) < 2 {
			t.Errorf("removed %v, want both", removed)
		}
	})
}

// TestSweep: what an earlier process left of attempts that nobody wants is removed when the engine is there.
func TestSweep(t *testing.T) {
	d := &scripted{run: untilStopped(0), there: []batch.AttemptID{{Job: "of nobody", Number: 1}}}
	play(t, d, func(s *stage) {
		s.ready()
		if runs, removed := d.noted(); len(runs) != 0 || len(removed) != 1 {
			t.Errorf("runs %v, removed %v", runs, removed)
		}
	})
}

// TestShutdown: keep detaches and leaves; stop stops and removes; what does not stop in time is removed all the same, and its end told. An engine
// that is away does not keep the emulator from ending: drivers are told to give up, and one that does not is left behind.
func TestShutdown(t *testing.T) {
	const limit = 30 * time.Second
	away := errors.New("the engine is away")
	hangs := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	// until goes on, whatever it is told, until something comes, and reports the end or not.
	until := func(something func(runner.Attempt) <-chan struct{}, ends bool) func(context.Context, runner.Attempt, func(batch.Report)) error {
		return func(_ context.Context, a runner.Attempt, report func(batch.Report)) error {
			report(batch.Report{State: batch.Running})
			<-something(a)
			if ends {
				report(batch.Report{State: batch.Exited, ExitCode: new(int32(137))})
				return nil
			}
			return away
		}
	}
	abandoned := func(a runner.Attempt) <-chan struct{} { return a.Abandon }
	for name, test := range map[string]struct {
		keep   bool
		run    func(context.Context, runner.Attempt, func(batch.Report)) error
		remove func(context.Context) error
		status batch.Status
		gone   bool          // it was removed
		within time.Duration // after the limit
		left   bool          // it did not end
	}{
		"keep":                   {keep: true, run: untilStopped(0), status: batch.RunningOn},
		"keep, does not detach":  {keep: true, run: until(abandoned, false), status: batch.RunningOn},
		"stop":                   {run: untilStopped(0), status: batch.Succeeded, gone: true},
		"does not stop":          {run: until(abandoned, false), status: batch.RunningOn, gone: true, within: 5 * time.Second},
		"is killed":              {run: until(func(runner.Attempt) <-chan struct{} { return after(limit + time.Second) }, true), status: batch.Failed, gone: true, within: time.Second},
		"the engine is away":     {run: until(abandoned, false), remove: func(context.Context) error { return away }, status: batch.RunningOn},
		"the engine hangs":       {run: until(abandoned, false), remove: hangs, status: batch.RunningOn, within: 20 * time.Second},
		"the driver is tried on": {run: func(context.Context, runner.Attempt, func(batch.Report)) error { return away }, remove: func(context.Context) error { return away }, status: batch.Starting},
		"does not give up":       {run: until(func(runner.Attempt) <-chan struct{} { return after(time.Hour) }, false), remove: hangs, status: batch.RunningOn, within: 25 * time.Second, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := &scripted{run: test.run, remove: test.remove}
			play(t, d, func(s *stage) {
				s.ready()
				id := s.submit("a")
				s.end()
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				began := time.Now()
				err := s.runner.Shutdown(ctx, test.keep)
				if took := time.Since(began); took > limit+test.within {
					t.Errorf("it took %v", took)
				}
				if test.left != (err != nil && strings.Contains(err.Error(), string(id)+"/1")) || !test.left && err != nil {
					t.Errorf("the answer is %v", err)
				}
				if j := s.job(id); j.Status != test.status {
					t.Errorf("the job is %s, want %s", j.Status, test.status)
				}
				if _, removed := d.noted(); len(removed) > 0 != test.gone {
					t.Errorf("removed %v", removed)
				}
				if !slices.Equal(d.closed, []bool{test.keep}) {
					t.Errorf("closed %v", d.closed)
				}
				time.Sleep(time.Hour) // the bubble wants everybody gone
			})
		})
	}
}

// disk is a journal that keeps nothing and can be full.
type disk struct {
	full    atomic.Bool
	durable func(uint64, error)
}

func (*disk) Load(func(batch.Record) error) error { return nil }

func (j *disk) Start(durable func(uint64, error)) { j.durable = durable }

func (j *disk) Append(n uint64, _ []batch.Change) {
	var err error
	if j.full.Load() {
		err = errors.New("no space left")
	}
	go j.durable(n, err)
}

// TestUntold: an end that cannot be noted is left for the next process to find, and does not hold up the end of this one.
func TestUntold(t *testing.T) {
	j := &disk{}
	d := &scripted{run: untilStopped(0), journal: j}
	play(t, d, func(s *stage) {
		s.ready()
		s.submit("a")
		j.full.Store(true)
		began := time.Now()
		s.shutdown(30*time.Second, false)
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
		if runs, removed := d.noted(); len(runs) != 1 || len(removed) != 0 {
			t.Errorf("runs %v, removed %v", runs, removed)
		}
	})
}

// after is closed when d has passed.
func after(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}

// TestEndsOnce: an attempt that ends while the runner looks at it, and reads that it is to run, is not started again.
func TestEndsOnce(t *testing.T) {
	d := &scripted{}
	d.run = func(_ context.Context, _ runner.Attempt, report func(batch.Report)) error {
		report(batch.Report{State: batch.Running})
		report(batch.Report{State: batch.Exited, ExitCode: new(int32(0))})
		return nil
	}
	play(t, d, func(s *stage) {
		s.ready()
		const jobs = 1000
		for range jobs {
			var id batch.JobID
			s.update(func(tx *batch.Tx) error {
				j, err := tx.Submit(batch.Submission{Scope: scope, Name: "a", Queue: "q", Definition: "d"})
				if err == nil {
					id = j.ID
				}
				return err
			})
			for !batch.Ended(s.job(id).Status) {
				s.engine.Touch(batch.AttemptID{Job: id, Number: 1})
				runtime.Gosched()
			}
		}
		synctest.Wait()
		if runs, _ := d.noted(); len(runs) != jobs {
			t.Errorf("%d attempts were run %d times", jobs, len(runs))
		}
	})
}

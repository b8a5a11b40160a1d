package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/engine"
)

var scope = batch.Scope{Account: "000000000000", Region: "us-east-1"}

// held is a journal that is durable when a test says so.
type held struct {
	mu      sync.Mutex
	durable func(uint64, error)
	kept    map[batch.Key]batch.Record
	last    uint64
}

func newHeld() *held { return &held{kept: map[batch.Key]batch.Record{}} }

func (h *held) Load(yield func(batch.Record) error) error {
	for _, kind := range batch.RecordKinds() {
		for key, r := range h.kept {
			if key.Kind == kind {
				if err := yield(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (h *held) Start(durable func(uint64, error)) { h.durable = durable }

func (h *held) Append(n uint64, changes []batch.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n != h.last+1 {
		panic(fmt.Sprintf("transaction %d after %d", n, h.last))
	}
	h.last = n
	for _, c := range changes {
		if c.Record == nil {
			delete(h.kept, c.Key)
		} else {
			h.kept[c.Key] = c.Record
		}
	}
}

// flush makes everything durable.
func (h *held) flush() {
	h.mu.Lock()
	n := h.last
	h.mu.Unlock()
	h.durable(n, nil)
}

// place makes an environment, a queue and a definition, and lets jobs start.
func place(tx *batch.Tx) error {
	e := batch.Environment{ARN: scope.ARN("compute-environment", "e"), Scope: scope, Name: "e", Platform: batch.EC2, MaxMilliVCPU: 1000_000, Host: "i-0",
		Detail: &api.ComputeEnvironmentDetail{State: api.CEStateEnabled, Status: api.CEStatusValid, EcsClusterArn: new("arn:aws:ecs:r:a:cluster/c")}}
	if err := tx.CreateEnvironment(e); err != nil {
		return err
	}
	tx.RegisterDefinition(scope, "d", batch.EC2, api.JobDefinition{ContainerProperties: &api.ContainerProperties{Image: new("i"), Vcpus: new(int32(1)), Memory: new(int32(64))}})
	tx.SetHost(batch.Host{Ready: true})
	return tx.CreateQueue(batch.Queue{ARN: scope.ARN("job-queue", "q"), Scope: scope, Name: "q", Environments: []batch.ARN{e.ARN}, Detail: &api.JobQueueDetail{State: api.JQStateEnabled}})
}

func submit(id *batch.JobID, timeout int32) func(*batch.Tx) error {
	return func(tx *batch.Tx) error {
		s := batch.Submission{Scope: scope, Name: "j", Queue: "q", Definition: "d"}
		if timeout > 0 {
			s.Request.Timeout = &api.JobTimeout{AttemptDurationSeconds: &timeout}
		}
		j, err := tx.Submit(s)
		if err == nil {
			*id = j.ID
		}
		return err
	}
}

func open(t *testing.T, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func update(t *testing.T, e *engine.Engine, f func(*batch.Tx) error) {
	t.Helper()
	if err := e.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func status(e *engine.Engine, id batch.JobID) (s batch.Status) {
	e.View(context.Background(), func(state *batch.State) {
		if j := state.AnyJob(id); j != nil {
			s = j.Status
		}
	})
	return s
}

// TestRefusalLeavesNothing: an error and a panic roll back, and nobody is told.
func TestRefusalLeavesNothing(t *testing.T) {
	observed := 0
	e := open(t, engine.Options{Observe: func([]batch.Event) { observed++ }})
	update(t, e, place)
	observed = 0
	refusal := errors.New("no")
	var id batch.JobID
	err := e.Update(t.Context(), func(tx *batch.Tx) error {
		if err := submit(&id, 0)(tx); err != nil {
			return err
		}
		return refusal
	})
	if !errors.Is(err, refusal) || status(e, id) != "" || observed != 0 || len(e.Attempts()) != 0 {
		t.Errorf("after a refusal: %v, job %q, %d observations", err, status(e, id), observed)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach its caller")
			}
		}()
		e.Update(t.Context(), func(tx *batch.Tx) error {
			if err := submit(&id, 0)(tx); err != nil {
				return err
			}
			panic("no")
		})
	}()
	if status(e, id) != "" {
		t.Error("a panic left a job behind")
	}
	update(t, e, submit(&id, 0)) // and the lock is free
}

// TestNothingBeforeDurable: neither the answer, nor an effect, nor what a reader sees comes before the journal has it.
func TestNothingBeforeDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newHeld()
		var events []batch.Event
		e := open(t, engine.Options{Journal: j, Observe: func(list []batch.Event) { events = append(events, list...) }})
		do := func(f func(*batch.Tx) error) chan error {
			done := make(chan error, 1)
			go func() { done <- e.Update(context.Background(), f) }()
			synctest.Wait()
			return done
		}
		first := do(place)
		j.flush()
		if err := <-first; err != nil {
			t.Fatal(err)
		}

		var id batch.JobID
		answered := do(submit(&id, 0))
		read := make(chan batch.Status, 1)
		go func() { read <- status(e, id) }()
		awaited := make(chan error, 1)
		go func() {
			awaited <- e.Await(context.Background(), id, func(s *batch.State) bool { return s.AnyJob(id) != nil })
		}()
		synctest.Wait()
		if len(answered)+len(read)+len(awaited)+len(e.Wake())+len(events)+len(e.Attempts()) > 0 {
			t.Errorf("before it was durable: answered %d, read %d, awaited %d, woken %d, observed %v", len(answered), len(read), len(awaited), len(e.Wake()), events)
		}
		j.flush()
		synctest.Wait()
		if len(answered) != 1 || len(read) != 1 || len(awaited) != 1 || len(e.Wake()) != 1 || len(events) != 3 {
			t.Errorf("after it was durable: answered %d, read %d, awaited %d, woken %d, observed %v", len(answered), len(read), len(awaited), len(e.Wake()), events)
		}
		if got := e.Attempts(); !slices.Equal(got, []batch.AttemptID{{Job: id, Number: 1}}) {
			t.Errorf("to be looked at: %v", got)
		}
	})
}

// TestRestart: what the journal kept is the state, and live attempts are to be looked at.
func TestRestart(t *testing.T) {
	j := newHeld()
	e := open(t, engine.Options{Journal: j})
	now := func(f func(*batch.Tx) error) {
		done := make(chan error, 1)
		go func() { done <- e.Update(context.Background(), f) }()
		for len(done) == 0 {
			j.flush()
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	now(place)
	var a, b batch.JobID
	now(submit(&a, 0))
	now(submit(&b, 0))
	now(func(tx *batch.Tx) error {
		tx.Report(batch.Report{Attempt: batch.AttemptID{Job: a, Number: 1}, State: batch.Exited, ExitCode: new(int32(0))})
		return nil
	})
	e.Close()
	again := &held{kept: j.kept}
	f := open(t, engine.Options{Journal: again})
	if status(f, a) != batch.Succeeded || status(f, b) != batch.Starting {
		t.Errorf("after the restart: %s, %s", status(f, a), status(f, b))
	}
	if got := f.Attempts(); !slices.Equal(got, []batch.AttemptID{{Job: b, Number: 1}}) {
		t.Errorf("to be looked at: %v", got)
	}
}

// TestJournalFails: those who wait are told, also who only read what was not kept, nothing more is changed, and Failure says why. The journal
// names the last transaction that it could not keep.
func TestJournalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newHeld()
		e := open(t, engine.Options{Journal: j})
		done := make(chan error, 2)
		go func() { done <- e.Update(context.Background(), place) }()
		synctest.Wait()
		go func() { done <- e.View(context.Background(), func(*batch.State) {}) }()
		synctest.Wait()
		full := errors.New("disk full")
		j.durable(j.last, full)
		for range 2 {
			if err := <-done; !errors.Is(err, full) {
				t.Errorf("who waited was told %v", err)
			}
		}
		if err := e.Update(t.Context(), place); !errors.Is(err, full) {
			t.Errorf("who comes later is told %v", err)
		}
		if !errors.Is(e.Failure(), full) || len(e.Attempts()) > 0 {
			t.Errorf("failure: %v", e.Failure())
		}
	})
}

// TestTimer: one timer does what is due, at its time, also when an earlier deadline comes later.
func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, engine.Options{})
		update(t, e, place)
		var slow, quick batch.JobID
		update(t, e, submit(&slow, 3600))
		update(t, e, submit(&quick, 60))
		began := time.Now()
		for _, id := range []batch.JobID{slow, quick} {
			update(t, e, func(tx *batch.Tx) error {
				tx.Report(batch.Report{Attempt: batch.AttemptID{Job: id, Number: 1}, State: batch.Running})
				return nil
			})
		}
		for _, want := range []struct {
			id    batch.JobID
			after time.Duration
		}{{quick, time.Minute}, {slow, time.Hour}} {
			e.Attempts()
			err := e.Await(t.Context(), want.id, func(s *batch.State) bool { return s.AnyJob(want.id).Attempt().Desired == batch.Stop })
			if took := time.Since(began); err != nil || took != want.after {
				t.Errorf("%s ran into its timeout after %s, want %s (%v)", want.id, took, want.after, err)
			}
		}
	})
}

// TestAwait: it returns at once, at the change, or with its context.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, engine.Options{})
		update(t, e, place)
		var id batch.JobID
		update(t, e, submit(&id, 0))
		ended := func(s *batch.State) bool { return batch.Ended(s.AnyJob(id).Status) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := e.Await(ctx, id, ended); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at the time limit: %v", err)
		}
		waiters := make(chan error, 2)
		go func() { waiters <- e.Await(t.Context(), id, ended) }()
		go func() {
			waiters <- e.Await(t.Context(), "", func(s *batch.State) bool { return s.LiveIn(func(batch.Scope) bool { return true }) == 0 })
		}()
		synctest.Wait()
		update(t, e, func(tx *batch.Tx) error { tx.Terminate(scope, id, "r"); return nil })
		if len(waiters) > 0 {
			t.Error("somebody was woken too early")
		}
		update(t, e, func(tx *batch.Tx) error {
			tx.Report(batch.Report{Attempt: batch.AttemptID{Job: id, Number: 1}, State: batch.Exited})
			return nil
		})
		for range 2 {
			if err := <-waiters; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestClose(t *testing.T) {
	e := open(t, engine.Options{})
	e.Close()
	if err := e.Update(t.Context(), place); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("an update after Close: %v", err)
	}
}

// BenchmarkUpdate is a job from submit to end through the engine, with others at the same time.
func BenchmarkUpdate(b *testing.B) {
	e, err := engine.New(engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	if err := e.Update(b.Context(), place); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			var id batch.JobID
			e.Update(b.Context(), submit(&id, 0))
			e.Update(b.Context(), func(tx *batch.Tx) error {
				tx.Report(batch.Report{Attempt: batch.AttemptID{Job: id, Number: 1}, State: batch.Exited, ExitCode: new(int32(0))})
				return nil
			})
		}
	})
}

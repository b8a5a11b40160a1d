package runner_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/clock"
	"github.com/batch-local/batch-local/emulator/runner"
)

// slowly is an attempt in the machine's time: it runs until it is told to stop, and ends so much later; or is detached.
func slowly(stop time.Duration) func(context.Context, runner.Attempt, func(batch.Report)) error {
	return func(ctx context.Context, _ runner.Attempt, report func(batch.Report)) error {
		report(batch.Report{State: batch.Running, At: time.Now().UnixMilli()})
		<-ctx.Done()
		if errors.Is(context.Cause(ctx), runner.ErrStop) {
			time.Sleep(stop)
			report(batch.Report{State: batch.Exited, ExitCode: new(int32(137)), At: time.Now().UnixMilli()})
		}
		return nil
	}
}

// TestMovedOverStops: who moves the clock over the timeout of a real container waits for as long as its stop really takes, and the end is there in the
// emulator's time; but not for ever, and not for containers that run.
func TestMovedOverStops(t *testing.T) {
	for _, one := range []struct {
		name                string
		stop, advance       time.Duration
		frozen              bool
		wantTook, wantMoved time.Duration
		wantRan             string
	}{
		{"heeds the stop", 200 * time.Millisecond, time.Hour, false, 200 * time.Millisecond, time.Hour, "FAILED 1m30.2s"},
		{"is killed", 30 * time.Second, time.Hour, false, 30 * time.Second, time.Hour, "FAILED 2m0s"},
		{"while the clock stands", 30 * time.Second, time.Hour, true, 30 * time.Second, time.Hour, "FAILED 2m0s"},
		{"moved to less than the stop takes", 30 * time.Second, 100 * time.Second, true, 30 * time.Second, 100 * time.Second, "FAILED 1m40s"},
		{"moved to the timeout and no further", 30 * time.Second, 90 * time.Second, true, 30 * time.Second, 90 * time.Second, "FAILED 1m30s"},
		{"moved to less than the timeout", 30 * time.Second, 89 * time.Second, true, 0, 89 * time.Second, "RUNNING"},
		{"does not end", time.Hour, 2 * time.Hour, true, 40 * time.Second, 2 * time.Hour, "RUNNING"},
	} {
		t.Run(one.name, func(t *testing.T) {
			d := &scripted{run: slowly(one.stop), clock: clock.New()}
			play(t, d, func(s *stage) {
				s.ready()
				s.submit("runs on")
				var id batch.JobID
				s.update(func(tx *batch.Tx) error {
					j, err := tx.Submit(batch.Submission{Scope: scope, Name: "a", Queue: "q", Definition: "d", Request: batch.Request{Timeout: &api.JobTimeout{AttemptDurationSeconds: new(int32(90))}}})
					id = j.ID
					return err
				})
				synctest.Wait()
				if one.frozen {
					if err := d.clock.Freeze(s.Context()); err != nil {
						t.Fatal(err)
					}
				}
				real, began := time.Now(), d.clock.Now()
				if err := d.clock.Advance(s.Context(), one.advance); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(real); took != one.wantTook {
					t.Errorf("it took %v, want %v", took, one.wantTook)
				}
				if moved := d.clock.Now().Sub(began); moved != one.wantMoved {
					t.Errorf("it moved by %v, want %v", moved, one.wantMoved)
				}
				j := s.job(id)
				ran := string(j.Status)
				if batch.Ended(j.Status) {
					ran = fmt.Sprint(ran, " ", time.Duration(j.StoppedAt-j.StartedAt)*time.Millisecond)
				}
				if ran != one.wantRan {
					t.Errorf("the job is %s, want %s", ran, one.wantRan)
				}
				s.shutdown(2*time.Hour, false)
			})
		})
	}
}

// TestMovedAndElsewhere: while a stop is waited for, other calls go on: what they set off is in its time, freezing waits only for its turn, and a job
// that is cleared away is waited for no more. A caller that goes away leaves the clock where it had come to.
func TestMovedAndElsewhere(t *testing.T) {
	d := &scripted{run: slowly(30 * time.Second), clock: clock.New()}
	play(t, d, func(s *stage) {
		s.ready()
		id := s.submit("a")
		began := d.clock.Now()
		s.update(func(tx *batch.Tx) error { tx.Terminate(scope, id, "enough"); return nil })
		var fired time.Duration
		time.AfterFunc(5*time.Second, func() { d.clock.AfterFunc(7*time.Second, func() { fired = d.clock.Now().Sub(began) }) })
		if err := d.clock.Freeze(s.Context()); err != nil || d.clock.Now().Sub(began) > time.Second {
			t.Errorf("freezing waits for nothing: %v, it is %v", err, d.clock.Now().Sub(began))
		}
		if err := d.clock.Advance(s.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		s.wants(id, batch.Failed, "enough")
		if fired != 12*time.Second {
			t.Errorf("a timer that was set meanwhile fired after %v", fired)
		}

		id, began = s.submit("b"), d.clock.Now()
		s.update(func(tx *batch.Tx) error { tx.Terminate(scope, id, "enough"); return nil })
		ctx, cancel := context.WithTimeout(s.Context(), 3*time.Second)
		defer cancel()
		if err := d.clock.Advance(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || d.clock.Now().Sub(began) != 3*time.Second {
			t.Errorf("a caller that goes away: %v, it is %v", err, d.clock.Now().Sub(began))
		}
		time.AfterFunc(2*time.Second, func() {
			s.update(func(tx *batch.Tx) error { tx.Clear(func(batch.Scope) bool { return true }); return nil })
		})
		real := time.Now()
		if err := d.clock.Advance(s.Context(), time.Hour); err != nil || time.Since(real) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(real))
		}
		s.shutdown(time.Minute, false)
	})
}

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// runs runs the double's task, and answers its reports, and Run's error.
func (d *double) runs(ctx context.Context, change func(*runner.Attempt)) (reports chan batch.Report, done chan error, logs *runnertest.Logs) {
	driver := d.driver()
	d.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := driver.Close(ctx, false); err != nil {
			d.t.Error(err)
		}
	})
	reports, done, logs = make(chan batch.Report, 4), make(chan error, 1), &runnertest.Logs{}
	a := runner.Attempt{Task: d.task(), OpenLog: logs.Open}
	if change != nil {
		change(&a)
	}
	go func() { done <- driver.Run(ctx, a, func(r batch.Report) { reports <- r }) }()
	return reports, done, logs
}

func (d *double) wantsEnd(reports chan batch.Report, code int32) {
	d.t.Helper()
	if r := <-reports; r.State != batch.Exited || r.ExitCode == nil || *r.ExitCode != code {
		d.t.Errorf("it ended with %+v", r)
	}
}

const doubleInspect = "/containers/" + doubleID + "/json"

// TestLookAgain: a container whose end was heard of is looked at until the engine tells how it ended, though no connection broke.
func TestLookAgain(t *testing.T) {
	d := newDouble(t)
	reports, done, _ := d.runs(t.Context(), nil)
	if r := <-reports; r.State != batch.Running {
		t.Fatalf("%+v", r)
	}
	d.mu.Lock()
	began := d.asked[doubleInspect]
	d.answer[doubleInspect] = func(w http.ResponseWriter, _ *http.Request, n int) bool { return n <= began+2 && fails(w) }
	d.mu.Unlock()
	d.ends(6)
	d.wantsEnd(reports, 6)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOutputBreaksOff: what a container prints after its connection broke, and no other did, comes from the engine's record, while it runs.
func TestOutputBreaksOff(t *testing.T) {
	breaksOff(t, func(d *double, logs *runnertest.Logs) {
		if err := logs.Await(t.Context(), "s", "line 2"); err != nil {
			t.Fatal(err)
		}
		d.ends(0)
	})
}

// TestOutputBreaksOffBeforeTheEnd: so also what a container printed that ended before anybody could tell a broken connection from the end of its output.
func TestOutputBreaksOffBeforeTheEnd(t *testing.T) {
	breaksOff(t, func(d *double, _ *runnertest.Logs) {
		d.endsAt(0, time.Now().Add(time.Second)) // its connection has broken long before
	})
}

// breaksOff runs a container whose connection breaks after the first line, ends it, and wants all its lines.
func breaksOff(t *testing.T, end func(d *double, logs *runnertest.Logs)) {
	t.Helper()
	d := newDouble(t)
	d.answer["/containers/"+doubleID+"/attach"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		d.attach(w, true, frame("line 0\n"))
		return true
	}
	reports, done, logs := d.runs(t.Context(), nil)
	if r := <-reports; r.State != batch.Running {
		t.Fatalf("%+v", r)
	}
	end(d, logs)
	d.wantsEnd(reports, 0)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, want := logs.Of("s").Text(runner.Stdout), []string{"line 0", "line 1", "line 2"}; !slices.Equal(got, want) {
		t.Errorf("its log has %q, want %q", got, want)
	}
}

// TestRemoveAgain: what the engine refused to remove is still known, and what else there is goes all the same.
func TestRemoveAgain(t *testing.T) {
	d := newDouble(t)
	const path = "/containers/" + doubleID
	d.answer[path] = func(w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		if n == 1 {
			return fails(w)
		}
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	d.answer["/volumes"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		_, _ = io.WriteString(w, `{"Volumes":[{"Name":"v"}]}`)
		return true
	}
	d.answer["/volumes/v"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	driver := d.driver()
	defer driver.Close(context.Background(), true)
	ready := make(chan struct{})
	watching, cancel := context.WithCancel(t.Context())
	defer cancel()
	go driver.Watch(watching, func(a runner.Availability) {
		if a.Ready {
			close(ready)
		}
	})
	<-ready
	if err := driver.Remove(t.Context(), d.task().Attempt, false); err == nil {
		t.Error("nothing is said")
	}
	if err := driver.Remove(t.Context(), d.task().Attempt, false); err != nil {
		t.Error(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked[path] != 2 || d.asked["/volumes/v"] != 2 {
		t.Errorf("removals of the container %d, of its volume %d", d.asked[path], d.asked["/volumes/v"])
	}
}

// TestEndOfOutput: what a container printed last is read again when that fails, and when its connection may have broken off while it was started.
func TestEndOfOutput(t *testing.T) {
	const base = "/containers/" + doubleID
	for name, script := range map[string]func(d *double){
		"reading fails": func(d *double) {
			d.answer[base+"/attach"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				d.attach(w, true, frame("line 0\n"), []byte("no header of a frame"))
				d.ends(0)
				return true
			}
			d.answer[base+"/logs"] = func(w http.ResponseWriter, _ *http.Request, n int) bool {
				switch n {
				case 1:
					return fails(w)
				case 2:
					panic(http.ErrAbortHandler)
				}
				return false
			}
		},
		"the engine was away during the start": func(d *double) {
			cut := make(chan struct{})
			d.answer["/events"] = func(w http.ResponseWriter, _ *http.Request, n int) bool {
				if n == 1 {
					http.NewResponseController(w).Flush()
					<-cut
				}
				return n == 1
			}
			d.answer[base+"/attach"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				d.attach(w, true, frame("line 0\n"))
				return true
			}
			d.answer[base+"/start"] = func(http.ResponseWriter, *http.Request, int) bool {
				close(cut)
				d.await("/containers/json", 3) // it is there again: each connection looks for left-over sandboxes, and the first for lookers
				d.ends(0)
				return false
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			script(d)
			reports, done, logs := d.runs(t.Context(), nil)
			<-reports
			d.wantsEnd(reports, 0)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if got, want := logs.Of("s").Text(runner.Stdout), []string{"line 0", "line 1", "line 2"}; !slices.Equal(got, want) {
				t.Errorf("its log has %q, want %q", got, want)
			}
		})
	}
}

// TestStopAgain: a container that the engine cannot stop is stopped again, more and more rarely, until it has ended.
func TestStopAgain(t *testing.T) {
	d := newDouble(t)
	began := time.Now()
	d.answer["/containers/"+doubleID+"/stop"] = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		switch {
		case time.Since(began) < time.Second:
			return fails(w)
		case n > 8:
			t.Errorf("it was asked %d times in %v", n, time.Since(began))
		}
		d.ends(143)
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reports, done, _ := d.runs(ctx, nil)
	<-reports
	cancel(runner.ErrStop)
	d.wantsEnd(reports, 143)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAbandon: when nothing more is waited for, Run returns, whatever it was doing with an engine that answers no more; and Close does when its time is over.
func TestAbandon(t *testing.T) {
	const base = "/containers/" + doubleID
	for name, test := range map[string]struct {
		hang string // what the engine does not answer
		do   func(d *double, cancel context.CancelCauseFunc)
	}{
		"a stop":            {base + "/stop", func(_ *double, cancel context.CancelCauseFunc) { cancel(runner.ErrStop) }},
		"a look at the end": {doubleInspect, func(d *double, _ context.CancelCauseFunc) { d.ends(0) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			abandon := make(chan struct{})
			ctx, cancel := context.WithCancelCause(t.Context())
			reached := make(chan struct{}, 8)
			reports, done, _ := d.runs(ctx, func(a *runner.Attempt) { a.Abandon = abandon })
			if r := <-reports; r.State != batch.Running {
				t.Fatalf("%+v", r)
			}
			d.mu.Lock()
			d.answer[test.hang] = func(w http.ResponseWriter, r *http.Request, n int) bool {
				reached <- struct{}{}
				return d.hangs(w, r, n)
			}
			d.mu.Unlock()
			test.do(d, cancel)
			<-reached
			close(abandon)
			if err := <-done; err == nil {
				t.Error("Run says that all is well")
			}
			if len(reports) > 0 {
				t.Errorf("it reported %+v", <-reports)
			}
		})
	}
	t.Run("detached in the middle of a look", func(t *testing.T) {
		d := newDouble(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		reports, done, _ := d.runs(ctx, nil)
		<-reports
		reached := make(chan struct{}, 8)
		d.mu.Lock()
		d.answer[doubleInspect] = func(w http.ResponseWriter, r *http.Request, n int) bool {
			reached <- struct{}{}
			return d.hangs(w, r, n)
		}
		d.mu.Unlock()
		d.ends(0)
		<-reached
		cancel(runner.ErrDetach)
		if err := <-done; err != nil && !errors.Is(err, runner.ErrDetach) {
			t.Error(err)
		}
	})
}

// TestAddressOnTheHostsNetwork: nodes of a job find their main node there too (runtime.md 2.8).
func TestAddressOnTheHostsNetwork(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*batch.Task)
		want   string
	}{
		"a node":                     {func(t *batch.Task) { t.OwnNetwork = true }, "127.0.0.1"},
		"a task on Fargate":          {func(t *batch.Task) { t.Platform, t.Host = batch.Fargate, "" }, "127.0.0.1"},
		"on an instance with others": {func(*batch.Task) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			reports, done, _ := d.runs(t.Context(), func(a *runner.Attempt) { test.change(&a.Task) })
			if r := <-reports; r.State != batch.Running || r.PrivateIPv4 != test.want {
				t.Errorf("%+v, want the address %q", r, test.want)
			}
			d.ends(0)
			d.wantsEnd(reports, 0)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHostLostWhileNobodyLooked: a job that an earlier process started, and whose sandbox was taken away before this one came, has lost its host (decisions,
// behaviour 11). One that has ended meanwhile did so by itself.
func TestHostLostWhileNobodyLooked(t *testing.T) {
	for name, change := range map[string]func(*batch.Task){
		"on an instance": func(*batch.Task) {},
		"on Fargate":     func(t *batch.Task) { t.Platform, t.Host = batch.Fargate, "" },
	} {
		for _, ran := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, running %t", name, ran), func(t *testing.T) {
				d := newDouble(t)
				if !ran {
					close(d.ended)
					d.state = container.State{Status: "exited", ExitCode: 8, StartedAt: d.state.StartedAt, FinishedAt: time.Now().Format(time.RFC3339Nano)}
				}
				d.answers(doubleInspect, map[string]any{"Id": doubleID, "State": d.state, "HostConfig": map[string]string{"NetworkMode": "container:box"}, "Config": map[string]any{}})
				reports, done, logs := d.runs(t.Context(), func(a *runner.Attempt) {
					change(&a.Task)
					a.Ran = true
				})
				end := last(t, reports, done)
				if got, want := logs.Of("s").Text(runner.Stdout), []string{"line 0", "line 1", "line 2"}; !slices.Equal(got, want) {
					t.Errorf("its log has %q, want %q", got, want)
				}
				if end.State != batch.Exited || end.HostLost != ran || !ran && (end.ExitCode == nil || *end.ExitCode != 8) {
					t.Errorf("it ended with %+v", end)
				}
			})
		}
	}
}

// TestHostOfSeveralLostWhileNobodyLooked: each container of the task finds out, and the host is as lost as with one.
func TestHostOfSeveralLostWhileNobodyLooked(t *testing.T) {
	d := newDouble(t)
	var list []map[string]any
	var containers []batch.Container
	for _, name := range []string{"a", "b", "c"} {
		c := map[string]any{"Id": name, "State": d.state, "HostConfig": map[string]string{"NetworkMode": "container:box"}, "Config": map[string]any{}}
		d.answers("/containers/"+name+"/json", c)
		list = append(list, map[string]any{"Id": name, "Labels": map[string]string{"batch-local.container": name}, "HostConfig": c["HostConfig"]})
		containers = append(containers, batch.Container{Name: name, Image: "i", MemoryMiB: 64, MilliVCPU: 1000, LogStream: name, StopSeconds: 1, Essential: true})
	}
	d.answers("/containers/json", list)
	reports, done, _ := d.runs(t.Context(), func(a *runner.Attempt) { a.Task.Containers, a.Ran = containers, true })
	if end := last(t, reports, done); end.State != batch.Exited || !end.HostLost {
		t.Errorf("it ended with %+v", end)
	}
}

// last waits for the end of a run, and answers what it reported last.
func last(t *testing.T, reports chan batch.Report, done chan error) (r batch.Report) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
	for len(reports) > 0 {
		r = <-reports
	}
	return r
}

package docker_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// TestStartThatIsNotAnswered: a container that may run keeps its sandbox, in which the next call of Run finds it, and loses it when it has ended.
func TestStartThatIsNotAnswered(t *testing.T) {
	d := newDouble(t)
	d.answers("/networks", []map[string]string{{"Name": "batch-local", "Id": "n"}})
	d.answers("/containers/box/start", nil)
	d.answers("/containers/box/json", map[string]any{"Id": "box", "State": map[string]bool{"Running": true}, "Config": map[string]any{}, "NetworkSettings": map[string]any{}})
	d.network = "container:box"
	d.answer["/containers/create"] = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		sandbox := strings.Contains(r.URL.Query().Get("name"), "-task-")
		if sandbox {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"Id":"box"}`))
		}
		return sandbox
	}
	d.answer["/containers/"+doubleID+"/start"] = func(http.ResponseWriter, *http.Request, int) bool { panic(http.ErrAbortHandler) }
	var removed atomic.Int32 // sandboxes
	d.answer["/containers/box"] = func(http.ResponseWriter, *http.Request, int) bool { removed.Add(1); return true }
	driver, err := docker.New(docker.Options{Instance: "double", Client: d.client, Sandboxes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(context.Background(), false)
	task := d.task()
	task.Platform, task.Host, task.OwnNetwork = batch.EC2, "i-1", true
	attempt := runner.Attempt{Task: task, OpenLog: (&runnertest.Logs{}).Open}
	if err := driver.Run(t.Context(), attempt, func(r batch.Report) { t.Errorf("it reported %+v", r) }); err == nil {
		t.Fatal("the start was answered")
	}
	if removed.Load() > 0 {
		t.Fatal("its sandbox was removed")
	}
	attempt.Ran = true
	reports, done := make(chan batch.Report, 2), make(chan error, 1)
	go func() { done <- driver.Run(t.Context(), attempt, func(r batch.Report) { reports <- r }) }()
	if r := <-reports; r.State != batch.Running {
		t.Errorf("first report: %+v", r)
	}
	d.ends(0)
	d.wantsEnd(reports, 0)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if removed.Load() != 1 {
		t.Errorf("its sandbox was removed %d times", removed.Load())
	}
}

// TestStartThatDidNotTake: a start that was not answered, and of which nothing came, leaves no sandbox, whatever becomes of the attempt then.
func TestStartThatDidNotTake(t *testing.T) {
	const name = "batch-local-double-j-1"
	for story, test := range map[string]struct {
		removed bool // by somebody, before the next try
		stopped bool // before the next try
	}{
		"the next try starts it":       {},
		"somebody removes it":          {removed: true},
		"the job is stopped meanwhile": {stopped: true},
	} {
		t.Run(story, func(t *testing.T) {
			d := newDouble(t)
			d.answers("/networks", []map[string]string{{"Name": "batch-local", "Id": "n"}})
			boxes, removed := 0, map[string]bool{}
			made := false // the container
			d.answer["/containers/create"] = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				d.mu.Lock()
				defer d.mu.Unlock()
				id := doubleID
				switch {
				case strings.Contains(r.URL.Query().Get("name"), "-task-"):
					boxes++
					id = fmt.Sprint("box", boxes)
					d.answer["/containers/"+id+"/start"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
						w.WriteHeader(http.StatusNoContent)
						return true
					}
					d.answers("/containers/"+id+"/json", map[string]any{"Id": id, "State": map[string]bool{"Running": true}, "Config": map[string]any{}, "NetworkSettings": map[string]any{}})
					d.answer["/containers/"+id] = func(http.ResponseWriter, *http.Request, int) bool {
						d.mu.Lock()
						defer d.mu.Unlock()
						removed[id] = true
						return true
					}
				case made: // its name is taken
					w.WriteHeader(http.StatusConflict)
					return true
				default:
					made = true
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = fmt.Fprintf(w, `{"Id":%q}`, id)
				return true
			}
			d.answer["/containers/"+doubleID+"/start"] = func(_ http.ResponseWriter, _ *http.Request, n int) bool {
				if n == 1 {
					panic(http.ErrAbortHandler)
				}
				return false
			}
			created := map[string]any{"Id": doubleID, "State": map[string]string{"Status": "created"}, "HostConfig": map[string]string{"NetworkMode": "container:box1"},
				"Config": doubleConfig()}
			d.answers("/containers/"+name+"/json", created)
			d.answer["/containers/"+doubleID] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				d.mu.Lock()
				defer d.mu.Unlock()
				made = false
				w.WriteHeader(http.StatusNoContent)
				return true
			}
			driver, attempt := d.sandboxed()
			defer driver.Close(context.Background(), false)
			if err := driver.Run(t.Context(), attempt, func(r batch.Report) { t.Errorf("it reported %+v", r) }); err == nil {
				t.Fatal("the start was answered")
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if test.removed {
				d.mu.Lock()
				made = false
				d.mu.Unlock()
			}
			if test.stopped {
				d.mu.Lock()
				d.answers(doubleInspect, created)
				d.mu.Unlock()
				cancel(runner.ErrStop)
			}
			reports := make(chan batch.Report, 2)
			for tries := 0; ; tries++ {
				var err error
				done := make(chan error, 1)
				go func() { done <- driver.Run(ctx, attempt, func(r batch.Report) { reports <- r }) }()
				select {
				case err = <-done:
				case r := <-reports:
					if r.State == batch.Running {
						d.ends(0)
						d.wantsEnd(reports, 0)
					} else if !test.stopped {
						t.Errorf("it reported %+v", r)
					}
					err = <-done
				}
				if err == nil {
					break
				}
				if tries == 3 {
					t.Fatal(err)
				}
			}
			if err := driver.Remove(t.Context(), attempt.Attempt, false); err != nil {
				t.Error(err)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if len(removed) != boxes {
				t.Errorf("of %d sandboxes these were removed: %v", boxes, removed)
			}
		})
	}
}

// TestStartThatIsNotAnsweredInASandboxThatIsGone: as after the engine started anew. The container may have run, so it is not made again but looked at by the
// next try.
func TestStartThatIsNotAnsweredInASandboxThatIsGone(t *testing.T) {
	d := newDouble(t)
	d.answers("/networks", []map[string]string{{"Name": "batch-local", "Id": "n"}})
	var made, gone atomic.Bool
	d.answer["/containers/create"] = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		switch {
		case strings.Contains(r.URL.Query().Get("name"), "-task-"):
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"Id":"box"}`))
		case made.Swap(true):
			w.WriteHeader(http.StatusConflict)
		default:
			return false
		}
		return true
	}
	d.answers("/containers/box/start", nil)
	d.answer["/containers/box/json"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		if gone.Swap(false) { // the next one is there
			return false
		}
		_, _ = w.Write([]byte(`{"Id":"box","State":{"Running":true},"Config":{},"NetworkSettings":{}}`))
		return true
	}
	d.answers("/containers/batch-local-double-j-1/json", map[string]any{"Id": doubleID, "State": map[string]any{"Status": "running", "Running": true}, "HostConfig": map[string]string{"NetworkMode": "container:box"},
		"Config": doubleConfig()})
	d.answer["/containers/"+doubleID+"/start"] = func(http.ResponseWriter, *http.Request, int) bool {
		gone.Store(true)
		panic(http.ErrAbortHandler)
	}
	d.answer["/containers/"+doubleID] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		t.Error("the container is removed, and made again")
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	driver, attempt := d.sandboxed()
	defer driver.Close(context.Background(), false)
	err := driver.Run(t.Context(), attempt, func(r batch.Report) {
		t.Errorf("it reported %+v", r)
		if r.State == batch.Running {
			d.ends(0)
		}
	})
	if err == nil {
		t.Fatal("the start was answered")
	}
	gone.Store(false)
	reports, done := make(chan batch.Report, 2), make(chan error, 1)
	go func() { done <- driver.Run(t.Context(), attempt, func(r batch.Report) { reports <- r }) }()
	select {
	case r := <-reports:
		if r.State != batch.Running {
			t.Fatalf("first report: %+v", r)
		}
	case err := <-done:
		t.Fatal(err)
	}
	d.ends(0)
	d.wantsEnd(reports, 0)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// doubleConfig is that of the double's container, when it is a task's.
func doubleConfig() map[string]any {
	return map[string]any{"Labels": map[string]string{"batch-local.instance": "double", "batch-local.job": "double-job", "batch-local.attempt": "1", "batch-local.container": "default"}}
}

// sandboxed is a driver and an attempt whose container joins a sandbox of its own.
func (d *double) sandboxed() (*docker.Driver, runner.Attempt) {
	d.t.Helper()
	driver, err := docker.New(docker.Options{Instance: "double", Client: d.client, Sandboxes: 1})
	if err != nil {
		d.t.Fatal(err)
	}
	task := d.task()
	task.OwnNetwork = true
	return driver, runner.Attempt{Task: task, OpenLog: (&runnertest.Logs{}).Open}
}

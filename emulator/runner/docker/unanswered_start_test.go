package docker_test

import (
	"context"
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

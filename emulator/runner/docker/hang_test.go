package docker_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// TestHangs: an engine that stops answering in the middle of something keeps neither Run nor Close, and Close says what may be left.
func TestHangs(t *testing.T) {
	for name, test := range map[string]struct {
		path    string // what is not answered
		options docker.Options
		left    bool
	}{
		"a volume is made":                                 {"/volumes/create", docker.Options{Network: "host"}, false},
		"a container is made":                              {"/containers/create", docker.Options{Network: "host"}, false},
		"a sandbox is made":                                {"/containers/create", docker.Options{}, true},
		"a sandbox is started":                             {"/containers/" + doubleID + "/start", docker.Options{}, true},
		"the network is looked for":                        {"/networks", docker.Options{}, true},
		"the network is looked for ahead of the first job": {"/networks", docker.Options{Endpoint: endpoint.New(endpoint.Options{})}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			reached := make(chan struct{}, 16)
			d.answers("/networks", []map[string]string{{"Name": "batch-local", "Id": "n"}})
			d.answer[test.path] = func(w http.ResponseWriter, r *http.Request, n int) bool {
				reached <- struct{}{}
				return d.hangs(w, r, n)
			}
			test.options.Instance, test.options.Client, test.options.Sandboxes = "double", d.client, 1
			driver, err := docker.New(test.options)
			if err != nil {
				t.Fatal(err)
			}
			abandon, done := make(chan struct{}), make(chan error, 1)
			task := d.task()
			task.Platform, task.Host = batch.Fargate, ""
			if test.path == "/volumes/create" {
				task.Containers[0].Properties = &api.ContainerProperties{
					Volumes:     []api.Volume{{Name: new("v")}},
					MountPoints: []api.MountPoint{{SourceVolume: new("v"), ContainerPath: new("/v")}},
				}
			}
			go func() {
				done <- driver.Run(t.Context(), runner.Attempt{Task: task, OpenLog: (&runnertest.Logs{}).Open, Abandon: abandon}, func(r batch.Report) { t.Errorf("it reported %+v", r) })
			}()
			<-reached
			time.Sleep(50 * time.Millisecond) // whoever waits for that call now does
			began := time.Now()
			close(abandon)
			select {
			case err := <-done:
				if err == nil {
					t.Error("Run says that all is well")
				}
			case <-time.After(5 * time.Second):
				t.Error("Run does not return")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			if err = driver.Close(ctx, false); (err != nil) != test.left {
				t.Errorf("Close says %v", err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

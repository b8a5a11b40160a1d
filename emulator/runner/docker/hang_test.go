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
	own, path := &api.Volume{Name: new("v")}, &api.Volume{Name: new("v"), Host: &api.Host{SourcePath: new("/data")}}
	for name, test := range map[string]struct {
		path    string // what is not answered
		options docker.Options
		volume  *api.Volume // that the job mounts
		left    bool
	}{
		"a volume is made":                                 {"/volumes/create", docker.Options{Network: "host"}, own, false},
		"a container is made":                              {"/containers/create", docker.Options{Network: "host"}, nil, false},
		"a container is made to look at a disk":            {"/containers/create", docker.Options{Network: "host"}, path, true},
		"a sandbox is made":                                {"/containers/create", docker.Options{}, nil, true},
		"a sandbox is started":                             {"/containers/" + doubleID + "/start", docker.Options{}, nil, true},
		"the network is looked for":                        {"/networks", docker.Options{}, nil, true},
		"the network is looked for ahead of the first job": {"/networks", docker.Options{Endpoint: endpoint.New(endpoint.Options{})}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			reached := make(chan struct{}, 16)
			d.answers("/networks", []map[string]string{{"Name": "batch-local", "Id": "n"}})
			d.answers("/volumes/create", map[string]string{"Name": "v", "Mountpoint": "/v"})
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
			if test.volume != nil {
				task.Containers[0].Properties = &api.ContainerProperties{
					Volumes:     []api.Volume{*test.volume},
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
			closed := make(chan error, 1)
			go func() { closed <- driver.Close(ctx, false) }()
			select {
			case err := <-closed:
				if (err != nil) != test.left {
					t.Errorf("Close says %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("Close does not return")
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

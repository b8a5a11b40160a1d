package docker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// TestRelay is runtime.md 8: whatever network a task has, 169.254.170.2 is this process. The relay is this test's own executable.
func TestRelay(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	answer := endpoint.New(endpoint.Options{})
	const unknown = `{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}`
	open := func() *docker.Driver {
		d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1, Endpoint: answer})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open()
	tell := func(t *testing.T, d *docker.Driver, task batch.Task) {
		t.Helper()
		logs := &runnertest.Logs{}
		task.Containers = []batch.Container{{Name: "default", Image: workload, Command: []string{"get", "http://169.254.170.2/v2/credentials/somewhere"}, MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s"}}
		var end batch.Report
		if err := d.Run(t.Context(), runner.Attempt{Task: task, OpenLog: logs.Open}, func(r batch.Report) { end = r }); err != nil {
			t.Fatal(err)
		}
		if got := logs.Of("s"); end.ExitCode == nil || got == nil || !slices.Equal(got.Text(runner.Stdout), []string{unknown}) {
			t.Errorf("it ended with %+v", end)
		}
		if err := d.Remove(t.Context(), task.Attempt, false); err != nil {
			t.Error(err)
		}
	}
	job := batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}
	onHost := batch.Task{Attempt: job, Platform: batch.EC2, Host: "i-0123456789abcdef1", HostName: "ip-172-31-0-1"}
	long := onHost
	long.Attempt.Number = 2
	long.Containers = []batch.Container{{Name: "default", Image: workload, Command: []string{"sleep", "1h"}, MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s"}}
	hold := func(t *testing.T) (end func(error)) {
		ctx, cancel := context.WithCancelCause(t.Context())
		runs, ended := make(chan struct{}, 2), make(chan error, 1)
		go func() {
			ended <- d.Run(ctx, runner.Attempt{Task: long, OpenLog: (&runnertest.Logs{}).Open}, func(batch.Report) { runs <- struct{}{} })
		}()
		<-runs
		return func(how error) {
			cancel(how)
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("on an instance", func(t *testing.T) { tell(t, d, onHost) })
	t.Run("on Fargate", func(t *testing.T) {
		tell(t, d, batch.Task{Attempt: job, Platform: batch.Fargate, HostName: "ip-10-0-0-1.ec2.internal"})
	})
	t.Run("a node of several", func(t *testing.T) {
		own := onHost
		own.OwnNetwork = true
		tell(t, d, own)
	})
	t.Run("while another emulator has one", func(t *testing.T) {
		other, err := docker.New(docker.Options{Instance: newInstance(), Sandboxes: 1, Endpoint: answer})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close(context.Background(), false)
		tell(t, other, onHost)
		tell(t, d, onHost)
	})
	t.Run("in a sandbox that an earlier process made", func(t *testing.T) {
		if err := d.Close(context.Background(), true); err != nil {
			t.Fatal(err)
		}
		d = open()
		tell(t, d, onHost)
	})
	t.Run("after its container was taken away, beside a job that runs on", func(t *testing.T) {
		end := hold(t)
		happens, _ := engine.Events(t.Context(), events.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.sandbox="+string(onHost.Host)), filters.Arg("event", "exec_start"))})
		defer removeEndpoint(t, engine, instance)()
		select {
		case <-happens: // the instance's sandbox is told the way
		case <-time.After(20 * time.Second):
			t.Error("a sandbox in which a job runs is not told the way")
		}
		tell(t, d, onHost)
		tell(t, d, batch.Task{Attempt: job, Platform: batch.Fargate, HostName: "ip-10-0-0-2.ec2.internal"}) // in one that was made before
		end(runner.ErrStop)
		if err := d.Remove(t.Context(), long.Attempt, false); err != nil {
			t.Error(err)
		}
	})
	t.Run("after its container was taken away between two processes", func(t *testing.T) {
		end := hold(t)
		end(runner.ErrDetach)
		if err := d.Close(context.Background(), true); err != nil {
			t.Fatal(err)
		}
		defer removeEndpoint(t, engine, instance)()
		d = open()
		tell(t, d, onHost)
		if err := d.Remove(t.Context(), long.Attempt, false); err != nil {
			t.Error(err)
		}
	})
	if err := d.Close(context.Background(), false); err != nil {
		t.Error(err)
	}
	if left := leftovers(t, engine, instance); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestEndpointWithoutItsNetwork: an endpoint that an earlier process left is of no use when the network that it was on is gone.
func TestEndpointWithoutItsNetwork(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	gone, err := engine.NetworkCreate(t.Context(), instance, network.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"batch-local.instance": instance, "batch-local.endpoint": "169.254.170.2"}
	left, err := engine.ContainerCreate(t.Context(), &container.Config{Image: workload, Cmd: []string{"exit", "0"}, Labels: labels}, &container.HostConfig{NetworkMode: container.NetworkMode(gone.ID)}, nil, nil, "batch-local-"+instance+"-endpoint")
	if err == nil {
		err = engine.NetworkRemove(t.Context(), gone.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1, Endpoint: endpoint.New(endpoint.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	task := batch.Task{Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}, Platform: batch.EC2, Host: "i-0123456789abcdef4", HostName: "ip-172-31-0-4"}
	if name := printed(t, d, task, "host"); !strings.HasPrefix(name, task.HostName) {
		t.Errorf("it is on %q", name)
	}
	if _, err := engine.ContainerInspect(t.Context(), left.ID); !cerrdefs.IsNotFound(err) {
		t.Errorf("the endpoint that was left: %v", err)
	}
	if err := d.Close(context.Background(), false); err != nil {
		t.Error(err)
	}
	if left := leftovers(t, engine, instance); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// removeEndpoint takes the container of an endpoint away, and has another take its address until the function that it answers is called.
func removeEndpoint(t *testing.T, engine *client.Client, instance string) (free func()) {
	t.Helper()
	all, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance), filters.Arg("label", "batch-local.endpoint"))})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d endpoints: %v", len(all), err)
	}
	if err := engine.ContainerRemove(t.Context(), all[0].ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	of := all[0].NetworkSettings.Networks["batch-local"]
	other, err := engine.ContainerCreate(t.Context(), &container.Config{Image: workload, Cmd: []string{"sleep", "1h"}}, &container.HostConfig{NetworkMode: container.NetworkMode(of.NetworkID)}, nil, nil, "")
	if err == nil {
		err = engine.ContainerStart(t.Context(), other.ID, container.StartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := engine.ContainerRemove(t.Context(), other.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
}

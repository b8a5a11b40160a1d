package docker_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// TestLostSandbox is decisions, behaviour 11: the sandbox of an instance is the instance, and of a task of its own its host. Who kills it has
// taken that away; the next task finds another.
func TestLostSandbox(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, task := range map[string]batch.Task{
		"an instance": {Platform: batch.EC2, Host: "i-0123456789abcdef2", HostName: "ip-172-31-0-2"},
		"a task":      {Platform: batch.Fargate, HostName: "ip-10-0-0-2.ec2.internal"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, lose := range []bool{true, false} {
				task.Attempt = batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}
				task.Containers = []batch.Container{{Name: "default", Image: workload, Command: []string{"sleep", "1h"}, MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s"}}
				if !lose {
					task.Containers[0].Command = []string{"exit", "4"}
				}
				var end batch.Report
				err := d.Run(t.Context(), runner.Attempt{Task: task, OpenLog: (&runnertest.Logs{}).Open}, func(r batch.Report) {
					if end = r; lose && r.State == batch.Running {
						kill(t, engine, sandboxOf(t, engine, instance, task))
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if end.State != batch.Exited || end.HostLost != lose || lose != (end.ExitCode == nil) {
					t.Errorf("lost: %t; it ended with %+v", lose, end)
				}
				if err := d.Remove(t.Context(), task.Attempt, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := d.Close(context.Background(), false); err != nil {
		t.Error(err)
	}
	if left := leftovers(t, engine, instance); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLostSpares: sandboxes that waited for a task and are no more keep none from starting.
func TestLostSpares(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)
	task := batch.Task{Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}, Platform: batch.Fargate, HostName: "ip-10-0-0-1.ec2.internal"}
	printed(t, d, task, "host")
	awaitSandboxes(t, engine, instance, 3)
	all, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance), filters.Arg("label", "batch-local.sandbox=task"))})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		kill(t, engine, c.ID)
	}
	task.Attempt.Number++
	if name := printed(t, d, task, "host"); !strings.HasPrefix(name, "ip-10-0-") {
		t.Errorf("it is on %q", name)
	}
}

// TestHostNames is runtime.md 2.8: each Fargate task has a host name of its own, also in a sandbox that was made ahead of it, and its metadata tells the
// same one.
func TestHostNames(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 2, Endpoint: endpoint.New(endpoint.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)
	form := regexp.MustCompile(`^ip-10-0-\d+-\d+\.ec2\.internal$`)
	seen := map[string]bool{}
	for n := range 4 {
		task := batch.Task{
			Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: n + 1}, Platform: batch.Fargate, Definition: "arn:definition",
			HostName: fmt.Sprintf("ip-10-0-1-%d.ec2.internal", n),
		}
		if n == 3 { // an emulator has several regions
			task.HostName = "ip-10-0-1-3.eu-west-1.compute.internal"
			form = regexp.MustCompile(`^ip-10-0-\d+-\d+\.eu-west-1\.compute\.internal$`)
		}
		lines := strings.Split(printed(t, d, task, "ask", "$ECS_CONTAINER_METADATA_URI_V4", "then", "host"), "\n")
		_, told, _ := strings.Cut(lines[0], `"PrivateDNSName":"`)
		told, _, _ = strings.Cut(told, `"`)
		if name := lines[1]; !form.MatchString(name) || seen[name] || told != name {
			t.Errorf("task %d: its name is %q, and it is told %q; earlier ones had %v", n, name, told, seen)
		}
		seen[lines[1]] = true
		awaitSandboxes(t, engine, instance, 2)
	}
}

// awaitSandboxes waits until so many wait for a task, and looks at their names.
func awaitSandboxes(t *testing.T, engine *client.Client, instance string, n int) {
	t.Helper()
	for range 300 {
		all, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance), filters.Arg("label", "batch-local.sandbox=task"))})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != n {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		names := map[string]bool{}
		for _, c := range all {
			is, err := engine.ContainerInspect(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			names[is.Config.Hostname] = true
		}
		if len(names) != n {
			t.Errorf("%d sandboxes have the names %v", n, names)
		}
		return
	}
	t.Fatalf("there are no %d sandboxes", n)
}

// sandboxOf is the sandbox that a task's container is in.
func sandboxOf(t *testing.T, engine *client.Client, instance string, task batch.Task) string {
	t.Helper()
	all, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance), filters.Arg("label", "batch-local.job="+string(task.Attempt.Job)))})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d containers of the job: %v", len(all), err)
	}
	return all[0].HostConfig.NetworkMode[len("container:"):]
}

func kill(t *testing.T, engine *client.Client, id string) {
	t.Helper()
	if err := engine.ContainerKill(t.Context(), id, "KILL"); err != nil {
		t.Error(err)
	}
}

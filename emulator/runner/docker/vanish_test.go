package docker_test

import (
	"context"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// TestHandsOfTheUser is runtime.md 2.12: a container that the user kills has ended with 137, one that the user removes has vanished, though its removal kills
// it first.
func TestHandsOfTheUser(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)
	for name, test := range map[string]struct {
		do     func(id string) error
		code   *int32
		reason string
	}{
		"docker kill": {func(id string) error { return engine.ContainerKill(t.Context(), id, "KILL") }, new(int32(137)), ""},
		"docker rm -f": {func(id string) error {
			return engine.ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true})
		}, nil, "ContainerVanishedError: No container matching saved ID found"},
	} {
		t.Run(name, func(t *testing.T) {
			task := batch.Task{
				Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}, Platform: batch.EC2, Host: "i-0123456789abcdef3", HostName: "ip-172-31-0-3",
				Containers: []batch.Container{{Name: "default", Image: workload, Command: []string{"sleep", "1h"}, MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s"}},
			}
			var (
				end   batch.Report
				hands sync.WaitGroup
			)
			err := d.Run(t.Context(), runner.Attempt{Task: task, OpenLog: (&runnertest.Logs{}).Open}, func(r batch.Report) {
				if end = r; r.State != batch.Running {
					return
				}
				hands.Go(func() { // the driver goes on meanwhile, and hears of the kill before the removal is done
					all, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance), filters.Arg("label", "batch-local.job="+string(task.Attempt.Job)))})
					if err != nil || len(all) != 1 {
						t.Errorf("%d containers of the job: %v", len(all), err)
						return
					}
					if err := test.do(all[0].ID); err != nil {
						t.Error(err)
					}
				})
			})
			hands.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if end.State != batch.Exited || end.Reason != test.reason || (end.ExitCode == nil) != (test.code == nil) || test.code != nil && *end.ExitCode != *test.code {
				t.Errorf("it ended with %+v", end)
			}
			if err := d.Remove(t.Context(), task.Attempt, false); err != nil {
				t.Error(err)
			}
		})
	}
}

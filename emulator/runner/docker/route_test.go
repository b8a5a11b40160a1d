package docker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// TestRouteThatComesBack: the endpoint may come back to an address that it had before; whatever a sandbox was told last counts (runtime.md 8).
func TestRouteThatComesBack(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1, Endpoint: endpoint.New(endpoint.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)
	task := batch.Task{Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}, Platform: batch.EC2, Host: "i-0123456789abcdef5", HostName: "ip-172-31-0-5"}
	gateway := func() string { // of the first route to link-local addresses
		for line := range strings.Lines(printed(t, d, task, "cat", "/proc/net/route")) {
			if f := strings.Fields(line); len(f) > 2 && f[1] == "0000FEA9" {
				return f[2]
			}
		}
		return ""
	}
	gateway() // has the sandbox made
	all, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance), filters.Arg("label", "batch-local.sandbox"))})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sandboxes: %v", len(all), err)
	}
	is, err := engine.ContainerInspect(t.Context(), all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	here := is.Config.Cmd[0]
	there := "po" + here[2:] // 254 in the same network
	for _, word := range []string{there, here, there} {
		made, err := engine.ContainerExecCreate(t.Context(), is.ID, container.ExecOptions{Cmd: []string{"/pause", word}})
		if err == nil {
			err = engine.ContainerExecStart(t.Context(), made.ID, container.ExecStartOptions{Detach: true})
		}
		if err != nil {
			t.Fatal(err)
		}
		want, got := strings.Map(hexDigit, word), ""
		for range 100 {
			if got = gateway(); got == want {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got != want {
			t.Errorf("told to go by way of %s it goes by way of %s", want, got)
		}
	}
}

// hexDigit is what a letter of a sandbox's argument stands for.
func hexDigit(letter rune) rune { return rune("0123456789ABCDEF"[letter-'a']) }

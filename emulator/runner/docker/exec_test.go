package docker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// shell makes an image that has one, of the machine's own busybox, and a container of it that is an attempt's.
func shell(t *testing.T, engine *client.Client, instance string, command ...string) (attempt batch.AttemptID, id string) {
	t.Helper()
	image := shellImage(t, engine)
	attempt = batch.AttemptID{Job: batch.JobID("00000000-0000-0000-0000-" + instance[len(instance)-12:]), Number: 1}
	made, err := engine.ContainerCreate(t.Context(), &container.Config{Image: image, Cmd: command, Labels: map[string]string{
		"batch-local.instance": instance, "batch-local.job": string(attempt.Job), "batch-local.attempt": "1", "batch-local.container": "default",
	}}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		engine.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true})
	})
	if err := engine.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return attempt, made.ID
}

// processes are the commands that run in a container, a line each. The container itself says so: an engine's top wants a ps on its own machine.
func processes(t *testing.T, d *docker.Driver, attempt batch.AttemptID) string {
	t.Helper()
	var all, failed bytes.Buffer
	_, err := d.Exec(t.Context(), attempt, runner.Exec{Command: []string{"sh", "-c", "for p in /proc/[0-9]*; do cat $p/cmdline && echo; done"}, Stdout: &all, Stderr: &failed}) // some end meanwhile
	if err != nil || !strings.Contains(all.String(), "/proc/[0-9]*") {
		t.Fatalf("%v: %q, %q", err, &all, &failed)
	}
	return strings.ReplaceAll(all.String(), "\x00", " ")
}

// TestExec runs commands in a real container.
func TestExec(t *testing.T) {
	engine, instance := realEngine(t), newInstance()
	attempt, id := shell(t, engine, instance, "sleep", "600")
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)

	t.Run("input, both outputs and an exit code", func(t *testing.T) {
		var out, failed bytes.Buffer
		code, err := d.Exec(t.Context(), attempt, runner.Exec{Container: "default", Command: []string{"sh", "-c", "cat; echo no >&2; exit 7"},
			Stdin: strings.NewReader("hello"), Stdout: &out, Stderr: &failed})
		if code != 7 || err != nil || out.String() != "hello" || failed.String() != "no\n" {
			t.Errorf("%d, %v; %q, %q", code, err, &out, &failed)
		}
	})
	t.Run("no input", func(t *testing.T) {
		var out bytes.Buffer
		code, err := d.Exec(t.Context(), attempt, runner.Exec{Command: []string{"cat"}, Stdout: &out, Stderr: &out})
		if code != 0 || err != nil || out.Len() > 0 {
			t.Errorf("%d, %v; %q", code, err, &out)
		}
	})
	t.Run("much of both", func(t *testing.T) {
		const much = 3 << 20
		var out bytes.Buffer
		code, err := d.Exec(t.Context(), attempt, runner.Exec{Command: []string{"cat"}, Stdin: io.LimitReader(zero{}, much), Stdout: &out, Stderr: io.Discard})
		if code != 0 || err != nil || out.Len() != much {
			t.Errorf("%d, %v; %d bytes of %d", code, err, out.Len(), much)
		}
	})
	t.Run("a terminal", func(t *testing.T) {
		var out bytes.Buffer
		sizes := make(chan runner.Size, 1)
		sizes <- runner.Size{Rows: 33, Columns: 77}
		code, err := d.Exec(t.Context(), attempt, runner.Exec{Command: []string{"sh", "-c", "tty; sleep 0.5; stty size"}, TTY: true, Resize: sizes, Stdin: strings.NewReader(""), Stdout: &out})
		if code != 0 || err != nil || !strings.Contains(out.String(), "33 77\r\n") || !strings.HasPrefix(out.String(), "/dev/pts/") {
			t.Errorf("%d, %v; %q", code, err, &out)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		var out bytes.Buffer
		code, err := d.Exec(t.Context(), attempt, runner.Exec{Command: []string{"no-such-program"}, Stdout: &out, Stderr: &out})
		if err == nil && code != 126 && code != 127 {
			t.Errorf("%d, %v; %q", code, err, &out)
		}
	})
	t.Run("no such container", func(t *testing.T) {
		if _, err := d.Exec(t.Context(), attempt, runner.Exec{Container: "side", Command: []string{"true"}}); !errors.Is(err, runner.ErrNotRunning) {
			t.Error(err)
		}
	})
	t.Run("a caller that goes away", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		var out signalled
		out.wrote = leave
		_, err := d.Exec(ctx, attempt, runner.Exec{Command: []string{"sh", "-c", "echo up; sleep 1234; echo then"}, Stdout: &out, Stderr: io.Discard})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for end := time.Now().Add(time.Minute); strings.Contains(processes(t, d, attempt), "sleep 1234"); time.Sleep(20 * time.Millisecond) { // the engine tells nobody
			if time.Now().After(end) {
				t.Fatalf("the command goes on:\n%s", processes(t, d, attempt))
			}
		}
	})
	t.Run("a container that ends", func(t *testing.T) {
		var out signalled
		out.wrote = func() {
			if err := engine.ContainerRemove(context.Background(), id, container.RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		}
		code, err := d.Exec(t.Context(), attempt, runner.Exec{Command: []string{"sh", "-c", "echo up; sleep 600"}, Stdout: &out, Stderr: io.Discard})
		if !errors.Is(err, runner.ErrNotRunning) && (err != nil || code == 0) {
			t.Errorf("%d, %v", code, err)
		}
	})
}

// signalled says when something is written.
type signalled struct{ wrote func() }

func (s *signalled) Write(p []byte) (int, error) {
	if s.wrote != nil {
		go s.wrote()
		s.wrote = nil
	}
	return len(p), nil
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

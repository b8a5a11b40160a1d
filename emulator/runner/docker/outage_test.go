package docker_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// A gate is a socket before the engine's, which can be shut.
type gate struct {
	t      *testing.T
	path   string
	engine *url.URL // of it, the scheme is the network

	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
}

func newGate(t *testing.T, engine *client.Client) *gate {
	at, err := client.ParseHostURL(engine.DaemonHost())
	if err != nil {
		t.Fatal(err)
	}
	return &gate{t: t, path: filepath.Join(t.TempDir(), "engine.sock"), engine: at}
}

func (g *gate) raise() {
	l, err := net.Listen("unix", g.path)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	g.listener = l
	g.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
}

func (g *gate) pass(c net.Conn) {
	e, err := net.Dial(g.engine.Scheme, g.engine.Host)
	if err != nil {
		c.Close()
		return
	}
	g.mu.Lock()
	g.open = append(g.open, c, e)
	g.mu.Unlock()
	go func() {
		io.Copy(e, c)
		e.(interface{ CloseWrite() error }).CloseWrite()
	}()
	io.Copy(c, e)
	c.Close()
	e.Close()
}

// shut breaks every connection and lets no new one in.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener.Close()
	for _, c := range g.open {
		c.Close()
	}
	g.open = nil
}

// TestOutage: an engine that comes late, goes in the middle of a run and comes back loses no job and no line.
func TestOutage(t *testing.T) {
	engine := realEngine(t)
	g := newGate(t, engine)
	through, err := client.NewClientWithOpts(client.WithHost("unix://"+g.path), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Client: through})
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan runner.Availability, 16)
	watching, cancel := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() { d.Watch(watching, func(a runner.Availability) { states <- a }) })
	if a := <-states; a.Ready || !strings.Contains(a.Reason, g.path) || !strings.Contains(a.Reason, "DOCKER_HOST") {
		t.Errorf("without an engine: %+v", a)
	}

	var want []string
	command := []string{}
	for i := range 20 {
		want = append(want, fmt.Sprint("line ", i))
		command = append(command, "echo", want[i], "then", "sleep", "50ms", "then")
	}
	logs := &runnertest.Logs{}
	task := batch.Task{Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}, Platform: batch.EC2, Host: "i-0123456789abcdef0", HostName: "ip-172-31-0-1",
		Containers: []batch.Container{{Name: "default", Image: workload, Command: append(command, "exit", "6"), MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s", StopSeconds: 1}}}
	reports := make(chan batch.Report, 4)
	done := make(chan error, 1)
	go func() {
		done <- d.Run(t.Context(), runner.Attempt{Task: task, OpenLog: logs.Open}, func(r batch.Report) { reports <- r })
	}()
	g.raise()
	if a := <-states; !a.Ready || a.Version == "" {
		t.Errorf("with an engine: %+v", a)
	}
	if r := <-reports; r.State != batch.Running {
		t.Fatalf("first report: %+v", r)
	}
	if err := logs.Await(t.Context(), "s", "line 3"); err != nil {
		t.Fatal(err)
	}
	g.shut()
	if a := <-states; a.Ready {
		t.Errorf("the engine is gone, and it says %+v", a)
	}
	g.raise()
	if r := <-reports; r.State != batch.Exited || r.ExitCode == nil || *r.ExitCode != 6 {
		t.Errorf("last report: %+v", r)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := logs.Of("s").Text(runner.Stdout); !slices.Equal(got, want) {
		t.Errorf("its log has %q", got)
	}
	if err := d.Remove(t.Context(), task.Attempt, true); err != nil {
		t.Error(err)
	}
	cancel()
	watcher.Wait()
	if err := d.Close(context.Background(), false); err != nil {
		t.Error(err)
	}
	g.shut()
	if left := leftovers(t, engine, instance); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

package docker_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// Images of testdata/workload (scripts/images).
var (
	tag      = os.Getenv("BATCH_LOCAL_TEST_TAG")
	workload = "batch-local/workload:" + cmp.Or(tag, "test")
	bare     = "batch-local/workload:" + strings.TrimSuffix("bare-"+tag, "-")
)

// TestSuite runs the suite of all drivers with real containers.
func TestSuite(t *testing.T) {
	engine := realEngine(t)
	instance := newInstance()
	open := func(t *testing.T) runner.Driver {
		d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	runnertest.Suite(t, runnertest.Options{New: open, Reopen: open, Make: containers, Patience: 5 * time.Minute, Leftovers: func(t *testing.T) []string { return leftovers(t, engine, instance) }})
}

// realEngine answers a client of the engine that is there, with the test image on it. Without an engine the test is skipped, unless
// BATCH_LOCAL_TEST_DOCKER=required.
func realEngine(t *testing.T) *client.Client {
	t.Helper()
	engine, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		_, err = engine.Ping(t.Context())
	}
	if err != nil {
		if os.Getenv("BATCH_LOCAL_TEST_DOCKER") == "required" {
			t.Fatalf("no container engine: %v", err)
		}
		t.Skipf("no container engine (scripts/ensure-docker starts one): %v", err)
	}
	t.Cleanup(func() { engine.Close() })
	if out, err := exec.Command("../../../scripts/images").CombinedOutput(); err != nil {
		t.Fatalf("scripts/images: %v\n%s", err, out)
	}
	return engine
}

func newInstance() string {
	b := make([]byte, 6)
	rand.Read(b) // never fails
	return "test-" + hex.EncodeToString(b)
}

// leftovers is everything on the engine with the instance's label. A network that it made may serve others.
func leftovers(t *testing.T, engine *client.Client, instance string) []string {
	t.Helper()
	its := filters.NewArgs(filters.Arg("label", "batch-local.instance="+instance))
	list, err := engine.ContainerList(context.Background(), container.ListOptions{All: true, Filters: its})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, c := range list {
		left = append(left, c.Names[0]+" "+c.Status)
	}
	networks, err := engine.NetworkList(context.Background(), network.ListOptions{Filters: its})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		if unused(engine, n.ID) {
			left = append(left, "the network "+n.Name)
		}
	}
	return left
}

// unused says whether nobody wants a network that is there. Another emulator may be about to join it, or to take it away.
func unused(engine *client.Client, id string) bool {
	for range 100 {
		is, err := engine.NetworkInspect(context.Background(), id, network.InspectOptions{})
		if err != nil || len(is.Containers) > 0 {
			return false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return true
}

// containers says a work in the words of testdata/workload.
func containers(_ *testing.T, w runnertest.Work) func(*batch.Task) {
	return func(t *batch.Task) {
		c := &t.Containers[0]
		c.Image, c.Command = workload, words(w)
		if w.NoImage {
			c.Image = "batch-local/no-such-image:1"
		}
		if w.NoCommand {
			c.Image, c.Command = bare, []string{"no-such-program"}
		}
	}
}

func words(w runnertest.Work) []string {
	var all []string
	then := func(action ...string) {
		if len(all) > 0 {
			all = append(all, "then")
		}
		all = append(all, action...)
	}
	if w.IgnoreStop {
		then("ignore")
	} else if w.Wait {
		then("trap", strconv.Itoa(w.StopExit), w.StopSays)
	}
	for _, line := range w.Stdout {
		then("echo", line)
	}
	for _, line := range w.Stderr {
		then("err", line)
	}
	if w.Rest != "" {
		then("raw", w.Rest)
	}
	if w.For > 0 {
		then("sleep", w.For.String())
	}
	if w.Wait {
		then("sleep", "1000h")
	}
	if w.OutOfMemory {
		then("alloc", "100")
	}
	then("exit", strconv.Itoa(w.Exit))
	return all
}

package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// healthy is an engine with which all is well.
func healthy() Engine {
	return Engine{
		Endpoint: "tcp://builder:2375", Version: "28.5.2", OS: "linux", Architecture: "x86_64", Cgroups: "2", Folder: "/var/lib/docker",
		CPUs: 4, Memory: 8 << 30, LimitsMemory: true, LimitsSwap: true, LimitsCPU: true,
	}
}

// nobody is a client of an address where nothing answers.
func nobody(t *testing.T, source string) *client.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := client.New(client.Endpoint{URL: "http://" + l.Addr().String(), Source: source}, client.Identity{AccessKey: "test", Region: "us-east-1"})
	t.Cleanup(c.Close)
	return c
}

// examined are the findings about some checks, as lines; no checks is all.
func examined(t *testing.T, p Patient, checks ...string) []string {
	t.Helper()
	if p.Client == nil {
		p.Client = nobody(t, "")
	}
	if p.Settings.Emulator.Driver == "" {
		p.Settings.Emulator.Driver = "docker"
	}
	p.Resolve = func(context.Context, string) ([]string, error) { return nil, &net.DNSError{IsNotFound: true} }
	var lines []string
	for _, f := range Examine(t.Context(), p) {
		if len(checks) == 0 || slices.Contains(checks, f.Check) {
			lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", f.Level, f.Check, f.Text, f.Fix))
		}
	}
	return lines
}

// inspecting answers one engine, or one error.
func inspecting(e Engine, err error) func(context.Context, string) (Engine, error) {
	return func(context.Context, string) (Engine, error) { return e, err }
}

func TestEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	tests := []struct {
		name   string
		change func(*Engine)
		check  string
		want   []string // beginnings of the lines
	}{
		{"well", func(*Engine) {}, "engine", []string{"ok engine: Docker 28.5.2 answers at tcp://builder:2375: 4 CPUs, 8.0 GiB of memory -> "}},
		{"old", func(e *Engine) { e.Version = "20.9.1" }, "engine", []string{"problem engine: Docker 20.9.1"}},
		{"old enough", func(e *Engine) { e.Version = "20.10.24+dfsg1" }, "engine", []string{"ok engine: Docker 20.10.24+dfsg1"}},
		{"of an unknown version", func(e *Engine) { e.Version = "main" }, "engine", []string{"ok engine: Docker main"}},
		{"windows", func(e *Engine) { e.OS = "windows" }, "platform", []string{"problem platform: the engine runs containers of windows"}},
		{"arm", func(e *Engine) { e.Architecture = "aarch64" }, "platform", []string{"note platform: linux aarch64"}},
		{"limits", func(*Engine) {}, "limits", []string{"ok limits: memory and CPU limits are enforced (cgroups 2)"}},
		{"cgroups 1", func(e *Engine) { e.Cgroups = "1" }, "limits", []string{"note limits: memory and CPU limits are enforced, with cgroups 1"}},
		{"swap", func(e *Engine) { e.LimitsSwap = false }, "limits", []string{"warning limits: swap is not limited"}},
		{"memory and cpu", func(e *Engine) { e.LimitsMemory, e.LimitsSwap, e.LimitsCPU = false, false, false }, "limits",
			[]string{"warning limits: memory limits are not enforced", "warning limits: CPU limits are not enforced"}},
		{"disk elsewhere", func(*Engine) {}, "disk", nil},
		{"disk here", func(e *Engine) { e.Endpoint, e.Folder = "unix:///run/docker.sock", os.TempDir() }, "disk", []string{""}},
		{"no leftovers", func(*Engine) {}, "leftovers", []string{"ok leftovers: none on the engine"}},
		{
			"leftovers", func(e *Engine) {
				e.Instances = []Instance{{Name: "a1", Server: docker.Gone, Containers: 2, Running: 1, Networks: 1}, {Name: "b2", Server: docker.Gone, Volumes: 3}}
			}, "leftovers", []string{
				"warning leftovers: instance a1 left 2 containers (1 running), 1 network; its server has gone -> unless it is to start again with its --data-dir and go on: docker rm -f $(docker ps -a -q --filter label=batch-local.instance=a1); docker network rm ",
				"warning leftovers: instance b2 left 3 volumes; its server has gone -> unless it is to start again with its --data-dir and go on: docker volume rm $(docker volume ls -q --filter label=batch-local.instance=b2)",
			},
		},
		{
			"another server", func(e *Engine) {
				e.Instances = []Instance{{Name: "a1", Server: docker.Lives, Containers: 2, Running: 1}}
			},
			"others", []string{"note others: instance a1 is another batch-local that runs: 2 containers (1 running) -> "},
		},
		{
			"another server leaves nothing", func(e *Engine) {
				e.Instances = []Instance{{Name: "a1", Server: docker.Lives, Containers: 2, Running: 1}}
			},
			"leftovers", []string{"ok leftovers: none on the engine"},
		},
		{
			"of whom it cannot be seen", func(e *Engine) { e.Instances = []Instance{{Name: "a1", Containers: 1, Networks: 1, Volumes: 1}} },
			"leftovers", []string{"note leftovers: instance a1 has 1 container, 1 network, 1 volume; whether its server runs, or is to start again with its --data-dir, cannot be seen -> " +
				"to see what they are: docker ps -a --filter label=batch-local.instance=a1; docker network ls --filter label=batch-local.instance=a1; docker volume ls --filter label=batch-local.instance=a1"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := healthy()
			test.change(&e)
			got := examined(t, Patient{Inspect: inspecting(e, nil)}, test.check)
			if len(got) != len(test.want) {
				t.Fatalf("findings:\n%s\nwant %d", strings.Join(got, "\n"), len(test.want))
			}
			for i, line := range got {
				if !strings.HasPrefix(line, test.want[i]) {
					t.Errorf("got  %s\nwant %s...", line, test.want[i])
				}
			}
		})
	}
}

func TestEngineThatDoesNotAnswer(t *testing.T) {
	tests := []struct{ name, host, err, fix string }{
		{"forbidden", "", "permission denied while trying to connect to the Docker daemon socket", "let "},
		{"stopped", "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "start it: scripts/ensure-docker"},
		{"elsewhere", "tcp://builder:2375", "no such host", "correct or unset DOCKER_HOST (tcp://builder:2375)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", test.host)
			got := examined(t, Patient{Inspect: inspecting(Engine{}, errors.New(test.err))}, "engine")
			if len(got) != 1 || !strings.HasPrefix(got[0], "problem engine: "+test.err+" -> "+test.fix) {
				t.Errorf("got %q, want a problem with the fix %q", got, test.fix)
			}
		})
	}
}

func TestServer(t *testing.T) {
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	e, err := emulator.New(emulator.Config{Driver: "simulated", Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	ours := httptest.NewServer(e.Handler())
	defer ours.Close()
	at := func(url, source string) *client.Client {
		c := client.New(client.Endpoint{URL: url, Source: source}, client.Identity{AccessKey: "test", Region: "us-east-1"})
		t.Cleanup(c.Close)
		return c
	}
	free, missing := nobody(t, ""), nobody(t, "AWS_ENDPOINT_URL")
	tests := []struct {
		name    string
		client  *client.Client
		version string
		want    []string
	}{
		{"free", free, "1.0.0", []string{"note server: none is running; " + free.Endpoint.URL + " is free for one -> batch-local serve starts it"}},
		{"missing", missing, "1.0.0", []string{
			"problem server: nothing answers at " + missing.Endpoint.URL + " (AWS_ENDPOINT_URL): connect: connection refused -> start it there with batch-local serve, or unset AWS_ENDPOINT_URL",
		}},
		{"another program", at(stranger.URL, ""), "1.0.0", []string{
			"problem server: another program has its address: something else than batch-local answers at " + stranger.URL + ": 404 Not Found -> end that program, or choose another address: batch-local serve --listen 127.0.0.1:0",
		}},
		{"ours", at(ours.URL, ""), "1.0.0", []string{"ok server: batch-local 1.0.0 answers at " + ours.URL + " -> "}},
		{"ours, of another version", at(ours.URL, ""), "2.0.0", []string{
			"ok server: batch-local 1.0.0 answers at " + ours.URL + " -> ",
			"warning server: it is 1.0.0, this command is 2.0.0 -> end it and start it again with this version",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := examined(t, Patient{Client: test.client, Version: test.version, Inspect: inspecting(healthy(), nil)}, "server")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestServerThatSaysNothing: what takes calls and never answers is told, in time.
func TestServerThatSaysNothing(t *testing.T) {
	hung := make(chan struct{})
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}))
	defer mute.Close()
	defer close(hung)
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	c := client.New(client.Endpoint{URL: mute.URL, Source: "--endpoint"}, client.Identity{})
	defer c.Close()
	_, got := server(ctx, Patient{Client: c})
	want := []Finding{{Problem, "server", "what listens at " + mute.URL + " (--endpoint) does not answer", "correct --endpoint"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSettings(t *testing.T) {
	p := Patient{
		Environ:  []string{"BATCH_LOCAL_DRIVR=x", "BATCH_LOCAL_PULL=perhaps"},
		Settings: settings.Settings{Emulator: emulator.Config{Driver: "simulated"}},
	}
	got := examined(t, p, "settings", "engine")
	for i, want := range []string{"problem settings: BATCH_LOCAL_DRIVR=x: ", "problem settings: BATCH_LOCAL_PULL=perhaps: ", "note engine: none is needed"} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("findings:\n%s\nwant %s as number %d", strings.Join(got, "\n"), want, i)
		}
	}
}

package docker_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// A double answers as an engine does that has one image and one container, until a test has it do otherwise: for what real engines do rarely.
type double struct {
	t       *testing.T
	client  *client.Client
	network string // that the container is on
	events  chan events.Message
	gone    chan struct{} // closed at the end

	mu     sync.Mutex
	state  container.State
	ended  chan struct{}  // closed when the container has
	asked  map[string]int // how often, by what came after the version
	answer map[string]func(w http.ResponseWriter, r *http.Request, n int) bool
}

// doubleID is the container's.
const doubleID = "c0ffee"

func newDouble(t *testing.T) *double {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "engine.sock"))
	if err != nil {
		t.Fatal(err)
	}
	d := &double{t: t, network: "host", events: make(chan events.Message, 8), gone: make(chan struct{}), ended: make(chan struct{}), asked: map[string]int{}, answer: map[string]func(http.ResponseWriter, *http.Request, int) bool{}}
	d.state = container.State{Status: "running", Running: true, StartedAt: time.Now().Format(time.RFC3339Nano)}
	server := &http.Server{Handler: d}
	go server.Serve(l)
	t.Cleanup(func() { close(d.gone); server.Close() })
	d.client, err = client.NewClientWithOpts(client.WithHost("unix://"+l.Addr().String()), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// driver has jobs on the host's network, so that they need no sandbox.
func (d *double) driver() *docker.Driver {
	driver, err := docker.New(docker.Options{Instance: "double", Network: "host", Client: d.client})
	if err != nil {
		d.t.Fatal(err)
	}
	return driver
}

// task is that of the container.
func (d *double) task() batch.Task {
	return batch.Task{Attempt: batch.AttemptID{Job: "double-job", Number: 1}, Platform: batch.EC2, Host: "i-1", HostName: "ip-1",
		Containers: []batch.Container{{Name: "default", Image: "i", MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s", StopSeconds: 1}}}
}

// ends has the container end.
func (d *double) ends(code int) { d.endsAt(code, time.Now()) }

func (d *double) endsAt(code int, at time.Time) {
	d.mu.Lock()
	d.state = container.State{Status: "exited", ExitCode: code, StartedAt: d.state.StartedAt, FinishedAt: at.Format(time.RFC3339Nano)}
	close(d.ended)
	d.mu.Unlock()
	d.events <- events.Message{Type: events.ContainerEventType, Action: events.ActionDie, Actor: events.Actor{ID: doubleID}}
}

// hangs answers nothing until the caller has gone.
func (d *double) hangs(_ http.ResponseWriter, r *http.Request, _ int) bool {
	select {
	case <-r.Context().Done():
	case <-d.gone:
	}
	return true
}

// ServeHTTP implements http.Handler.
func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v1.41")
	d.mu.Lock()
	d.asked[path]++
	n, answer, state := d.asked[path], d.answer[path], d.state
	d.mu.Unlock()
	if answer != nil && answer(w, r, n) {
		return
	}
	says := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	if strings.HasPrefix(path, "/images/") { // that of sandboxes too
		says(map[string]any{"Id": "sha256:1", "Config": map[string]any{}})
		return
	}
	switch path {
	case "/_ping":
		w.Header().Set("Api-Version", "1.41")
	case "/version":
		says(map[string]string{"Version": "double", "ApiVersion": "1.41", "Arch": "amd64"})
	case "/info":
		says(map[string]any{"NCPU": 4, "MemTotal": 8 << 30, "Driver": "overlay2"})
	case "/events":
		w.WriteHeader(http.StatusOK)
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case m := <-d.events:
				says(m)
			case <-r.Context().Done():
				return
			case <-d.gone:
				return
			}
		}
	case "/containers/json":
		says([]map[string]any{{"Id": doubleID, "Labels": map[string]string{"batch-local.container": "default"}}})
	case "/containers/create":
		w.WriteHeader(http.StatusCreated)
		says(map[string]string{"Id": doubleID})
	case "/containers/" + doubleID + "/json":
		says(map[string]any{"Id": doubleID, "State": state, "Created": state.StartedAt, "Config": map[string]any{}, "HostConfig": map[string]any{"NetworkMode": d.network}, "NetworkSettings": map[string]any{}})
	case "/containers/" + doubleID + "/start":
		w.WriteHeader(http.StatusNoContent)
		d.events <- events.Message{Type: events.ContainerEventType, Action: events.ActionStart, TimeNano: time.Now().UnixNano(), Actor: events.Actor{ID: doubleID}}
	case "/containers/" + doubleID + "/attach":
		d.attach(w, false, frame("line 0\n"))
	case "/containers/" + doubleID + "/logs":
		for i := range 3 {
			_, _ = w.Write(frame(fmt.Sprintf("%s line %d\n", time.Now().Format(time.RFC3339Nano), i)))
		}
		if r.URL.Query().Get("follow") == "1" {
			_ = http.NewResponseController(w).Flush()
			d.until(r)
		}
	default:
		http.Error(w, `{"message":"not here"}`, http.StatusNotFound)
	}
}

// attach sends what the container prints, and holds the connection until it ends, unless it breaks off.
func (d *double) attach(w http.ResponseWriter, breaks bool, prints ...[]byte) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		d.t.Error(err)
		return
	}
	defer c.Close()
	fmt.Fprint(rw, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	for _, p := range prints {
		_, _ = rw.Write(p)
	}
	_ = rw.Flush()
	if !breaks {
		select {
		case <-d.ended:
		case <-d.gone:
		}
	}
}

// await waits until something was asked so often.
func (d *double) await(path string, n int) {
	for range 500 {
		d.mu.Lock()
		asked := d.asked[path]
		d.mu.Unlock()
		if asked >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Errorf("%s was not asked for %d times", path, n)
}

// until waits for the container's end.
func (d *double) until(r *http.Request) {
	select {
	case <-d.ended:
	case <-r.Context().Done():
	case <-d.gone:
	}
}

// frame is a piece of standard output as engines send it.
func frame(text string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(len(text))), text...)
}

// answers has a path answered with what is JSON.
func (d *double) answers(path string, v any) {
	d.answer[path] = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = json.NewEncoder(w).Encode(v)
		return true
	}
}

// fails answers with an error of the engine.
func fails(w http.ResponseWriter) bool {
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, `{"message":"resource temporarily unavailable"}`)
	return true
}

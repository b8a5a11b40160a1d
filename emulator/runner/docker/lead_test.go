package docker

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker/relay"
)

// TestAddress: the relay listens where jobs are told to look. It runs alone and cannot ask the endpoint.
func TestAddress(t *testing.T) {
	if relay.Address != endpoint.Address {
		t.Errorf("the relay listens at %s, and jobs look at %s", relay.Address, endpoint.Address)
	}
}

// A leadingEngine has an endpoint beside its sandbox.
type leadingEngine struct {
	answer func(r *http.Request, call string, n int) (status int) // n is how often; 0 is as usual

	mu    sync.Mutex
	calls []string
	asked map[string]int
}

// RoundTrip implements http.RoundTripper.
func (e *leadingEngine) RoundTrip(r *http.Request) (*http.Response, error) {
	call := r.Method + strings.TrimPrefix(r.URL.Path, "/v1.41")
	ofEndpoint := strings.HasSuffix(r.URL.Query().Get("name"), "-endpoint")
	if ofEndpoint {
		call += "?endpoint"
	}
	e.mu.Lock()
	if e.asked == nil {
		e.asked = map[string]int{}
	}
	e.asked[call]++
	n := e.asked[call]
	e.calls = append(e.calls, call)
	e.mu.Unlock()
	status, body := 0, `{}`
	if e.answer != nil {
		status = e.answer(r, call, n)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	switch {
	case status != 0:
	case call == "GET/networks":
		body = `[{"Name":"batch-local","Id":"n"}]`
	case ofEndpoint:
		status, body = http.StatusCreated, `{"Id":"ep"}`
	case call == "POST/containers/create":
		status, body = http.StatusCreated, `{"Id":"box"}`
	case call == "GET/containers/json":
		body = `[]`
	case call == "GET/containers/ep/json", call == "GET/containers/batch-local-x-endpoint/json":
		body = `{"Id":"ep","State":{"Running":true},"Config":{},"NetworkSettings":{"Networks":{"n":{"IPAddress":"172.18.0.2"}}}}`
	case strings.HasPrefix(call, "GET/containers/"):
		body = `{"Id":"box","State":{"Running":true},"Config":{},"NetworkSettings":{}}`
	case strings.HasSuffix(call, "/exec"):
		body = `{"Id":"e"}`
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// times is how often it was asked for something.
func (e *leadingEngine) times(call string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[call]
}

// driver has found it.
func (e *leadingEngine) driver(t *testing.T) *Driver {
	d := engineOf(e.RoundTrip).driver(t, Options{Instance: "x", Network: "batch-local", Endpoint: endpoint.New(endpoint.Options{})})
	d.engine.changed = make(chan struct{})
	d.engine.set(runner.Availability{Ready: true}, "amd64")
	d.boxes.arch = "amd64"
	return d
}

// TestEndpointWhileEventsAreCut: a job that is created while the engine's events are cut has an endpoint like any other (runtime.md 8).
func TestEndpointWhileEventsAreCut(t *testing.T) {
	d := (&leadingEngine{}).driver(t)
	if !d.boxes.relay.offered() {
		t.Fatal("jobs have no endpoint at all")
	}
	d.engine.set(runner.Availability{Reason: "the stream of events broke off"}, "")
	if !d.boxes.relay.offered() {
		t.Error("jobs have no endpoint")
	}
}

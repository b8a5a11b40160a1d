package docker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
	stopped   bool // what is looked at does not run
	noAddress bool // the endpoint has none

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
		if e.noAddress {
			body = strings.Replace(body, "172.18.0.2", "", 1)
		}
	case strings.HasPrefix(call, "GET/containers/"):
		body = fmt.Sprintf(`{"Id":"box","State":{"Running":%t},"Config":{"Cmd":["acaabckm"]},"NetworkSettings":{"Networks":{"n":{"IPAddress":"172.18.0.3"}}}}`, !e.stopped) // by way of 172.18.0.2
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

// TestEndpointThatCannotBeMadeAtOnce: an endpoint that somebody took away is made again until it is there, though nobody asks for another sandbox: that of an
// instance stays for all its jobs (runtime.md 8).
func TestEndpointThatCannotBeMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &leadingEngine{answer: func(r *http.Request, call string, n int) int {
			switch {
			case call == "PUT/containers/ep/archive" && n == 1:
				return http.StatusNotFound // somebody took it away,
			case call == "PUT/containers/ep/archive":
				<-r.Context().Done()
			case call == "POST/containers/create?endpoint" && n > 1 && n < 5:
				return http.StatusConflict // and the engine is not done with that
			case call == "POST/containers/batch-local-x-endpoint/start":
				return http.StatusConflict
			}
			return 0
		}}
		d := e.driver(t)
		said := &strings.Builder{}
		d.log = slog.New(slog.NewTextHandler(said, nil))
		if _, err := d.boxes.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := e.times("POST/containers/create?endpoint"); n != 5 {
			t.Errorf("a minute later it was made %d times: %q", n, e.calls)
		}
		if n := strings.Count(said.String(), "WARN"); n != 1 {
			t.Errorf("it says %s", said)
		}
		if err := d.boxes.close(t.Context(), false, true); err != nil {
			t.Error(err)
		}
	})
}

// TestNothingIsTriedAgainAfterClose: no timer is left behind.
func TestNothingIsTriedAgainAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &leadingEngine{answer: func(_ *http.Request, call string, _ int) int {
			if call == "POST/containers/create?endpoint" {
				return http.StatusInternalServerError
			}
			return 0
		}}
		d := e.driver(t)
		d.boxes.warm()
		time.Sleep(lastRetry + time.Second)
		if err := d.boxes.close(t.Context(), false, true); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if n := e.times("POST/containers/create?endpoint"); n != 2 {
			t.Errorf("it was tried %d times", n)
		}
	})
}

// TestSandboxThatCouldNotBeTold is told again where the endpoint is, and one that is told is not.
func TestSandboxThatCouldNotBeTold(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) int{
		"as the engine was in trouble": func(*http.Request) int { return http.StatusInternalServerError },
		"as the engine did not answer": func(r *http.Request) int { <-r.Context().Done(); return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &leadingEngine{answer: func(r *http.Request, call string, n int) int {
					if call == "POST/containers/box/exec" && n < 3 {
						return answer(r)
					}
					return 0
				}}
				d := e.driver(t)
				d.boxes.relay.id = "ep" // it is there
				d.boxes.live["box"] = &sandbox{id: "box", name: "h"}
				began := time.Now()
				d.boxes.leadTo([]string{"aaaaaaaa"})
				if took := time.Since(began); took > leadTime {
					t.Errorf("it took %v", took)
				}
				time.Sleep(time.Minute)
				if n := e.times("POST/exec/e/start"); n != 1 {
					t.Errorf("it was told %d times: %q", n, e.calls)
				}
				if err := d.boxes.close(t.Context(), false, true); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestSandboxesAreToldWhoeverGoesAway: the job that had the endpoint made anew may be stopped meanwhile.
func TestSandboxesAreToldWhoeverGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		e := &leadingEngine{answer: func(r *http.Request, call string, _ int) int {
			switch call {
			case "POST/containers/box/exec":
				stop()
			case "PUT/containers/ep/archive":
				<-r.Context().Done()
			}
			return 0
		}}
		d := e.driver(t)
		d.boxes.live["box"] = &sandbox{id: "box", name: "h"}
		_, _ = d.boxes.prepare(ctx)
		if e.times("POST/exec/e/start") != 1 {
			t.Errorf("it was asked for %q", e.calls)
		}
		if err := d.boxes.close(t.Context(), false, true); err != nil {
			t.Error(err)
		}
	})
}

// TestSandboxThatWasThere is told where the endpoint is: an earlier process may have told it anything after its start.
func TestSandboxThatWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &leadingEngine{answer: func(r *http.Request, call string, _ int) int {
			switch call {
			case "POST/containers/create":
				return http.StatusConflict
			case "PUT/containers/ep/archive":
				<-r.Context().Done()
			}
			return 0
		}}
		d := e.driver(t)
		for range 2 {
			if _, err := d.boxes.takeHost(t.Context(), onHost); err != nil {
				t.Fatal(err)
			}
		}
		if n := e.times("POST/exec/e/start"); n != 1 {
			t.Errorf("it was told %d times: %q", n, e.calls)
		}
		if err := d.boxes.close(t.Context(), false, true); err != nil {
			t.Error(err)
		}
	})
}

// TestRoutesThatCross: where the engine is slow to tell a sandbox a route, a newer one may be there before it, and would not count. Then it is told again.
func TestRoutesThatCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu    sync.Mutex
			calls int
			told  []string
		)
		e := &leadingEngine{answer: func(r *http.Request, call string, _ int) int {
			if call != "POST/containers/box/exec" {
				return 0
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			calls++
			slow := calls == 1
			mu.Unlock()
			if slow {
				time.Sleep(leadTime / 2)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, route := range []string{"old", "new"} {
				if strings.Contains(string(body), route) {
					told = append(told, route)
				}
			}
			return 0
		}}
		d := e.driver(t)
		box := &sandbox{id: "box", name: "h"}
		d.boxes.relay.id = "ep"
		d.boxes.live["box"] = box
		d.boxes.route = []string{"old"}
		var leading sync.WaitGroup
		leading.Go(func() { d.boxes.lead(box) })
		time.Sleep(leadTime / 4)
		d.boxes.leadTo([]string{"new"})
		time.Sleep(time.Minute)
		leading.Wait()
		mu.Lock()
		if want := []string{"new", "old", "new"}; !slices.Equal(told, want) {
			t.Errorf("it was told %q, want %q", told, want)
		}
		mu.Unlock()
		if err := d.boxes.close(t.Context(), false, true); err != nil {
			t.Error(err)
		}
	})
}

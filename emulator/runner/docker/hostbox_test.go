package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// A boxEngine makes sandboxes.
type boxEngine struct {
	answer func(call string) (status int) // 0 is as usual

	mu    sync.Mutex
	calls []string
}

// RoundTrip implements http.RoundTripper.
func (e *boxEngine) RoundTrip(r *http.Request) (*http.Response, error) {
	call := r.Method + strings.TrimPrefix(r.URL.Path, "/v1.41")
	e.mu.Lock()
	e.calls = append(e.calls, call)
	e.mu.Unlock()
	status, body := 0, `{}`
	if e.answer != nil {
		status = e.answer(call)
	}
	switch {
	case status != 0:
	case call == "GET/networks":
		body = `[{"Name":"batch-local","Id":"n"}]`
	case call == "POST/containers/create":
		status, body = http.StatusCreated, `{"Id":"box"}`
	case strings.HasPrefix(call, "GET/containers/"):
		body = `{"Id":"box","State":{"Running":true},"Config":{},"NetworkSettings":{}}`
	}
	if status == 0 {
		status = http.StatusOK
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, r.Context().Err()
}

func (e *boxEngine) removed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.calls, "DELETE/containers/box") || slices.Contains(e.calls, "DELETE/containers/batch-local-x-i-1")
}

func (e *boxEngine) boxes(t *testing.T) *sandboxes {
	s := engineOf(e.RoundTrip).driver(t, Options{Instance: "x", Network: "batch-local"}).boxes
	s.arch = "amd64"
	return s
}

var onHost = batch.Task{Platform: batch.EC2, Host: "i-1", HostName: "ip-172-31-0-1"}

// TestSandboxThatNobodyWaitsFor: that of an instance, made when who asked for it has long gone, goes like one that nobody is in.
func TestSandboxThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &boxEngine{answer: func(call string) int {
			if call == "POST/containers/create" {
				time.Sleep(idleHost + 30*time.Second)
			}
			return 0
		}}
		s := e.boxes(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := s.takeHost(ctx, onHost); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(3 * idleHost)
		synctest.Wait()
		if !e.removed() || len(s.hosts)+len(s.live)+len(s.names) > 0 {
			t.Errorf("hosts %v, live %v, names %v; the engine was asked for %q", s.hosts, s.live, s.names, e.calls)
		}
	})
}

// TestSandboxThatEndsAtOnce is not what the next task on its instance finds.
func TestSandboxThatEndsAtOnce(t *testing.T) {
	for range 100 {
		s := (&boxEngine{}).boxes(t)
		var killing sync.WaitGroup
		done := make(chan struct{})
		killing.Go(func() {
			for !isClosed(done) {
				s.died("box")
			}
		})
		if _, err := s.takeHost(t.Context(), onHost); err != nil {
			t.Error(err)
		}
		for len(s.known()) > 0 { // the other one has not yet
			runtime.Gosched()
		}
		close(done)
		killing.Wait()
		if len(s.hosts) > 0 {
			t.Fatal("an instance has a sandbox that is no more")
		}
	}
}

func (s *sandboxes) known() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.live))
}

// TestSandboxThatCannotBeInspected goes if it was made now; one that an earlier process made stays, as jobs may run in it.
func TestSandboxThatCannotBeInspected(t *testing.T) {
	for _, there := range []bool{false, true} {
		t.Run(fmt.Sprint("was there: ", there), func(t *testing.T) {
			e := &boxEngine{answer: func(call string) int {
				switch {
				case there && call == "POST/containers/create":
					return http.StatusConflict
				case strings.HasPrefix(call, "GET/containers/"):
					return http.StatusInternalServerError
				}
				return 0
			}}
			if _, err := e.boxes(t).takeHost(t.Context(), onHost); err == nil {
				t.Error("it was inspected")
			}
			if e.removed() == there {
				t.Errorf("the engine was asked for %q", e.calls)
			}
		})
	}
}

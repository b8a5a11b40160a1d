package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/client"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// A scriptedEngine answers each pull with the next text of its list, as an error inside the stream; the last one stays, and "" is a pull that goes well.
type scriptedEngine struct {
	says  []string
	pulls []time.Time
}

// RoundTrip implements http.RoundTripper.
func (e *scriptedEngine) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/images/create") {
		return nil, fmt.Errorf("%s %s was not expected", r.Method, r.URL)
	}
	e.pulls = append(e.pulls, time.Now())
	body := `{"status":"Pulling from x"}`
	if text := e.says[min(len(e.pulls), len(e.says))-1]; text != "" {
		if body += fmt.Sprintf(`{"errorDetail":{"message":%q},"error":%[1]q}`, text); len(e.pulls)%2 == 0 {
			body = fmt.Sprintf(`{"errorDetail":{"message":%q}}`, text) // as the API's version 1.48 announces it
		}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// driver is one whose engine this is.
func (e *scriptedEngine) driver(t *testing.T) *Driver {
	c, err := client.NewClientWithOpts(client.WithHost("tcp://engine"), client.WithHTTPClient(&http.Client{Transport: e}), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return &Driver{client: c, log: slog.New(slog.DiscardHandler)}
}

// TestPullAgain is runtime.md 11.1: a registry's trouble is waited out, in five tries; what will not get better is told at once.
func TestPullAgain(t *testing.T) {
	anonymous := func(context.Context) (string, error) { return "", nil }
	const ms = time.Millisecond
	all := []time.Duration{0, 1100 * ms, 3300 * ms, 7700 * ms, 12700 * ms}
	for name, test := range map[string]struct {
		says   []string
		at     []time.Duration
		fails  bool
		cancel time.Duration
	}{
		"it goes well":            {says: []string{""}, at: all[:1]},
		"500":                     {says: []string{"received unexpected HTTP status: 500 Internal Server Error"}, at: all, fails: true},
		"502":                     {says: []string{"error parsing HTTP 502 response body: invalid character '<' looking for beginning of value: \"<html>\""}, at: all, fails: true},
		"503":                     {says: []string{"failed to resolve reference \"r/x:1\": unexpected status from HEAD request to https://r/v2/x/manifests/1: 503 Service Unavailable"}, at: all, fails: true},
		"504":                     {says: []string{"received unexpected HTTP status: 504 Gateway Timeout"}, at: all, fails: true},
		"429":                     {says: []string{"toomanyrequests: You have reached your pull rate limit."}, at: all, fails: true},
		"429 without words":       {says: []string{"error parsing HTTP 429 response body: unexpected end of JSON input: \"\""}, at: all, fails: true},
		"429, containerd's":       {says: []string{"error from registry: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}, at: all, fails: true},
		"denied, containerd's":    {says: []string{"error from registry: requested access to the resource is denied"}, at: all[:1], fails: true},
		"trouble that ends":       {says: []string{"received unexpected HTTP status: 503 Service Unavailable", "toomanyrequests: Rate exceeded", ""}, at: all[:3]},
		"trouble, then not found": {says: []string{"received unexpected HTTP status: 503 Service Unavailable", "manifest for x:1 not found: manifest unknown: manifest unknown"}, at: all[:2], fails: true},
		"not found":               {says: []string{"manifest for x:500 not found: manifest unknown: manifest unknown"}, at: all[:1], fails: true},
		"denied":                  {says: []string{"pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"}, at: all[:1], fails: true},
		"no such host":            {says: []string{"Get \"https://r.invalid/v2/\": dial tcp: lookup r.invalid: no such host"}, at: all[:1], fails: true},
		"refused":                 {says: []string{"Get \"http://127.0.0.1:503/v2/\": dial tcp 127.0.0.1:503: connect: connection refused"}, at: all[:1], fails: true},
		"the job is stopped":      {says: []string{"received unexpected HTTP status: 503 Service Unavailable"}, at: all[:2], fails: true, cancel: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &scriptedEngine{says: test.says}
				ctx, began := t.Context(), time.Now()
				if test.cancel > 0 {
					limited, cancel := context.WithTimeout(ctx, test.cancel)
					defer cancel()
					ctx = limited
				}
				err := e.driver(t).pull(ctx, picture{name: "x:1", auth: anonymous})
				if (err != nil) != test.fails {
					t.Errorf("it ended with %v", err)
				}
				var at []time.Duration
				for _, p := range e.pulls {
					at = append(at, p.Sub(began))
				}
				if fmt.Sprint(at) != fmt.Sprint(test.at) {
					t.Errorf("pulls at %v, want %v", at, test.at)
				}
				if test.cancel > 0 && (time.Since(began) != test.cancel || !errors.Is(err, context.DeadlineExceeded)) {
					t.Errorf("it was stopped after %v with %v", time.Since(began), err)
				}
			})
		})
	}
}

// TestPullHints is runtime.md 9: what the agent says before the engine's text, on instances alone.
func TestPullHints(t *testing.T) {
	const (
		denied   = "Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
		ecr      = "Error response from daemon: pull access denied for r/x, repository does not exist or may require 'docker login': denied: User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:1:repository/x because no identity-based policy allows the ecr:BatchGetImage action"
		network  = "Error response from daemon: Get \"https://r/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"
		registry = "Error response from daemon: error from registry: requested access to the resource is denied"
		short    = "Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login'"
		notFound = "Error response from daemon: manifest for x:1 not found: manifest unknown: manifest unknown"
	)
	for _, test := range []struct {
		platform   batch.Platform
		name, text string
		want       string
	}{
		{batch.EC2, cannotPull, denied, "The task can’t pull the image. Check whether the image exists. " + denied},
		{batch.EC2, cannotPull, registry, "The task can’t pull the image. Check whether the image exists. " + registry},
		{batch.EC2, cannotPull, short, "The task can’t pull the image. Check whether the image exists. " + short},
		{batch.EC2, cannotPull, ecr, "The task can’t pull the image. Check that the role has the permissions to pull images from the registry. " + ecr},
		{batch.EC2, cannotPull, network, "The task can’t pull the image. Check your network configuration. " + network},
		{batch.EC2, cannotPull, notFound, notFound},
		{batch.EC2, cannotCreate, denied, denied},
		{batch.EKS, cannotPull, denied, denied},
		{batch.Fargate, cannotPull, denied, "pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/library/x:1: " + denied[len(daemonPrefix):]},
	} {
		r := &run{driver: &Driver{}, attempt: runner.Attempt{Task: batch.Task{Platform: test.platform}}}
		var f *failure
		if err := r.pullText(batch.Container{Image: "x:1"}, &failure{test.name, test.text}); !errors.As(err, &f) || f.name != test.name || f.text != test.want {
			t.Errorf("%s: got %v\nwant %s", test.platform, err, test.want)
		}
	}
}

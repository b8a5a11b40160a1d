package docker

import (
	"bytes"
	"context"
	"errors"
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

// An engineOf answers as the function does.
type engineOf func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f engineOf) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// driver is one that talks to it.
func (f engineOf) driver(t *testing.T, o Options) *Driver {
	c, err := client.NewClientWithOpts(client.WithHost("tcp://engine"), client.WithHTTPClient(&http.Client{Transport: f}), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	d := &Driver{client: c, options: o, log: slog.New(slog.DiscardHandler)}
	d.boxes, d.lookers = newSandboxes(d), newLookers()
	return d
}

// A look that the engine never answers does not keep a container from being stopped, which nobody does while somebody looks.
func TestLookThatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := engineOf(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		u := &unit{run: &run{driver: hangs.driver(t, Options{})}, id: "c"}
		if e, err := u.look(t.Context()); e != nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != lookTime {
			t.Errorf("after %v: %+v, %v", time.Since(began), e, err)
		}
	})
}

// An engine that answers only a part of what is asked at a container's end keeps the end from nobody, and is told of once.
func TestEndThatIsAnsweredInPart(t *testing.T) {
	for name, hangs := range map[string]func(r *http.Request, n int) bool{
		"whether it is being removed":         func(r *http.Request, n int) bool { return strings.HasSuffix(r.URL.Path, "/json") && n%2 == 0 },
		"why it failed":                       func(r *http.Request, _ int) bool { return strings.HasSuffix(r.URL.Path, "/archive") },
		"what it printed":                     func(r *http.Request, _ int) bool { return strings.HasSuffix(r.URL.Path, "/logs") },
		"more than the first that it printed": func(*http.Request, int) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inspected := 0
				d := engineOf(func(r *http.Request) (*http.Response, error) {
					answer := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"Id":"c","State":{"Status":"exited","ExitCode":137}}`)), Request: r}
					if strings.HasSuffix(r.URL.Path, "/json") {
						inspected++
					}
					switch {
					case hangs(r, inspected):
						<-r.Context().Done()
						return nil, r.Context().Err()
					case strings.HasSuffix(r.URL.Path, "/archive"):
						answer.StatusCode = http.StatusNotFound
					case strings.HasSuffix(r.URL.Path, "/logs") && name == "more than the first that it printed":
						answer.Body = standing{r.Context()}
					case strings.HasSuffix(r.URL.Path, "/logs"):
						answer.Body = http.NoBody
					}
					return answer, nil
				}).driver(t, Options{})
				var said bytes.Buffer
				d.log = slog.New(slog.NewTextHandler(&said, nil))
				defer d.kernel.close()
				task := batch.Task{Containers: []batch.Container{{FailureFile: "/failure"}}}
				r := d.newRun(t.Context(), runner.Attempt{Task: task, OpenLog: func(batch.Container) (runner.Log, error) { return runner.DiscardLog{}, nil }}, nil)
				defer r.quit(nil)
				u := r.units[0]
				u.id, u.log, u.unfollow, u.events = "c", runner.DiscardLog{}, func() {}, &listener{oom: make(chan struct{}, 1)}
				u.output = outputOf(func() error { return errors.New("it broke") })
				var e *end
				began := time.Now()
				for tries := 0; e == nil; tries++ {
					if tries == finishTries {
						t.Fatal("its end is not told")
					}
					e, _ = u.look(r.watching)
				}
				if *e.code != 137 || time.Since(began) > finishTries*2*lookTime {
					t.Errorf("after %v: %+v", time.Since(began), e)
				}
				if n := strings.Count(said.String(), "broke off"); n != 1 {
					t.Errorf("it is said %d times that its output broke off:\n%s", n, &said)
				}
			})
		})
	}
}

// A standing answer sends nothing.
type standing struct{ ctx context.Context }

func (s standing) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (standing) Close() error { return nil }

// The engine's own state does not tell a memory kill that it hears of after the exit; its event does (spec/runtime.md 9).
func TestMemoryKillToldAfterTheExit(t *testing.T) {
	for name, c := range map[string]struct {
		code     int
		stopping bool
		told     time.Duration // after the exit, or before it; never if 0
		want     bool
	}{
		"told in time":                         {code: killed, told: oomTime / 2, want: true},
		"never told":                           {code: killed},
		"told too late":                        {code: killed, told: 2 * oomTime},
		"killed because we asked":              {code: killed, stopping: true, told: time.Millisecond},
		"a child was killed, too late":         {code: 1, told: time.Millisecond},
		"a child was killed":                   {code: 1, told: -1, want: true},
		"a child was killed, and nobody minds": {code: 0, told: -1, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &unit{run: &run{driver: &Driver{}}, id: "of no container", stopping: c.stopping, events: &listener{oom: make(chan struct{}, 1)}}
				defer u.run.driver.kernel.close()
				switch {
				case c.told < 0:
					nudge(u.events.oom)
				case c.told > 0:
					time.AfterFunc(c.told, func() { nudge(u.events.oom) })
				}
				if got := u.killedForMemory(c.code); got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

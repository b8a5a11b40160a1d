package docker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/client"
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

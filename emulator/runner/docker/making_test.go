package docker

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

var onFargate = batch.Task{Platform: batch.Fargate, HostName: "ip-10-0-0-1.ec2.internal"}

// boxes are those of a driver without an endpoint.
func (e *leadingEngine) boxes(t *testing.T, spares int) *sandboxes {
	s := engineOf(e.RoundTrip).driver(t, Options{Instance: "x", Network: "batch-local", Sandboxes: spares}).boxes
	s.arch = "amd64"
	return s
}

// TestNoSandboxAfterClose: a run that was abandoned may still ask for one, which nobody would take away.
func TestNoSandboxAfterClose(t *testing.T) {
	for name, task := range map[string]batch.Task{"an instance": onHost, "a task": onFargate} {
		t.Run(name, func(t *testing.T) {
			e, asked, goOn := &leadingEngine{}, make(chan struct{}), make(chan struct{})
			e.answer = func(_ *http.Request, call string, n int) int {
				if call == "GET/networks" && n == 1 { // of Close
					close(asked)
					<-goOn
				}
				return 0
			}
			s := e.boxes(t, 1)
			closed := make(chan error)
			go func() { closed <- s.close(context.Background(), false, true) }()
			<-asked
			if _, err := s.take(t.Context(), task, s.driver.newRun(t.Context(), runner.Attempt{Task: task}, nil)); !errors.Is(err, errClosed) {
				t.Errorf("it has one: %v", err)
			}
			close(goOn)
			if err := <-closed; err != nil {
				t.Error(err)
			}
			if len(s.live) > 0 || e.times("POST/containers/create") > 0 {
				t.Errorf("left: %v; the engine was asked for %q", s.live, e.calls)
			}
		})
	}
}

// TestStartOfSandboxIsNotCutShort, whoever goes away in the middle of it: the engine would go on with it, across the removal. It is put away when it is there.
func TestStartOfSandboxIsNotCutShort(t *testing.T) {
	const takes = 10 * time.Second
	for name, test := range map[string]struct {
		gone  func(s *sandboxes, r *run) error
		early bool // it is not waited for
		left  bool // Close says so
		taken bool // the run has it
	}{
		"the run is abandoned": {gone: func(_ *sandboxes, r *run) error { r.quit(errAbandoned); return nil }, early: true},
		"Close": {gone: func(s *sandboxes, _ *run) error {
			return s.close(context.Background(), false, true)
		}, taken: true},
		"Close without an engine": {gone: func(s *sandboxes, _ *run) error {
			return s.close(context.Background(), false, false)
		}},
		"Close that has no time": {gone: func(s *sandboxes, r *run) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			r.quit(errAbandoned)
			return s.close(ctx, false, true)
		}, early: true, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &leadingEngine{answer: func(r *http.Request, call string, _ int) int {
					if call == "POST/containers/box/start" {
						time.Sleep(takes)
						if r.Context().Err() != nil {
							t.Error("it was cut short")
						}
					}
					return 0
				}}
				s := e.boxes(t, 1)
				r := s.driver.newRun(t.Context(), runner.Attempt{Task: onFargate}, nil)
				s.filled, s.coming = true, 1 // it is about this one
				began := time.Now()
				taken := make(chan *sandbox)
				go func() {
					box, _ := s.take(t.Context(), onFargate, r)
					taken <- box
				}()
				time.Sleep(time.Second)
				if err := test.gone(s, r); (err != nil) != test.left {
					t.Errorf("Close says %v", err)
				}
				if box := <-taken; (box != nil) != test.taken {
					t.Errorf("the run has %v", box)
				}
				if early := time.Since(began) < takes; early != test.early {
					t.Errorf("it took %v", time.Since(began))
				}
				s.making.Wait()
				if gone := len(s.live)+len(s.names) == 0 && e.times("DELETE/containers/box") == 1; gone == test.taken {
					t.Errorf("live %v, names %v; the engine was asked for %q", s.live, s.names, e.calls)
				}
			})
		})
	}
}

// TestSandboxThatEndedUnheard: the end of a sandbox that was not yet known was told to nobody.
func TestSandboxThatEndedUnheard(t *testing.T) {
	ended := func(looks int) *leadingEngine {
		e := &leadingEngine{}
		e.answer = func(_ *http.Request, call string, n int) int {
			if call == "GET/containers/box/json" && n >= looks {
				return http.StatusNotFound
			}
			return 0
		}
		return e
	}
	t.Run("of a job that was taken over", func(t *testing.T) {
		e := ended(2)
		s := e.boxes(t, 1)
		if box, err := s.takeOver(t.Context(), onFargate, &run{}, "box"); !errors.Is(err, errGone) || len(s.live)+len(s.names) > 0 {
			t.Errorf("it is in %v; live %v, names %v; the engine was asked for %q", box, s.live, s.names, e.calls)
		}
	})
	t.Run("of an instance", func(t *testing.T) {
		s := (&leadingEngine{stopped: true}).boxes(t, 1)
		if _, err := s.takeHost(t.Context(), onHost); err != nil {
			t.Error(err)
		}
		if len(s.hosts)+len(s.live)+len(s.names) > 0 {
			t.Errorf("the next job finds it: %v, %v, %v", s.hosts, s.live, s.names)
		}
	})
}

// TestAddressOfOneThatIsMade: the endpoint may look for the sandbox of a caller while another one is made.
func TestAddressOfOneThatIsMade(t *testing.T) {
	e := &leadingEngine{}
	s := e.boxes(t, 1)
	looking := make(chan struct{})
	var looker sync.WaitGroup
	e.answer = func(_ *http.Request, call string, _ int) int {
		if call == "GET/containers/box/json" { // it is noted already
			looker.Go(func() {
				for !isClosed(looking) {
					s.guest(netip.MustParseAddr("172.18.0.3"))
				}
			})
		}
		return 0
	}
	if _, err := s.takeHost(t.Context(), onHost); err != nil {
		t.Error(err)
	}
	close(looking)
	looker.Wait()
}

// TestTakeOverOfOneThatNobodyTook: a sandbox that this process made may be found by the container in it before anybody has taken it.
func TestTakeOverOfOneThatNobodyTook(t *testing.T) {
	s := (&leadingEngine{}).boxes(t, 1)
	made := &sandbox{id: "box", name: "h"}
	s.live["box"] = made
	r := &run{}
	if box, err := s.takeOver(t.Context(), onFargate, r, "box"); box != made || len(box.inside) != 1 {
		t.Errorf("it is in %+v, %v", box, err)
	}
}

// TestReplaceSandbox: who replaces a sandbox that is gone goes on, and whoever else is in it has lost its host (decisions, behaviour 11). Of those that wait,
// one that is there still waits.
func TestReplaceSandbox(t *testing.T) {
	e := &leadingEngine{answer: func(_ *http.Request, call string, _ int) int {
		if call == "GET/containers/gone/json" {
			return http.StatusNotFound
		}
		return 0
	}}
	s := e.boxes(t, 2)
	one, other := s.driver.newRun(t.Context(), runner.Attempt{}, nil), s.driver.newRun(t.Context(), runner.Attempt{}, nil)
	box := &sandbox{id: "i-1", name: "h", host: "i-1", inside: map[*run]struct{}{one: {}, other: {}}}
	s.live["i-1"], s.hosts["i-1"] = box, &hostBox{box: box, users: 2}
	s.spare <- &sandbox{id: "gone"}
	s.spare <- &sandbox{id: "box"}
	s.replace(t.Context(), box, one)
	<-other.let
	if isClosed(one.let) || len(s.live)+len(s.hosts) > 0 {
		t.Errorf("it is left: %t; live %v, hosts %v", isClosed(one.let), s.live, s.hosts)
	}
	if all := s.takeSpares(); len(all) != 1 || all[0].id != "box" {
		t.Errorf("there wait %v", all)
	}
	if e.times("DELETE/containers/gone") != 1 {
		t.Errorf("the engine was asked for %q", e.calls)
	}
}

// TestSpareThatHasEnded is not what a task gets.
func TestSpareThatHasEnded(t *testing.T) {
	e := &leadingEngine{}
	s := e.boxes(t, 2)
	there := &sandbox{id: "there", name: "ip-10-0-0-2.ec2.internal"}
	s.live["there"] = there
	s.spare <- &sandbox{id: "gone", name: "ip-10-0-0-3.ec2.internal"}
	s.spare <- there
	s.filled, s.coming = true, 2
	if box, err := s.takeOwn(t.Context(), onFargate); box != there {
		t.Errorf("it gets %v, %v", box, err)
	}
	if e.times("DELETE/containers/gone") != 1 {
		t.Errorf("the engine was asked for %q", e.calls)
	}
}

// TestCloseWhileSparesAreReplaced: who counts them first and takes them then may wait for one that another has taken.
func TestCloseWhileSparesAreReplaced(t *testing.T) {
	for range 200 {
		s := (&leadingEngine{}).boxes(t, 64)
		for range 64 {
			s.spare <- &sandbox{id: "s"}
		}
		var both sync.WaitGroup
		both.Go(func() { s.replace(context.Background(), &sandbox{id: "b"}, nil) })
		both.Go(func() {
			if err := s.close(context.Background(), false, true); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
	}
}

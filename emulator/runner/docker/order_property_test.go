package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// A part is what one container does, and what is done to all. Times are milliseconds; they are such that two things rarely happen at once, because then
// either may come first.
type part struct {
	c        batch.Container
	pull     int // until it runs
	fails    bool
	runs     int // until it ends by itself; -1 is never
	code     int32
	obeys    int // from the stop to the end
	stopCode int32
}

type play struct {
	parts        []part
	pod          bool
	stop, detach int // -1 is never
}

func drawPlay(t *rapid.T) play {
	p := play{pod: rapid.IntRange(0, 3).Draw(t, "is a pod") == 0, stop: -1, detach: -1}
	n := rapid.IntRange(1, 6).Draw(t, "containers")
	inits := 0
	if p.pod {
		inits = rapid.IntRange(0, n-1).Draw(t, "init containers")
	}
	essential := rapid.IntRange(0, n-1).Draw(t, "essential for sure")
	when := rapid.IntRange(1, 30_000)
	for i := range n {
		name := fmt.Sprint("c", i)
		is := part{
			pull: when.Draw(t, name+" pulls") / 5, fails: rapid.IntRange(0, 9).Draw(t, name+" fails") == 0, runs: when.Draw(t, name+" runs"),
			code: rapid.SampledFrom([]int32{0, 0, 0, 1, 137}).Draw(t, name+" exits"), obeys: when.Draw(t, name+" obeys") / 10, stopCode: rapid.SampledFrom([]int32{0, 143, 137}).Draw(t, name+" when stopped"),
		}
		if rapid.IntRange(0, 2).Draw(t, name+" runs for ever") == 0 {
			is.runs = -1
		}
		is.c = inPod(name, i < inits)
		if !p.pod {
			var on []string
			if i > 0 && rapid.IntRange(0, 19).Draw(t, name+" is in a circle") == 0 { // a definition of an earlier version may have one
				first := &p.parts[rapid.IntRange(0, i-1).Draw(t, name+" is waited for")].c
				first.DependsOn = append(first.DependsOn, one("", true, name, wantStart).DependsOn...)
				on = append(on, first.Name, wantStart)
			}
			for j := range i {
				words := []string{"", "", wantStart, wantComplete, wantSuccess}
				if p.parts[j].c.Essential { // the others are refused when a definition is registered
					words = words[:3]
				}
				if word := rapid.SampledFrom(words).Draw(t, fmt.Sprintf("%s waits for c%d", name, j)); word != "" {
					on = append(on, fmt.Sprint("c", j), word)
				}
			}
			is.c = one(name, i == essential || rapid.Bool().Draw(t, name+" is essential"), on...)
			if rapid.IntRange(0, 2).Draw(t, name+" has a start time") == 0 {
				is.c.StartSeconds = rapid.IntRange(2, 20).Draw(t, name+" start time")
			}
		}
		p.parts = append(p.parts, is)
	}
	if !p.pod { // the order in the definition is not that of the dependencies
		p.parts = rapid.Permutation(p.parts).Draw(t, "order")
	}
	if rapid.IntRange(0, 2).Draw(t, "is stopped") == 0 {
		p.stop = when.Draw(t, "stop")
	}
	if rapid.IntRange(0, 9).Draw(t, "is detached") == 0 {
		p.detach = when.Draw(t, "detach")
	}
	return p
}

// coincides says whether two things happened in the same instant that have nothing to do with each other: either may have come first, and the rules do not know
// which.
func (p play) coincides(s *stage) bool {
	instants := []int{p.stop, p.detach}
	if p.stop < 0 {
		instants[0] = -2
	}
	for i, is := range p.parts {
		begun, turned := s.begun[i]
		at, ran := s.up[i]
		ended := s.ended[i]
		told, asked := s.told[i]
		switch {
		case ran:
			instants = append(instants, at)
			if is.runs >= 0 && ended == at+is.runs || asked && ended == told+is.obeys {
				instants = append(instants, ended)
			}
		case turned && is.fails && ended == begun+is.pull:
			instants = append(instants, ended)
		}
	}
	slices.Sort(instants)
	return len(slices.Compact(slices.Clone(instants))) != len(instants)
}

func (p play) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pod %t, stop %d, detach %d", p.pod, p.stop, p.detach)
	for i, is := range p.parts {
		fmt.Fprintf(&b, "\n  %d %s essential %t init %t start time %d s: pulls %d (fails %t) runs %d exits %d, obeys after %d with %d; waits for", i, is.c.Name, is.c.Essential, is.c.Init, is.c.StartSeconds,
			is.pull, is.fails, is.runs, is.code, is.obeys, is.stopCode)
		for _, d := range is.c.DependsOn {
			fmt.Fprintf(&b, " %s %s", *d.ContainerName, *d.Condition)
		}
	}
	return b.String()
}

func (p play) task() batch.Task {
	t := batch.Task{Attempt: batch.AttemptID{Job: "play", Number: 1}}
	if p.pod {
		t.Pod = &batch.Pod{}
	}
	for _, is := range p.parts {
		t.Containers = append(t.Containers, is.c)
	}
	return t
}

// A fake is a container that is none.
type fake struct {
	part
	u     *unit
	stage *stage
}

// A stage is where a play happens, with what was seen there.
type stage struct {
	r       *run
	began   time.Time
	mu      sync.Mutex
	begun   map[int]int // when each container's turn came, in milliseconds
	up      map[int]int
	told    map[int]int // to stop
	ended   map[int]int // as the run has it
	stopped int         // when all were told to; -1 is never
	wrong   []string
	reports []batch.Report
	left    bool // everything was left as it was
	err     error
}

func (s *stage) now() int { return int(time.Since(s.began) / time.Millisecond) }

func (s *stage) note(in map[int]int, i int, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := in[i]; twice {
		s.wrong = append(s.wrong, fmt.Sprintf("container %d %s twice", i, what))
	}
	in[i] = s.now()
}

func (s *stage) wrongly(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// states are how far all have come.
func (s *stage) states() (all []progress, stopping bool) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, u := range s.r.units {
		all = append(all, u.progress)
	}
	return all, s.r.stopping
}

func (f *fake) up(ctx context.Context) error {
	s := f.stage
	s.note(s.begun, f.u.index, "has its turn")
	all, _ := s.states()
	for _, c := range s.r.conditions[f.u.index] {
		if met, _ := c.met(all[c.on]); !met {
			s.wrongly("container %d has its turn before %d is %s", f.u.index, c.on, c.want)
		}
	}
	select {
	case <-time.After(time.Duration(f.pull) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f.fails {
		return &failure{cannotStart, "no"}
	}
	f.u.started, f.u.since = true, time.Now()
	s.note(s.up, f.u.index, "runs")
	return nil
}

func (f *fake) adopt(context.Context) error { return errNotThere }

func (f *fake) follow() {
	s := f.stage
	var itself <-chan time.Time
	if f.runs >= 0 {
		itself = time.After(time.Duration(f.runs) * time.Millisecond)
	}
	select {
	case <-itself:
		s.r.ended(f.u, end{code: code(f.code)})
		return
	case <-s.r.let:
		return
	case <-f.u.toStop:
	}
	s.note(s.told, f.u.index, "is told to stop")
	all, _ := s.states()
	for i := range s.r.units {
		for _, c := range s.r.conditions[i] {
			if c.on == f.u.index && all[i].state != ended {
				s.wrongly("container %d is stopped before %d, which depends on it", f.u.index, i)
			}
		}
	}
	select {
	case <-time.After(time.Duration(f.obeys) * time.Millisecond):
		s.r.ended(f.u, end{code: code(f.stopCode), stopped: true})
	case <-s.r.let:
	}
}

// watch notes when each container has ended, and when the stop came.
func (s *stage) watch(done <-chan struct{}) {
	for {
		s.r.mu.Lock()
		changed := s.r.changed
		for i, u := range s.r.units {
			if _, known := s.ended[i]; u.progress.state == ended && !known {
				s.ended[i] = s.now()
			}
		}
		if s.r.stopping && s.stopped < 0 {
			s.stopped = s.now()
		}
		s.r.mu.Unlock()
		select {
		case <-changed:
		case <-done:
			return
		}
	}
}

func (s *stage) report(p batch.Report) {
	all, _ := s.states()
	if p.State == batch.Running {
		any := false
		for i, is := range all {
			if is.state == waiting {
				s.wrongly("it runs, and container %d waits", i)
			}
			if c := s.r.attempt.Containers[i]; s.r.attempt.Pod == nil && c.Essential && is.state == ended && !is.ran {
				s.wrongly("it runs, and its essential container %d never did", i)
			}
			any = any || is.state == up
		}
		if !any {
			s.wrongly("it runs, and no container does")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, p)
}

// act lets the play happen, in a bubble.
func (p play) act() *stage {
	s := &stage{began: time.Now(), stopped: -1, begun: map[int]int{}, up: map[int]int{}, told: map[int]int{}, ended: map[int]int{}}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s.r = (&Driver{}).newRun(ctx, runner.Attempt{Task: p.task()}, s.report)
	for i, u := range s.r.units {
		u.vessel = &fake{p.parts[i], u, s}
	}
	at := func(ms int, cause error) {
		if ms >= 0 {
			time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { cancel(cause) })
		}
	}
	at(p.stop, runner.ErrStop)
	at(p.detach, runner.ErrDetach)
	last := time.AfterFunc(time.Hour, func() { cancel(runner.ErrStop) }) // of what runs for ever
	defer last.Stop()
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(done) })
	s.err = s.r.conduct(ctx)
	cut := errors.Is(context.Cause(ctx), runner.ErrStop)
	synctest.Wait()
	close(done)
	watching.Wait()
	if cut && s.stopped < 0 { // what it cut short was over before anybody could be told
		s.stopped = s.now()
	}
	n := len(s.reports)
	s.left = isClosed(s.r.let) && (n == 0 || s.reports[n-1].State != batch.Exited) // a detach may come when all is over
	return s
}

// rules must hold for every play, whatever happened in it.
var rules = map[string]func(p play, s *stage) error{
	"what is seen on the way is right": func(_ play, s *stage) error {
		if len(s.wrong) > 0 {
			return errors.New(strings.Join(s.wrong, "; "))
		}
		if s.left { // in the middle of a start it may say that it does not know
			return nil
		}
		return s.err
	},
	"each container ends once, unless all are left": func(p play, s *stage) error {
		order := slices.Clone(s.r.order)
		slices.Sort(order)
		if len(slices.Compact(slices.Clone(order))) != len(order) {
			return fmt.Errorf("they ended in this order: %v", s.r.order)
		}
		if len(order) != len(p.parts) && !s.left {
			return fmt.Errorf("only these ended: %v", s.r.order)
		}
		return nil
	},
	"it is told to run at most once, and to have ended once, last": func(_ play, s *stage) error {
		var states []batch.AttemptState
		for _, r := range s.reports {
			states = append(states, r.State)
		}
		wants := [][]batch.AttemptState{{batch.Exited}, {batch.Running, batch.Exited}}
		if s.left {
			wants = [][]batch.AttemptState{{}, {batch.Running}}
		}
		for _, want := range wants {
			if slices.Equal(want, states) {
				return nil
			}
		}
		return fmt.Errorf("reports: %v", states)
	},
	"a container starts at the moment when its conditions are met": func(p play, s *stage) error {
		for i := range p.parts {
			ready, met := 0, true
			for _, c := range s.r.conditions[i] {
				at, ok := s.metAt(c)
				met = met && ok
				ready = max(ready, at)
			}
			began, did := s.begun[i]
			if did && (!met || began != ready) {
				return fmt.Errorf("container %d began at %d; its conditions were met: %t, at %d", i, began, met, ready)
			}
			if ended, has := s.ended[i]; met && !did && !s.left && (s.stopped < 0 || s.stopped > ready) && has && ended > ready {
				return fmt.Errorf("container %d never had its turn, though its conditions were met at %d and the stop came at %d", i, ready, s.stopped)
			}
		}
		return nil
	},
	"who waits too long has 143, at the moment when the time is over": func(p play, s *stage) error {
		for i, is := range p.parts {
			late := -1
			for _, c := range s.r.conditions[i] {
				began, ran := s.up[c.on]
				limit := began + 1000*p.parts[c.on].c.StartSeconds
				ended, has := s.ended[c.on]
				if c.want == wantStart || p.parts[c.on].c.StartSeconds == 0 || !ran || has && ended <= limit {
					continue
				}
				if late < 0 || limit < late {
					late = limit
				}
			}
			switch at, has := s.ended[i]; {
			case late < 0 || s.left || s.stopped >= 0 && s.stopped <= late || has && at < late:
			case !has || at != late || s.r.units[i].progress.end.code == nil || *s.r.units[i].progress.end.code != batch.UnableCode:
				return fmt.Errorf("container %s should have given up at %d; it ended at %d: %v", is.c.Name, late, at, show(s.r.units[i].progress.end))
			}
		}
		return nil
	},
	"4.3: with an essential container the task ends, and with nothing else": func(p play, s *stage) error {
		first := -1
		for i, is := range p.parts {
			if at, has := s.ended[i]; has && !p.pod && (is.c.Essential || len(p.parts) == 1) && (first < 0 || at < first) {
				first = at
			}
		}
		if p.stop >= 0 && (first < 0 || p.stop < first) {
			first = p.stop
		}
		if first != s.stopped && s.stopped != 3_600_000 && !s.left && !(first == p.stop && s.stopped < 0) { // it was over before the stop came
			return fmt.Errorf("all were stopped at %d, want %d", s.stopped, first)
		}
		return nil
	},
	"all that run are stopped": func(p play, s *stage) error {
		for i := range p.parts {
			_, ran := s.up[i]
			if e := s.r.units[i].progress.end; !s.left && ran && p.parts[i].runs < 0 && !e.stopped {
				return fmt.Errorf("container %d runs for ever and was not stopped", i)
			}
		}
		return nil
	},
	"4.3, 5.3: the verdict": func(p play, s *stage) error {
		if s.left {
			return nil
		}
		got := s.reports[len(s.reports)-1]
		var codes []*int32 // of those that may decide, by their own ends
		good, bad := true, []string{}
		for _, i := range s.r.order {
			e := s.r.units[i].progress.end
			if !p.pod && !p.parts[i].c.Essential && len(p.parts) > 1 {
				continue
			}
			codes = append(codes, e.code)
			if !e.stopped && (e.code == nil || *e.code != 0) {
				good = false
				bad = append(bad, show(e))
			}
		}
		is := show(end{code: got.ExitCode, reason: got.Reason})
		switch {
		case !slices.ContainsFunc(codes, func(c *int32) bool { return (c == nil) == (got.ExitCode == nil) && (c == nil || *c == *got.ExitCode) }):
			return fmt.Errorf("%s is no essential container's end", is)
		case p.pod && s.stopped >= 0:
		case p.pod && good != (got.ExitCode != nil && *got.ExitCode == 0):
			return fmt.Errorf("a pod whose containers ended well: %t, and it %s", good, is)
		case !p.pod && !good && !slices.Contains(bad, is):
			return fmt.Errorf("it %s, though these failed by themselves: %v", is, bad)
		case !p.pod && good && s.stopped != p.stop && s.stopped != 3_600_000 && (got.ExitCode == nil || *got.ExitCode != 0):
			return fmt.Errorf("it %s, though its essential containers ended well or were stopped", is)
		}
		return nil
	},
	"it is told to run if all containers did at the same time": func(p play, s *stage) error {
		latest := 0
		for i := range p.parts {
			at, ran := s.up[i]
			if !ran {
				return nil
			}
			latest = max(latest, at)
		}
		for i := range p.parts {
			if at, has := s.ended[i]; has && at <= latest {
				return nil
			}
		}
		if s.stopped >= 0 && s.stopped <= latest || len(s.reports) > 0 && s.reports[0].State == batch.Running {
			return nil
		}
		return fmt.Errorf("all ran at %d, and nobody was told", latest)
	},
}

// metAt is when a condition was met, by what was seen.
func (s *stage) metAt(c condition) (int, bool) {
	e := s.r.units[c.on].progress.end
	ended, has := s.ended[c.on]
	switch c.want {
	case wantStart:
		at, ok := s.up[c.on]
		return at, ok
	case wantComplete:
		return ended, has && e.code != nil
	}
	return ended, has && e.code != nil && *e.code == 0
}

func show(e end) string {
	text := "never ran"
	if e.code != nil {
		text = fmt.Sprint("exited ", *e.code)
	}
	return text + " " + e.reason
}

// judge says which rules do not hold.
func (p play) judge(s *stage) (broken []string) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if err := rules[name](p, s); err != nil {
			broken = append(broken, fmt.Sprintf("does not hold: %s: %v\nplay %s\nturns %v, up %v, told %v, ended %v, stop %d, order %v\nreports %+v",
				name, err, p, s.begun, s.up, s.told, s.ended, s.stopped, s.r.order, s.reports))
		}
	}
	return broken
}

// TestOrder lets random tasks and pods happen, with containers that are none.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		for range 20 {
			p := drawPlay(r)
			var s *stage
			synctest.Test(t, func(*testing.T) { s = p.act() }) // what waits for ever fails here
			if p.coincides(s) {
				continue
			}
			for _, text := range p.judge(s) {
				r.Error(text)
			}
		}
	})
}

func router(c batch.Container) batch.Container {
	c.Firelens = &api.FirelensConfiguration{}
	return c
}

// TestOrderOf is plays that are rare at random, and that something once was wrong with.
func TestOrderOf(t *testing.T) {
	forever := func(c batch.Container) part { return part{c: c, pull: 10, runs: -1, obeys: 5, stopCode: 143} }
	limited := func(c batch.Container, seconds int) part {
		c.StartSeconds = seconds
		return forever(c)
	}
	failing := func(c batch.Container) part { return part{c: c, pull: 50, fails: true} }
	for name, p := range map[string]play{
		"of two that are waited for, the one that is late first": {stop: -1, detach: -1, parts: []part{
			limited(one("a", false), 5), limited(one("b", false), 20), forever(one("main", true)), forever(one("c", false, "a", wantComplete, "b", wantSuccess))}},
		"an essential container that cannot start, last of all": {stop: -1, detach: -1, parts: []part{forever(one("a", true)), failing(one("b", true))}},
		"an essential container that waits for one that cannot start": {stop: -1, detach: -1, parts: []part{
			failing(one("a", false)), forever(one("b", false)), forever(one("main", true, "a", wantStart))}},
		"a router of logs that waits for who writes to it": {stop: -1, detach: -1, parts: []part{
			forever(writesToRouter(one("a", true))), forever(router(one("r", true, "a", wantStart)))}},
		"a router of logs that waits for one that waits for who writes to it, stopped": {stop: 3, detach: -1, parts: []part{
			forever(writesToRouter(one("a", false))), forever(one("b", false, "a", wantSuccess)), forever(router(one("r", false, "b", wantComplete))), forever(one("main", true))}},
		"one that waits for a circle": {stop: -1, detach: -1, parts: []part{
			forever(one("a", false, "b", wantStart)), forever(one("b", false, "a", wantStart)), forever(one("c", false, "b", wantComplete)), {c: one("main", true), pull: 10, runs: 50}}},
		"a chain that is stopped while its first link is pulled": {stop: 5, detach: -1, parts: []part{
			forever(one("main", true, "b", wantComplete)), forever(one("b", false, "a", wantSuccess)), forever(one("a", false))}},
	} {
		t.Run(name, func(t *testing.T) {
			var s *stage
			synctest.Test(t, func(*testing.T) { s = p.act() })
			for _, text := range p.judge(s) {
				t.Error(text)
			}
		})
	}
}

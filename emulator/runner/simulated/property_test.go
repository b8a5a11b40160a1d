package simulated_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

// A story is one attempt and what is done to it. Times are seconds after its placement; -1 is never.
type story struct {
	Outcome         map[string]any
	Number          int
	Fargate         bool
	Detach, Back    int // Run is detached, and called again; Back is not before Detach
	Stop, Remove    int
	StopSeconds     int
	delay, duration int
	lines           []string
}

// A tale is what was seen of a story.
type tale struct {
	reports []batch.Report // of the last Run
	told    []int          // when they were given, in seconds
	earlier []batch.Report // of the one that was detached
	events  []runnertest.Event
	opened  bool
	misuse  error
	err     error
	began   time.Time
	left    int // attempts in List after all was removed
}

// drawStory draws small numbers, so that instants often meet.
func drawStory(t *rapid.T) story {
	s := story{Outcome: map[string]any{}, Number: rapid.IntRange(1, 4).Draw(t, "attempt"), Fargate: rapid.Bool().Draw(t, "Fargate")}
	small := rapid.IntRange(0, 12)
	often := func(name string) bool { return rapid.Bool().Draw(t, name+" is set") }
	if often("startDelay") {
		s.delay = small.Draw(t, "startDelay")
		s.Outcome["startDelay"] = fmt.Sprintf("%ds", s.delay)
	}
	if often("duration") {
		s.duration = small.Draw(t, "duration")
		s.Outcome["duration"] = fmt.Sprintf("%ds", s.duration)
	}
	if often("logs") {
		s.lines = rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,3}`), 0, 9).Draw(t, "logs")
		s.Outcome["logs"] = s.lines
	}
	set := func(name string, single, list *rapid.Generator[any]) {
		if often(name) {
			s.Outcome[name] = rapid.OneOf(single, list).Draw(t, name)
		}
	}
	set("exitCode", rapid.IntRange(0, 255).AsAny(), rapid.SliceOfN(rapid.IntRange(0, 255), 1, 3).AsAny())
	set("reason", rapid.StringMatching(`[A-Z]{0,3}`).AsAny(), rapid.SliceOfN(rapid.StringMatching(`[A-Z]{0,3}`), 1, 3).AsAny())
	rare := rapid.Map(rapid.IntRange(0, 3), func(n int) bool { return n == 0 })
	set("oom", rare.AsAny(), rapid.SliceOfN(rare, 1, 3).AsAny())
	set("hostLost", rare.AsAny(), rapid.SliceOfN(rare, 1, 3).AsAny())
	text := rapid.SampledFrom([]string{"", "", "", "CannotPullContainerError: x"})
	set("startError", text.AsAny(), rapid.SliceOfN(text, 1, 3).AsAny())
	set("ignoreStop", rapid.Bool().AsAny(), rapid.Bool().AsAny())
	set("stopExitCode", rapid.IntRange(0, 255).AsAny(), rapid.IntRange(0, 255).AsAny())

	when := rapid.IntRange(-1, 30)
	s.Stop, s.Remove = when.Draw(t, "stop"), -1
	if rapid.IntRange(0, 3).Draw(t, "is removed") == 0 {
		s.Remove = rapid.IntRange(1, 30).Draw(t, "remove") // at 0 it might be before Run, as might a detach
	}
	s.Detach, s.Back = -1, -1
	if rapid.IntRange(0, 2).Draw(t, "is detached") == 0 {
		s.Detach = rapid.IntRange(1, 30).Draw(t, "detach") // at 0 it might be before Run, and then nothing is placed
		s.Back = s.Detach + small.Draw(t, "back after")
		// What happens to nobody's attempt is not told: a stop waits for the next Run, a removed one starts anew.
		s.Remove = -1
		if s.Stop >= 0 {
			s.Stop = max(s.Stop, s.Back)
		}
	}
	s.StopSeconds = rapid.IntRange(0, 9).Draw(t, "stop time")
	return s
}

// play lets a story happen, in a bubble.
func (s story) play() tale {
	text, err := json.Marshal(s.Outcome)
	if err != nil {
		return tale{err: err}
	}
	one := attempt(task(string(text)), s.Number)
	if s.Fargate {
		one = fargate(one)
	}
	one.Containers[0].StopSeconds = s.StopSeconds
	driver, logs, began := simulated.New(simulated.Options{}), &runnertest.Logs{}, time.Now()
	var told tale
	report := func(to *[]batch.Report) func(batch.Report) {
		return func(r batch.Report) {
			*to = append(*to, r)
			if to == &told.reports {
				told.told = append(told.told, int(time.Since(began)/time.Second))
			}
		}
	}
	run := func(stop, detach int, to *[]batch.Report) error {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		for cause, after := range map[error]int{runner.ErrStop: stop, runner.ErrDetach: detach} {
			if after >= 0 {
				timer := time.AfterFunc(time.Until(began.Add(time.Duration(after)*time.Second)), func() { cancel(cause) })
				defer timer.Stop()
			}
		}
		return driver.Run(ctx, runner.Attempt{Task: one, OpenLog: logs.Open}, report(to))
	}
	if s.Remove >= 0 {
		timer := time.AfterFunc(time.Duration(s.Remove)*time.Second, func() { _ = driver.Remove(context.Background(), one.Attempt, true) })
		defer timer.Stop()
	}
	if s.Detach >= 0 {
		told.err = run(-1, s.Detach, &told.earlier)
		time.Sleep(time.Until(began.Add(time.Duration(s.Back) * time.Second)))
	}
	told.err = errors.Join(told.err, run(s.Stop, -1, &told.reports))
	if log := logs.Of("stream"); log != nil {
		told.opened, told.events, told.misuse = true, log.Events(), log.Misuse()
	}
	_ = driver.Remove(context.Background(), one.Attempt, true)
	left, _ := driver.List(context.Background())
	told.left, told.began = len(left), began
	return told
}

// invariants are what holds for every story, each by its name.
func invariants() map[string]func(story, tale) error {
	return map[string]func(story, tale) error{
		"Run succeeds": func(_ story, t tale) error { return t.err },
		"the reports are at most one Running and then one Exited": func(_ story, t tale) error {
			switch {
			case len(t.reports) == 1 && t.reports[0].State == batch.Exited:
			case len(t.reports) == 2 && t.reports[0].State == batch.Running && t.reports[1].State == batch.Exited:
			default:
				return fmt.Errorf("%d reports", len(t.reports))
			}
			return nil
		},
		"it runs exactly when its start delay has passed": func(s story, t tale) error {
			if ran(t) && t.second(0) != s.delay {
				return fmt.Errorf("Running at %d", t.second(0))
			}
			return nil
		},
		"it runs unless it is a start error, or stopped or removed by then": func(s story, t tale) error {
			// At the very instant of its start either may come first.
			early := func(at int) bool { return at >= 0 && at < s.delay }
			tie := s.Stop == s.delay || s.Remove == s.delay
			should := s.value("startError", "") == "" && !early(s.Stop) && !early(s.Remove)
			if !tie && ran(t) != should {
				return fmt.Errorf("ran: %t", ran(t))
			}
			return nil
		},
		"it ends at the first of plan, stop, kill and removal": func(s story, t tale) error {
			if ran(t) && t.second(1) != s.end() {
				return fmt.Errorf("Exited at %d; want %d", t.second(1), s.end())
			}
			return nil
		},
		"a report is given when it happens, or when somebody is there again": func(s story, t tale) error {
			for i, told := range t.told {
				if told != max(t.second(i), s.Back) {
					return fmt.Errorf("report %d, of second %d, was given in second %d", i, t.second(i), told)
				}
			}
			return nil
		},
		"what never ran ended by its start error, or plainly by the stop or the removal": func(s story, t tale) error {
			if ran(t) {
				return nil
			}
			at, e := t.second(0), t.exited()
			failed := at == s.delay && e.Reason != "" && e.Reason == s.value("startError", "")
			cut := e.Reason == "" && (at == s.Stop || at == s.Remove)
			if !failed && !cut {
				return fmt.Errorf("in second %d: %+v", at, e)
			}
			return nil
		},
		"what never ran has no exit code, no address and no log": func(_ story, t tale) error {
			e := t.exited()
			if !ran(t) && (e.ExitCode != nil || e.PrivateIPv4 != "" || t.opened || e.StatusReason != "") {
				return fmt.Errorf("%+v, log %t", e, t.opened)
			}
			return nil
		},
		"what ran has a log": func(_ story, t tale) error {
			if ran(t) && !t.opened {
				return errors.New("it was not opened")
			}
			return nil
		},
		"only a lost host has a status reason, and it has no exit code": func(_ story, t tale) error {
			if e := t.exited(); ran(t) && (e.StatusReason != "") != (e.ExitCode == nil) {
				return fmt.Errorf("%+v", e)
			}
			return nil
		},
		"a planned end is the one of its attempt number": func(s story, t tale) error {
			e := t.exited()
			if !ran(t) || s.end() != s.delay+s.duration {
				return nil
			}
			want := fmt.Sprint(s.value("exitCode", 0), " ", s.value("reason", ""))
			switch {
			case s.value("hostLost", false) == true && s.Fargate:
				want = fmt.Sprint("<nil> ", s.value("reason", ""), "Your Spot Task was interrupted.")
			case s.value("hostLost", false) == true:
				want = fmt.Sprint("<nil> ", s.value("reason", ""), batch.ReasonHostLost(host))
			case s.value("oom", false) == true:
				want = "137 " + batch.ReasonOutOfMemory
			}
			if got := code(e) + " " + e.Reason + e.StatusReason; got != want {
				return fmt.Errorf("%s; want %s", got, want)
			}
			return nil
		},
		"an end by stop or kill is plain": func(s story, t tale) error {
			e := t.exited()
			if !ran(t) || s.end() == s.delay+s.duration {
				return nil
			}
			want := fmt.Sprint(s.value("stopExitCode", 143))
			if s.value("ignoreStop", false) == true {
				want = "137"
			}
			removed := s.Remove >= 0 && s.Remove == s.end()
			if got := code(e); e.Reason != "" || got != want && !(removed && got == "137") {
				return fmt.Errorf("%s %q; want %s", got, e.Reason, want)
			}
			return nil
		},
		"the log holds each line once and in order, all of them if it ended as planned": func(s story, t tale) error {
			var got []string
			for _, e := range t.events {
				got = append(got, e.Text)
			}
			whole := ran(t) && s.end() == s.delay+s.duration
			if n := len(got); n > len(s.lines) || !slices.Equal(got, s.lines[:n]) || whole && n < len(s.lines) {
				return fmt.Errorf("%q of %q, planned end: %t", got, s.lines, whole)
			}
			return nil
		},
		"lines are stamped within the run and in order": func(_ story, t tale) error {
			last := int64(0)
			for _, e := range t.events {
				at := e.At.UnixMilli()
				if at < t.reports[0].At || at > t.exited().At || at < last {
					return fmt.Errorf("%q at %v", e.Text, e.At)
				}
				last = at
			}
			return nil
		},
		"the log is closed once": func(_ story, t tale) error { return t.misuse },
		"a detached Run tells a part of the same": func(s story, t tale) error {
			for i, r := range t.earlier {
				if again := t.reports[i]; r.State != again.State || r.At != again.At || code(r) != code(again) {
					return fmt.Errorf("%+v, and then %+v", r, again)
				}
			}
			return nil
		},
		"nothing is left": func(_ story, t tale) error {
			if t.left > 0 {
				return fmt.Errorf("List names %d", t.left)
			}
			return nil
		},
	}
}

func ran(t tale) bool { return len(t.reports) == 2 }

func (t tale) exited() batch.Report { return t.reports[len(t.reports)-1] }

func (t tale) second(report int) int {
	return int(time.UnixMilli(t.reports[report].At).Sub(t.began) / time.Second)
}

func code(r batch.Report) string {
	if r.ExitCode == nil {
		return "<nil>"
	}
	return fmt.Sprint(*r.ExitCode)
}

// value is a member for the story's attempt, read once more from the specification.
func (s story) value(name string, absent any) any {
	switch v := s.Outcome[name].(type) {
	case nil:
		return absent
	case []int:
		return v[min(s.Number, len(v))-1]
	case []string:
		return v[min(s.Number, len(v))-1]
	case []bool:
		return v[min(s.Number, len(v))-1]
	default:
		return v
	}
}

// end is when an attempt that runs is over.
func (s story) end() int {
	end := s.delay + s.duration
	if s.Stop >= 0 {
		stop := max(s.Stop, s.delay)
		if s.value("ignoreStop", false) == true {
			stop += s.StopSeconds
		}
		end = min(end, stop)
	}
	if s.Remove >= 0 {
		end = min(end, max(s.Remove, s.delay))
	}
	return end
}

// TestStories plays random outcomes with stops, detaches and removals at random times.
func TestStories(t *testing.T) {
	named := invariants()
	rapid.Check(t, func(r *rapid.T) {
		for range 10 {
			s := drawStory(r)
			var told tale
			synctest.Test(t, func(*testing.T) { told = s.play() }) // a goroutine that is left behind fails here
			if len(told.reports) == 0 && told.err == nil {
				r.Fatalf("no report at all\nstory %+v", s)
			}
			for name, holds := range named {
				if err := holds(s, told); err != nil {
					r.Errorf("does not hold: %s: %v\nstory %+v\nreports %+v\nevents %+v", name, err, s, told.reports, told.events)
				}
			}
		}
	})
}

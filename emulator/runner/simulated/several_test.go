package simulated_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

// one makes a container: "name", "-name" for one that is not essential, "init/name"; then its outcome; then what it depends on, as "a START", or its startTimeout, as "5s".
func one(name, outcome string, more ...string) batch.Container {
	c := task(outcome).Containers[0]
	c.Name, c.Essential = name, true
	if rest, helper := strings.CutPrefix(name, "-"); helper {
		c.Name, c.Essential = rest, false
	}
	if rest, init := strings.CutPrefix(name, "init/"); init {
		c.Name, c.Init, c.Essential = rest, true, false
	}
	c.LogStream = c.Name
	for _, text := range more {
		if d, err := time.ParseDuration(text); err == nil {
			c.StartSeconds = int(d / time.Second)
			continue
		}
		on, condition, _ := strings.Cut(text, " ")
		c.DependsOn = append(c.DependsOn, api.TaskContainerDependency{ContainerName: &on, Condition: &condition})
	}
	return c
}

func taskOf(containers ...batch.Container) batch.Task {
	t := task("")
	t.Containers = containers
	return t
}

func podOf(containers ...batch.Container) batch.Task {
	t := taskOf(containers...)
	t.Platform, t.Pod = batch.EKS, &batch.Pod{}
	return t
}

// A several is what was seen of an attempt of several containers: its reports, each with its second.
type several struct {
	told []string
	logs *runnertest.Logs
	last batch.Report
}

// goes runs a task in a bubble, and stops it after a time; 0 is never.
func goes(t *testing.T, task batch.Task, stop time.Duration) several {
	s := several{logs: &runnertest.Logs{}}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		if stop > 0 {
			defer time.AfterFunc(stop, func() { cancel(runner.ErrStop) }).Stop()
		}
		err := simulated.New(simulated.Options{}).Run(ctx, runner.Attempt{Task: task, OpenLog: s.logs.Open}, func(r batch.Report) {
			line := fmt.Sprintf("%s at %v", r.State, time.UnixMilli(r.At).Sub(began))
			if r.State == batch.Exited {
				line += ": " + shown(r.ExitCode, r.Reason)
				if r.StatusReason != "" {
					line += " (" + r.StatusReason + ")"
				}
			}
			s.told, s.last = append(s.told, line), r
		})
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	var ends []string
	for _, e := range s.last.Containers {
		ends = append(ends, e.Name+" "+shown(e.ExitCode, e.Reason))
	}
	s.told = append(s.told, strings.Join(ends, ", "))
	return s
}

func shown(code *int32, reason string) string {
	text := "none"
	if code != nil {
		text = fmt.Sprint(*code)
	}
	return strings.TrimSpace(text + " " + reason)
}

// TestTasks is runtime.md 4.2 and 4.3.
func TestTasks(t *testing.T) {
	unmet := "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [%s] for target [%s] as dependency %s."
	for name, c := range map[string]struct {
		task batch.Task
		stop time.Duration
		want []string
	}{
		"the first essential one decides": {taskOf(one("main", `{"duration":"2m","exitCode":3}`), one("slow", `{"duration":"1h"}`), one("-quick", `{"duration":"1s","exitCode":9}`)), 0,
			[]string{"running at 0s", "exited at 2m0s: 3", "main 3, slow 143, quick 9"}},
		"helpers that ignore SIGTERM keep the task for their stop time": {taskOf(one("main", `{"duration":"1m"}`), one("-deaf", `{"duration":"1h","ignoreStop":true}`)), 0,
			[]string{"running at 0s", "exited at 1m30s: 0", "main 0, deaf 137"}},
		"or until they end by themselves": {taskOf(one("main", `{"duration":"1m"}`), one("-deaf", `{"duration":"70s","exitCode":2,"ignoreStop":true}`)), 0,
			[]string{"running at 0s", "exited at 1m10s: 0", "main 0, deaf 2"}},
		"it runs when all have been started": {taskOf(one("main", `{"duration":"1m"}`), one("-late", `{"startDelay":"9s","duration":"1h"}`)), 0,
			[]string{"running at 9s", "exited at 1m0s: 0", "main 0, late 143"}},
		"it is over before all have been started": {taskOf(one("main", `{"duration":"1s","exitCode":4}`), one("-late", `{"startDelay":"9s"}`)), 0,
			[]string{"exited at 1s: 4", "main 4, late none"}},
		"START": {taskOf(one("main", `{"duration":"1m"}`, "db START"), one("-db", `{"startDelay":"5s","duration":"1h"}`)), 0,
			[]string{"running at 5s", "exited at 1m5s: 0", "main 0, db 143"}},
		"COMPLETE": {taskOf(one("main", `{"duration":"1m"}`, "move COMPLETE"), one("-move", `{"duration":"10s","exitCode":1}`)), 0,
			[]string{"running at 10s", "exited at 1m10s: 0", "main 0, move 1"}},
		"SUCCESS": {taskOf(one("main", `{"duration":"1m"}`, "move SUCCESS"), one("-move", `{"duration":"10s"}`)), 0,
			[]string{"running at 10s", "exited at 1m10s: 0", "main 0, move 0"}},
		"SUCCESS that never comes": {taskOf(one("main", `{"duration":"1m"}`, "move SUCCESS"), one("-move", `{"duration":"10s","exitCode":1}`)), 0,
			[]string{"exited at 10s: 143 " + fmt.Sprintf(unmet, "move", "main", "did not exit successfully"), "main 143 " + fmt.Sprintf(unmet, "move", "main", "did not exit successfully") + ", move 1"}},
		"and of a helper it is nobody's end": {taskOf(one("main", `{"duration":"1m"}`), one("-move", `{"duration":"10s","exitCode":1}`), one("-after", ``, "move SUCCESS")), 0,
			[]string{"running at 10s", "exited at 1m0s: 0", "main 0, move 1, after 143 " + fmt.Sprintf(unmet, "move", "after", "did not exit successfully")}},
		"a dependency that cannot start": {taskOf(one("main", `{"duration":"1m"}`, "db START"), one("-db", `{"startError":"CannotPullContainerError: x"}`)), 0,
			[]string{"exited at 0s: 143 " + fmt.Sprintf(unmet, "db", "main", "did not start"), "main 143 " + fmt.Sprintf(unmet, "db", "main", "did not start") + ", db none CannotPullContainerError: x"}},
		"startTimeout": {taskOf(one("main", `{"duration":"1m"}`, "move COMPLETE"), one("-move", `{"startDelay":"3s","duration":"10s"}`, "5s")), 0,
			[]string{"exited at 8s: 143 " + fmt.Sprintf(unmet, "move", "main", "has timed out"), "main 143 " + fmt.Sprintf(unmet, "move", "main", "has timed out") + ", move 143"}},
		"one after another": {taskOf(one("c", `{"duration":"1s"}`, "b COMPLETE", "a COMPLETE"), one("-b", `{"duration":"2s"}`, "a SUCCESS"), one("-a", `{"duration":"4s"}`)), 0,
			[]string{"running at 6s", "exited at 7s: 0", "c 0, b 0, a 0"}},
		"a circle": {taskOf(one("a", ``, "b START"), one("-b", ``, "a START")), 0,
			[]string{"exited at 0s: 143 " + fmt.Sprintf(unmet, "b", "a", "did not start"), "a 143 " + fmt.Sprintf(unmet, "b", "a", "did not start") + ", b 143 " + fmt.Sprintf(unmet, "a", "b", "is part of a circle")}},
		"an essential one that cannot start": {taskOf(one("main", `{"startDelay":"3s","startError":"CannotPullContainerError: x"}`), one("-db", `{"duration":"1h"}`)), 0,
			[]string{"exited at 3s: none CannotPullContainerError: x", "main none CannotPullContainerError: x, db 143"}},
		"the host goes": {taskOf(one("main", `{"duration":"1m"}`), one("-db", `{"duration":"10s","hostLost":true}`)), 0,
			[]string{"running at 0s", "exited at 10s: none (Host EC2 (instance i-0123456789abcdef0) terminated.)", "main none, db none"}},
		"a stop": {taskOf(one("main", `{"duration":"1h","stopExitCode":7}`), one("-db", `{"duration":"1h","ignoreStop":true}`), one("-quick", `{"exitCode":2}`)), time.Minute,
			[]string{"running at 0s", "exited at 1m30s: 7", "main 7, db 137, quick 2"}},
		"a stop while one waits": {taskOf(one("main", ``, "move COMPLETE"), one("-move", `{"duration":"1h"}`)), time.Minute,
			[]string{"exited at 1m0s: none", "main none, move 143"}},
	} {
		t.Run(name, func(t *testing.T) { same(t, "told", goes(t, c.task, c.stop).told, c.want) })
	}
}

// TestPods is runtime.md 5.3.
func TestPods(t *testing.T) {
	for name, c := range map[string]struct {
		task batch.Task
		stop time.Duration
		want []string
	}{
		"all ended well": {podOf(one("init/a", `{"startDelay":"1s","duration":"2s"}`), one("init/b", `{"duration":"4s"}`), one("main", `{"duration":"10s"}`), one("side", `{"startDelay":"5s"}`)), 0,
			[]string{"running at 12s", "exited at 17s: 0", "a 0 Completed, b 0 Completed, main 0 Completed, side 0 Completed"}},
		"an init container fails": {podOf(one("init/a", `{"duration":"2s","exitCode":2}`), one("init/b", ``), one("main", ``)), 0,
			[]string{"exited at 2s: 2 Error", "a 2 Error, b none, main none"}},
		"one fails while another runs on": {podOf(one("main", `{"duration":"1m"}`), one("side", `{"duration":"1s","exitCode":3}`)), 0,
			[]string{"running at 0s", "exited at 1m0s: 3 Error", "main 0 Completed, side 3 Error"}},
		"the first in order, not in time": {podOf(one("main", `{"duration":"1m","exitCode":1,"reason":"Why"}`), one("side", `{"duration":"1s","oom":true}`)), 0,
			[]string{"running at 0s", "exited at 1m0s: 1 Why", "main 1 Why, side 137 OOMKilled"}},
		"one cannot start": {podOf(one("main", `{"duration":"1m"}`), one("side", `{"startError":"ErrImagePull"}`)), 0,
			[]string{"running at 0s", "exited at 1m0s: none ErrImagePull", "main 0 Completed, side none ErrImagePull"}},
		"none can start": {podOf(one("main", `{"startError":"ErrImagePull"}`)), 0, []string{"exited at 0s: none ErrImagePull", "main none ErrImagePull"}},
		"alone":          {podOf(one("main", `{"duration":"1s"}`)), 0, []string{"running at 0s", "exited at 1s: 0", "main 0 Completed"}},
		"the node goes": {podOf(one("main", `{"duration":"1m"}`), one("side", `{"duration":"5s","hostLost":true}`)), 0,
			[]string{"running at 0s", "exited at 5s: none (Host EC2 (instance i-0123456789abcdef0) terminated.)", "main none, side none"}},
		"a stop": {podOf(one("init/a", ``), one("main", `{"duration":"1h"}`), one("side", `{"duration":"1h","ignoreStop":true}`), one("done", ``)), time.Minute,
			[]string{"running at 0s", "exited at 1m30s: 143 Error", "a 0 Completed, main 143 Error, side 137 Error, done 0 Completed"}},
		"a stop of an init container": {podOf(one("init/a", `{"duration":"1h"}`), one("main", ``)), time.Minute,
			[]string{"exited at 1m0s: 143 Error", "a 143 Error, main none"}},
		"an outcome that cannot be read": {podOf(one("main", `{"durration":"1s"}`)), 0, []string{"exited at 0s: none BATCH_LOCAL_OUTCOME: durration is no member of an outcome; there are duration, exitCode, hostLost, ignoreStop, logs, oom, reason, startDelay, startError, stopExitCode", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := goes(t, c.task, c.stop)
			same(t, "told", s.told, c.want)
			seen := map[string]bool{}
			for _, e := range s.last.Containers {
				if made := e.ExitCode != nil || s.last.StatusReason != ""; made != (len(e.ID) == 64) || seen[e.ID] && made {
					t.Errorf("%+v", e)
				}
				seen[e.ID] = true
			}
		})
	}
}

// TestRulesAreNoInitContainers: a rule says how the job goes; what it is made ready with goes well.
func TestRulesAreNoInitContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := simulated.New(simulated.Options{Outcomes: func(batch.Task) (*simulated.Outcome, bool) {
			return &simulated.Outcome{ExitCode: []int32{4}}, true
		}})
		j := begin(driver, podOf(one("init/a", ``), one("main", ``)))
		same(t, "reports", j.end(t), []seen{runs(0), exits(0, "4", "Error")})
	})
}

// TestEachContainerHasItsLog: each prints into its own, from its start to its end, and before the task runs too.
func TestEachContainerHasItsLog(t *testing.T) {
	s := goes(t, taskOf(one("main", `{"duration":"1m","logs":["a","b"]}`, "move COMPLETE"), one("-move", `{"duration":"10s","logs":["c","d"]}`),
		one("-side", `{"duration":"2h","logs":["e","f"]}`), one("-never", `{"logs":["g"]}`, "side COMPLETE")), 0)
	for stream, want := range map[string][]string{"main": {"a", "b"}, "move": {"c", "d"}, "side": {"e"}} {
		log := s.logs.Of(stream)
		if log == nil {
			t.Errorf("%s has no log", stream)
			continue
		}
		same(t, stream, log.Text(runner.Stdout), want)
		if err := log.Misuse(); err != nil {
			t.Errorf("%s: %v", stream, err)
		}
	}
	if s.logs.Of("never") != nil {
		t.Error("what never started has a log")
	}
}

// TestSeveralDetached leaves a task while one of its containers runs and another waits, and comes back.
func TestSeveralDetached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver, logs, began := simulated.New(simulated.Options{}), &runnertest.Logs{}, time.Now()
		both := taskOf(one("main", `{"duration":"1m","logs":["a","b"]}`, "move COMPLETE"), one("-move", `{"duration":"10s","logs":["c","d"]}`))
		first := beginAt(driver, both, logs, began)
		time.Sleep(3 * time.Second)
		first.cancel(runner.ErrDetach)
		same(t, "reports before the detach", first.end(t), []seen{})
		time.Sleep(4 * time.Second)
		second := beginAt(driver, both, logs, began)
		same(t, "reports after it", second.end(t), []seen{runs(10 * time.Second), exits(70*time.Second, "0")})
		same(t, "main", logs.Of("main").Text(runner.Stdout), []string{"a", "b"})
		same(t, "move", logs.Of("move").Text(runner.Stdout), []string{"c", "d"})
	})
}

// TestRandomTasks plays tasks and pods of random containers and holds the reports to the rules.
func TestRandomTasks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		pod := rapid.Bool().Draw(r, "pod")
		var list []batch.Container
		for i := range rapid.IntRange(1, 4).Draw(r, "containers") {
			outcome := fmt.Sprintf(`{"startDelay":"%ds","duration":"%ds","exitCode":%d,"ignoreStop":%t}`, rapid.IntRange(0, 3).Draw(r, "delay"), rapid.IntRange(0, 9).Draw(r, "duration"),
				rapid.IntRange(0, 1).Draw(r, "code"), rapid.Bool().Draw(r, "deaf"))
			name, more := fmt.Sprint("c", i), []string(nil)
			switch {
			case pod && i < 2 && rapid.Bool().Draw(r, "init") && (i == 0 || list[0].Init):
				name = "init/" + name
			case !pod && i > 0:
				more = append(more, fmt.Sprintf("c%d %s", rapid.IntRange(0, i-1).Draw(r, "on"), rapid.SampledFrom([]string{"START", "COMPLETE", "SUCCESS"}).Draw(r, "condition")))
				if rapid.Bool().Draw(r, "helper") {
					name = "-" + name
				}
			}
			list = append(list, one(name, outcome, more...))
		}
		all := taskOf(list...)
		if pod {
			all = podOf(list...)
		}
		stop := time.Duration(rapid.IntRange(0, 20).Draw(r, "stop")) * time.Second
		s := goes(t, all, stop)
		if err := s.holds(pod, stop > 0, list); err != nil {
			r.Fatalf("%v: %q", err, s.told)
		}
	})
}

func (s several) holds(pod, stopped bool, list []batch.Container) error {
	if len(s.told) > 3 || len(s.told) == 3 && !strings.HasPrefix(s.told[0], "running") {
		return errors.New("not at most one Running and then one Exited")
	}
	if len(list) > 1 || pod {
		if len(s.last.Containers) != len(list) {
			return errors.New("not every container is told of")
		}
	}
	for i, e := range s.last.Containers {
		if e.Name != list[i].Name || e.Init != list[i].Init {
			return errors.New("the containers are in another order")
		}
		log := s.logs.Of(e.Name)
		if never := strings.HasPrefix(e.Reason, "CannotStart"); (e.ExitCode != nil && !never) != (log != nil) {
			return fmt.Errorf("%s ran, or has a log, without the other", e.Name)
		}
		if log != nil && log.Misuse() != nil {
			return log.Misuse()
		}
	}
	code := func(e batch.ContainerEnd) bool {
		return e.ExitCode != nil && s.last.ExitCode != nil && *e.ExitCode == *s.last.ExitCode
	}
	switch failed := slices.IndexFunc(s.last.Containers, func(e batch.ContainerEnd) bool { return e.ExitCode != nil && *e.ExitCode != 0 }); {
	case pod && failed >= 0 && !code(s.last.Containers[failed]):
		return errors.New("the pod has not the exit code of the first that failed")
	case pod && failed < 0 && !stopped && *s.last.ExitCode != 0:
		return errors.New("nothing failed but the pod")
	case !pod && len(list) > 1 && s.last.ExitCode != nil && !slices.ContainsFunc(s.last.Containers, code):
		return errors.New("the exit code is nobody's")
	case !pod && s.last.ExitCode == nil && !stopped:
		return errors.New("there is no exit code")
	}
	return nil
}

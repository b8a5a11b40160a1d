package simulated_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

const host = batch.HostID("i-0123456789abcdef0")

// task is an EC2 task whose job brings an outcome, unless it is empty.
func task(outcome string) batch.Task {
	t := batch.Task{
		Attempt:    batch.AttemptID{Job: "8a3c0b6e-0000-4000-8000-000000000000", Number: 1},
		Platform:   batch.EC2,
		Host:       host,
		HostName:   "ip-172-31-1-2",
		Containers: []batch.Container{{Name: "default", LogStream: "stream", StopSeconds: 30}},
	}
	if outcome != "" {
		withOutcome(outcome)(&t)
	}
	return t
}

func attempt(t batch.Task, number int) batch.Task {
	t.Attempt.Number = number
	return t
}

func fargate(t batch.Task) batch.Task {
	t.Platform, t.Host, t.HostName = batch.Fargate, "", "ip-10-0-7-9.ec2.internal"
	return t
}

// A seen is a report with the time that has passed since the test began, in the plan and in truth.
type seen struct {
	State        batch.AttemptState
	At, Told     time.Duration
	ExitCode     string // "" is none
	Reason       string
	StatusReason string
	Address      string
}

// A job is one Run in a bubble.
type job struct {
	driver  *simulated.Driver
	logs    *runnertest.Logs
	began   time.Time
	cancel  context.CancelCauseFunc
	abandon chan struct{}
	err     chan error
	mu      sync.Mutex
	reports []seen
}

// begin calls Run in a goroutine of its own.
func begin(driver *simulated.Driver, task batch.Task) *job {
	return beginAt(driver, task, &runnertest.Logs{}, time.Now())
}

func beginAt(driver *simulated.Driver, task batch.Task, logs *runnertest.Logs, began time.Time) *job {
	ctx, cancel := context.WithCancelCause(context.Background())
	j := &job{driver: driver, logs: logs, began: began, cancel: cancel, abandon: make(chan struct{}), err: make(chan error, 1)}
	go func() {
		j.err <- driver.Run(ctx, runner.Attempt{Task: task, OpenLog: logs.Open, Abandon: j.abandon}, j.report)
	}()
	return j
}

func (j *job) report(r batch.Report) {
	s := seen{
		State: r.State, At: time.UnixMilli(r.At).Sub(j.began), Told: time.Since(j.began), Reason: r.Reason, StatusReason: r.StatusReason,
		Address: r.PrivateIPv4,
	}
	if r.ExitCode != nil {
		s.ExitCode = fmt.Sprint(*r.ExitCode)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reports = append(j.reports, s)
}

func (j *job) told() []seen {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]seen(nil), j.reports...)
}

// end waits for Run and answers all reports.
func (j *job) end(t *testing.T) []seen {
	t.Helper()
	if err := <-j.err; err != nil {
		t.Fatalf("Run: %v", err)
	}
	return j.told()
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// at is a report that was given at the very instant of which it tells.
func at(state batch.AttemptState, d time.Duration, s seen) seen {
	s.State, s.At, s.Told = state, d, d
	return s
}

func runs(d time.Duration) seen { return at(batch.Running, d, seen{}) }

func exits(d time.Duration, code string, reason ...string) seen {
	return at(batch.Exited, d, seen{ExitCode: code, Reason: strings.Join(reason, "")})
}

// TestOutcomes is each member of an outcome by itself and where two meet, for attempts that nobody stops.
func TestOutcomes(t *testing.T) {
	spot := at(batch.Exited, 0, seen{StatusReason: "Your Spot Task was interrupted."})
	lost := at(batch.Exited, 0, seen{StatusReason: "Host EC2 (instance i-0123456789abcdef0) terminated."})
	address := at(batch.Running, 0, seen{Address: "10.0.7.9"})
	for _, test := range []struct {
		name string
		task batch.Task
		want []seen
	}{
		{"none", task(""), []seen{runs(0), exits(0, "0")}},
		{"empty", task("{}"), []seen{runs(0), exits(0, "0")}},
		{"times", task(`{"startDelay":"90s","duration":"10m"}`), []seen{runs(90 * time.Second), exits(690*time.Second, "0")}},
		{"exit code", task(`{"exitCode":3}`), []seen{runs(0), exits(0, "3")}},
		{"exit code of attempt 1", task(`{"exitCode":[1,2]}`), []seen{runs(0), exits(0, "1")}},
		{"exit code of attempt 2", attempt(task(`{"exitCode":[1,2]}`), 2), []seen{runs(0), exits(0, "2")}},
		{"exit code of attempt 3", attempt(task(`{"exitCode":[1,2]}`), 3), []seen{runs(0), exits(0, "2")}},
		{"reason", task(`{"exitCode":1,"reason":"one"}`), []seen{runs(0), exits(0, "1", "one")}},
		{"reason of attempt 2", attempt(task(`{"reason":["one","two"]}`), 2), []seen{runs(0), exits(0, "0", "two")}},
		{"long reason", task(`{"reason":"` + strings.Repeat("é", 300) + `"}`), []seen{runs(0), exits(0, "0", strings.Repeat("é", 255))}},
		{"oom", task(`{"oom":true,"exitCode":5,"reason":"x","duration":"1s"}`), []seen{runs(0), exits(time.Second, "137", batch.ReasonOutOfMemory)}},
		{"oom of attempt 2", attempt(task(`{"oom":[true,false],"exitCode":5}`), 2), []seen{runs(0), exits(0, "5")}},
		{"start error", task(`{"startError":"CannotPullContainerError: x","exitCode":5,"logs":["a"]}`), []seen{exits(0, "", "CannotPullContainerError: x")}},
		{"start error after a delay", task(`{"startError":"no","startDelay":"1m"}`), []seen{exits(time.Minute, "", "no")}},
		{"start error of attempt 2", attempt(task(`{"startError":["no",""],"exitCode":4}`), 2), []seen{runs(0), exits(0, "4")}},
		{"start error before host lost", task(`{"startError":"no","hostLost":true}`), []seen{exits(0, "", "no")}},
		{"host lost", task(`{"hostLost":true,"oom":true,"exitCode":5}`), []seen{runs(0), lost}},
		{"host lost on Fargate", fargate(task(`{"hostLost":[true]}`)), []seen{address, spot}},
		{"Fargate", fargate(task("")), []seen{address, exits(0, "0")}},
		{"unknown member", task(`{"durration":"1s"}`), []seen{exits(0, "", "BATCH_LOCAL_OUTCOME: durration is no member of an outcome; there are duration, exitCode, hostLost, ignoreStop, logs, oom, reason, startDelay, startError, stopExitCode")}},
		{"wrong type", task(`{"startDelay":"1h","oom":"yes"}`), []seen{exits(0, "", `BATCH_LOCAL_OUTCOME: oom is "yes", not true or false`)}},
		{"no container", batch.Task{Attempt: batch.AttemptID{Job: "x", Number: 1}}, []seen{exits(0, "", "the task has no containers")}},
		{"centuries", task(`{"startDelay":"2000000h","duration":"2000000h"}`), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := begin(simulated.New(simulated.Options{}), test.task)
				if test.want == nil { // it only must not end, nor break
					time.Sleep(time.Hour)
					same(t, "reports", j.told(), []seen{})
					j.cancel(runner.ErrDetach)
					<-j.err
					return
				}
				same(t, "reports", j.end(t), test.want)
				log := j.logs.Of("stream")
				if ran := test.want[0].State == batch.Running; ran != (log != nil) {
					t.Errorf("the attempt ran: %t; its log was opened: %t", ran, log != nil)
				}
			})
		})
	}
}

// TestWhereOutcomesComeFrom is the order: the job, its last word on it; Options.Outcomes; the default.
func TestWhereOutcomesComeFrom(t *testing.T) {
	said := func(texts ...string) batch.Task {
		one := task("")
		for _, text := range texts {
			withOutcome(text)(&one)
		}
		other, value := "batch_local_outcome", `{"exitCode":99}`
		one.Containers[0].Environment = append(one.Containers[0].Environment, api.KeyValuePair{Name: &other, Value: &value}, api.KeyValuePair{})
		return one
	}
	rule := func(code int32, ok bool) func(batch.Task) (*simulated.Outcome, bool) {
		return func(batch.Task) (*simulated.Outcome, bool) { return &simulated.Outcome{ExitCode: []int32{code}}, ok }
	}
	for _, test := range []struct {
		name     string
		task     batch.Task
		outcomes func(batch.Task) (*simulated.Outcome, bool)
		want     string
	}{
		{"the job", said(`{"exitCode":3}`), rule(4, true), "3"},
		{"the override", said(`{"exitCode":3}`, `{"exitCode":5}`), rule(4, true), "5"},
		{"a bad definition under a good override", said(`nonsense`, `{"exitCode":5}`), rule(4, true), "5"},
		{"an empty override", said(`{"exitCode":3}`, ``), rule(4, true), "4"},
		{"the rule", said(), rule(4, true), "4"},
		{"no rule that matches", said(), rule(4, false), "0"},
		{"a rule without an outcome", said(), func(batch.Task) (*simulated.Outcome, bool) { return nil, true }, "0"},
		{"no rules", said(), nil, "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := begin(simulated.New(simulated.Options{Outcomes: test.outcomes}), test.task)
				same(t, "reports", j.end(t), []seen{runs(0), exits(0, test.want)})
			})
		})
	}
}

// TestTimesAreWholeMilliseconds begins in the middle of one: what the API shows must still differ by exactly the duration.
func TestTimesAreWholeMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.Sleep(700 * time.Microsecond)
		j := beginAt(simulated.New(simulated.Options{}), task(`{"startDelay":"10ms","duration":"5ms"}`), &runnertest.Logs{}, began)
		same(t, "reports", j.end(t), []seen{runs(10 * time.Millisecond), exits(15*time.Millisecond, "0")})
	})
}

// TestStop is a stop one minute after the placement.
func TestStop(t *testing.T) {
	const stop = time.Minute
	for _, test := range []struct {
		name, outcome string
		want          []seen
	}{
		{"default", `{"duration":"1h"}`, []seen{runs(0), exits(stop, "143")}},
		{"exit code", `{"duration":"1h","stopExitCode":9}`, []seen{runs(0), exits(stop, "9")}},
		{"exit code 0", `{"duration":"1h","stopExitCode":0}`, []seen{runs(0), exits(stop, "0")}},
		{"what was planned does not count", `{"duration":"1h","exitCode":3,"reason":"x","oom":true,"hostLost":true}`, []seen{runs(0), exits(stop, "143")}},
		{"while it starts", `{"startDelay":"1h"}`, []seen{exits(stop, "")}},
		{"while it fails to start", `{"startDelay":"1h","startError":"no"}`, []seen{exits(stop, "")}},
		{"while it starts, ignored", `{"startDelay":"1h","ignoreStop":true}`, []seen{exits(stop, "")}},
		{"ignored", `{"duration":"1h","ignoreStop":true,"stopExitCode":9}`, []seen{runs(0), exits(stop+30*time.Second, "137")}},
		{"ignored, and then it ends", `{"duration":"75s","ignoreStop":true,"exitCode":3}`, []seen{runs(0), exits(75*time.Second, "3")}},
		{"ignored, and the end comes with the kill", `{"duration":"90s","ignoreStop":true,"exitCode":3}`, []seen{runs(0), exits(90*time.Second, "3")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := begin(simulated.New(simulated.Options{}), task(test.outcome))
				time.Sleep(stop)
				j.cancel(runner.ErrStop)
				same(t, "reports", j.end(t), test.want)
			})
		})
	}
}

// TestStopTime is the container's own, on the driver's clock.
func TestStopTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := task(`{"duration":"1h","ignoreStop":true}`)
		one.Containers[0].StopSeconds = 120
		j := begin(simulated.New(simulated.Options{}), one)
		synctest.Wait()
		j.cancel(runner.ErrStop)
		same(t, "reports", j.end(t), []seen{runs(0), exits(2*time.Minute, "137")})
	})
}

func TestLines(t *testing.T) {
	const stop = 5 * time.Minute
	line := func(text string, d time.Duration) string { return fmt.Sprintf("%s at %v", text, d) }
	for _, test := range []struct {
		name, outcome string
		stop          bool
		want          []string
	}{
		{"spread", `{"startDelay":"1m","duration":"8m","logs":["a","b","c","d"]}`, false, []string{
			line("a", time.Minute), line("b", 3*time.Minute), line("c", 5*time.Minute), line("d", 7*time.Minute),
		}},
		{"one", `{"duration":"8m","logs":["a"]}`, false, []string{line("a", 0)}},
		{"in no time", `{"logs":["a","b"],"exitCode":1}`, false, []string{line("a", 0), line("b", 0)}},
		{"uneven", `{"duration":"11ns","logs":["a","b","c","d","e","f"]}`, false, []string{
			line("a", 0), line("b", 1), line("c", 3), line("d", 5), line("e", 7), line("f", 9),
		}},
		{"before a memory kill", `{"duration":"2m","logs":["a","b"],"oom":true}`, false, []string{line("a", 0), line("b", time.Minute)}},
		{"until a stop", `{"duration":"10m","logs":["a","b","c","d"]}`, true, []string{line("a", 0), line("b", 150*time.Second), line("c", stop)}},
		{"until a kill", `{"duration":"10m","logs":["a","b","c","d"],"ignoreStop":true}`, true, []string{line("a", 0), line("b", 150*time.Second), line("c", stop)}},
		{"of centuries", `{"duration":"2000000h","logs":["a","b","c"]}`, true, []string{line("a", 0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := begin(simulated.New(simulated.Options{}), task(test.outcome))
				if test.stop {
					time.Sleep(stop)
					j.cancel(runner.ErrStop)
				}
				j.end(t)
				var got []string
				for _, e := range j.logs.Of("stream").Events() {
					got = append(got, line(e.Text, e.At.Sub(j.began)))
				}
				same(t, "log", got, test.want)
			})
		})
	}
}

// TestLinesComeInTime reads the log while the job runs.
func TestLinesComeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := begin(simulated.New(simulated.Options{}), task(`{"duration":"4m","logs":["a","b","c","d"]}`))
		for n := 1; n <= 4; n++ {
			synctest.Wait()
			if got := len(j.logs.Of("stream").Events()); got != n {
				t.Errorf("after %v: %d lines; want %d", time.Since(j.began), got, n)
			}
			time.Sleep(time.Minute)
		}
		j.end(t)
	})
}

// TestDetachedGoesOn leaves an attempt while it starts and comes back when it runs, and when it has ended. It tells all that
// happened meanwhile with the times of the plan.
func TestDetachedGoesOn(t *testing.T) {
	const outcome = `{"startDelay":"1m","duration":"8m","exitCode":3,"logs":["a","b","c","d"]}`
	for _, back := range []time.Duration{30 * time.Second, 4 * time.Minute, time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				driver, logs, began := simulated.New(simulated.Options{}), &runnertest.Logs{}, time.Now()
				first := beginAt(driver, task(outcome), logs, began)
				synctest.Wait()
				first.cancel(runner.ErrDetach)
				same(t, "reports before the detach", first.end(t), []seen{})
				time.Sleep(back)
				second := beginAt(driver, task(outcome), logs, began)
				start, end := runs(time.Minute), exits(9*time.Minute, "3")
				start.Told, end.Told = max(start.Told, back), max(end.Told, back)
				same(t, "reports after it", second.end(t), []seen{start, end})
				same(t, "log", logs.Of("stream").Text(runner.Stdout), []string{"a", "b", "c", "d"})
			})
		})
	}
}

// TestAbandoned: nobody waits for an attempt any more, also not for one that is being stopped.
func TestAbandoned(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			j := begin(simulated.New(simulated.Options{}), task(`{"duration":"1h","ignoreStop":true}`))
			synctest.Wait()
			if stopped {
				j.cancel(runner.ErrStop)
			}
			time.Sleep(time.Second)
			close(j.abandon)
			same(t, "reports", j.end(t), []seen{runs(0)})
			if took := time.Since(j.began); took != time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestNextProcessStartsAgain is what Adopts false means. The log goes on where it was.
func TestNextProcessStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outcome = `{"duration":"4m","logs":["a","b","c","d"]}`
		logs := &runnertest.Logs{}
		first := beginAt(simulated.New(simulated.Options{}), task(outcome), logs, time.Now())
		time.Sleep(90 * time.Second)
		first.cancel(runner.ErrDetach)
		same(t, "reports in the first process", first.end(t), []seen{runs(0)})
		again := task(outcome)
		again.Ran = true
		second := beginAt(simulated.New(simulated.Options{}), again, logs, time.Now())
		same(t, "reports in the second process", second.end(t), []seen{runs(0), exits(4*time.Minute, "0")})
		same(t, "log", logs.Of("stream").Text(runner.Stdout), []string{"a", "b", "c", "d"})
	})
}

// TestRemoveKills removes an attempt in each of its phases.
func TestRemoveKills(t *testing.T) {
	for outcome, want := range map[string][]seen{
		`{"startDelay":"1h"}`:                    {exits(time.Minute, "")},
		`{"duration":"1h"}`:                      {runs(0), exits(time.Minute, "137")},
		`{"duration":"1h","ignoreStop":true}`:    {runs(0), exits(time.Minute, "137")},
		`{"exitCode":3,"logs":["a"]}`:            {runs(0), exits(0, "3")},
		`{"startDelay":"10s","startError":"no"}`: {exits(10*time.Second, "", "no")},
	} {
		synctest.Test(t, func(t *testing.T) {
			driver := simulated.New(simulated.Options{})
			j := begin(driver, task(outcome))
			time.Sleep(time.Minute)
			if err := driver.Remove(t.Context(), task("").Attempt, true); err != nil {
				t.Error(err)
			}
			same(t, "reports of "+outcome, j.end(t), want)
			if left, _ := driver.List(t.Context()); len(left) > 0 {
				t.Errorf("%s: List names %v after Remove", outcome, left)
			}
		})
	}
}

func TestRunTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := simulated.New(simulated.Options{})
		first := begin(driver, task(`{"duration":"1m"}`))
		synctest.Wait()
		second := begin(driver, task(`{"duration":"1m"}`))
		if err := <-second.err; err == nil || len(second.told()) > 0 {
			t.Errorf("a second Run answers %v and reports %v; want an error and nothing", err, second.told())
		}
		same(t, "reports of the first", first.end(t), []seen{runs(0), exits(time.Minute, "0")})
	})
}

// brokenLog fails at everything that can.
type brokenLog struct{ runnertest.Log }

func (*brokenLog) Append(runner.Std, time.Time, []byte) error { return errors.New("the disk is full") }
func (*brokenLog) Close() error                               { return errors.New("the disk is still full") }

func TestLogFails(t *testing.T) {
	var told bytes.Buffer
	driver := simulated.New(simulated.Options{Log: slog.New(slog.NewTextHandler(&told, nil))})
	run := func(outcome string, open func(batch.Container) (runner.Log, error)) []seen {
		var reports []seen
		report := func(r batch.Report) {
			s := seen{State: r.State, Reason: r.Reason}
			if r.ExitCode != nil {
				s.ExitCode = fmt.Sprint(*r.ExitCode)
			}
			reports = append(reports, s)
		}
		if err := driver.Run(t.Context(), runner.Attempt{Task: task(outcome), OpenLog: open}, report); err != nil {
			t.Errorf("Run: %v", err)
		}
		_ = driver.Remove(t.Context(), task("").Attempt, false)
		return reports
	}
	got := run(`{"logs":["a","b","c"],"exitCode":3}`, func(batch.Container) (runner.Log, error) { return &brokenLog{}, nil })
	same(t, "reports with a log that fails", got, []seen{{State: batch.Running}, {State: batch.Exited, ExitCode: "3"}})
	if n := strings.Count(told.String(), "what a job printed could not be kept"); n != 1 {
		t.Errorf("the failure was told %d times; want once:\n%s", n, told.String())
	}
	got = run(`{}`, func(batch.Container) (runner.Log, error) { return nil, errors.New("no such group") })
	same(t, "reports without a log", got, []seen{
		{State: batch.Exited, Reason: "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: no such group"},
	})
}

// TestPanicsReachTheCaller lets a report panic in the timer's goroutine, where it would end the process.
func TestPanicsReachTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver, logs := simulated.New(simulated.Options{}), runnertest.Logs{}
		one := runner.Attempt{Task: task(`{"duration":"1m","exitCode":3}`), OpenLog: logs.Open}
		func() {
			defer func() {
				if p := recover(); p != "the core is broken" {
					t.Errorf("Run panics with %v; want what report panicked with", p)
				}
			}()
			err := driver.Run(t.Context(), one, func(r batch.Report) {
				if r.State == batch.Exited {
					panic("the core is broken")
				}
			})
			t.Errorf("Run answers %v", err)
		}()
		var code int32 = -1
		err := driver.Run(t.Context(), one, func(r batch.Report) {
			if r.ExitCode != nil {
				code = *r.ExitCode
			}
		})
		if err != nil || code != 3 {
			t.Errorf("the next Run answers %v and exit code %d; want the end to be told again", err, code)
		}
	})
}

// TestCapabilities holds what the rest of the emulator relies on.
func TestCapabilities(t *testing.T) {
	same(t, "capabilities", simulated.New(simulated.Options{}).Capabilities(), runner.Capabilities{Name: "simulated", EmulatorTime: true})
}

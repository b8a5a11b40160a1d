package docker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

func code(n int32) *int32 { return &n }

// one is a container of ecsProperties that waits for others: "a START", in pairs.
func one(name string, essential bool, dependsOn ...string) batch.Container {
	c := batch.Container{Name: name, Essential: essential}
	for i := 0; i < len(dependsOn); i += 2 {
		c.DependsOn = append(c.DependsOn, api.TaskContainerDependency{ContainerName: &dependsOn[i], Condition: &dependsOn[i+1]})
	}
	return c
}

func inPod(name string, init bool) batch.Container {
	return batch.Container{Name: name, Init: init, Essential: !init}
}

func writesToRouter(c batch.Container) batch.Container {
	c.Properties = &api.ContainerProperties{LogConfiguration: &api.LogConfiguration{LogDriver: api.LogDriverAwsfirelens}}
	return c
}

// TestConditionsOf is what containers wait for (runtime.md 4.2, 5.3, 2.5).
func TestConditionsOf(t *testing.T) {
	router := batch.Container{Name: "router", Essential: true, Firelens: &api.FirelensConfiguration{}}
	for _, test := range []struct {
		name string
		task batch.Task
		want [][]condition
	}{
		{"4.2: without dependencies all start at once", batch.Task{Containers: []batch.Container{one("a", true), one("b", false)}}, [][]condition{nil, nil}},
		{"4.2: each condition as it is written, in its order", batch.Task{Containers: []batch.Container{one("a", true, "c", "SUCCESS", "b", "START"), one("b", true), one("c", false)}},
			[][]condition{{{2, wantSuccess}, {1, wantStart}}, nil, nil}},
		{"5.3: init containers one after another, then the others together", batch.Task{Pod: &batch.Pod{}, Containers: []batch.Container{inPod("i", true), inPod("j", true), inPod("a", false), inPod("b", false)}},
			[][]condition{nil, {{0, wantSuccess}}, {{1, wantSuccess}}, {{1, wantSuccess}}}},
		{"5.3: without init containers nothing waits", batch.Task{Pod: &batch.Pod{}, Containers: []batch.Container{inPod("a", false), inPod("b", false)}}, [][]condition{nil, nil}},
		{"2.5: who writes to the router waits for its start, and nobody else", batch.Task{Containers: []batch.Container{writesToRouter(one("a", true)), router, one("b", false), writesToRouter(one("c", false, "a", "START"))}},
			[][]condition{{{1, wantStart}}, nil, nil, {{0, wantStart}, {1, wantStart}}}},
		{"2.5: without a router the driver is nobody's", batch.Task{Containers: []batch.Container{writesToRouter(one("a", true))}}, [][]condition{nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, conditionsOf(test.task), cmp.AllowUnexported(condition{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMet is when a condition is met, and when it never will be (runtime.md 4.2).
func TestMet(t *testing.T) {
	var (
		is       = func(p progress) progress { return p }
		exited   = func(n int32) progress { return is(progress{state: ended, ran: true, end: end{code: code(n)}}) }
		vanished = progress{state: ended, ran: true}
		failed   = progress{state: ended, end: end{reason: "CannotPullContainerError: x"}}
		unable   = progress{state: ended, end: end{code: code(batch.UnableCode), unable: true}}
	)
	type says struct {
		met, never bool
		why        string
	}
	no := func(why string) says { return says{never: true, why: why} }
	for _, test := range []struct {
		name                     string
		on                       progress
		start, complete, success says
	}{
		{"it waits", progress{}, says{}, says{}, says{}},
		{"it runs", progress{state: up, ran: true}, says{met: true}, says{}, says{}},
		{"it exited 0", exited(0), says{met: true}, says{met: true}, says{met: true}},
		{"it exited 3", exited(3), says{met: true}, says{met: true}, no(batch.NotSuccessful)},
		{"it ran, and vanished without a code", vanished, says{met: true}, no(batch.NotSuccessful), no(batch.NotSuccessful)},
		{"it could not start", failed, no(batch.NotStarted), no(batch.NotStarted), no(batch.NotStarted)},
		{"it never could, because of another, and has 143", unable, no(batch.NotStarted), says{met: true}, no(batch.NotSuccessful)},
	} {
		for word, want := range map[string]says{wantStart: test.start, wantComplete: test.complete, wantSuccess: test.success} {
			t.Run(test.name+", "+word, func(t *testing.T) {
				c := condition{0, word}
				var got says
				if got.met, got.never = c.met(test.on); got.never {
					got.why = c.obstacle(test.on)
				}
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		}
	}
}

// TestVerdict is how the ends of its containers make that of a task (runtime.md 4.3, 5.3).
func TestVerdict(t *testing.T) {
	exited := func(n int32) progress { return progress{state: ended, ran: true, end: end{code: code(n), at: 1}} }
	stopped := func(n int32) progress {
		return progress{state: ended, ran: true, end: end{code: code(n), at: 2, stopped: true}}
	}
	failed := progress{state: ended, end: end{reason: "CannotPullContainerError: x"}}
	unable := progress{state: ended, end: end{code: code(143), reason: "CannotStartContainerError: y", unable: true}}
	skipped := progress{state: ended, end: end{unable: true, stopped: true}}
	word := func(n int32, reason string) progress {
		p := exited(n)
		p.end.reason = reason
		return p
	}
	tasks := []batch.Container{one("main", true), one("other", true), one("side", false)}
	pod := []batch.Container{inPod("init", true), inPod("a", false), inPod("b", false)}
	for _, test := range []struct {
		name       string
		containers []batch.Container
		isPod      bool
		units      []progress
		order      []int
		code       *int32
		reason     string
	}{
		{"4.3: the essential one that stopped first decides, what was stopped after it does not", tasks, false, []progress{exited(0), stopped(143), stopped(137)}, []int{0, 2, 1}, code(0), ""},
		{"4.3: a failure of the first", tasks, false, []progress{exited(3), stopped(0), stopped(0)}, []int{0, 2, 1}, code(3), ""},
		{"4.3: one that is not essential is recorded, and decides nothing", tasks, false, []progress{exited(0), stopped(143), exited(9)}, []int{2, 0, 1}, code(0), ""},
		{"4.3 (a guess of ours): one that failed by itself before it could be stopped counts", tasks, false, []progress{exited(0), exited(4), stopped(143)}, []int{0, 1, 2}, code(4), ""},
		{"4.3: stopped from outside", tasks, false, []progress{stopped(143), stopped(0), stopped(143)}, []int{2, 1, 0}, code(0), ""},
		{"4.5: one that could not start has no code", tasks, false, []progress{failed, stopped(143), stopped(143)}, []int{0, 2, 1}, nil, "CannotPullContainerError: x"},
		{"4.2: one that never could has 143", tasks, false, []progress{stopped(0), unable, exited(3)}, []int{2, 1, 0}, code(143), "CannotStartContainerError: y"},
		{"4.3: an essential one that was not started any more does not decide", tasks, false, []progress{exited(0), skipped, skipped}, []int{0, 2, 1}, code(0), ""},
		{"one container alone is its task, whatever it is called", tasks[2:], false, []progress{exited(7)}, []int{0}, code(7), ""},
		{"5.3: all went well", pod, true, []progress{word(0, "Completed"), word(0, "Completed"), word(0, "Completed")}, []int{0, 2, 1}, code(0), "Completed"},
		{"5.3: one that failed is enough, whichever ended first", pod, true, []progress{word(0, "Completed"), word(0, "Completed"), word(5, "Error")}, []int{0, 1, 2}, code(5), "Error"},
		{"5.3: of two the first in the definition", pod, true, []progress{word(0, "Completed"), word(6, "Error"), word(5, "Error")}, []int{0, 2, 1}, code(6), "Error"},
		{"5.3: a failed init container", pod, true, []progress{word(2, "Error"), skipped, skipped}, []int{0, 1, 2}, code(2), "Error"},
		{"5.3: an image that is not there", pod, true, []progress{word(0, "Completed"), {state: ended, end: end{reason: "ErrImagePull"}}, word(0, "Completed")}, []int{0, 1, 2}, nil, "ErrImagePull"},
	} {
		t.Run(test.name, func(t *testing.T) {
			task := batch.Task{Containers: test.containers}
			if test.isPod {
				task.Pod = &batch.Pod{}
			}
			got := verdict(task, test.units, test.order)
			if diff := cmp.Diff(test.code, got.ExitCode); diff != "" || got.Reason != test.reason || got.State != batch.Exited {
				t.Errorf("got %s, reason %q; code (-want +got):\n%s", got.State, got.Reason, diff)
			}
			if len(test.containers) == 1 {
				if got.Containers != nil {
					t.Errorf("its one container is told twice: %v", got.Containers)
				}
				return
			}
			var want []batch.ContainerEnd
			for i, u := range test.units {
				c := test.containers[i]
				want = append(want, batch.ContainerEnd{Name: c.Name, Init: c.Init, ExitCode: u.end.code, Reason: u.end.reason})
			}
			if diff := cmp.Diff(want, got.Containers); diff != "" {
				t.Errorf("its containers (-want +got):\n%s", diff)
			}
		})
	}
}

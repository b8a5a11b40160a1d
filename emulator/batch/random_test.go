package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/api"
)

// TestRandomHistories plays random histories and checks after each step what must hold of every state, by name. At the end
// everything is stopped, and what must be true of a state at rest is checked.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"submit":    w.submit,
			"running":   func(t *rapid.T) { w.report(t, Running) },
			"exited":    func(t *rapid.T) { w.report(t, Exited) },
			"cancel":    w.cancel,
			"terminate": w.terminate,
			"tick":      w.tick,
			"switch":    w.switchEnvironment,
			"host":      w.switchHost,
			"hold":      w.hold,
			"release":   w.release,
			"fail":      w.fail,
			"":          w.check,
		})
		w.rest(t)
	})
}

// A world is a state with everything that was ever committed in it.
type world struct {
	state *State
	now   int64
	ids   counter
	twin  *State // is told the same: equal histories have to end equally, whatever the order of a map
	twins counter
	jobs  []JobID // children and nodes too
	told  map[JobID][]Status
	kept  map[Record]string // each committed record, and what it looked like then
}

func newWorld(t *rapid.T) *world {
	w := &world{state: NewState(), twin: NewState(), now: 1000, kept: map[Record]string{}, told: map[JobID][]Status{}}
	w.must(t, func(tx *Tx) error {
		tx.SetHost(Host{Ready: true})
		for i, name := range []string{"one", "two", "three"} {
			err := tx.CreateEnvironment(Environment{ARN: storyScope.ARN("compute-environment", name), Scope: storyScope, Name: name, Platform: EC2, MaxMilliVCPU: int64(i+1) * 2000, Host: tx.NewHost(),
				Detail: &api.ComputeEnvironmentDetail{State: api.CEStateEnabled, Status: api.CEStatusValid, EcsClusterArn: new("arn:aws:ecs:us-east-1:000000000000:cluster/" + name)}})
			if err != nil {
				return err
			}
		}
		pods := Environment{ARN: storyScope.ARN("compute-environment", "pods"), Scope: storyScope, Name: "pods", Platform: EKS, MaxMilliVCPU: 4000, Host: tx.NewHost(),
			Detail: &api.ComputeEnvironmentDetail{State: api.CEStateEnabled, Status: api.CEStatusValid}}
		if err := tx.CreateEnvironment(pods); err != nil {
			return err
		}
		for i, names := range [][]string{{"one"}, {"one", "two"}, {"three", "one"}, {"pods"}} {
			q := Queue{ARN: storyScope.ARN("job-queue", fmt.Sprint("q", i)), Scope: storyScope, Name: fmt.Sprint("q", i), Priority: int32(i), Detail: &api.JobQueueDetail{State: api.JQStateEnabled}}
			for _, name := range names {
				q.Environments = append(q.Environments, storyScope.ARN("compute-environment", name))
			}
			if err := tx.CreateQueue(q); err != nil {
				return err
			}
		}
		s := story{}
		tx.RegisterDefinition(storyScope, "d", EC2, s.definition(command{args: map[string]string{}}))
		tx.RegisterDefinition(storyScope, "pod", EKS, s.definition(command{args: map[string]string{"pod": "main,side", "init": "fetch"}}))
		tx.RegisterDefinition(storyScope, "nodes", EC2, s.definition(command{args: map[string]string{"nodes": "3", "main": "1"}}))
		return nil
	})
	return w
}

// must runs a transition that nothing may refuse.
func (w *world) must(t *rapid.T, f func(*Tx) error) {
	w.both(t, f)
	for w.state.Working() {
		w.both(t, func(tx *Tx) error { tx.Work(2); return nil })
	}
}

func (w *world) both(t *rapid.T, f func(*Tx) error) {
	tx, twin := w.state.Begin(w.now, &w.ids), w.twin.Begin(w.now, &w.twins)
	if err := errors.Join(f(tx), f(twin)); err != nil {
		t.Fatalf("refused: %v", err)
	}
	c := tx.Commit()
	if is, want := history(twin.Commit()), history(c); is != want {
		t.Fatalf("the same history went on in two ways:\n%s\n%s", is, want)
	}
	w.commit(c)
}

// history is all that a commit says, in its order.
func history(c Commit) string {
	lines := []string{fmt.Sprint(c.Attempts)}
	for _, change := range c.Changes {
		line := change.Key.ID
		if change.Record != nil {
			line = text(change.Record)
		}
		lines = append(lines, line)
	}
	for _, e := range c.Events {
		lines = append(lines, fmt.Sprint(e.Job, e.From, e.To, e.Reason, e.At))
	}
	return strings.Join(lines, "\n")
}

func (w *world) commit(c Commit) {
	for _, change := range c.Changes {
		if change.Record != nil {
			w.kept[change.Record] = text(change.Record)
		}
		if j, ok := change.Record.(*Job); ok && !slices.Contains(w.jobs, j.ID) {
			w.jobs = append(w.jobs, j.ID)
		}
	}
	for _, e := range c.Events {
		w.told[e.Job] = append(w.told[e.Job], e.To)
	}
}

func (w *world) submit(t *rapid.T) {
	s := Submission{Scope: storyScope, Name: "j", Queue: fmt.Sprint("q", rapid.IntRange(0, 2).Draw(t, "queue")), Definition: "d"}
	s.Request.Retry = &api.RetryStrategy{Attempts: new(int32(rapid.IntRange(1, 3).Draw(t, "attempts")))}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 3:
		s.Queue, s.Definition = "q3", "pod"
	case 0, 1:
		s.Size = int32(rapid.IntRange(2, 4).Draw(t, "size"))
		if rapid.Bool().Draw(t, "sequential") {
			s.Request.DependsOn = append(s.Request.DependsOn, api.JobDependency{Type: api.ArrayJobDependencySequential})
		}
	case 2:
		s.Definition = "nodes"
	}
	for range rapid.IntRange(0, 2).Draw(t, "dependencies") {
		if id := w.any(t); w.state.jobs[id] != nil {
			d := api.JobDependency{JobId: new(string(id))}
			if a := w.state.jobs[id].Array; a != nil && a.Size == s.Size {
				d.Type = rapid.SampledFrom([]api.ArrayJobDependency{"", api.ArrayJobDependencyNToN}).Draw(t, "type")
			}
			s.Request.DependsOn = append(s.Request.DependsOn, d)
		}
	}
	vcpus := fmt.Sprint(rapid.IntRange(1, 7).Draw(t, "vcpus")) // 7 fits nowhere
	switch s.Definition {
	case "pod": // has its own way to say it
	case "nodes": // three times as much
		vcpus = "1"
		s.Request.Nodes = &api.NodeOverrides{NumNodes: new(int32(rapid.IntRange(2, 4).Draw(t, "nodes")))}
	default:
		s.Request.Overrides = overridden(vcpus)
	}
	if rapid.Bool().Draw(t, "timeout") {
		s.Request.Timeout = &api.JobTimeout{AttemptDurationSeconds: new(int32(60))}
	}
	w.must(t, func(tx *Tx) error {
		_, err := tx.Submit(s)
		return err
	})
}

func overridden(vcpus string) *api.ContainerOverrides {
	return &api.ContainerOverrides{ResourceRequirements: []api.ResourceRequirement{{Type: api.ResourceTypeVcpu, Value: &vcpus}}}
}

// hold keeps jobs in a status: all, or the second child of every array.
func (w *world) hold(t *rapid.T) {
	status := rapid.SampledFrom(unfinished[:]).Draw(t, "status")
	m := Match{}
	if rapid.Bool().Draw(t, "children") {
		m.ArrayIndex = new(int32(1))
	}
	w.must(t, func(tx *Tx) error { tx.SetHolds([]Hold{{Match: m, State: status}}); return nil })
}

func (w *world) release(t *rapid.T) {
	w.must(t, func(tx *Tx) error { tx.SetHolds(nil); return nil })
}

func (w *world) any(t *rapid.T) JobID {
	if len(w.jobs) == 0 {
		return "nobody"
	}
	return rapid.SampledFrom(w.jobs).Draw(t, "job")
}

func (w *world) report(t *rapid.T, state AttemptState) {
	id := w.any(t)
	r := Report{Attempt: AttemptID{id, rapid.IntRange(1, 3).Draw(t, "attempt")}, State: state}
	if j := w.state.jobs[id]; j != nil && j.Live() != nil && rapid.Bool().Draw(t, "live") {
		r.Attempt.Number = j.Live().Number
	}
	if state == Exited && rapid.Bool().Draw(t, "ran") {
		r.ExitCode = new(rapid.Int32Range(0, 2).Draw(t, "code"))
	}
	if j := w.state.jobs[id]; state == Exited && j != nil && w.state.isPod(j) {
		r.ExitCode, r.Containers = podEnds(t)
	}
	w.must(t, func(tx *Tx) error { tx.Report(r); return nil })
}

// podEnds are those of a pod's three containers, of which the last two run only if the first ended with 0.
func podEnds(t *rapid.T) (code *int32, ends []ContainerEnd) {
	code = new(int32(0))
	for i, name := range []string{"fetch", "main", "side"} {
		e := ContainerEnd{Name: name, Init: i == 0}
		if i == 0 || *ends[0].ExitCode == 0 {
			e.ExitCode = new(rapid.Int32Range(0, 1).Draw(t, name))
			*code = max(*code, *e.ExitCode)
		}
		ends = append(ends, e)
	}
	return code, ends
}

// podsEndAsTheirContainers: one that nobody stopped has succeeded if and only if all its containers did, and has run if and only if its first did.
func (w *world) podsEndAsTheirContainers() error {
	for _, id := range w.jobs {
		j := w.state.jobs[id]
		a := j.Attempt()
		if a == nil || a.State != Exited || a.Cause != "" || len(a.Containers) == 0 {
			continue
		}
		well := !slices.ContainsFunc(a.Containers, func(e ContainerEnd) bool { return e.ExitCode == nil || *e.ExitCode != 0 })
		if (j.Status == Succeeded) != well {
			return fmt.Errorf("%s does not fit its containers", text(j))
		}
		if *a.Containers[0].ExitCode == 0 && a.StartedAt == 0 {
			return fmt.Errorf("%s has run and does not know when", text(j))
		}
	}
	return nil
}

func (w *world) cancel(t *rapid.T) {
	id := w.any(t)
	w.must(t, func(tx *Tx) error { tx.Cancel(storyScope, id, "cancelled"); return nil })
}

func (w *world) terminate(t *rapid.T) {
	id := w.any(t)
	w.must(t, func(tx *Tx) error { tx.Terminate(storyScope, id, "terminated"); return nil })
}

func (w *world) tick(t *rapid.T) {
	w.now += int64(rapid.IntRange(1, 50).Draw(t, "seconds")) * 1000
	w.must(t, func(tx *Tx) error { tx.Tick(); return nil })
}

func (w *world) switchEnvironment(t *rapid.T) {
	arn := storyScope.ARN("compute-environment", rapid.SampledFrom([]string{"one", "two", "three", "pods"}).Draw(t, "environment"))
	state := rapid.SampledFrom([]api.CEState{api.CEStateEnabled, api.CEStateDisabled}).Draw(t, "state")
	w.must(t, func(tx *Tx) error {
		return tx.UpdateEnvironment(arn, func(e *Environment) (EnvironmentChange, error) {
			e.Detail.State = state
			return EnvironmentChange{}, nil
		})
	})
}

func (w *world) switchHost(t *rapid.T) {
	h := Host{Ready: rapid.Bool().Draw(t, "ready"), Reason: "gone"}
	w.must(t, func(tx *Tx) error { tx.SetHost(h); return nil })
}

// fail does much and takes it back: a refused transition leaves no trace.
func (w *world) fail(t *rapid.T) {
	before := fingerprint(w.state)
	for _, tx := range []*Tx{w.state.Begin(w.now, &w.ids), w.twin.Begin(w.now, &w.twins)} {
		for _, id := range w.jobs {
			tx.Terminate(storyScope, id, "never happened")
			tx.Report(Report{Attempt: AttemptID{id, 1}, State: Exited})
		}
		tx.SetHost(Host{Reason: "never happened"})
		_, err := tx.Submit(Submission{Scope: storyScope, Name: "j", Queue: "q0", Definition: "d"})
		if err != nil {
			t.Fatal(err)
		}
		tx.Rollback()
	}
	if after := fingerprint(w.state); after != before {
		t.Fatalf("a transaction that was rolled back left a trace:\n%s\n%s", before, after)
	}
}

func (w *world) check(t *rapid.T) {
	for _, err := range []error{
		w.recordsNeverChange(), w.indexesFollowFromRecords(), w.statusFitsAttempts(), w.environmentsAreNotOverfull(), w.nothingWaitsInVain(), w.onlyHeadsSayWhyTheyWait(),
		w.whoIsPendingWaits(), w.parentsAgreeWithChildren(), w.nodesFollowTheirMainNode(), w.nobodyComesBack(),
		w.podsEndAsTheirContainers(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) recordsNeverChange() error {
	for r, was := range w.kept {
		if is := text(r); is != was {
			return fmt.Errorf("a committed record changed:\n%s\n%s", was, is)
		}
	}
	return nil
}

func (w *world) indexesFollowFromRecords() error { return replayEqualsState(w.state) }

// replayEqualsState: loading the records is what a restart does.
func replayEqualsState(s *State) error {
	again := NewState()
	again.host, again.holds = s.host, s.holds
	for r := range s.Records() {
		data, err := Encode(r)
		if err != nil {
			return err
		}
		r, err = Decode(r.Key().Kind, data)
		if err != nil {
			return err
		}
		again.Load(r)
	}
	if is, want := fingerprint(s), fingerprint(again); is != want {
		return fmt.Errorf("the state is not what its records say:\n%s\n%s", is, want)
	}
	return nil
}

func (w *world) statusFitsAttempts() error {
	for _, id := range w.jobs {
		j := w.state.jobs[id]
		live := j.Live()
		restarting := j.Nodes != nil && len(j.Attempts) > 0 // its nodes have to go before they come again
		ok := map[Status]bool{
			Submitted: live == nil,
			Pending:   live == nil,
			Runnable:  live == nil,
			Starting:  live != nil && live.State == Placed || restarting,
			RunningOn: live != nil && live.State == Running && j.StartedAt == live.StartedAt || restarting,
			Succeeded: live == nil && j.StoppedAt > 0 && j.StopReason == "",
			Failed:    live == nil && j.StoppedAt > 0 && j.StatusReason != "",
		}[j.Status]
		if !ok {
			return fmt.Errorf("status %s does not fit %s", j.Status, text(j))
		}
		for i, a := range j.Attempts {
			if a.Number != i+1 || i+1 < len(j.Attempts) && a.State != Exited {
				return fmt.Errorf("attempts out of order: %s", text(j))
			}
		}
		if len(j.Attempts) > w.state.attemptsOf(j) {
			return fmt.Errorf("more attempts than allowed: %s", text(j))
		}
	}
	return nil
}

// whoIsPendingWaits: for a job that has not ended, for children, or for a hold to go; no dependency is lost.
func (w *world) whoIsPendingWaits() error {
	for _, id := range w.jobs {
		j := w.state.jobs[id]
		if j.Status != Pending {
			if len(j.WaitsFor) > 0 && j.Status != Submitted {
				return fmt.Errorf("does not wait, and does: %s", text(j))
			}
			continue
		}
		for _, other := range j.WaitsFor {
			is := w.state.jobs[other]
			if is == nil {
				is = w.state.parentToBe(j.Scope, other)
			}
			if is == nil || Ended(is.Status) {
				return fmt.Errorf("waits for what has ended or never was: %s", text(j))
			}
		}
		if len(j.WaitsFor) == 0 && !j.Held && (j.Array == nil || w.state.familyOf(id).ended() == j.Array.Size) {
			return fmt.Errorf("waits for nothing: %s", text(j))
		}
	}
	return nil
}

func (w *world) parentsAgreeWithChildren() error {
	for _, id := range w.jobs {
		j := w.state.jobs[id]
		if j.Array == nil {
			continue
		}
		counts := map[Status]int32{}
		for child := range w.state.Members(j, 0) {
			counts[child.Status]++
		}
		for status, n := range w.state.StatusCounts(id) {
			if counts[status] != n {
				return fmt.Errorf("counted %v, but the summary is %v", counts, w.state.StatusCounts(id))
			}
		}
		ended := counts[Succeeded] + counts[Failed]
		switch {
		case j.Status == Succeeded && counts[Succeeded] != j.Array.Size, j.Status == Failed && ended != j.Array.Spawned, j.Status == Failed && ended > 0 && counts[Failed] == 0:
			return fmt.Errorf("%s does not fit the children %v", text(j), counts)
		}
	}
	return nil
}

// nodesFollowTheirMainNode: the job's attempts are those of its main node, and no other node runs without it.
func (w *world) nodesFollowTheirMainNode() error {
	for _, id := range w.jobs {
		j := w.state.jobs[id]
		if j.Nodes == nil || len(j.Attempts) == 0 {
			continue
		}
		main := w.state.jobs[id.Node(j.Nodes.Main)]
		if main == nil || len(main.Attempts) != len(j.Attempts) || main.Attempt().State != j.Attempt().State || !slices.Equal(value(main.Attempt().ExitCode), value(j.Attempt().ExitCode)) {
			return fmt.Errorf("%s is not as its main node: %v", text(j), text(main))
		}
		for node := range w.state.Members(j, 0) {
			if a := node.Live(); a != nil && j.Live() == nil && a.Desired != Stop {
				return fmt.Errorf("%s runs without its main node", text(node))
			}
		}
	}
	return nil
}

func value(code *int32) []int32 {
	if code == nil {
		return nil
	}
	return []int32{*code}
}

// nobodyComesBack: who has ended stays so, but for nodes that begin anew.
func (w *world) nobodyComesBack() error {
	for id, statuses := range w.told {
		for i, status := range statuses {
			if i+1 < len(statuses) && Ended(status) && id.Mark() != MarkNode {
				return fmt.Errorf("%s came back: %v", id, statuses)
			}
		}
	}
	return nil
}

func (w *world) environmentsAreNotOverfull() error {
	used := map[capacity]int64{}
	for _, id := range w.jobs {
		switch j := w.state.jobs[id]; {
		case j.Live() == nil:
		case j.Nodes != nil:
			used[capacity{of: j.Live().Environment}] += j.Nodes.Reserved
		default:
			used[capacity{of: j.Live().Environment}] += j.MilliVCPU
		}
	}
	maps.DeleteFunc(used, func(_ capacity, n int64) bool { return n == 0 })
	if !maps.Equal(used, w.state.used) {
		return fmt.Errorf("used is %v, counted %v", w.state.used, used)
	}
	for c, n := range used {
		if most := w.state.environments.all[c.of].MaxMilliVCPU; n > most {
			return fmt.Errorf("%s holds %d of %d", c.of, n, most)
		}
	}
	return nil
}

// nothingWaitsInVain: a job at the head of its queue that would find a place was placed.
func (w *world) nothingWaitsInVain() error {
	for _, q := range w.state.queues.all {
		if head := w.state.headAt(q, w.now); head != nil {
			if at, o := w.state.choose(q, head, w.now); o == nil {
				return fmt.Errorf("%s could be in %s and waits", head.ID, at.environment.Name)
			}
			if head.Waits == nil {
				return fmt.Errorf("%s waits and does not know why", head.ID)
			}
		}
	}
	return nil
}

func (w *world) onlyHeadsSayWhyTheyWait() error {
	for _, id := range w.jobs {
		j := w.state.jobs[id]
		if j.Waits != nil && (j.Status != Runnable || w.state.headAt(w.state.queues.all[j.Queue], w.now) != j) {
			return fmt.Errorf("not at the head, but it says why it waits: %s", text(j))
		}
	}
	return nil
}

// rest ends everything: every job can be brought to its end, and nothing is left of it in any index.
func (w *world) rest(t *rapid.T) {
	w.release(t)
	w.must(t, func(tx *Tx) error {
		for _, id := range w.jobs {
			tx.Terminate(storyScope, id, "the end")
		}
		return nil
	})
	for _, id := range w.jobs {
		if a := w.state.jobs[id].Live(); a != nil {
			w.must(t, func(tx *Tx) error {
				tx.Report(Report{Attempt: AttemptID{id, a.Number}, State: Exited, ExitCode: new(int32(143))})
				return nil
			})
		}
	}
	w.check(t)
	s := w.state
	if len(s.live) != 0 || len(s.used) != 0 || s.NextDeadline() != 0 || len(s.blocked) != 0 || len(s.waiting) != 0 || len(s.dependents) != 0 || len(s.held) != 0 || s.Working() {
		t.Fatalf("at rest, but live=%v used=%v next=%d blocked=%v", s.live, s.used, s.NextDeadline(), s.blocked)
	}
	for _, id := range w.jobs {
		if !Ended(s.jobs[id].Status) {
			t.Fatalf("did not end: %s", text(s.jobs[id]))
		}
	}
}

func text(r Record) string {
	data, err := json.Marshal(r)
	if err != nil {
		panic(errors.Join(errors.New("a record cannot be written"), err))
	}
	return string(data)
}

// fingerprint is all of a state, indexes included, but for the last number given.
func fingerprint(s *State) string {
	type inLines = lines
	var lines []string
	for r := range s.Records() {
		lines = append(lines, text(r))
	}
	for at, order := range s.jobOrder {
		order.Scan(func(e entry) bool {
			lines = append(lines, fmt.Sprint("order ", at, e))
			return true
		})
	}
	for _, all := range []map[ARN]*inLines{s.waiting, s.lacking} {
		for of, l := range all {
			for at, is := range l.of {
				is.order.Scan(func(e entry) bool {
					lines = append(lines, fmt.Sprint("in line ", of, at, e))
					return true
				})
			}
			lines = append(lines, fmt.Sprint("in line ", of, l.jobs))
		}
	}
	for resource, order := range s.consumers {
		order.Scan(func(e entry) bool {
			lines = append(lines, fmt.Sprint("consumer ", resource, e))
			return true
		})
	}
	for of, n := range s.taken {
		lines = append(lines, fmt.Sprint("taken ", of, n))
	}
	for arn, f := range s.fleets {
		lines = append(lines, fmt.Sprint("fleet ", arn, f.milli, slices.Sorted(maps.Keys(f.all))))
		f.free.Scan(func(b berth) bool {
			lines = append(lines, fmt.Sprint("free ", b))
			return true
		})
		f.idle.Scan(func(n numbered) bool {
			lines = append(lines, fmt.Sprint("idle ", n))
			return true
		})
	}
	for host, l := range s.loads {
		lines = append(lines, fmt.Sprint("load ", host, l.room, slices.Sorted(maps.Keys(l.jobs))))
	}
	for queue, all := range s.shares {
		for name, sh := range all {
			lines = append(lines, fmt.Sprint("share ", queue, name, sh.jobs, sh.held, sh.last))
			sh.changes.Scan(func(c change) bool {
				lines = append(lines, fmt.Sprint("change ", queue, name, c))
				return true
			})
		}
	}
	for of, queues := range s.quotasOf {
		lines = append(lines, fmt.Sprint("quotas of ", of, slices.Sorted(maps.Keys(queues))))
	}
	s.working.Scan(func(e entry) bool {
		lines = append(lines, fmt.Sprint("working ", e))
		return true
	})
	for parent, f := range s.families {
		lines = append(lines, fmt.Sprint("family ", parent, *f))
	}
	for id, waiters := range s.dependents {
		lines = append(lines, fmt.Sprint("dependents ", id, slices.Sorted(maps.Keys(waiters))))
	}
	for id := range s.held {
		lines = append(lines, fmt.Sprint("held ", id))
	}
	s.deadlines.Scan(func(d deadline) bool {
		lines = append(lines, fmt.Sprint("deadline ", d))
		return true
	})
	for c, n := range s.used {
		lines = append(lines, fmt.Sprint("used ", c, n))
	}
	for at, id := range s.blocked {
		lines = append(lines, fmt.Sprint("blocked ", at, id))
	}
	for arn, queues := range s.queuesOf {
		lines = append(lines, fmt.Sprint("queues of ", arn, slices.Sorted(maps.Keys(queues))))
	}
	slices.Sort(lines)
	return fmt.Sprintln(lines, s.live, s.host, s.busy)
}

package batch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/api"
)

// TestAsTheReferenceSays compares what is placed, where and in which order with a slow and obvious reading of resources.md 4, over random
// workloads: FIFO and fair share, priorities, decay, weights, reservations, instances, consumable resources, environments that come and go.
func TestAsTheReferenceSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newOrdering(t)
		t.Repeat(map[string]func(*rapid.T){
			"submit": w.submit,
			"end":    w.end,
			"wait": func(t *rapid.T) {
				w.now += rapid.Int64Range(1, 90_000).Draw(t, "ms")
				w.step(t, func(*Tx) error { return nil })
			},
			"switch": w.switchEnvironment,
			"units":  w.units,
			"policy": w.policy,
		})
	})
}

// An ordering is a state whose every step is foretold by the reference.
type ordering struct {
	state *State
	now   int64
	ids   counter
	jobs  []JobID
	hosts map[HostID]bool
}

// window is a share decay with which the core's arithmetic is exact.
const window = 200_000

func newOrdering(t *rapid.T) *ordering {
	w := &ordering{state: NewState(), now: 1_000_000, hosts: map[HostID]bool{}}
	w.state.Snapshots()
	w.step(t, func(tx *Tx) error {
		tx.SetHost(Host{Ready: true})
		for _, c := range []string{"licence", "seat"} {
			if err := tx.CreateConsumable(Consumable{ARN: storyScope.ARN("consumable-resource", c), Scope: storyScope, Name: c, Total: 2, Replenishable: c == "seat"}); err != nil {
				return err
			}
		}
		for i, reservation := range []int32{0, 40} {
			arn := storyScope.ARN("scheduling-policy", fmt.Sprint("p", i))
			if err := tx.CreatePolicy(Policy{ARN: arn, Scope: storyScope, Name: fmt.Sprint("p", i), Detail: &api.SchedulingPolicyDetail{FairsharePolicy: fair(reservation, 1, 0.5)}}); err != nil {
				return err
			}
		}
		for _, e := range []Environment{
			{Name: "one", MaxMilliVCPU: 8000, Host: tx.NewHost()},
			{Name: "two", MaxMilliVCPU: 10_000, Fleet: &Fleet{Types: []string{"c5.xlarge"}, Idle: 60_000}},
		} {
			e.ARN, e.Scope, e.Platform = storyScope.ARN("compute-environment", e.Name), storyScope, EC2
			e.Detail = &api.ComputeEnvironmentDetail{State: api.CEStateEnabled, Status: api.CEStatusValid, EcsClusterArn: new("arn:aws:ecs:us-east-1:000000000000:cluster/" + e.Name), ComputeResources: &api.ComputeResource{}}
			if err := tx.CreateEnvironment(e); err != nil {
				return err
			}
		}
		for i, q := range []struct {
			priority     int32
			policy       string
			environments []string
		}{{1, "", []string{"one"}}, {5, "p0", []string{"two", "one"}}, {5, "p1", []string{"one", "two"}}, {9, "", []string{"two"}}} {
			is := Queue{ARN: storyScope.ARN("job-queue", fmt.Sprint("q", i)), Scope: storyScope, Name: fmt.Sprint("q", i), Priority: q.priority, Detail: &api.JobQueueDetail{State: api.JQStateEnabled}}
			for _, name := range q.environments {
				is.Environments = append(is.Environments, storyScope.ARN("compute-environment", name))
			}
			if q.policy != "" {
				is.Policy = storyScope.ARN("scheduling-policy", q.policy)
			}
			if err := tx.CreateQueue(is); err != nil {
				return err
			}
		}
		tx.RegisterDefinition(storyScope, "d", EC2, (&story{}).definition(command{args: map[string]string{}}))
		return nil
	})
	return w
}

func fair(reservation int32, exact, prefix float32) *api.FairsharePolicy {
	return &api.FairsharePolicy{ShareDecaySeconds: new(int32(window / 1000)), ComputeReservation: &reservation, ShareDistribution: []api.ShareAttributes{
		{ShareIdentifier: new("red"), WeightFactor: &exact}, {ShareIdentifier: new("bl*"), WeightFactor: &prefix}}}
}

func (w *ordering) submit(t *rapid.T) {
	var list []Submission
	for range rapid.IntRange(1, 4).Draw(t, "jobs") {
		q := rapid.IntRange(0, 3).Draw(t, "queue")
		s := Submission{Scope: storyScope, Name: "j", Queue: fmt.Sprint("q", q), Definition: "d"}
		s.Request.Overrides = overridden(fmt.Sprint(rapid.IntRange(1, 5).Draw(t, "vcpus")))
		s.Request.Overrides.ResourceRequirements = append(s.Request.Overrides.ResourceRequirements, api.ResourceRequirement{
			Type: api.ResourceTypeMemory, Value: new(fmt.Sprint(rapid.SampledFrom([]int{100, 3000, 6000, 9000}).Draw(t, "memory")))})
		s.Request.Retry = &api.RetryStrategy{Attempts: new(int32(2))}
		if q == 1 || q == 2 {
			s.Share = rapid.SampledFrom([]string{"red", "blue", "black", "green"}).Draw(t, "share")
			s.Priority = new(rapid.Int32Range(0, 2).Draw(t, "priority"))
		}
		if c := rapid.SampledFrom([]string{"", "", "licence", "seat"}).Draw(t, "consumes"); c != "" {
			s.Request.Consumables = &api.ConsumableResourceProperties{ConsumableResourceList: []api.ConsumableResourceRequirement{{ConsumableResource: &c, Quantity: new(int64(1))}}}
		}
		list = append(list, s)
	}
	w.step(t, func(tx *Tx) error {
		for _, s := range list {
			if _, err := tx.Submit(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// end ends some of the attempts that live, well or not.
func (w *ordering) end(t *rapid.T) {
	var ends []Report
	for _, id := range w.jobs {
		if j := w.state.jobs[id]; j.Live() != nil && rapid.Bool().Draw(t, "ends") {
			ends = append(ends, Report{Attempt: AttemptID{id, j.Live().Number}, State: Exited, ExitCode: new(rapid.Int32Range(0, 1).Draw(t, "code"))})
		}
	}
	w.step(t, func(tx *Tx) error {
		for _, r := range ends {
			tx.Report(r)
		}
		return nil
	})
}

func (w *ordering) switchEnvironment(t *rapid.T) {
	arn := storyScope.ARN("compute-environment", rapid.SampledFrom([]string{"one", "two"}).Draw(t, "environment"))
	state := rapid.SampledFrom([]api.CEState{api.CEStateEnabled, api.CEStateEnabled, api.CEStateDisabled}).Draw(t, "state")
	w.step(t, func(tx *Tx) error {
		return tx.UpdateEnvironment(arn, func(e *Environment) (EnvironmentChange, error) {
			e.Detail.State = state
			return EnvironmentChange{}, nil
		})
	})
}

func (w *ordering) units(t *rapid.T) {
	arn := storyScope.ARN("consumable-resource", rapid.SampledFrom([]string{"licence", "seat"}).Draw(t, "resource"))
	total := rapid.Int64Range(0, 5).Draw(t, "total")
	w.step(t, func(tx *Tx) error {
		_, err := tx.ChangeConsumable(arn, "", "", func(int64) (int64, error) { return total, nil })
		return err
	})
}

func (w *ordering) policy(t *rapid.T) {
	weights := rapid.SampledFrom([]float32{0.25, 1, 3})
	policy := fair(rapid.SampledFrom([]int32{0, 40, 90}).Draw(t, "reservation"), weights.Draw(t, "red"), weights.Draw(t, "bl*"))
	arn := storyScope.ARN("scheduling-policy", rapid.SampledFrom([]string{"p0", "p1"}).Draw(t, "policy"))
	w.step(t, func(tx *Tx) error { return tx.UpdatePolicy(arn, policy, nil) })
}

// step plays a transition on a copy on which nothing is placed, asks the reference what has to follow from it, and then plays it in earnest.
func (w *ordering) step(t *rapid.T, f func(*Tx) error) {
	before := NewState()
	for r := range w.state.Records() {
		before.Load(r)
	}
	ids := w.ids
	w.play(t, before, &ids, f, func(tx *Tx) { tx.SetHost(Host{Reason: "the reference is asked"}) })
	want := newReferee(before, w.now).all()
	got := w.placed(w.play(t, w.state, &w.ids, f, func(*Tx) {}))
	w.fronts(t)
	if err := replayEqualsState(w.state); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want, got) {
		t.Fatalf("at %d the reference places\n  %s\nand the core\n  %s", w.now, strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
}

// fronts compares what GetJobQueueSnapshot shows with the order in which the reference takes the jobs of a queue one by one, if all found a place.
func (w *ordering) fronts(t *rapid.T) {
	for _, q := range w.state.queues.all {
		r := newReferee(w.state, w.now)
		var want, got []JobID
		consumes := false
		for _, j := range w.state.Front(q, w.now, 1000) {
			got, consumes = append(got, j.ID), consumes || len(j.Consumes) > 0
		}
		if consumes { // who is passed over comes last
			continue
		}
		for {
			head := r.head(q)
			if head == nil {
				break
			}
			r.placed, want = append(r.placed, head), append(want, head.ID)
		}
		if !slices.Equal(want, got) {
			t.Fatalf("the front of %s is %v, and in the reference %v", q.Name, got, want)
		}
	}
}

func (w *ordering) play(t *rapid.T, s *State, ids *counter, f func(*Tx) error, then func(*Tx)) Commit {
	tx := s.Begin(w.now, ids)
	tx.Tick()
	if err := f(tx); err != nil {
		t.Fatal(err)
	}
	for arn := range tx.queues.all { // time passes for queues at which nothing happens
		tx.look(arn)
	}
	then(tx)
	return tx.Commit()
}

// placed are the placements of a commit, in order.
func (w *ordering) placed(c Commit) (list []string) {
	var fresh []*Instance
	for _, change := range c.Changes {
		switch r := change.Record.(type) {
		case *Instance:
			if !w.hosts[r.ID] {
				fresh, w.hosts[r.ID] = append(fresh, r), true
			}
		case *Job:
			if !slices.Contains(w.jobs, r.ID) {
				w.jobs = append(w.jobs, r.ID)
			}
		}
	}
	slices.SortFunc(fresh, func(a, b *Instance) int { return cmp.Compare(a.Number, b.Number) })
	for _, e := range c.Events {
		if e.To == Starting {
			a := e.Was.Attempt()
			host := string(a.Host)
			if at := slices.IndexFunc(fresh, func(i *Instance) bool { return i.ID == a.Host }); at >= 0 {
				host = fmt.Sprint("launched ", at)
			}
			list = append(list, fmt.Sprint(e.Job, " in ", a.Environment, " on ", host))
		}
	}
	return list
}

// A referee reads records alone, no index, and does everything anew for every job that it places.
type referee struct {
	state    *State
	now      int64
	hosts    []refHost
	launched int
	used     map[ARN]int64
	placed   []*Job
	taken    map[ARN]int64 // consumable units, by jobs placed now
}

type refHost struct {
	name        string
	number      uint64
	environment ARN
	free        room
}

func newReferee(s *State, now int64) *referee {
	r := &referee{state: s, now: now, used: map[ARN]int64{}, taken: map[ARN]int64{}}
	for _, i := range s.instances {
		h := refHost{string(i.ID), i.Number, i.Environment, i.size()}
		for _, j := range s.jobs {
			if j.Live() != nil && j.Live().Host == i.ID {
				h.free = h.free.minus(j.needs())
			}
		}
		r.hosts = append(r.hosts, h)
	}
	for _, j := range s.jobs {
		if j.Live() != nil {
			r.used[j.Live().Environment] += j.MilliVCPU
		}
	}
	return r
}

// all is one cycle: queues by priority, then age; each until its head finds no place.
func (r *referee) all() (list []string) {
	var queues []*Queue
	for _, q := range r.state.queues.all {
		queues = append(queues, q)
	}
	slices.SortFunc(queues, func(a, b *Queue) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Number, b.Number))
	})
	for _, q := range queues {
		for {
			head := r.head(q)
			if head == nil {
				break
			}
			e, host, ok := r.find(q, head)
			if !ok {
				break
			}
			r.placed = append(r.placed, head)
			r.used[e.ARN] += head.MilliVCPU
			for _, c := range head.Consumes {
				r.taken[c.Resource] += c.Quantity
			}
			list = append(list, fmt.Sprint(head.ID, " in ", e.ARN, " on ", host))
		}
	}
	return list
}

// head is the best of the first jobs of all shares, of those whose consumable resources are free.
func (r *referee) head(q *Queue) *Job {
	firsts := map[string]*Job{}
	for _, j := range r.state.jobs {
		if j.Queue != q.ARN || j.Status != Runnable || slices.Contains(r.placed, j) || !r.free(j) {
			continue
		}
		if f := firsts[j.Share]; f == nil || j.Priority > f.Priority || j.Priority == f.Priority && j.Number < f.Number {
			firsts[j.Share] = j
		}
	}
	var best *Job
	for _, j := range firsts {
		if best == nil || r.before(q, j, best) {
			best = j
		}
	}
	return best
}

func (r *referee) before(q *Queue, a, b *Job) bool {
	usageA, heldA := r.usage(q, a.Share)
	usageB, heldB := r.usage(q, b.Share)
	return cmp.Or(cmp.Compare(usageA, usageB), cmp.Compare(heldA, heldB), cmp.Compare(a.Number, b.Number)) < 0
}

func (r *referee) fairPolicy(q *Queue) *api.FairsharePolicy {
	if p := r.state.policies.all[q.Policy]; p != nil {
		return p.Detail.FairsharePolicy
	}
	return nil
}

// usage is the weighted usage of a share, and what it holds: vCPUs times time, a moment x ago counting 1 - x/window.
func (r *referee) usage(q *Queue, share string) (usage, held float64) {
	p := r.fairPolicy(q)
	if p == nil {
		return 0, 0
	}
	weight := 1.0
	for _, a := range p.ShareDistribution {
		name := *a.ShareIdentifier
		if prefix, star := strings.CutSuffix(name, "*"); name == share || star && strings.HasPrefix(share, prefix) {
			weight = float64(*a.WeightFactor)
		}
	}
	faded := func(x int64) int64 { // twice the window times what a moment x ago, and all after it, counts
		x = min(x, window)
		return 2*window*x - x*x
	}
	sum, holds := int64(0), int64(0)
	for _, j := range r.state.jobs {
		if j.Queue != q.ARN || j.Share != share {
			continue
		}
		for _, a := range j.Attempts {
			sum += j.MilliVCPU * faded(r.now-a.PlacedAt)
			if a.State == Exited {
				sum -= j.MilliVCPU * faded(r.now-a.StoppedAt)
			} else {
				holds += j.MilliVCPU
			}
		}
	}
	for _, j := range r.placed {
		if j.Queue == q.ARN && j.Share == share {
			holds += j.MilliVCPU
		}
	}
	return float64(sum) * weight, float64(holds) * weight
}

func (r *referee) free(j *Job) bool {
	for _, c := range j.Consumes {
		is := r.state.consumables.all[c.Resource]
		left := is.Total - r.taken[c.Resource]
		for _, other := range r.state.jobs {
			if a := other.Live(); a != nil {
				for _, t := range a.Takes {
					if t.Resource == c.Resource {
						left -= t.Quantity
					}
				}
			}
		}
		if left < c.Quantity {
			return false
		}
	}
	return true
}

// find is the first environment with room, and where in it.
func (r *referee) find(q *Queue, j *Job) (*Environment, string, bool) {
	if !r.withinReservation(q, j) {
		return nil, "", false
	}
	for _, arn := range q.Environments {
		e := r.state.environments.all[arn]
		if !e.Enabled() || r.used[arn]+j.MilliVCPU > e.MaxMilliVCPU {
			continue
		}
		if e.Fleet == nil {
			return e, string(e.Host), true
		}
		if host, ok := r.board(e, j); ok {
			return e, host, true
		}
	}
	return nil, "", false
}

// board finds the fullest instance with room, or launches one.
func (r *referee) board(e *Environment, j *Job) (string, bool) {
	size := roomOf(e.Fleet.Types[0])
	if !size.holds(j.needs()) {
		return "", false
	}
	best, all := -1, int64(0)
	for i, h := range r.hosts {
		if h.environment != e.ARN {
			continue
		}
		all += size.milli
		if h.free.holds(j.needs()) && (best < 0 || fuller(h, r.hosts[best])) {
			best = i
		}
	}
	if best < 0 {
		if all >= e.MaxMilliVCPU { // the last one may go beyond
			return "", false
		}
		r.hosts = append(r.hosts, refHost{fmt.Sprint("launched ", r.launched), math.MaxUint64, e.ARN, size})
		best = len(r.hosts) - 1
		r.launched++
	}
	r.hosts[best].free = r.hosts[best].free.minus(j.needs())
	return r.hosts[best].name, true
}

func fuller(a, b refHost) bool {
	return cmp.Or(cmp.Compare(a.free.milli, b.free.milli), cmp.Compare(a.free.mib, b.free.mib), cmp.Compare(a.number, b.number)) < 0
}

// withinReservation is resources.md 4.3: so much stays free that shares which are not active find room.
func (r *referee) withinReservation(q *Queue, j *Job) bool {
	p := r.fairPolicy(q)
	if p == nil || *p.ComputeReservation == 0 {
		return true
	}
	active := map[string]bool{}
	for _, other := range r.state.jobs {
		if other.Queue != q.ARN {
			continue
		}
		if !Ended(other.Status) {
			active[other.Share] = true
		}
		for _, a := range other.Attempts {
			if max(a.PlacedAt, a.StoppedAt) > r.now-window {
				active[other.Share] = true
			}
		}
	}
	total, used := int64(0), int64(0)
	for _, arn := range q.Environments {
		total += r.state.environments.all[arn].MaxMilliVCPU
		used += r.used[arn]
	}
	most := int64(float64(total) * (1 - math.Pow(float64(*p.ComputeReservation)/100, float64(len(active)))))
	return used+j.MilliVCPU <= most
}

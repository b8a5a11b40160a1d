package batch

import (
	"maps"
	"math"
	"slices"

	"github.com/batch-local/batch-local/emulator/ec2"
)

// launchPlan is what has to be done so that an environment has room: instances to launch, after those that do nothing were ended.
type launchPlan struct {
	types []string
	end   []HostID
}

// planLaunch says how an environment gets room for each of the needs on an instance of its own. Otherwise it answers why not: never, because no
// type is large enough, or not now.
//
// Guess: as AWS does for most strategies, one instance may go beyond maxvCpus where none is small enough to stay within (resources.md 1.11).
func (s *State) planLaunch(e *Environment, needs []room, slots int64) (plan launchPlan, obstacle string) {
	f := s.fleets[e.ARN]
	milli := int64(0)
	if f != nil {
		milli = f.milli
	}
	left := e.MaxMilliVCPU - milli
	for _, n := range needs {
		name := e.Fleet.choose(n, slots, max(left, 0))
		if name == "" {
			return plan, ObstacleInstance
		}
		vcpus := roomOf(name).milli
		for vcpus > left && f != nil { // room is made by those that do nothing
			idle, ok := f.idleAfter(plan.end)
			if !ok {
				break
			}
			plan.end = append(plan.end, idle)
			left += s.instances[idle].size().milli
		}
		if left <= 0 {
			return plan, ObstacleVCPUs
		}
		if better := e.Fleet.choose(n, slots, left); better != "" {
			name, vcpus = better, roomOf(better).milli
		}
		left -= vcpus
		plan.types = append(plan.types, name)
	}
	return plan, ""
}

// idleAfter is the oldest instance that nobody uses and that is not in a list.
func (f *fleet) idleAfter(list []HostID) (id HostID, ok bool) {
	f.idle.Scan(func(n numbered) bool {
		if !slices.Contains(list, n.id) {
			id, ok = n.id, true
		}
		return !ok
	})
	return id, ok
}

// choose is the instance type for a need of which there are so many, with so many thousandths of a vCPU left in the environment; empty if none
// is large enough. Of those that stay within what is left it takes the one that is cheapest for each job that it can run, the larger if that is
// the same; if none does, the smallest. A list that is ordered is tried from its beginning.
func (f *Fleet) choose(n room, slots, left int64) string {
	best, bestCost, bestRoom := "", 0.0, int64(0)
	smallest := ""
	for _, name := range f.Types {
		t, _ := ec2.Find(name)
		r := roomOf(name)
		if !r.holds(n) {
			continue
		}
		if smallest == "" || r.milli < roomOf(smallest).milli {
			smallest = name
		}
		if r.milli > left {
			continue
		}
		if f.Ordered {
			return name
		}
		jobs := min(slots, fits(r, n))
		cost := float64(t.Price) / float64(jobs)
		if best == "" || cost < bestCost || cost == bestCost && jobs > bestRoom {
			best, bestCost, bestRoom = name, cost, jobs
		}
	}
	if best == "" {
		return smallest
	}
	return best
}

// fits is how many jobs of a need have room.
func fits(r, n room) int64 {
	count := int64(math.MaxInt64)
	for _, of := range [][2]int64{{r.gpus, n.gpus}, {r.milli, n.milli}, {r.mib, n.mib}} {
		if of[1] > 0 {
			count = min(count, of[0]/of[1])
		}
	}
	return max(1, count)
}

// launchInstance starts one.
func (tx *Tx) launchInstance(e *Environment, instanceType string, owner JobID) *Instance {
	i := &Instance{ID: tx.NewHost(), Number: tx.nextNumber(), Scope: e.Scope, Environment: e.ARN, Type: instanceType, LaunchedAt: tx.now, Owner: owner}
	i.ReadyAt = tx.settlesAt(delayInstance)
	tx.put(nil, i)
	return i
}

func (tx *Tx) changeInstance(i *Instance, edit func(*Instance)) *Instance {
	is := *tx.instances[i.ID]
	edit(&is)
	tx.put(tx.instances[i.ID], &is)
	return &is
}

// staff brings an environment to as many instances as it has to have: for minvCpus, or for what the user wishes.
func (tx *Tx) staff(e *Environment) {
	if e.Fleet == nil {
		return
	}
	want := max(e.Fleet.MinMilliVCPU, e.wish())
	for {
		milli := int64(0)
		if f := tx.fleets[e.ARN]; f != nil {
			milli = f.milli
		}
		if milli >= want {
			break
		}
		name := e.Fleet.choose(room{milli: 1}, math.MaxInt64, max(want-milli, 0))
		if name == "" {
			break
		}
		tx.rest(tx.launchInstance(e, name, ""))
	}
	for _, id := range tx.instancesOf(e.ARN) { // what was kept for the old minimum may go
		tx.rest(tx.instances[id])
	}
}

// instancesOf are the instances of an environment, oldest first.
func (s *State) instancesOf(environment ARN) []HostID {
	f := s.fleets[environment]
	if f == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(f.all), func(a, b HostID) int {
		if s.instances[a].Number < s.instances[b].Number {
			return -1
		}
		return 1
	})
}

// rest notes that an instance has nothing to do, if that is so and it is not needed for minvCpus, and when it goes for that.
func (tx *Tx) rest(i *Instance) {
	e := tx.environments.all[i.Environment]
	if e == nil || e.Fleet == nil || i.Owner != "" || tx.loads[i.ID] != nil || i.GoneAt != 0 || i.ReadyAt != 0 {
		return
	}
	if i.Leaving {
		tx.put(i, nil)
		tx.lookAround(e.ARN)
		return
	}
	if tx.neededIdle(i) {
		return
	}
	tx.changeInstance(i, func(i *Instance) { i.GoneAt = tx.now + e.Fleet.Idle })
}

// freed is for an instance whose attempt has ended.
func (tx *Tx) freed(host HostID) {
	if i := tx.instances[host]; i != nil {
		tx.rest(i)
	}
}

// occupy notes that an instance has something to do.
func (tx *Tx) occupy(host HostID) {
	if i := tx.instances[host]; i != nil && i.GoneAt != 0 {
		tx.changeInstance(i, func(i *Instance) { i.GoneAt = 0 })
	}
}

// disown gives an instance of a multi-node job back.
func (tx *Tx) disown(host HostID) {
	if i := tx.instances[host]; i != nil && i.Owner != "" {
		tx.rest(tx.changeInstance(i, func(i *Instance) { i.Owner = "" }))
		tx.lookAround(i.Environment)
	}
}

// replace has the instances of before go, as an infrastructure update does: no more jobs are placed on them, and those that run have a grace.
func (tx *Tx) replace(e *Environment, grace int64) {
	for _, id := range tx.instancesOf(e.ARN) {
		i := tx.changeInstance(tx.instances[id], func(i *Instance) { i.Leaving, i.GoneAt, i.StopAt = true, 0, tx.now+grace })
		tx.rest(i)
		if grace == 0 {
			tx.Reclaim(id)
		}
	}
}

// instanceDue does what an instance waits for.
func (tx *Tx) instanceDue(i *Instance) {
	switch {
	case i.ReadyAt != 0 && i.ReadyAt <= tx.now:
		i = tx.changeInstance(i, func(i *Instance) { i.ReadyAt = 0 })
		tx.rest(i)
		tx.lookAround(i.Environment)
	case i.StopAt != 0 && i.StopAt <= tx.now:
		tx.Reclaim(i.ID)
	case tx.neededIdle(i):
		tx.changeInstance(i, func(i *Instance) { i.GoneAt = 0 })
	default:
		tx.put(i, nil)
		tx.forgetWish(i.Environment)
		tx.lookAround(i.Environment)
	}
}

// forgetWish lets an environment shrink below what the user once wished: nobody needs it.
func (tx *Tx) forgetWish(environment ARN) {
	e, milli := tx.environments.all[environment], int64(0)
	if f := tx.fleets[environment]; f != nil {
		milli = f.milli
	}
	if e == nil || e.Fleet == nil || e.wish() <= max(milli, e.Fleet.MinMilliVCPU) {
		return
	}
	is, detail, resources := *e, *e.Detail, *e.Detail.ComputeResources
	resources.DesiredvCpus = new(int32(max(milli, e.Fleet.MinMilliVCPU) / 1000))
	detail.ComputeResources, is.Detail = &resources, &detail
	tx.put(e, &is)
}

// neededIdle says whether an environment would have fewer than minvCpus without an instance.
func (s *State) neededIdle(i *Instance) bool {
	e := s.environments.all[i.Environment]
	return e != nil && e.Fleet != nil && s.fleets[e.ARN].milli-i.size().milli < e.Fleet.MinMilliVCPU
}

// Reclaim takes an instance away, as AWS takes one back that was bought on the spot market. Its jobs' attempts end as those of a lost host.
func (tx *Tx) Reclaim(host HostID) {
	i := tx.instances[host]
	if l := tx.loads[host]; l != nil {
		for _, id := range slices.Sorted(maps.Keys(l.jobs)) {
			tx.lose(tx.jobs[id], ReasonHostLost(host))
		}
	}
	if i = tx.instances[host]; i != nil {
		tx.put(i, nil)
		tx.lookAround(i.Environment)
	}
}

// ReclaimHost is Reclaim for whoever has only an id; false if there is no such instance.
func (tx *Tx) ReclaimHost(host HostID) bool {
	if tx.instances[host] == nil && tx.loads[host] == nil {
		return false
	}
	tx.Reclaim(host)
	return true
}

// lose ends a job's attempt without asking whoever runs it, who has to take away what is left of it.
func (tx *Tx) lose(j *Job, reason string) {
	if a := j.Live(); a != nil {
		tx.ended(j, Report{Attempt: AttemptID{j.ID, a.Number}, State: Exited, At: tx.now, StatusReason: reason})
	}
}

// ReclaimJob takes away what a job runs on: its instance, or its Fargate task. It answers false if it runs on nothing.
func (tx *Tx) ReclaimJob(j *Job) bool {
	if j.Nodes != nil { // its main node is what the job depends on
		j = tx.jobs[j.ID.Node(j.Nodes.Main)]
	}
	if j == nil || j.Live() == nil {
		return false
	}
	if host := j.Live().Host; host != "" {
		tx.Reclaim(host)
	} else {
		tx.lose(j, ReasonSpotTask)
	}
	return true
}

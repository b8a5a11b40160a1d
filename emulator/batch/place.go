package batch

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// How waiting jobs find a place (resources.md 4.1, 4.2). line.go says in which order a queue's jobs are taken.
//
// The head goes to the first of the queue's environments, in their order, that has room. If none has, the head waits, knows why, and nothing
// behind it starts. Queues are taken by descending priority, the older first among equals, so one that is stuck does not keep the next from
// starting its jobs.
//
// A job whose consumable resources are not free is passed over, and comes back when they are (consumable.go).

// settle places what can be placed in the queues that the transaction asked for. It costs no more than what it places and
// one look at the head of each of these queues.
func (tx *Tx) settle() {
	for len(tx.wanted) > 0 {
		var queues []*Queue
		for arn := range tx.wanted {
			if q := tx.queues.all[arn]; q != nil {
				queues = append(queues, q)
			}
		}
		clear(tx.wanted)
		slices.SortFunc(queues, func(a, b *Queue) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Number, b.Number), strings.Compare(string(a.ARN), string(b.ARN)))
		})
		for _, q := range queues {
			if q.Service != "" {
				tx.fillService(q)
			} else {
				tx.fill(q)
			}
			delete(tx.wanted, q.ARN) // what it asked for itself was done
		}
	}
}

func (tx *Tx) fill(q *Queue) {
	for {
		head := tx.head(q)
		tx.unblock(lineKey{queue: q.ARN}, head)
		if head == nil || !tx.next(q, head) {
			return
		}
	}
}

// unblock takes the note from a job that was the head and is no longer.
func (tx *Tx) unblock(at lineKey, head *Job) {
	if was := tx.blocked[at]; was != "" && (head == nil || was != head.ID) {
		tx.wait(tx.jobs[was], nil)
	}
}

// next does something with the head of a queue, or answers false because it has to wait.
func (tx *Tx) next(q *Queue, head *Job) bool {
	if tx.hold(head) { // the others pass it
		return true
	}
	if tx.overridesTooLong(head) {
		tx.setStatus(head, Failed, ReasonOverridesTooLong, nil)
		return true
	}
	if tx.tooManyTags(head) {
		tx.setStatus(head, Failed, ReasonTooManyTags, nil)
		return true
	}
	at, obstacle := tx.choose(q, head, tx.now)
	if obstacle != nil {
		tx.wait(head, obstacle)
		return false
	}
	if tx.options.Lifelike && len(at.launch.types) > 0 && head.Nodes == nil {
		tx.carryOut(at, "")
		tx.wait(head, &Obstacle{Kind: ObstacleStarting, Where: at.environment.ARN})
		return false
	}
	tx.place(head, at)
	return true
}

// spot is where a job can be placed.
type spot struct {
	environment *Environment
	host        HostID     // an instance that is there
	launch      launchPlan // or what there has to be
}

// choose is the first environment with room, or else what stands in the way: the obstacle that is easiest to wait out.
func (s *State) choose(q *Queue, j *Job, now int64) (spot, *Obstacle) {
	if o := s.reserved(q, j, now); o != nil {
		return spot{}, o
	}
	var soft, hard *Obstacle
	valid := 0
	for _, arn := range q.Environments {
		e := s.environments.all[arn]
		if e == nil || !e.valid() {
			continue
		}
		valid++
		at, o := s.chooseIn(e, j)
		switch {
		case o == nil && !s.host.Ready:
			return spot{}, &Obstacle{Kind: ObstacleEngine, Text: s.host.Reason}
		case o == nil:
			if o = s.overloads(j); o != nil {
				return spot{}, o
			}
			return at, nil
		case o.hard():
			if hard == nil || o.Kind == ObstacleInstance { // the vCPUs would do in one, the instances in none
				hard = o
			}
		case soft == nil || o.Kind != ObstacleDisabled:
			soft = o
		}
	}
	switch {
	case soft != nil:
		return spot{}, soft
	case hard != nil:
		return spot{}, hard
	case valid == 0:
		return spot{}, &Obstacle{Kind: ObstacleEnvironments, Text: textAllInvalid}
	}
	return spot{}, &Obstacle{Kind: ObstacleEnvironments}
}

// chooseIn is about one environment.
func (s *State) chooseIn(e *Environment, j *Job) (spot, *Obstacle) {
	free := e.MaxMilliVCPU - s.used[capacity{of: e.ARN}]
	bounded := e.MaxMilliVCPU >= 0
	switch {
	case e.fargateSpot() && s.windows(j): // another one may run it (resources.md 2.3)
		return spot{}, &Obstacle{Kind: ObstaclePlatform, Where: e.ARN, Text: textUndetermined}
	case bounded && j.MilliVCPU > e.MaxMilliVCPU:
		return spot{}, &Obstacle{Kind: ObstacleMaxVCPUs, Where: e.ARN, Needs: j.MilliVCPU, Has: e.MaxMilliVCPU, Text: textMaxResource}
	case e.Fleet != nil && !e.Fleet.ever(s.roomsOf(j)):
		return spot{}, e.Fleet.tooSmall(e.ARN, s.roomsOf(j))
	case !e.Enabled():
		return spot{}, &Obstacle{Kind: ObstacleDisabled, Where: e.ARN}
	case bounded && j.MilliVCPU > free:
		return spot{}, &Obstacle{Kind: ObstacleVCPUs, Where: e.ARN, Needs: j.MilliVCPU, Has: max(0, free)}
	case e.Fleet == nil:
		return spot{environment: e, host: e.Host}, nil
	}
	rooms := s.roomsOf(j)
	if j.Nodes == nil {
		if host := s.fleets[e.ARN].berthFor(rooms[0]); host != "" {
			return spot{environment: e, host: host}, nil
		}
		if s.options.Lifelike && s.onItsWay(e.ARN, rooms[0]) {
			return spot{}, &Obstacle{Kind: ObstacleStarting, Where: e.ARN}
		}
	}
	slots := int64(1)
	if l := s.waiting[j.Queue]; l != nil && j.Nodes == nil {
		slots = int64(max(1, l.jobs))
	}
	plan, kind := s.planLaunch(e, rooms, slots)
	if kind != "" {
		return spot{}, &Obstacle{Kind: ObstacleInstances, Where: e.ARN, Needs: j.MemoryMiB, Has: s.largestFree(e.ARN)}
	}
	return spot{environment: e, launch: plan}, nil
}

// roomsOf is what a job takes of each of its instances: one, or of a multi-node job one for each node.
func (s *State) roomsOf(j *Job) []room {
	if j.Nodes == nil {
		return []room{j.needs()}
	}
	b := s.blueprintOf(j)
	rooms := make([]room, j.Nodes.Count)
	for i := range rooms {
		if n, err := b.node(int32(i)).needs(EC2); err == nil {
			rooms[i] = n.room()
		}
	}
	return rooms
}

// onItsWay says whether an instance that would do was launched and is not ready.
func (s *State) onItsWay(environment ARN, n room) bool {
	if f := s.fleets[environment]; f != nil {
		for id := range f.all {
			if i := s.instances[id]; i.ReadyAt != 0 && i.Owner == "" && !i.Leaving && i.size().holds(n) {
				return true
			}
		}
	}
	return false
}

// largestFree is the most memory that one instance has left, in MiB.
func (s *State) largestFree(environment ARN) (mib int64) {
	if f := s.fleets[environment]; f != nil {
		f.free.Reverse(func(b berth) bool {
			mib = b.mib
			return false
		})
	}
	return mib
}

// reserved says whether a queue's policy keeps capacity free that a job would take (resources.md 4.3).
func (s *State) reserved(q *Queue, j *Job, now int64) *Obstacle {
	f := s.fairnessOf(q)
	if f == nil || f.reservation == 0 {
		return nil
	}
	total, used := int64(0), int64(0)
	for _, arn := range q.Environments {
		e := s.environments.all[arn]
		switch {
		case e == nil:
			continue
		case e.MaxMilliVCPU >= 0:
			total += e.MaxMilliVCPU
		case e.Detail.UnmanagedvCpus != nil:
			total += int64(*e.Detail.UnmanagedvCpus) * 1000
		}
		used += s.used[capacity{of: arn}]
	}
	active, until := s.activeShares(q, f, now)
	most := int64(float64(total) * (1 - math.Pow(float64(f.reservation)/100, float64(active))))
	if used+j.MilliVCPU <= most {
		return nil
	}
	return &Obstacle{Kind: ObstacleReservation, Where: q.ARN, Needs: j.MilliVCPU, Has: max(0, most-used), Until: until}
}

// overloads says whether a job is too much for the machine below while others run on it. One alone always runs.
func (s *State) overloads(j *Job) *Obstacle {
	most, busy := s.host.Most, s.busy
	switch {
	case busy == HostUse{}:
	case most.MiB > 0 && j.MemoryMiB > most.MiB:
		return &Obstacle{Kind: ObstacleAlone, Needs: j.MemoryMiB, Has: most.MiB, Unit: unitMiB}
	case most.MilliVCPU > 0 && j.MilliVCPU > most.MilliVCPU:
		return &Obstacle{Kind: ObstacleAlone, Needs: j.MilliVCPU, Has: most.MilliVCPU, Unit: unitVCPUs}
	case most.MiB > 0 && busy.MiB+j.MemoryMiB > most.MiB:
		return &Obstacle{Kind: ObstacleMemory, Needs: j.MemoryMiB, Has: max(0, most.MiB-busy.MiB)}
	case most.MilliVCPU > 0 && busy.MilliVCPU+j.MilliVCPU > most.MilliVCPU:
		return &Obstacle{Kind: ObstacleCPU, Needs: j.MilliVCPU, Has: max(0, most.MilliVCPU-busy.MilliVCPU)}
	}
	return nil
}

// lookAtOverloaded has the queues tried again whose head waits for the machine.
func (tx *Tx) lookAtOverloaded() {
	if tx.host.Most == (HostUse{}) {
		return
	}
	for at, id := range tx.blocked {
		if o := tx.jobs[id].Waits; o != nil && (o.Kind == ObstacleMemory || o.Kind == ObstacleCPU || o.Kind == ObstacleAlone) {
			tx.look(at.queue)
		}
	}
}

// carryOut ends and launches the instances of a plan, and answers those that it launched.
func (tx *Tx) carryOut(at spot, owner JobID) (hosts []HostID) {
	for _, id := range at.launch.end {
		tx.put(tx.instances[id], nil)
	}
	for _, t := range at.launch.types {
		i := tx.launchInstance(at.environment, t, owner)
		if owner != "" && i.ReadyAt != 0 { // a multi-node job does not wait for its instances one by one
			i = tx.changeInstance(i, func(i *Instance) { i.ReadyAt = 0 })
		}
		hosts = append(hosts, i.ID)
	}
	return hosts
}

// place gives a job a new attempt in an environment.
func (tx *Tx) place(j *Job, at spot) {
	if j.Nodes != nil {
		tx.placeNodes(j, at.environment, tx.carryOut(at, j.ID))
		return
	}
	if launched := tx.carryOut(at, ""); len(launched) > 0 {
		at.host = launched[0]
	}
	tx.occupy(at.host)
	tx.try(j, at.environment, at.host)
}

// try moves a job to STARTING with a new attempt.
func (tx *Tx) try(j *Job, e *Environment, host HostID) *Job {
	a := &Attempt{
		Number:      len(j.Attempts) + 1,
		TaskID:      hexID(tx.chance),
		Environment: e.ARN,
		Cluster:     e.Cluster(),
		Host:        host,
		PlacedAt:    tx.now,
		Takes:       tx.consume(j),
	}
	j = tx.setStatus(j, Starting, "", func(j *Job) {
		j.Attempts = append(slices.Clip(j.Attempts), a)
	})
	tx.attempts[AttemptID{j.ID, a.Number}] = true
	return j
}

package batch

import (
	"math"
	"slices"

	"github.com/tidwall/btree"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/ec2"
)

// The simulated EC2 instances of a compute environment (resources.md 1.11 to 1.14). They start when a job finds no room on those that are
// there, take as many jobs as fit by vCPU, memory and GPU, and go when they have had nothing to do for a while.

// A Fleet says of what instances an environment is made.
type Fleet struct {
	Types        []string // in the order in which they are tried if Ordered; families and bundles expanded
	Ordered      bool     `json:",omitempty"` // BEST_FIT_PROGRESSIVE_ORDERED
	MinMilliVCPU int64    `json:",omitempty"`
	// Idle is how long an instance stays without a job, in milliseconds.
	Idle int64
}

// IdleInstance is how long an instance stays without a job unless the environment says otherwise, in milliseconds.
//
// Guess: AWS looks every ten minutes or so.
const IdleInstance = 60_000

// An Instance is one simulated EC2 instance.
type Instance struct {
	ID          HostID
	Number      uint64 // order of launch
	Scope       Scope
	Environment ARN
	Type        string
	LaunchedAt  int64
	// ReadyAt is when a job can be placed on it, of a lifelike one that was just launched; 0 is now.
	ReadyAt int64 `json:",omitempty"`
	// Owner is the multi-node job that has it for a node of its own.
	Owner JobID `json:",omitempty"`
	// Leaving says that no more jobs are placed on it; StopAt is when those that are left are stopped, 0 is never.
	Leaving bool  `json:",omitempty"`
	StopAt  int64 `json:",omitempty"`
	// GoneAt is when it goes because it has nothing to do; 0 is not.
	GoneAt int64 `json:",omitempty"`
}

// Key implements Record.
func (i *Instance) Key() Key { return Key{KindInstance, string(i.ID)} }

func (i *Instance) deadline() int64 {
	at := int64(0)
	for _, t := range []int64{i.ReadyAt, i.StopAt, i.GoneAt} {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}

// size is what an instance has for jobs.
func (i *Instance) size() room { return roomOf(i.Type) }

// room is an amount of what jobs need.
type room struct {
	gpus, milli, mib int64
}

func roomOf(instanceType string) room {
	t, _ := ec2.Find(instanceType)
	return room{t.GPUs, t.VCPUs * 1000, t.Usable()}
}

func (r room) holds(n room) bool { return r.gpus >= n.gpus && r.milli >= n.milli && r.mib >= n.mib }

func (r room) minus(n room) room { return room{r.gpus - n.gpus, r.milli - n.milli, r.mib - n.mib} }

// needs is what a job takes of an instance.
func (j *Job) needs() room { return room{int64(j.GPUs), j.MilliVCPU, j.MemoryMiB} }

// fleet is an index: the instances of an environment, and what is free on them.
type fleet struct {
	all   map[HostID]bool
	milli int64                   // of all instances
	free  *btree.BTreeG[berth]    // of those on which jobs can be placed
	idle  *btree.BTreeG[numbered] // those that nobody uses
}

type numbered struct {
	number uint64
	id     HostID
}

// berth is what is free on an instance.
type berth struct {
	room
	number uint64
	id     HostID
}

func berthBefore(a, b berth) bool {
	switch {
	case a.gpus != b.gpus:
		return a.gpus < b.gpus
	case a.milli != b.milli:
		return a.milli < b.milli
	case a.mib != b.mib:
		return a.mib < b.mib
	}
	return a.number < b.number
}

// load is what the attempts on an instance hold of it.
type load struct {
	room
	jobs map[JobID]bool
}

func (s *State) applyInstance(old, new *Instance) (number uint64) {
	if old != nil {
		s.indexInstance(old, -1)
		delete(s.instances, old.ID)
		f := s.fleets[old.Environment]
		delete(f.all, old.ID)
		if f.milli -= old.size().milli; len(f.all) == 0 {
			delete(s.fleets, old.Environment)
		}
	}
	if new != nil {
		f := s.fleets[new.Environment]
		if f == nil {
			unlocked := btree.Options{NoLocks: true, Degree: 16}
			f = &fleet{all: map[HostID]bool{}, free: btree.NewBTreeGOptions(berthBefore, unlocked),
				idle: btree.NewBTreeGOptions(func(a, b numbered) bool { return a.number < b.number }, unlocked)}
			s.fleets[new.Environment] = f
		}
		f.all[new.ID] = true
		f.milli += new.size().milli
		s.instances[new.ID] = new
		s.indexInstance(new, +1)
		number = new.Number
	}
	return number
}

// indexInstance is about whom an instance has room for. It depends on its load too.
func (s *State) indexInstance(i *Instance, sign int64) {
	f, free, jobs := s.fleets[i.Environment], i.size(), 0
	if l := s.loads[i.ID]; l != nil {
		free, jobs = free.minus(l.room), len(l.jobs)
	}
	if i.Owner == "" && !i.Leaving && i.ReadyAt == 0 {
		set(f.free, berth{free, i.Number, i.ID}, sign)
	}
	if i.Owner == "" && jobs == 0 && i.ReadyAt == 0 {
		set(f.idle, numbered{i.Number, i.ID}, sign)
	}
}

// burden notes what a job takes of an instance.
func (s *State) burden(host HostID, j *Job, sign int64) {
	i := s.instances[host] // nil: an environment's only one, or one that has gone
	if i != nil {
		s.indexInstance(i, -1)
	}
	l := s.loads[host]
	if l == nil {
		l = &load{jobs: map[JobID]bool{}}
		s.loads[host] = l
	}
	n := j.needs()
	if sign > 0 {
		l.room, l.jobs[j.ID] = room{l.gpus + n.gpus, l.milli + n.milli, l.mib + n.mib}, true
	} else {
		l.room = l.minus(n)
		delete(l.jobs, j.ID)
	}
	if len(l.jobs) == 0 {
		delete(s.loads, host)
	}
	if i != nil {
		s.indexInstance(i, +1)
	}
}

// berthFor is the fullest instance with room; empty if there is none. It skips from one number of free vCPUs to the next, of which
// there are few, and looks at the instances with enough memory only.
func (f *fleet) berthFor(n room) HostID {
	if f == nil {
		return ""
	}
	at := berth{room: n}
	for {
		var next berth
		found := false
		f.free.Ascend(at, func(b berth) bool {
			next, found = b, true
			return false
		})
		switch {
		case !found:
			return ""
		case next.holds(n):
			return next.id
		case next.gpus > at.gpus:
			at = berth{room: room{next.gpus, n.milli, n.mib}}
		case next.milli > at.milli: // too little memory with so many vCPUs, else it would have been found
			at = berth{room: room{next.gpus, next.milli, n.mib}}
		default:
			at = berth{room: room{next.gpus, next.milli, math.MaxInt64}}
		}
	}
}

// ever says whether there is an instance type for each of the needs.
func (f *Fleet) ever(rooms []room) bool {
	for i, n := range rooms {
		if (i == 0 || n != rooms[i-1]) && !f.holds(n) {
			return false
		}
	}
	return true
}

func (f *Fleet) holds(n room) bool {
	return slices.ContainsFunc(f.Types, func(name string) bool { return roomOf(name).holds(n) })
}

// tooSmall says of what the largest of the types has too little: GPUs, vCPUs, or of those that have enough of these, memory.
func (f *Fleet) tooSmall(environment ARN, rooms []room) *Obstacle {
	o := &Obstacle{Kind: ObstacleInstance, Where: environment, Text: textTooLarge}
	for _, n := range rooms {
		if f.holds(n) {
			continue
		}
		var most room
		for _, name := range f.Types {
			r := roomOf(name)
			most.gpus, most.milli = max(most.gpus, r.gpus), max(most.milli, r.milli)
			if r.gpus >= n.gpus && r.milli >= n.milli {
				most.mib = max(most.mib, r.mib)
			}
		}
		switch {
		case n.gpus > most.gpus:
			o.Needs, o.Has, o.Unit = n.gpus, most.gpus, unitGPUs
		case n.milli > most.milli:
			o.Needs, o.Has, o.Unit = n.milli, most.milli, unitVCPUs
		default:
			o.Needs, o.Has, o.Unit = n.mib, most.mib, unitMiB
		}
		break
	}
	return o
}

// DesiredVCPUs is what DescribeComputeEnvironments shows as desiredvCpus: the vCPUs of the instances that have something to do, but no fewer than
// minvCpus, nor than the user wishes.
func (s *State) DesiredVCPUs(e *Environment) int32 {
	if e.Fleet == nil {
		return 0
	}
	milli := max(e.Fleet.MinMilliVCPU, e.wish())
	if f := s.fleets[e.ARN]; f != nil {
		busy := f.milli
		f.idle.Scan(func(n numbered) bool {
			busy -= s.instances[n.id].size().milli
			return true
		})
		milli = max(milli, busy)
	}
	return int32(milli / 1000)
}

// wish is how many thousandths of a vCPU the user has asked instances for.
func (e *Environment) wish() int64 {
	if r := e.Detail.ComputeResources; r != nil {
		return int64(api.Value(r.DesiredvCpus)) * 1000
	}
	return 0
}

// Instance finds a simulated instance; nil if there is none.
func (s *State) Instance(id HostID) *Instance { return s.instances[id] }

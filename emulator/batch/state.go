package batch

import (
	"iter"

	"github.com/tidwall/btree"
)

// A State is all there is: records, and indexes that follow from them. It is not safe for concurrent use.
type State struct {
	definitions  map[ARN]*Definition
	jobs         map[JobID]*Job
	instances    map[HostID]*Instance
	environments *shelf[*Environment]
	services     *shelf[*ServiceEnvironment]
	queues       *shelf[*Queue]
	policies     *shelf[*Policy]
	quotas       *shelf[*QuotaShare]
	consumables  *shelf[*Consumable]

	// number is the last one given; see Tx.nextNumber.
	number uint64
	// host is whether anything can be started, and how much; it is not a record and starts as unknown.
	host Host
	// holds keep jobs in a status; they are not records either.
	holds   []Hold
	options Options
	// snapshots says that events carry the job.
	snapshots bool

	// Indexes, all written by apply alone.

	definitionOrder *btree.BTreeG[*Definition]
	queuesOf        map[ARN]map[ARN]bool           // environment, of either kind, or policy to queues that name it
	quotasOf        map[ARN]map[ARN]bool           // queue to its quota shares
	jobOrder        map[place]*btree.BTreeG[entry] // jobs without a parent
	waiting         map[ARN]*lines                 // queue to what may be placed: RUNNABLE jobs, children, multi-node jobs
	lacking         map[ARN]*lines                 // consumable resource to RUNNABLE jobs that wait for it, by the lines from which they came
	consumers       map[ARN]*btree.BTreeG[entry]   // consumable resource to all jobs that name it
	families        map[JobID]*family              // parent to its children or nodes
	dependents      map[JobID]map[JobID]bool       // job to those that wait for it
	working         *btree.BTreeG[entry]           // arrays with children still to be spawned or stopped
	held            map[JobID]bool                 // jobs that a hold keeps
	expiry          *btree.BTreeG[expiring]        // ended jobs without a parent, by when they are forgotten
	used            map[capacity]int64             // what attempts hold
	taken           map[incarnation]int64          // units of consumable resources that attempts hold
	fleets          map[ARN]*fleet                 // environment to its instances
	loads           map[HostID]*load               // what attempts hold of an instance
	shares          map[ARN]map[string]*share      // of queues with fair share
	fairness        map[ARN]*fairness              // policies, read
	busy            HostUse                        // what attempts hold of the machine
	heldBy          map[ARN]int64                  // queue to thousandths of a vCPU that its attempts hold
	live            map[Scope]int                  // jobs that have not ended
	deadlines       *btree.BTreeG[deadline]
	blocked         map[lineKey]JobID // the job that Waits
}

// Options are what a State is given before anything is loaded.
type Options struct {
	// Retention is how long ended jobs are kept, in milliseconds; 0 is for ever.
	Retention int64
	// Lifelike says that changes of state take the time that AWS takes; see delays.
	Lifelike bool
	// Quotas says that the service's quotas on how many resources there may be are kept (resources.md 0.7).
	Quotas bool
	// PodLogs says that what pods print is kept, in PodLogGroup. AWS keeps nothing of it.
	PodLogs bool
}

// Host is whether attempts can be started at all, and how much they may take together. Without Ready jobs wait as RUNNABLE with the reason.
type Host struct {
	Ready  bool
	Reason string
	// Most is the bound of what runs at the same time; zero members are none.
	Most HostUse
}

// HostUse is an amount of the machine that is below everything.
type HostUse struct {
	MilliVCPU int64
	MiB       int64
}

// place is one status in one queue.
type place struct {
	queue  ARN
	status Status
}

// capacity is what is counted of an environment or a quota share: thousandths of a vCPU if unit is empty, else units.
type capacity struct {
	of   ARN
	unit string
}

// entry is a job in an index: in a line by priority, then by order of submission, children by their index.
type entry struct {
	priority int32
	index    int32
	number   uint64
	id       JobID
}

// entryOf is that of an index that knows no priority.
func entryOf(j *Job) entry { return entry{0, j.ID.index(), j.Number, j.ID} }

// entryInLine is that of a job that waits. Where there are no shares priorities do not count (resources.md 4.2).
func entryInLine(j *Job) entry {
	e := entryOf(j)
	if j.lineOf() != "" {
		e.priority = j.Priority
	}
	return e
}

func entryBefore(a, b entry) bool {
	switch {
	case a.priority != b.priority:
		return a.priority > b.priority
	case a.number != b.number:
		return a.number < b.number
	}
	return a.index < b.index
}

func newOrder() *btree.BTreeG[entry] {
	return btree.NewBTreeGOptions(entryBefore, btree.Options{NoLocks: true, Degree: 16})
}

// family counts the children or nodes of a parent in each status.
type family struct{ in [ranks]int32 }

func (f *family) ended() int32 { return f.in[Rank(Succeeded)] + f.in[Rank(Failed)] }

func (f *family) members() (n int32) {
	for _, in := range f.in {
		n += in
	}
	return n
}

// familyOf is never nil.
func (s *State) familyOf(parent JobID) *family {
	if f := s.families[parent]; f != nil {
		return f
	}
	return &family{}
}

// StatusCounts is how many children of an array are in each status.
func (s *State) StatusCounts(parent JobID) map[Status]int32 {
	counts, f := make(map[Status]int32, ranks), s.familyOf(parent)
	for _, status := range Statuses() {
		counts[status] = f.in[Rank(status)]
	}
	return counts
}

// expiring is a job that is forgotten at a time.
type expiring struct {
	at int64
	id JobID
}

// deadline is a record that the core has to look at again.
type deadline struct {
	at  int64
	key Key
}

// NewState is an empty state.
func NewState() *State {
	return &State{
		definitions:  map[ARN]*Definition{},
		jobs:         map[JobID]*Job{},
		instances:    map[HostID]*Instance{},
		environments: newShelf[*Environment](),
		services:     newShelf[*ServiceEnvironment](),
		queues:       newShelf[*Queue](),
		policies:     newShelf[*Policy](),
		quotas:       newShelf[*QuotaShare](),
		consumables:  newShelf[*Consumable](),
		host:         Host{Reason: "Nothing runs jobs yet."},

		definitionOrder: btree.NewBTreeGOptions(definitionBefore, btree.Options{NoLocks: true}),
		queuesOf:        map[ARN]map[ARN]bool{},
		quotasOf:        map[ARN]map[ARN]bool{},
		jobOrder:        map[place]*btree.BTreeG[entry]{},
		waiting:         map[ARN]*lines{},
		lacking:         map[ARN]*lines{},
		consumers:       map[ARN]*btree.BTreeG[entry]{},
		families:        map[JobID]*family{},
		dependents:      map[JobID]map[JobID]bool{},
		working:         newOrder(),
		held:            map[JobID]bool{},
		expiry: btree.NewBTreeGOptions(func(a, b expiring) bool {
			return a.at < b.at || a.at == b.at && a.id < b.id
		}, btree.Options{NoLocks: true, Degree: 16}),
		used:     map[capacity]int64{},
		taken:    map[incarnation]int64{},
		fleets:   map[ARN]*fleet{},
		loads:    map[HostID]*load{},
		shares:   map[ARN]map[string]*share{},
		fairness: map[ARN]*fairness{},
		blocked:  map[lineKey]JobID{},
		heldBy:   map[ARN]int64{},
		live:     map[Scope]int{},
		deadlines: btree.NewBTreeGOptions(func(a, b deadline) bool {
			switch {
			case a.at != b.at:
				return a.at < b.at
			case a.key.Kind != b.key.Kind:
				return a.key.Kind < b.key.Kind
			}
			return a.key.ID < b.key.ID
		}, btree.Options{NoLocks: true, Degree: 16}),
	}
}

// Use sets options. It is called before anything is loaded.
func (s *State) Use(o Options) { s.options = o }

// Snapshots has events carry the job as it was then.
func (s *State) Snapshots() { s.snapshots = true }

func scopeLess(a, b Scope) bool {
	if a.Account != b.Account {
		return a.Account < b.Account
	}
	return a.Region < b.Region
}

// definitionBefore groups by name, newest revision first (jobs.md 10.4).
func definitionBefore(a, b *Definition) bool {
	switch {
	case a.Scope != b.Scope:
		return scopeLess(a.Scope, b.Scope)
	case a.Name != b.Name:
		return a.Name < b.Name
	}
	return a.Revision > b.Revision
}

// Load adds a record that a journal kept.
func (s *State) Load(r Record) {
	s.apply(nil, r)
}

// record is the present value of a record; a nil interface if there is none.
func (s *State) record(key Key) Record {
	arn := ARN(key.ID)
	switch key.Kind {
	case KindDefinition:
		if d := s.definitions[arn]; d != nil {
			return d
		}
	case KindJob:
		if j := s.jobs[JobID(key.ID)]; j != nil {
			return j
		}
	case KindInstance:
		if i := s.instances[HostID(key.ID)]; i != nil {
			return i
		}
	case KindEnvironment:
		return s.environments.record(arn)
	case KindServiceEnvironment:
		return s.services.record(arn)
	case KindQueue:
		return s.queues.record(arn)
	case KindPolicy:
		return s.policies.record(arn)
	case KindQuotaShare:
		return s.quotas.record(arn)
	case KindConsumable:
		return s.consumables.record(arn)
	}
	return nil
}

// apply takes a record from its old value to its new one, nil for none, and every index with it.
func (s *State) apply(old, new Record) {
	number := uint64(0)
	switch keyOf(old, new).Kind {
	case KindDefinition:
		s.applyDefinition(as[*Definition](old), as[*Definition](new))
	case KindJob:
		number = s.applyJob(as[*Job](old), as[*Job](new))
	case KindInstance:
		number = s.applyInstance(as[*Instance](old), as[*Instance](new))
	case KindEnvironment:
		number = s.environments.put(old, new)
	case KindServiceEnvironment:
		number = s.services.put(old, new)
	case KindQueue:
		number = s.queues.put(old, new)
		s.applyQueue(as[*Queue](old), as[*Queue](new))
	case KindPolicy:
		number = s.policies.put(old, new)
		s.applyPolicy(as[*Policy](old), as[*Policy](new))
	case KindQuotaShare:
		number = s.quotas.put(old, new)
		s.applyQuotaShare(as[*QuotaShare](old), as[*QuotaShare](new))
	case KindConsumable:
		number = s.consumables.put(old, new)
	}
	s.number = max(s.number, number)
	s.applyDeadline(old, -1)
	s.applyDeadline(new, +1)
}

// due is a record that has to be looked at again at a time; 0 is never.
type due interface{ deadline() int64 }

func (s *State) applyDeadline(r Record, sign int64) {
	if d, ok := r.(due); ok {
		if at := d.deadline(); at != 0 {
			set(s.deadlines, deadline{at, r.Key()}, sign)
		}
	}
}

// as makes a nil record a nil pointer.
func as[T any](r Record) (t T) {
	if r != nil {
		t = r.(T)
	}
	return t
}

func (s *State) applyDefinition(old, new *Definition) {
	if old != nil {
		delete(s.definitions, old.ARN)
		s.definitionOrder.Delete(old)
	}
	if new != nil {
		s.definitions[new.ARN] = new
		s.definitionOrder.Set(new)
	}
}

func (s *State) applyQueue(old, new *Queue) {
	if old != nil {
		for of := range old.names() {
			unlink(s.queuesOf, of, old.ARN)
		}
	}
	if new != nil {
		for of := range new.names() {
			link(s.queuesOf, of, new.ARN)
		}
	}
}

func (s *State) applyQuotaShare(old, new *QuotaShare) {
	if old != nil {
		unlink(s.quotasOf, old.Queue, old.ARN)
	}
	if new != nil {
		link(s.quotasOf, new.Queue, new.ARN)
	}
}

func link[K, V comparable](m map[K]map[V]bool, k K, v V) {
	if m[k] == nil {
		m[k] = map[V]bool{}
	}
	m[k][v] = true
}

func unlink[K, V comparable](m map[K]map[V]bool, k K, v V) {
	if delete(m[k], v); len(m[k]) == 0 {
		delete(m, k)
	}
}

// expires is when an ended job is forgotten; 0 is never.
func (s *State) expires(j *Job) int64 {
	if s.options.Retention == 0 || !Ended(j.Status) {
		return 0
	}
	return j.StoppedAt + s.options.Retention
}

// NextDeadline is when Tx.Tick has something to do, in Unix milliseconds; 0 is never.
func (s *State) NextDeadline() int64 {
	due, ok := s.deadlines.Min()
	forget, also := s.expiry.Min()
	switch {
	case !ok:
		return forget.at
	case !also:
		return due.at
	}
	return min(due.at, forget.at)
}

// LiveIn is how many jobs have not ended in the scopes for which all says so.
func (s *State) LiveIn(all func(Scope) bool) int {
	sum := 0
	for scope, n := range s.live {
		if all(scope) {
			sum += n
		}
	}
	return sum
}

// Records yields every record, for a snapshot; what others name comes before them.
func (s *State) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, d := range s.definitions {
			if !yield(d) {
				return
			}
		}
		for _, all := range []func(func(Record) bool) bool{
			s.policies.records, s.environments.records, s.services.records, s.queues.records, s.quotas.records, s.consumables.records,
		} {
			if !all(yield) {
				return
			}
		}
		for _, i := range s.instances {
			if !yield(i) {
				return
			}
		}
		for _, j := range s.jobs {
			if !yield(j) {
				return
			}
		}
	}
}

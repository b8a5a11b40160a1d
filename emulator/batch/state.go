package batch

import (
	"iter"

	"github.com/tidwall/btree"
)

// A State is all there is: records, and indexes that follow from them. It is not safe for concurrent use.
type State struct {
	definitions  map[ARN]*Definition
	environments map[ARN]*Environment
	queues       map[ARN]*Queue
	jobs         map[JobID]*Job

	// number is the last one given; see Tx.nextNumber.
	number uint64
	// host is whether anything can be started; it is not a record and starts as unknown.
	host Host
	// holds keep jobs in a status; they are not records either.
	holds []Hold
	// retention is how long ended jobs are kept, in milliseconds; 0 is for ever.
	retention int64
	// snapshots says that events carry the job.
	snapshots bool

	// Indexes, all written by apply alone.

	definitionOrder  *btree.BTreeG[*Definition]
	environmentOrder *btree.BTreeG[*Environment]
	queueOrder       *btree.BTreeG[*Queue]
	queuesOf         map[ARN]map[ARN]bool           // environment to queues that name it
	jobOrder         map[place]*btree.BTreeG[entry] // jobs without a parent
	waiting          map[ARN]*btree.BTreeG[entry]   // queue to what may be placed: RUNNABLE jobs, children, multi-node jobs
	families         map[JobID]*family              // parent to its children or nodes
	dependents       map[JobID]map[JobID]bool       // job to those that wait for it
	working          *btree.BTreeG[entry]           // arrays with children still to be spawned or stopped
	held             map[JobID]bool                 // jobs that a hold keeps
	expiry           *btree.BTreeG[deadline]        // ended jobs without a parent, by when they are forgotten
	used             map[ARN]int64                  // environment to thousandths of a vCPU that its attempts hold
	live             map[Scope]int                  // jobs that have not ended
	deadlines        *btree.BTreeG[deadline]
	blocked          map[ARN]JobID // queue to the job that Waits
}

// Host is whether attempts can be started at all. Without it jobs wait as RUNNABLE with the reason.
type Host struct {
	Ready  bool
	Reason string
}

// place is one status in one queue.
type place struct {
	queue  ARN
	status Status
}

// entry is a job in an index: by order of submission, children by their index.
type entry struct {
	number uint64
	index  int32
	id     JobID
}

func entryOf(j *Job) entry { return entry{j.Number, j.ID.index(), j.ID} }

func entryBefore(a, b entry) bool {
	if a.number != b.number {
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

type deadline struct {
	at int64
	id JobID
}

// NewState is an empty state.
func NewState() *State {
	unlocked := btree.Options{NoLocks: true}
	return &State{
		definitions:  map[ARN]*Definition{},
		environments: map[ARN]*Environment{},
		queues:       map[ARN]*Queue{},
		jobs:         map[JobID]*Job{},
		host:         Host{Reason: "Nothing runs jobs yet."},

		definitionOrder:  btree.NewBTreeGOptions(definitionBefore, unlocked),
		environmentOrder: btree.NewBTreeGOptions(func(a, b *Environment) bool { return before(a.Scope, a.Number, b.Scope, b.Number) }, unlocked),
		queueOrder:       btree.NewBTreeGOptions(func(a, b *Queue) bool { return before(a.Scope, a.Number, b.Scope, b.Number) }, unlocked),
		queuesOf:         map[ARN]map[ARN]bool{},
		jobOrder:         map[place]*btree.BTreeG[entry]{},
		waiting:          map[ARN]*btree.BTreeG[entry]{},
		families:         map[JobID]*family{},
		dependents:       map[JobID]map[JobID]bool{},
		working:          newOrder(),
		held:             map[JobID]bool{},
		expiry:           newDeadlines(),
		used:             map[ARN]int64{},
		blocked:          map[ARN]JobID{},
		live:             map[Scope]int{},
		deadlines:        newDeadlines(),
	}
}

func newDeadlines() *btree.BTreeG[deadline] {
	return btree.NewBTreeGOptions(func(a, b deadline) bool {
		if a.at != b.at {
			return a.at < b.at
		}
		return a.id < b.id
	}, btree.Options{NoLocks: true, Degree: 16})
}

// Keep sets how long ended jobs are kept, in milliseconds; 0 is for ever. It is called before anything is loaded.
func (s *State) Keep(retention int64) { s.retention = retention }

// Snapshots has events carry the job as it was then.
func (s *State) Snapshots() { s.snapshots = true }

func scopeLess(a, b Scope) bool {
	if a.Account != b.Account {
		return a.Account < b.Account
	}
	return a.Region < b.Region
}

func before(a Scope, m uint64, b Scope, n uint64) bool {
	if a != b {
		return scopeLess(a, b)
	}
	return m < n
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

// apply takes a record from its old value to its new one, nil for none, and every index with it.
func (s *State) apply(old, new Record) {
	r := new
	if r == nil {
		r = old
	}
	switch r.(type) {
	case *Definition:
		s.applyDefinition(as[*Definition](old), as[*Definition](new))
	case *Environment:
		s.applyEnvironment(as[*Environment](old), as[*Environment](new))
	case *Queue:
		s.applyQueue(as[*Queue](old), as[*Queue](new))
	case *Job:
		s.applyJob(as[*Job](old), as[*Job](new))
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

func (s *State) applyEnvironment(old, new *Environment) {
	if old != nil {
		delete(s.environments, old.ARN)
		s.environmentOrder.Delete(old)
	}
	if new != nil {
		s.environments[new.ARN] = new
		s.environmentOrder.Set(new)
		s.number = max(s.number, new.Number)
	}
}

func (s *State) applyQueue(old, new *Queue) {
	if old != nil {
		delete(s.queues, old.ARN)
		s.queueOrder.Delete(old)
		for _, e := range old.Environments {
			delete(s.queuesOf[e], old.ARN)
			if len(s.queuesOf[e]) == 0 {
				delete(s.queuesOf, e)
			}
		}
	}
	if new != nil {
		s.queues[new.ARN] = new
		s.queueOrder.Set(new)
		for _, e := range new.Environments {
			if s.queuesOf[e] == nil {
				s.queuesOf[e] = map[ARN]bool{}
			}
			s.queuesOf[e][new.ARN] = true
		}
		s.number = max(s.number, new.Number)
	}
}

func (s *State) applyJob(old, new *Job) {
	if old != nil {
		s.indexJob(old, -1)
		delete(s.jobs, old.ID)
	}
	if new != nil {
		s.indexJob(new, +1)
		s.jobs[new.ID] = new
		s.number = max(s.number, new.Number)
	}
}

// reindexJob is applyJob for a record that changed in place, old being what it was. Most changes leave most indexes alone.
func (s *State) reindexJob(old, new *Job) {
	s.indexJob(old, -1)
	s.indexJob(new, +1)
}

// indexJob adds the job's index entries (sign +1) or removes them (sign -1).
func (s *State) indexJob(j *Job, sign int64) {
	e, mark := entryOf(j), j.ID.Mark()
	if mark == 0 {
		file(s.jobOrder, place{j.Queue, j.Status}, e, sign)
		if at := s.expires(j); at != 0 {
			set(s.expiry, deadline{at, j.ID}, sign)
		}
	} else {
		parent := j.ID.Parent()
		f := s.families[parent]
		if f == nil {
			f = &family{}
			s.families[parent] = f
		}
		f.in[Rank(j.Status)] += int32(sign)
		if sign < 0 && f.members() == 0 {
			delete(s.families, parent)
		}
	}
	if j.Status == Runnable && !j.Held {
		file(s.waiting, j.Queue, e, sign)
	}
	for _, id := range j.WaitsFor {
		if sign > 0 {
			if s.dependents[id] == nil {
				s.dependents[id] = map[JobID]bool{}
			}
			s.dependents[id][j.ID] = true
		} else if delete(s.dependents[id], j.ID); len(s.dependents[id]) == 0 {
			delete(s.dependents, id)
		}
	}
	if j.Held {
		if sign > 0 {
			s.held[j.ID] = true
		} else {
			delete(s.held, j.ID)
		}
	}
	if j.hasWork() {
		set(s.working, e, sign)
	}
	if !Ended(j.Status) {
		s.live[j.Scope] += int(sign)
		if s.live[j.Scope] == 0 {
			delete(s.live, j.Scope)
		}
	}
	if a := j.Live(); a != nil {
		takes := j.MilliVCPU
		if j.Nodes != nil { // its nodes have what they take themselves
			takes = j.Nodes.Reserved
		}
		s.used[a.Environment] += sign * takes
		if s.used[a.Environment] == 0 {
			delete(s.used, a.Environment)
		}
	}
	if j.Waits != nil {
		if sign > 0 {
			s.blocked[j.Queue] = j.ID
		} else if s.blocked[j.Queue] == j.ID {
			delete(s.blocked, j.Queue)
		}
	}
	if due := j.deadline(); due != 0 {
		set(s.deadlines, deadline{due, j.ID}, sign)
	}
}

// set adds an item (sign +1) or removes it (sign -1).
func set[T any](tree *btree.BTreeG[T], item T, sign int64) {
	if sign > 0 {
		tree.Set(item)
	} else {
		tree.Delete(item)
	}
}

// file is set for one of many orders, which are there only while they have something in them.
func file[K comparable](orders map[K]*btree.BTreeG[entry], at K, e entry, sign int64) {
	order := orders[at]
	if order == nil {
		order = newOrder()
		orders[at] = order
	}
	set(order, e, sign)
	if order.Len() == 0 {
		delete(orders, at)
	}
}

// expires is when an ended job is forgotten; 0 is never.
func (s *State) expires(j *Job) int64 {
	if s.retention == 0 || !Ended(j.Status) {
		return 0
	}
	return j.StoppedAt + s.retention
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

// Records yields every record, for a snapshot; definitions and environments come before what names them.
func (s *State) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, d := range s.definitions {
			if !yield(d) {
				return
			}
		}
		for _, e := range s.environments {
			if !yield(e) {
				return
			}
		}
		for _, q := range s.queues {
			if !yield(q) {
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

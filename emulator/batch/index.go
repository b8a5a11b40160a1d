package batch

import "github.com/tidwall/btree"

func (s *State) applyJob(old, new *Job) (number uint64) {
	if old != nil {
		s.indexJob(old, -1)
		delete(s.jobs, old.ID)
	}
	if new != nil {
		s.indexJob(new, +1)
		s.jobs[new.ID] = new
		number = new.Number
	}
	return number
}

// reindexJob is applyJob for a record that changed in place, old being what it was.
func (s *State) reindexJob(old, new *Job) {
	s.indexJob(old, -1)
	s.applyDeadline(old, -1)
	s.indexJob(new, +1)
	s.applyDeadline(new, +1)
}

// indexJob adds the job's index entries (sign +1) or removes them (sign -1).
func (s *State) indexJob(j *Job, sign int64) {
	s.indexKin(j, sign)
	s.indexWaiting(j, sign)
	s.indexTaken(j, sign)
	if j.hasWork() {
		set(s.working, entryOf(j), sign)
	}
	if !Ended(j.Status) {
		add(s.live, j.Scope, int(sign))
	}
	for _, c := range j.Consumes {
		file(s.consumers, c.Resource, entryOf(j), sign)
	}
	if j.Share != "" {
		s.indexShare(j, sign)
	}
}

// indexKin is about where a job is listed, and who waits for whom.
func (s *State) indexKin(j *Job, sign int64) {
	if j.ID.Mark() == 0 {
		file(s.jobOrder, place{j.Queue, j.Status}, entryOf(j), sign)
		if at := s.expires(j); at != 0 {
			set(s.expiry, expiring{at, j.ID}, sign)
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
	for _, id := range j.WaitsFor {
		if sign > 0 {
			link(s.dependents, id, j.ID)
		} else {
			unlink(s.dependents, id, j.ID)
		}
	}
}

// indexWaiting is about jobs that are not where they could be.
func (s *State) indexWaiting(j *Job, sign int64) {
	if j.Status == Runnable && !j.Held {
		if j.Lacks == 0 {
			s.line(j, sign)
		} else {
			enter(s.lacking, j.Consumes[j.Lacks-1].Resource, lineKey{j.Queue, j.lineOf()}, j, sign)
		}
	}
	if j.Held {
		if sign > 0 {
			s.held[j.ID] = true
		} else {
			delete(s.held, j.ID)
		}
	}
	if j.Waits != nil {
		if at := j.lineKey(); sign > 0 {
			s.blocked[at] = j.ID
		} else if s.blocked[at] == j.ID {
			delete(s.blocked, at)
		}
	}
}

// indexTaken is about what a job's attempt holds.
func (s *State) indexTaken(j *Job, sign int64) {
	a := j.Live()
	if a == nil {
		return
	}
	for _, t := range a.Takes {
		add(s.taken, incarnation{t.Resource, t.Number}, sign*t.Quantity)
	}
	takes := j.MilliVCPU
	switch {
	case j.Service != nil:
		for unit := range j.Service.units() {
			add(s.used, capacity{a.Environment, unit}, sign*j.Service.Count)
			if q := j.Service.QuotaShare; q != "" {
				add(s.used, capacity{quotaARN(j.Queue, q), unit}, sign*j.Service.Count)
			}
		}
	case j.Nodes != nil: // its nodes have what they take themselves
		takes = j.Nodes.Reserved
	}
	add(s.used, capacity{of: a.Environment}, sign*takes)
	if a.Host != "" {
		s.burden(a.Host, j, sign)
	}
	if j.ID.Mark() != MarkNode { // the parent counts for all
		add(s.heldBy, j.Queue, sign*j.MilliVCPU)
		s.busy.MilliVCPU += sign * j.MilliVCPU
		s.busy.MiB += sign * j.MemoryMiB
	}
}

// add keeps a sum for as long as it is not zero.
func add[K comparable, N int | int64](sums map[K]N, k K, n N) {
	if sums[k] += n; sums[k] == 0 {
		delete(sums, k)
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

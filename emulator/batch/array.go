package batch

// Array jobs (jobs.md 6). A parent waits as PENDING: first for its dependencies, then for its children. Children come into being when the
// dependencies are through, some at a time, so that ten thousand of them keep nobody else waiting; what is still to be done is
// in the parent's record, and whoever runs transactions calls Tx.Work until nothing is.

// hasWork says whether children are still to be spawned, or to be told to stop.
func (j *Job) hasWork() bool {
	a := j.Array
	return a != nil && j.Status == Pending && len(j.WaitsFor) == 0 && (a.Spawned < a.Size || a.Sweep != SweepNone && a.Swept < a.Size)
}

// Working says whether Tx.Work has something to do.
func (s *State) Working() bool { return s.working.Len() > 0 }

// Work spawns or stops up to n children.
func (tx *Tx) Work(n int32) {
	for n > 0 {
		e, ok := tx.working.Min()
		if !ok {
			return
		}
		parent := tx.jobs[e.id]
		if a := parent.Array; a.Spawned < a.Size {
			n -= tx.spawn(parent, n)
		} else {
			n -= tx.sweep(parent, n)
		}
	}
}

// spawn makes up to n more children.
func (tx *Tx) spawn(parent *Job, n int32) int32 {
	from := parent.Array.Spawned
	to := min(parent.Array.Size, from+n)
	parent = tx.changeArray(parent, func(a *Array) { a.Spawned = to })
	for i := from; i < to; i++ {
		j := &Job{
			ID: parent.ID.Child(i), Number: parent.Number, Scope: parent.Scope, Name: parent.Name, Queue: parent.Queue, Definition: parent.Definition,
			Status: Pending, CreatedAt: tx.now, MilliVCPU: parent.MilliVCPU, MemoryMiB: parent.MemoryMiB,
			GPUs: parent.GPUs, Consumes: parent.Consumes, Share: parent.Share, Priority: parent.Priority, Prioritized: parent.Prioritized,
		}
		tx.waitAs(j, parent)
		tx.put(nil, j)
		tx.tell(j, "")
		tx.ready(j)
	}
	return to - from
}

// sweep tells up to n more children that the array was stopped.
func (tx *Tx) sweep(parent *Job, n int32) int32 {
	from := parent.Array.Swept
	to := min(parent.Array.Size, from+n)
	how, reason := parent.Array.Sweep, parent.StopReason
	parent = tx.changeArray(parent, func(a *Array) { a.Swept = to })
	for i := from; i < to; i++ {
		switch j := tx.jobs[parent.ID.Child(i)]; {
		case j == nil || Ended(j.Status):
		case how == SweepWaiting:
			tx.cancel(j, reason)
		case parent.Terminated:
			tx.terminate(j, reason)
		default:
			tx.stop(j, reason)
		}
	}
	return to - from
}

func (tx *Tx) changeArray(parent *Job, edit func(*Array)) *Job {
	return tx.change(parent, func(j *Job) {
		a := *j.Array
		edit(&a)
		j.Array = &a
	})
}

// stopArray ends an array: one that waits for its dependencies when these are through, another when its children have ended.
func (tx *Tx) stopArray(j *Job, reason string, how Sweep) *Job {
	if j.Array.Sweep >= how { // the first reason is kept
		return j
	}
	j = tx.change(j, func(j *Job) { j.StopReason = reason })
	return tx.changeArray(j, func(a *Array) { a.Sweep, a.Swept = how, 0 })
}

// tally ends an array's parent when all children have ended.
func (tx *Tx) tally(parent *Job) {
	if parent == nil || parent.Array == nil || Ended(parent.Status) || tx.familyOf(parent.ID).ended() < parent.Array.Size || tx.hold(parent) {
		return
	}
	switch {
	case tx.familyOf(parent.ID).in[Rank(Failed)] == 0:
		tx.setStatus(parent, Succeeded, "", nil)
	case parent.StopReason != "":
		tx.setStatus(parent, Failed, parent.StopReason, nil)
	default:
		tx.setStatus(parent, Failed, ReasonChildFailed, nil)
	}
}

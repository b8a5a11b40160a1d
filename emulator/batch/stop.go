package batch

// Cancel ends a job that has not been placed; one that has is left alone (jobs.md 14.1). An unknown id is no error, and the first reason is kept.
func (tx *Tx) Cancel(scope Scope, id JobID, reason string) {
	if j := tx.Job(scope, id); j != nil && !Ended(j.Status) {
		tx.cancel(j, reason)
	}
}

func (tx *Tx) cancel(j *Job, reason string) {
	switch {
	case j.Array != nil && j.Status == Pending:
		tx.stopArray(tx.change(j, func(j *Job) { j.Cancelled = true }), reason, SweepWaiting)
		tx.ready(tx.jobs[j.ID])
	case len(j.WaitsFor) > 0: // it ends when its dependencies are through
		tx.change(j, func(j *Job) {
			j.Cancelled = true
			if j.StopReason == "" {
				j.StopReason = reason
			}
		})
	case j.Status == Starting || j.Status == RunningOn || j.ID.Mark() == MarkNode:
		// Guess: isCancelled does not become true either (jobs.md 18).
	default:
		tx.setStatus(j, Failed, reason, func(j *Job) { j.Cancelled = true })
	}
}

// Terminate ends a job in whatever state it is; one that runs is stopped first (jobs.md 14.1, 4). An unknown id is no
// error, and the first reason is kept.
func (tx *Tx) Terminate(scope Scope, id JobID, reason string) {
	if j := tx.Job(scope, id); j != nil && !Ended(j.Status) {
		tx.terminate(j, reason)
	}
}

func (tx *Tx) terminate(j *Job, reason string) {
	if !j.Terminated {
		j = tx.change(j, func(j *Job) { j.Terminated = true })
	}
	if len(j.WaitsFor) > 0 && j.Array == nil { // as of a cancellation: when its dependencies are through
		if j.StopReason == "" {
			tx.change(j, func(j *Job) { j.StopReason = reason })
		}
		return
	}
	tx.stop(j, reason)
}

// stop ends a job that waits, and wants the attempt of another one stopped.
func (tx *Tx) stop(j *Job, cause string) {
	a := j.Live()
	switch {
	case j.Array != nil && j.Status == Pending:
		tx.ready(tx.stopArray(j, cause, SweepAll))
	case a == nil:
		tx.setStatus(j, Failed, cause, func(j *Job) { j.WaitsFor = nil })
	case a.Desired == Stop && a.Cause != "":
	default:
		kept := a.Kept
		j = tx.changeAttempt(j, j.Nodes == nil, func(a *Attempt) { a.Desired, a.Cause, a.Deadline, a.Kept = Stop, cause, 0, nil })
		if j.Held {
			j = tx.change(j, func(j *Job) { j.Held = false })
		}
		if j.Nodes != nil {
			for node := range tx.Members(j, 0) {
				if node.Live() != nil {
					tx.stop(node, cause)
				}
			}
		}
		for _, r := range kept {
			tx.Report(r)
		}
	}
}

// Tick does what is due by now, in the order in which it is: attempts that ran into their timeout, heads of queues that were blocked for too
// long, instances that had nothing to do, resources that were being modified; and then ended jobs that were kept long enough.
func (tx *Tx) Tick() {
	for {
		next, ok := tx.deadlines.Min()
		if !ok || next.at > tx.now {
			break
		}
		tx.due(next.key)
	}
	for {
		next, ok := tx.expiry.Min()
		if !ok || next.at > tx.now {
			return
		}
		tx.forget(tx.jobs[next.id])
	}
}

// due does what a record waits for.
func (tx *Tx) due(key Key) {
	switch r := tx.record(key).(type) {
	case *Job:
		if r.Live() != nil {
			tx.stop(r, ReasonTimeout)
		} else {
			tx.waitedLong(r)
		}
	case *Instance:
		tx.instanceDue(r)
	default:
		tx.settled(r)
	}
}

// forget removes an ended job, its children and its nodes.
func (tx *Tx) forget(j *Job) {
	for member := range tx.Members(j, 0) {
		if a := member.Live(); a != nil { // a node that outlives its job so long: whoever runs it is to take it away
			tx.attempts[AttemptID{member.ID, a.Number}] = true
		}
		tx.put(member, nil)
	}
	tx.put(j, nil)
}

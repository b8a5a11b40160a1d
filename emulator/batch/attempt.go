package batch

import "github.com/batch-local/batch-local/emulator/api"

// Report takes what a driver saw. Late, repeated and foreign reports change nothing.
func (tx *Tx) Report(r Report) {
	j := tx.jobs[r.Attempt.Job]
	if j == nil {
		return
	}
	a := j.Live()
	if a == nil || a.Number != r.Attempt.Number || r.State <= a.State { // states only move forward within an attempt
		return
	}
	if r.At == 0 {
		r.At = tx.now
	}
	switch r.State {
	case Running:
		tx.started(j, r)
	case Exited:
		if a.State == Placed && r.ExitCode != nil { // it ran, and nobody was there to see it
			tx.started(j, r)
			j = tx.jobs[j.ID]
		}
		tx.ended(j, r)
	}
}

func (tx *Tx) started(j *Job, r Report) {
	at := max(r.At, j.Attempt().PlacedAt)
	j = tx.changeAttempt(j, false, func(a *Attempt) {
		a.State, a.StartedAt, a.PrivateIPv4 = Running, at, r.PrivateIPv4
		if t := tx.timeoutOf(j); t > 0 && a.Desired == Run {
			a.Deadline = at + t*1000
		}
	})
	tx.setStatus(j, RunningOn, "", func(j *Job) { j.StartedAt = at })
}

// ended closes the attempt and decides what becomes of the job (jobs.md 3.3).
func (tx *Tx) ended(j *Job, r Report) {
	environment := j.Attempt().Environment
	j = tx.changeAttempt(j, true, func(a *Attempt) {
		a.StoppedAt = max(r.At, a.StartedAt, a.PlacedAt)
		a.StatusReason = endReason(a, r)
		a.State, a.Deadline = Exited, 0
		a.ExitCode, a.Reason = r.ExitCode, r.Reason
		if r.PrivateIPv4 != "" {
			a.PrivateIPv4 = r.PrivateIPv4
		}
	})
	tx.lookAround(environment)
	a := j.Attempt()
	switch {
	case a.Desired == Stop:
		tx.finish(j, Failed)
	case a.ExitCode != nil && *a.ExitCode == 0 && a.StatusReason == ReasonExited:
		tx.finish(j, Succeeded)
	case a.Number < tx.attemptsOf(j) && tx.retries(j, a):
		tx.setStatus(j, Runnable, "", nil)
	default:
		tx.finish(j, Failed)
	}
}

// finish ends a job with the result of its last attempt.
func (tx *Tx) finish(j *Job, status Status) {
	a := j.Attempt()
	tx.setStatus(j, status, a.StatusReason, func(j *Job) { j.StoppedAt = a.StoppedAt })
}

// endReason is the statusReason of an attempt that ends (jobs.md 2.3).
func endReason(a *Attempt, r Report) string {
	switch {
	case a.Cause != "":
		return a.Cause
	case r.StatusReason != "":
		return r.StatusReason
	case a.State == Running || r.ExitCode != nil:
		return ReasonExited
	}
	return ReasonNotStarted
}

// Cancel ends a job that has not been placed; one that has is left alone (jobs.md 14.1). An unknown id is no error.
func (tx *Tx) Cancel(scope Scope, id JobID, reason string) {
	j := tx.Job(scope, id)
	if j == nil || Ended(j.Status) || j.Live() != nil {
		return
	}
	tx.setStatus(j, Failed, reason, func(j *Job) { j.Cancelled = true })
}

// Terminate ends a job in whatever state it is; one that runs is stopped first (jobs.md 14.1, 4). An unknown id is no
// error, and the first reason is kept.
func (tx *Tx) Terminate(scope Scope, id JobID, reason string) {
	j := tx.Job(scope, id)
	if j == nil || Ended(j.Status) {
		return
	}
	j = tx.stop(j, reason)
	if !j.Terminated {
		tx.change(j, func(j *Job) { j.Terminated = true })
	}
}

// stop ends a job that waits, and wants the attempt of another one stopped.
func (tx *Tx) stop(j *Job, cause string) *Job {
	a := j.Live()
	switch {
	case a == nil:
		return tx.setStatus(j, Failed, cause, nil)
	case a.Desired == Stop:
		return j
	}
	return tx.changeAttempt(j, true, func(a *Attempt) { a.Desired, a.Cause, a.Deadline = Stop, cause, 0 })
}

// Tick does what is due by now: attempts that ran into their timeout, in the order in which they did.
func (tx *Tx) Tick() {
	for {
		next, ok := tx.deadlines.Min()
		if !ok || next.at > tx.now {
			return
		}
		tx.stop(tx.jobs[next.id], ReasonTimeout)
	}
}

// timeoutOf is the job's attemptDurationSeconds; 0 is none. That of SubmitJob replaces the definition's (jobs.md 4).
func (s *State) timeoutOf(j *Job) int64 {
	t := (*api.JobTimeout)(nil)
	if d := s.definitions[j.Definition]; d != nil {
		t = d.Detail.Timeout
	}
	if j.Request != nil && j.Request.Timeout != nil {
		t = j.Request.Timeout
	}
	if t == nil {
		return 0
	}
	return int64(api.Value(t.AttemptDurationSeconds))
}

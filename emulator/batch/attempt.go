package batch

import (
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
)

// Report takes what a driver saw. Late, repeated and foreign reports change nothing.
func (tx *Tx) Report(r Report) {
	j := tx.jobs[r.Attempt.Job]
	if j == nil {
		return
	}
	a := j.Live()
	if a != nil && a.Number == r.Attempt.Number && a.State == Placed && r.State == Placed {
		tx.awaits(j, r.Await)
		return
	}
	if a == nil || a.Number != r.Attempt.Number || r.State <= a.reported() || j.Nodes != nil { // states only move forward within an attempt
		return
	}
	if a.Desired == Run && (len(a.Kept) > 0 || tx.hold(j)) {
		tx.changeAttempt(j, false, func(a *Attempt) { a.Kept = append(slices.Clip(a.Kept), r) })
		return
	}
	if r.At == 0 {
		r.At = tx.now
	}
	switch r.State {
	case Running:
		tx.started(j, r)
	case Exited:
		if r.HostLost {
			tx.ReclaimJob(j)
			return
		}
		if a.State == Placed && r.ran(tx.isPod(j)) { // and nobody was there to see it
			tx.started(j, r)
			j = tx.jobs[j.ID]
		}
		tx.ended(j, r)
	}
}

// reported is the last state that was reported, kept back or not.
func (a *Attempt) reported() AttemptState {
	if n := len(a.Kept); n > 0 {
		return a.Kept[n-1].State
	}
	return a.State
}

// awaits notes what a container of an attempt that has not started waits for, in place of what it has waited for.
func (tx *Tx) awaits(j *Job, w Await) {
	list := slices.DeleteFunc(slices.Clone(j.Attempt().Awaits), func(o Await) bool { return o.Container == w.Container })
	if w.Secret != "" {
		list = append(list, w)
	}
	if !slices.Equal(list, j.Attempt().Awaits) {
		tx.changeAttempt(j, false, func(a *Attempt) { a.Awaits = list })
	}
}

func (tx *Tx) started(j *Job, r Report) {
	at := max(r.At, j.Attempt().PlacedAt)
	j = tx.changeAttempt(j, false, func(a *Attempt) {
		a.State, a.StartedAt, a.PrivateIPv4, a.Awaits = Running, at, r.PrivateIPv4, nil
		if t := tx.timeoutOf(j); t > 0 && a.Desired == Run {
			a.Deadline = at + t*1000
		}
	})
	tx.setStatus(j, RunningOn, "", func(j *Job) { j.StartedAt = at })
	if j.ID.Mark() == MarkNode {
		tx.nodeStarted(tx.jobs[j.ID])
	}
}

// ended closes the attempt and decides what becomes of the job (jobs.md 3.3).
func (tx *Tx) ended(j *Job, r Report) {
	was := j.Attempt()
	j = tx.changeAttempt(j, true, func(a *Attempt) {
		a.StoppedAt = max(r.At, a.StartedAt, a.PlacedAt)
		a.StatusReason = endReason(j, a, r, tx.isPod(j))
		a.State, a.Deadline, a.Awaits = Exited, 0, nil
		a.ExitCode, a.Reason, a.Containers = r.ExitCode, r.Reason, r.Containers
		if r.PrivateIPv4 != "" {
			a.PrivateIPv4 = r.PrivateIPv4
		}
	})
	tx.lookAround(was.Environment)
	tx.lookAtOverloaded()
	tx.giveBack(was)
	tx.freed(was.Host)
	if j.ID.Mark() == MarkNode {
		tx.nodeEnded(j)
		return
	}
	if tx.decide(j) {
		tx.setStatus(j, Runnable, "", nil)
	}
}

// decide ends a job with the result of its last attempt, or answers that there is to be another one.
func (tx *Tx) decide(j *Job) (again bool) {
	a := j.Attempt()
	switch {
	case a.Preempted && a.Cause == "":
		tx.preempted(j)
	case a.succeeded():
		tx.finish(j, Succeeded)
	case a.Cause == "" && a.Number-j.preemptions() < tx.attemptsOf(j) && tx.retries(j, a):
		return true
	default:
		tx.finish(j, Failed)
	}
	return false
}

// succeeded says whether an attempt that ended did so by itself and well. One that was told to stop for a reason has failed, whatever
// its exit code; nodes that their main node outlived have none. A pod that went well has no reason.
func (a *Attempt) succeeded() bool {
	return a.Cause == "" && a.ExitCode != nil && *a.ExitCode == 0 && (a.StatusReason == ReasonExited || a.StatusReason == ReasonTrained || a.StatusReason == "")
}

// finish ends a job with the result of its last attempt.
func (tx *Tx) finish(j *Job, status Status) {
	a := j.Attempt()
	tx.setStatus(j, status, a.StatusReason, func(j *Job) { j.StoppedAt = a.StoppedAt })
}

// endReason is the statusReason of an attempt that ends (jobs.md 2.3).
func endReason(j *Job, a *Attempt, r Report, pod bool) string {
	switch {
	case a.Cause != "":
		return a.Cause
	case a.Preempted:
		return ReasonPreempted
	case j.Service != nil:
		return trainingReason(a, r)
	case r.StatusReason != "":
		return r.StatusReason
	case pod:
		return podReason(r, a.State == Running)
	case a.State == Running || r.ran(pod):
		return ReasonExited
	}
	return ReasonNotStarted
}

// timeoutOf is the job's attemptDurationSeconds; 0 is none. That of SubmitJob replaces the definition's (jobs.md 4).
func (s *State) timeoutOf(j *Job) int64 {
	t := s.Timeout(j)
	if t == nil || j.ID.Mark() == MarkNode { // the whole multi-node job has it
		return 0
	}
	return int64(api.Value(t.AttemptDurationSeconds))
}

// Timeout is the one that counts for a job: that of SubmitJob replaces the definition's. Nil is none.
func (s *State) Timeout(j *Job) *api.JobTimeout {
	if j.Service != nil {
		if t := j.Service.Timeout; t != nil {
			return &api.JobTimeout{AttemptDurationSeconds: t.AttemptDurationSeconds}
		}
		return nil
	}
	if t := s.requestOf(j).Timeout; t != nil {
		return t
	}
	if d := s.definitions[j.Definition]; d != nil {
		return d.Detail.Timeout
	}
	return nil
}

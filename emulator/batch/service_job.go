package batch

import (
	"cmp"
	"iter"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
)

// Service jobs (resources.md 5.4): jobs of another service, which Batch queues, starts and tries again. They are jobs like others to queues,
// retries, timeouts and drivers, but need instances of the other service instead of vCPUs, pass through SCHEDULED, and have no definition.

// Scheduled is a status of service jobs alone: the other service has it.
const Scheduled Status = "SCHEDULED"

// A Service is what makes a job a service job.
type Service struct {
	Type    api.ServiceJobType
	Payload string
	// InstanceType and Count are what the payload asks for.
	InstanceType string
	Count        int64
	QuotaShare   string `json:",omitempty"` // name
	// Requeues is how often it may be preempted before it fails; nil is as often as may be.
	Requeues *int32 `json:",omitempty"`
	Timeout  *api.ServiceJobTimeout
	Retry    *api.ServiceJobRetryStrategy
	// Token is the caller's, and Payload what it was given with.
	Token string `json:",omitempty"`
}

// units are those in which it is counted.
func (v *Service) units() iter.Seq[string] {
	return func(yield func(string) bool) { _ = yield(v.InstanceType) && yield(UnitInstances) }
}

// A ServiceSubmission is a SubmitServiceJob whose shape is right.
type ServiceSubmission struct {
	Scope    Scope
	Name     string
	Queue    string
	Service  Service
	Share    string
	Priority *int32
	Tags     map[string]string
}

// SubmitService adds a service job and moves it on as far as it gets.
func (tx *Tx) SubmitService(s ServiceSubmission) (*Job, error) {
	q := tx.Queue(s.Scope, s.Queue)
	if err := tx.open(q, s.Queue); err != nil {
		return nil, err
	}
	if q.Service == "" {
		// Guess: the text was not seen.
		return nil, refused("Service jobs can only be submitted to a job queue of type SAGEMAKER_TRAINING.")
	}
	if err := tx.checkShare(q, s.Share); err != nil {
		return nil, err
	}
	quotas := tx.quotaManaged(q)
	share := tx.quotas.all[quotaARN(q.ARN, s.Service.QuotaShare)]
	switch {
	case quotas && s.Service.QuotaShare == "":
		// Guess: by analogy with shareIdentifier.
		return nil, refused("quotaShareName must be specified.")
	case !quotas && s.Service.QuotaShare != "":
		// Guess: the text was not seen.
		return nil, refused("quotaShareName can only be specified for a job queue with a quota share policy.")
	case quotas && share == nil:
		return nil, refused("QuotaShare %s not found.", s.Service.QuotaShare)
	case quotas && (share.Detail.State == api.QuotaShareStateDisabled || share.Detail.Status == statusDeleting):
		return nil, refused("Quota share %s is DISABLED", s.Service.QuotaShare)
	}
	if s.Service.Token != "" && tx.tokenUsed(q, s.Service.Token) {
		// Guess: refused, as the model says; the text was not seen.
		return nil, refused("A service job was already submitted with the clientToken %s.", s.Service.Token)
	}
	j := &Job{
		ID: JobID(tx.chance.UUID()), Scope: q.Scope, Name: s.Name, Queue: q.ARN, Tags: s.Tags, Status: Submitted, CreatedAt: tx.now,
		Service: &s.Service, Share: s.Share, MilliVCPU: s.Service.Count * 1000,
	}
	if t, ok := TrainingInstance(s.Service.InstanceType); ok {
		j.MemoryMiB = t.MiB
	}
	if s.Priority != nil {
		j.Priority, j.Prioritized = *s.Priority, true
	}
	j.Number = tx.nextNumber()
	tx.put(nil, j)
	tx.tell(j, "")
	if !tx.hold(j) {
		tx.setStatus(tx.jobs[j.ID], Runnable, "", nil)
	}
	return tx.jobs[j.ID], nil
}

// tokenUsed looks for a job of the same token, submitted not too long ago.
func (s *State) tokenUsed(q *Queue, token string) bool {
	all := append(append([]Status{}, unfinished[:]...), Succeeded, Failed)
	for j := range s.JobsOfAnyBefore(q.ARN, all, 0) {
		if j.Service != nil && j.Service.Token == token {
			return true
		}
	}
	return false
}

// PrioritizeService changes the scheduling priority of a service job that has not ended.
func (tx *Tx) PrioritizeService(j *Job, priority int32) {
	tx.change(j, func(j *Job) { j.Priority, j.Prioritized = priority, true })
	tx.look(j.Queue)
}

// TerminateService ends a service job in whatever state it is. An unknown id is no error.
func (tx *Tx) TerminateService(scope Scope, id JobID, reason string) {
	if j := tx.ServiceJob(scope, id); j != nil && !Ended(j.Status) {
		tx.terminate(j, reason)
	}
}

// retry is a service job's strategy in the words of other jobs.
func (v *Service) retry() *api.RetryStrategy {
	if v.Retry == nil {
		return nil
	}
	r := &api.RetryStrategy{Attempts: v.Retry.Attempts}
	for _, e := range v.Retry.EvaluateOnExit {
		r.EvaluateOnExit = append(r.EvaluateOnExit, api.EvaluateOnExit{Action: api.RetryAction(e.Action), OnStatusReason: e.OnStatusReason})
	}
	return r
}

// fillService places the service jobs of a queue.
func (tx *Tx) fillService(q *Queue) {
	if tx.quotaManaged(q) {
		tx.fillQuotas(q)
		return
	}
	for {
		head := tx.head(q)
		tx.unblock(lineKey{queue: q.ARN}, head)
		if head == nil {
			return
		}
		if tx.hold(head) {
			continue
		}
		e, obstacle := tx.chooseService(q, head)
		if obstacle != nil {
			tx.wait(head, obstacle)
			return
		}
		tx.placeService(head, e)
	}
}

// chooseService is choose for a service job, whatever quota shares say.
func (s *State) chooseService(q *Queue, j *Job) (*ServiceEnvironment, *Obstacle) {
	e := s.services.all[q.Service]
	if e == nil || e.Detail.Status != statusValid && e.Detail.Status != statusUpdating {
		return nil, &Obstacle{Kind: ObstacleEnvironments, Text: textAllInvalid}
	}
	unit, most := e.limit(j.Service.InstanceType)
	free := most - s.used[capacity{e.ARN, unit}]
	switch {
	case j.Service.Count > most:
		return nil, &Obstacle{Kind: ObstacleMaxCapacity, Where: e.ARN, Needs: j.Service.Count, Has: most, Text: textServiceMaximum}
	case !e.Enabled():
		return nil, &Obstacle{Kind: ObstacleDisabled, Where: e.ARN}
	case j.Service.Count > free:
		return nil, &Obstacle{Kind: ObstacleCapacity, Where: e.ARN, Needs: j.Service.Count, Has: max(0, free)}
	case !s.host.Ready:
		return nil, &Obstacle{Kind: ObstacleEngine, Text: s.host.Reason}
	}
	return e, s.overloads(j)
}

// placeService gives a service job a new attempt. It is SCHEDULED, and STARTING at once.
func (tx *Tx) placeService(j *Job, e *ServiceEnvironment) {
	a := &Attempt{Number: len(j.Attempts) + 1, TaskID: hexID(tx.chance), Environment: e.ARN, PlacedAt: tx.now}
	j = tx.setStatus(j, Scheduled, "", func(j *Job) { j.Attempts = append(slices.Clip(j.Attempts), a) })
	tx.setStatus(j, Starting, "", nil)
	tx.attempts[AttemptID{j.ID, a.Number}] = true
}

// How quota shares divide a service environment (resources.md 4.5), for each unit of capacity:
//
// A share has its own limit. What shares that lend do not use of theirs goes to those that borrow, each up to its borrow limit, the job that was
// submitted first before others. All together never have more than the environment.
//
// A job that finds its share's own capacity lent out has it back: of the jobs that are beyond their share's limit those are stopped that have
// the lowest priority, and of these the ones that were started last. Where the share says so, a job does the same to jobs of its own share with
// a lower priority. A job that is stopped for that is RUNNABLE again.
//
// Guess: AWS does not say whom it chooses.

// fillQuotas places the service jobs of a queue with quota shares. Each share has a head of its own. Heads that stay within their share's own
// capacity come before those that borrow; nothing is lent of a unit for which one of the former still waits.
func (tx *Tx) fillQuotas(q *Queue) {
	stuck, claimed := map[string]bool{}, map[string]bool{}
	for {
		head := tx.quotaHead(q, stuck)
		if head == nil {
			break
		}
		tx.unblock(head.lineKey(), head)
		if tx.hold(head) {
			continue
		}
		own := tx.withinOwn(head)
		e, obstacle := tx.chooseQuota(q, head)
		if obstacle == nil && !own && claimed[head.Service.InstanceType] {
			obstacle = &Obstacle{Kind: ObstacleQuota, Where: quotaARN(q.ARN, head.Service.QuotaShare), Needs: head.Service.Count}
		}
		if obstacle == nil {
			tx.placeService(head, e)
			continue
		}
		tx.preempt(q, head)
		tx.wait(head, obstacle)
		stuck[head.Service.QuotaShare] = true
		claimed[head.Service.InstanceType] = claimed[head.Service.InstanceType] || own
	}
}

// quotaHead is the head that comes first, of the shares that are not stuck: those that do not borrow before others, then by submission.
func (tx *Tx) quotaHead(q *Queue, stuck map[string]bool) *Job {
	var best *Job
	bestOwn := false
	for line, j := range tx.QuotaFront(q) {
		if stuck[line] {
			continue
		}
		if own := tx.withinOwn(j); best == nil || own && !bestOwn || own == bestOwn && bySubmission(j, best) < 0 {
			best, bestOwn = j, own
		}
	}
	return best
}

// withinOwn says whether a job needs no more than what is left of its share's own capacity.
func (s *State) withinOwn(j *Job) bool {
	share := s.quotas.all[quotaARN(j.Queue, j.Service.QuotaShare)]
	unit := j.Service.InstanceType
	return share != nil && s.used[capacity{share.ARN, unit}]+j.Service.Count <= share.limits()[unit]
}

// chooseQuota is choose for a job of a quota share.
func (s *State) chooseQuota(q *Queue, j *Job) (*ServiceEnvironment, *Obstacle) {
	share := s.quotas.all[quotaARN(q.ARN, j.Service.QuotaShare)]
	if share == nil {
		return nil, &Obstacle{Kind: ObstacleQuota, Where: quotaARN(q.ARN, j.Service.QuotaShare), Needs: j.Service.Count}
	}
	unit, n := j.Service.InstanceType, j.Service.Count
	own := share.limits()[unit]
	used := s.used[capacity{share.ARN, unit}]
	extra := share.borrows(own)
	if n > own && extra == 0 || extra >= 0 && n > own+extra {
		return nil, &Obstacle{Kind: ObstacleMaxQuota, Where: share.ARN, Needs: n, Has: own + max(0, extra), Text: textQuotaMaximum}
	}
	e, obstacle := s.chooseService(q, j)
	switch {
	case obstacle != nil:
		return nil, obstacle
	case used+n <= own:
		if spare := s.spare(q, unit); share.lends() && n > spare { // what is free besides is reserved
			return nil, &Obstacle{Kind: ObstacleCapacity, Where: e.ARN, Needs: n, Has: max(0, spare)}
		}
		return e, nil
	case extra == 0 || extra > 0 && used+n > own+extra:
		return nil, &Obstacle{Kind: ObstacleQuota, Where: share.ARN, Needs: n, Has: max(0, own+extra-used)}
	}
	if spare := s.spare(q, unit); n > spare { // who borrows lends too, so what is left of its own is among it
		return nil, &Obstacle{Kind: ObstacleQuota, Where: share.ARN, Needs: n, Has: max(0, spare)}
	}
	return e, nil
}

// spare is how much of a unit shares that lend do not use and nobody has borrowed. It is below 0 when limits were lowered since.
func (s *State) spare(q *Queue, unit string) int64 {
	idle, borrowed := int64(0), int64(0)
	for arn := range s.quotasOf[q.ARN] {
		share := s.quotas.all[arn]
		own, used := share.limits()[unit], s.used[capacity{arn, unit}]
		if share.lends() {
			idle += max(0, own-used)
		}
		borrowed += max(0, used-own)
	}
	return idle - borrowed
}

// preempt stops jobs so that one has room that has a right to it.
func (tx *Tx) preempt(q *Queue, j *Job) {
	e := tx.services.all[q.Service]
	share := tx.quotas.all[quotaARN(q.ARN, j.Service.QuotaShare)]
	if e == nil || share == nil || !e.Enabled() {
		return
	}
	unit, n := j.Service.InstanceType, j.Service.Count
	own, used := share.limits()[unit], tx.used[capacity{share.ARN, unit}]
	var victims []*Job
	var missing int64
	switch {
	case used+n <= own: // its own capacity is lent out
		limit, most := e.limit(unit)
		missing = n - (most - tx.used[capacity{e.ARN, limit}])
		if share.lends() {
			missing = max(missing, n-tx.spare(q, unit))
		}
		victims = tx.running(q, func(v *Job) bool {
			of := tx.quotas.all[quotaARN(q.ARN, v.Service.QuotaShare)]
			return of != nil && of != share && tx.used[capacity{of.ARN, unit}] > of.limits()[unit] && v.Service.InstanceType == unit
		})
	case n <= own && share.Detail.PreemptionConfiguration != nil && share.Detail.PreemptionConfiguration.InSharePreemption == api.QuotaShareInSharePreemptionStateEnabled:
		missing = used + n - own
		victims = tx.running(q, func(v *Job) bool {
			return v.Service.QuotaShare == j.Service.QuotaShare && v.Service.InstanceType == unit && v.Priority < j.Priority
		})
	default:
		return
	}
	var chosen []*Job
	over := map[string]int64{}
	for _, v := range victims {
		if missing <= 0 {
			break
		}
		if v.Attempt().Preempted { // on its way out
			missing -= v.Service.Count
			continue
		}
		if name := v.Service.QuotaShare; name != j.Service.QuotaShare { // of a borrower no more than it has borrowed
			of := tx.quotas.all[quotaARN(q.ARN, name)]
			if tx.used[capacity{of.ARN, unit}]-over[name] <= of.limits()[unit] {
				continue
			}
			over[name] += v.Service.Count
		}
		chosen, missing = append(chosen, v), missing-v.Service.Count
	}
	if missing > 0 {
		return
	}
	for _, v := range chosen {
		tx.changeAttempt(v, true, func(a *Attempt) { a.Desired, a.Preempted, a.Deadline = Stop, true, 0 })
	}
}

// running are the service jobs of a queue that hold capacity, those first that are to go first.
func (tx *Tx) running(q *Queue, pick func(*Job) bool) (list []*Job) {
	for _, status := range []Status{Scheduled, Starting, RunningOn} {
		for j := range tx.JobsOf(q.ARN, status) {
			if a := j.Live(); a != nil && (a.Desired == Run || a.Preempted) && pick(j) {
				list = append(list, j)
			}
		}
	}
	slices.SortFunc(list, func(a, b *Job) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Attempt().PlacedAt, a.Attempt().PlacedAt), -bySubmission(a, b))
	})
	return list
}

// preempted is for an attempt that ended because its capacity was needed: the job is RUNNABLE again, or fails if that was once too often.
func (tx *Tx) preempted(j *Job) {
	if n := j.Service.Requeues; n != nil && j.preemptions() > int(*n) {
		tx.finish(j, Failed)
		return
	}
	tx.setStatus(j, Runnable, "", nil)
}

// preemptions counts the attempts that were preempted. They do not use up the retry strategy.
func (j *Job) preemptions() (n int) {
	for _, a := range j.Attempts {
		if a.Preempted {
			n++
		}
	}
	return n
}

package batch

import (
	"iter"

	"github.com/batch-local/batch-local/emulator/api"
)

// A Queue is a job queue.
type Queue struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Priority and Environments, in their order, are what the core decides with; Service is the environment of a queue for service jobs.
	Priority     int32
	Environments []ARN
	Service      ARN `json:",omitempty"`
	// Policy is the scheduling policy; empty is first in, first out.
	Policy ARN `json:",omitempty"`
	// Settles is when CREATING, UPDATING or DELETING is over, in Unix milliseconds; 0 is none of them.
	Settles int64 `json:",omitempty"`
	// Detail is what DescribeJobQueues answers.
	Detail *api.JobQueueDetail
}

// Key implements Record.
func (q *Queue) Key() Key { return Key{KindQueue, string(q.ARN)} }

func (q *Queue) place() shelfPlace { return shelfPlace{q.Scope, q.Number, q.ARN} }

func (q *Queue) deadline() int64 { return q.Settles }

// names are the other resources that the queue keeps from being deleted.
func (q *Queue) names() iter.Seq[ARN] {
	return func(yield func(ARN) bool) {
		for _, e := range q.Environments {
			if !yield(e) {
				return
			}
		}
		for _, other := range []ARN{q.Service, q.Policy} {
			if other != "" && !yield(other) {
				return
			}
		}
	}
}

// Enabled says whether jobs may be submitted to it. A DISABLED queue still runs what it has.
func (q *Queue) Enabled() bool { return q.Detail.State == api.JQStateEnabled }

const queueHealthy = "JobQueue Healthy"

// CreateQueue adds a queue. The caller fills in what is its own; the environments must exist (resources.md 3.2).
func (tx *Tx) CreateQueue(q Queue) error {
	if tx.queues.all[q.ARN] != nil {
		return exists()
	}
	if err := tx.quota(tx.queues.count(q.Scope), maxQueues, "Job queue"); err != nil {
		return err
	}
	if err := tx.checkOrder(&q); err != nil {
		return err
	}
	q.Number = tx.nextNumber()
	if q.Settles = tx.settlesAt(delayQueueChange); q.Settles != 0 {
		detail := *q.Detail
		detail.Status, detail.StatusReason, q.Detail = statusCreating, nil, &detail
	} else {
		validQueue(&q)
	}
	tx.put(nil, &q)
	return nil
}

// validQueue makes a record VALID that nobody else has.
func validQueue(q *Queue) {
	detail := *q.Detail
	detail.Status, detail.StatusReason = api.JQStatusValid, new(queueHealthy)
	q.Detail, q.Settles = &detail, 0
}

// UpdateQueue replaces the record with what change makes of a copy of it, as UpdateEnvironment does.
func (tx *Tx) UpdateQueue(arn ARN, change func(*Queue) error) error {
	old := tx.queues.all[arn]
	if old == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("update", old.Settles); err != nil {
		return err
	}
	q, detail := *old, *old.Detail
	q.Detail = &detail
	if err := change(&q); err != nil {
		return err
	}
	if err := tx.checkOrder(&q); err != nil {
		return err
	}
	if q.Settles = tx.settlesAt(delayQueueChange); q.Settles != 0 {
		detail.Status = statusUpdating
	}
	tx.put(old, &q)
	tx.look(arn)
	return nil
}

// checkOrder holds the rules about the environments of a queue that need the environments themselves.
func (tx *Tx) checkOrder(q *Queue) error {
	var first *Environment
	for _, arn := range q.Environments {
		e := tx.environments.all[arn]
		if e == nil || e.Detail.Status != api.CEStatusValid && !tx.queuesOf[arn][q.ARN] {
			return invalid("Compute Environments must be created and valid before attaching them to a job queue")
		}
		if first == nil {
			first = e
		}
		if e.Platform != first.Platform {
			if e.Platform == EKS || first.Platform == EKS {
				// Guess: refused, as documented; the text was not seen.
				return invalid("ECS and EKS compute environments can not be mixed.")
			}
			return invalid("Fargate and EC2 compute environments can not be mixed.")
		}
	}
	if arn := q.Service; arn != "" {
		e := tx.services.all[arn]
		if e == nil || e.Detail.Status != statusValid && !tx.queuesOf[arn][q.ARN] {
			return invalid("Service environments must be created and valid before attaching them to a job queue.")
		}
		if e.byType() {
			for other := range tx.queuesOf[arn] {
				if other != q.ARN && tx.quotaManaged(tx.queues.all[other]) && tx.quotaManaged(q) {
					// Guess: documented as a quota of one; the text was not seen (resources.md 0.7).
					return invalid("Service environment %s is already used by a job queue with quota management.", e.Name)
				}
			}
		}
	}
	return nil
}

// quotaManaged says whether a queue's capacity is divided among quota shares.
func (s *State) quotaManaged(q *Queue) bool {
	p := s.policies.all[q.Policy]
	return p != nil && !p.FairShare()
}

// DeleteQueue removes a DISABLED queue. Its jobs end as FAILED: at once if they wait, else after they were stopped (resources.md 3.4).
func (tx *Tx) DeleteQueue(arn ARN) error {
	q := tx.queues.all[arn]
	if q == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("delete", q.Settles); err != nil {
		return err
	}
	if q.Enabled() {
		// Guess: AWS refuses, its text was not seen (resources.md 8).
		return refused("Cannot delete, state must be DISABLED")
	}
	var left []*Job
	for _, status := range unfinished {
		for j := range tx.JobsOf(arn, status) {
			left = append(left, j)
		}
	}
	for _, j := range left {
		tx.stop(j, ReasonQueueGone)
	}
	if at := tx.settlesAt(delayQueueDelete); at != 0 {
		is, detail := *q, *q.Detail
		detail.Status = statusDeleting
		is.Settles, is.Detail = at, &detail
		tx.put(q, &is)
		return nil
	}
	for _, share := range tx.QuotaSharesOf(arn) {
		tx.put(share, nil)
	}
	tx.put(q, nil)
	return nil
}

package batch

import "github.com/batch-local/batch-local/emulator/api"

// A Queue is a job queue.
type Queue struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Priority and Environments, in their order, are what the core decides with.
	Priority     int32
	Environments []ARN
	// Detail is what DescribeJobQueues answers.
	Detail *api.JobQueueDetail
}

// Key implements Record.
func (q *Queue) Key() Key { return Key{KindQueue, string(q.ARN)} }

// Enabled says whether jobs may be submitted to it. A DISABLED queue still runs what it has.
func (q *Queue) Enabled() bool { return q.Detail.State == api.JQStateEnabled }

// CreateQueue adds a queue. The caller fills in everything but Number; the environments must exist (resources.md 3.2).
func (tx *Tx) CreateQueue(q Queue) error {
	if tx.queues[q.ARN] != nil {
		return exists()
	}
	if err := tx.checkOrder(&q); err != nil {
		return err
	}
	q.Number = tx.nextNumber()
	tx.put(nil, &q)
	return nil
}

// UpdateQueue replaces the record with what change makes of a copy of it, as UpdateEnvironment does.
func (tx *Tx) UpdateQueue(arn ARN, change func(*Queue) error) error {
	old := tx.queues[arn]
	if old == nil {
		return missing("%s does not exist", arn)
	}
	q, detail := *old, *old.Detail
	q.Detail = &detail
	if err := change(&q); err != nil {
		return err
	}
	if err := tx.checkOrder(&q); err != nil {
		return err
	}
	tx.put(old, &q)
	tx.look(arn)
	return nil
}

// checkOrder holds the rules about the environments of a queue that need the environments themselves.
func (tx *Tx) checkOrder(q *Queue) error {
	var first *Environment
	for _, arn := range q.Environments {
		e := tx.environments[arn]
		if e == nil || e.Detail.Status != api.CEStatusValid {
			return invalid("Compute Environments must be created and valid before attaching them to a job queue")
		}
		if first == nil {
			first = e
		}
		if e.Platform != first.Platform {
			return invalid("Fargate and EC2 compute environments can not be mixed.")
		}
	}
	return nil
}

// DeleteQueue removes a DISABLED queue. Its jobs end as FAILED: at once if they wait, else after they were stopped (resources.md 3.4).
func (tx *Tx) DeleteQueue(arn ARN) error {
	q := tx.queues[arn]
	switch {
	case q == nil:
		return missing("%s does not exist", arn)
	case q.Enabled():
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
	tx.put(q, nil)
	return nil
}

package batch

import (
	"cmp"
	"slices"
	"strings"
)

// How waiting jobs find a place (resources.md 4.1, 4.2).
//
// A queue's jobs are taken in order of submission; a retried job keeps its place. The job at the head goes to the first of the queue's
// environments, in their order, that has room. If none has, the head waits, knows why, and nothing behind it starts.
// Queues are taken by descending priority, the older first among equals, so one that is stuck does not keep the next from
// starting its jobs.

// Texts of a RUNNABLE job at the head of its queue (resources.md 3.5).
const (
	textMaxResource = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
	textAllInvalid  = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
)

// Kinds of obstacles.
const (
	ObstacleEngine       = "engine"       // nothing can be started at all
	ObstacleVCPUs        = "vcpus"        // room for it, but not now
	ObstacleMaxVCPUs     = "maxvcpus"     // never room for it
	ObstacleDisabled     = "disabled"     // a DISABLED environment
	ObstacleEnvironments = "environments" // the queue has none that could be asked
)

// settle places what can be placed in the queues that the transaction asked for. It costs no more than what it places and
// one look at the head of each of these queues.
func (tx *Tx) settle() {
	var queues []*Queue
	for arn := range tx.wanted {
		if q := tx.queues[arn]; q != nil {
			queues = append(queues, q)
		}
	}
	slices.SortFunc(queues, func(a, b *Queue) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Number, b.Number), strings.Compare(string(a.ARN), string(b.ARN)))
	})
	for _, q := range queues {
		tx.fill(q)
	}
}

func (tx *Tx) fill(q *Queue) {
	for {
		head := tx.head(q.ARN)
		if was := tx.blocked[q.ARN]; was != "" && (head == nil || was != head.ID) {
			tx.wait(tx.jobs[was], nil)
		}
		if head == nil {
			return
		}
		if tx.hold(head) { // the others pass it
			continue
		}
		if tx.overridesTooLong(head) {
			tx.setStatus(head, Failed, ReasonOverridesTooLong, nil)
			continue
		}
		e, obstacle := tx.choose(q, head)
		if e == nil {
			tx.wait(head, obstacle)
			return
		}
		tx.place(head, e)
	}
}

func (s *State) head(queue ARN) *Job {
	if order := s.waiting[queue]; order != nil {
		if e, ok := order.Min(); ok {
			return s.jobs[e.id]
		}
	}
	return nil
}

// choose is the first environment with room, or else what stands in the way: the obstacle that is easiest to wait out.
func (s *State) choose(q *Queue, j *Job) (*Environment, *Obstacle) {
	var soft, hard *Obstacle
	valid := 0
	for _, arn := range q.Environments {
		e := s.environments[arn]
		if e == nil || e.Detail.Status != "VALID" {
			continue
		}
		valid++
		free := e.MaxMilliVCPU - s.used[arn]
		switch {
		case e.MaxMilliVCPU >= 0 && j.MilliVCPU > e.MaxMilliVCPU:
			hard = &Obstacle{Kind: ObstacleMaxVCPUs, Where: arn, Needs: j.MilliVCPU, Has: e.MaxMilliVCPU}
		case !e.Enabled():
			soft = or(soft, Obstacle{Kind: ObstacleDisabled, Where: arn})
		case e.MaxMilliVCPU >= 0 && j.MilliVCPU > free:
			soft = &Obstacle{Kind: ObstacleVCPUs, Where: arn, Needs: j.MilliVCPU, Has: free}
		case !s.host.Ready:
			return nil, &Obstacle{Kind: ObstacleEngine, Text: s.host.Reason}
		default:
			return e, nil
		}
	}
	switch {
	case soft != nil:
		return nil, soft
	case hard != nil:
		hard.Text = textMaxResource
		return nil, hard
	case valid == 0:
		return nil, &Obstacle{Kind: ObstacleEnvironments, Text: textAllInvalid}
	}
	return nil, &Obstacle{Kind: ObstacleEnvironments}
}

func or(o *Obstacle, other Obstacle) *Obstacle {
	if o != nil {
		return o
	}
	return &other
}

// wait notes on a RUNNABLE job why it is not placed; nil takes the note away.
func (tx *Tx) wait(j *Job, o *Obstacle) {
	if same(j.Waits, o) {
		return
	}
	tx.change(j, func(j *Job) {
		j.Waits, j.StatusReason = o, ""
		if o != nil {
			j.StatusReason = o.Text
		}
	})
}

func same(a, b *Obstacle) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// place gives a job a new attempt in an environment.
func (tx *Tx) place(j *Job, e *Environment) {
	if j.Nodes != nil {
		tx.placeNodes(j, e)
		return
	}
	tx.try(j, e, e.Host)
}

// try moves a job to STARTING with a new attempt.
func (tx *Tx) try(j *Job, e *Environment, host HostID) *Job {
	a := &Attempt{
		Number:      len(j.Attempts) + 1,
		TaskID:      strings.ReplaceAll(tx.chance.UUID(), "-", ""),
		Environment: e.ARN,
		Cluster:     e.Cluster(),
		Host:        host,
		PlacedAt:    tx.now,
	}
	j = tx.setStatus(j, Starting, "", func(j *Job) {
		j.Attempts = append(slices.Clip(j.Attempts), a)
	})
	tx.attempts[AttemptID{j.ID, a.Number}] = true
	return j
}

package batch

import (
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// An Obstacle is why a job waits, with numbers: it needs so much, and so much is free there.
type Obstacle struct {
	Kind  string
	Where ARN   `json:",omitempty"` // or the id of a job, or the name of a secret
	Needs int64 `json:",omitempty"` // in the unit of its kind
	Has   int64 `json:",omitempty"`
	// Unit is that of Needs and Has where the kind leaves it open.
	Unit string `json:",omitempty"`
	// Text is the statusReason that the API shows; empty where AWS shows none.
	Text string `json:",omitempty"`
	// Since is when the job was first blocked with this text; Until is when the core looks again though nothing has happened. 0 is not.
	Since int64 `json:",omitempty"`
	Until int64 `json:",omitempty"`
}

// Kinds of obstacles. Those that a hold, a dependency, a job ahead or a secret is are found by State.Why alone.
const (
	ObstacleEngine       = "engine"       // nothing can be started at all
	ObstacleVCPUs        = "vcpus"        // room for it, but not now; thousandths of a vCPU
	ObstacleMaxVCPUs     = "maxvcpus"     // never room for it; thousandths of a vCPU
	ObstacleInstance     = "instance"     // no instance type is large enough; vCPUs (in thousandths), MiB or GPUs
	ObstacleInstances    = "instances"    // no instance has room, and there can be no more of them; MiB
	ObstacleStarting     = "starting"     // an instance is on its way
	ObstacleDisabled     = "disabled"     // a DISABLED environment
	ObstacleEnvironments = "environments" // the queue has none that could be asked
	ObstaclePlatform     = "platform"     // Windows on Fargate Spot
	ObstacleReservation  = "reservation"  // the policy keeps room for other shares; thousandths of a vCPU
	ObstacleMemory       = "memory"       // of the machine below; MiB
	ObstacleCPU          = "cpu"          // of the machine below; thousandths of a vCPU
	ObstacleAlone        = "alone"        // more than all of the machine below, so nothing may run beside it; vCPUs (in thousandths) or MiB
	ObstacleCapacity     = "capacity"     // of a service environment; instances
	ObstacleMaxCapacity  = "maxcapacity"  // never enough of it; instances
	ObstacleQuota        = "quota"        // of a quota share; instances
	ObstacleMaxQuota     = "maxquota"     // never enough of it; instances
	ObstacleConsumable   = "consumable"   // units of a resource
	ObstacleHold         = "hold"
	ObstacleStop         = "stop" // it is on its way out
	ObstacleDependency   = "dependency"
	ObstacleChild        = "child" // of an array
	ObstacleQueue        = "queue" // another job comes first
	ObstacleSecret       = "secret"
)

// hard says that waiting does not help.
func (o *Obstacle) hard() bool {
	switch o.Kind {
	case ObstacleMaxVCPUs, ObstacleInstance, ObstaclePlatform, ObstacleMaxCapacity, ObstacleMaxQuota:
		return true
	}
	return false
}

// Texts of a RUNNABLE job at the head of its queue (resources.md 3.5).
const (
	textMaxResource    = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
	textTooLarge       = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."
	textUndetermined   = "UNDETERMINED - Batch job is blocked, root cause is undetermined."
	textAllInvalid     = "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."
	textServiceMaximum = "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE - Service environment(s) associated with the job queue cannot meet the capacity requirement of the job."
	// Guess: the code is documented, its text is not.
	textQuotaMaximum = "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED - Quota share cannot meet the capacity requirement of the job."
)

// code is what jobStateTimeLimitActions name: the text up to its dash.
func (o *Obstacle) code() string {
	code, _, _ := strings.Cut(o.Text, " - ")
	return code
}

// wait notes on a RUNNABLE job why it is not placed; nil takes the note away.
func (tx *Tx) wait(j *Job, o *Obstacle) {
	if o != nil {
		o.Since = tx.now
		if w := j.Waits; w != nil && w.Text == o.Text {
			o.Since = w.Since
		}
		if limit := tx.limitOf(j, o); limit != nil {
			o.Until = o.Since + int64(api.Value(limit.MaxTimeSeconds))*1000
		}
	}
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

// limitOf is what a queue does about a head that has been blocked for this reason for too long; nil is nothing.
func (s *State) limitOf(j *Job, o *Obstacle) *api.JobStateTimeLimitAction {
	q := s.queues.all[j.Queue]
	if q == nil || o.Text == "" {
		return nil
	}
	for i, a := range q.Detail.JobStateTimeLimitActions {
		if api.Value(a.Reason) == o.code() {
			return &q.Detail.JobStateTimeLimitActions[i]
		}
	}
	return nil
}

// waitedLong is for a head whose time is up.
func (tx *Tx) waitedLong(j *Job) {
	o := j.Waits
	if tx.limitOf(j, o) == nil {
		tx.change(j, func(j *Job) {
			again := *o
			again.Until, j.Waits = 0, &again
		})
		tx.look(j.Queue)
		return
	}
	verb := "Canceled"
	if j.Service != nil {
		verb = "Terminated"
	}
	tx.setStatus(j, Failed, verb+" by JobStateTimeLimit action due to reason: "+o.code(), nil)
}

package batch

import "fmt"

// AttemptState is how far an attempt has come. It only moves forward.
type AttemptState int8

const (
	Placed  AttemptState = iota // the job is STARTING
	Running                     // its container runs
	Exited                      // it has ended, started or not
)

func (s AttemptState) String() string {
	return [...]string{"placed", "running", "exited"}[s]
}

// A Report is what a driver saw of an attempt. Late, repeated and foreign reports change nothing.
type Report struct {
	Attempt AttemptID
	State   AttemptState // Running or Exited; Placed if there is only an Await to tell
	// At is when it happened, in Unix milliseconds; 0 means now.
	At int64
	// PrivateIPv4 is the task's own address where it has one (Fargate, nodes).
	PrivateIPv4 string
	// Await is what a container waits for before it can start. Of Placed only.
	Await Await `json:",omitzero"`

	// Of Exited only.

	// HostLost says that what the attempt ran on is no more: its instance, with all that runs there, or the one task.
	HostLost bool

	// ExitCode is nil if the container never ran or its end was not seen (jobs.md 2.5).
	ExitCode *int32
	// Reason is the container's reason, at most 255 characters; empty on a plain exit (jobs.md 2.4).
	Reason string
	// Containers are the ends of each container of a task that has several, and of every pod. ExitCode and Reason are then those of the one that decided: of a
	// task the essential container that was the first to end, of a pod the first in their order that failed. A pod of which none did has ExitCode 0, if all
	// have ended with one.
	Containers []ContainerEnd
	// StatusReason is set where it is neither "Essential container in task exited" nor "Task failed to start" (jobs.md 2.3).
	StatusReason string
}

// An Await is a secret of Kubernetes without which a container cannot start (runtime.md 5.2); an empty one says that the container has what it needs.
type Await struct{ Container, Secret string }

// A ContainerEnd is how one of several containers ended.
type ContainerEnd struct {
	Name string
	// Init says that it is one of a pod's init containers.
	Init bool `json:",omitempty"`
	// ID is the engine's, 64 hex digits; empty if it was never made.
	ID       string `json:",omitempty"`
	ExitCode *int32 `json:",omitempty"` // nil if it never ran, or its end was not seen
	Reason   string `json:",omitempty"`
}

// Texts that AWS gives as statusReason and container.reason (jobs.md 2.3, 2.4).
const (
	ReasonExited      = "Essential container in task exited"
	ReasonNotStarted  = "Task failed to start"
	ReasonTimeout     = "Job attempt duration exceeded timeout"
	ReasonOutOfMemory = "OutOfMemoryError: Container killed due to memory usage"
	ReasonQueueGone   = "JobQueue deleted"
	ReasonDependency  = "Dependent Job failed"
	ReasonChildFailed = "Array Child Job failed"

	ReasonSpotTask = "Your Spot Task was interrupted."
	ReasonTrained  = "Received status from SageMaker: Training job completed"
	// Guess: the text was not seen.
	ReasonPreempted = "Preempted: another job needs the capacity"

	ReasonOverridesTooLong = "Container Overrides length must be at most 8192"
	// Guess: the state is documented, the text was not seen; it is ECS's of overrides.
	ReasonTooManyTags = "Tags length must be at most 50"
)

// ReasonHostLost is the statusReason of an attempt whose instance went away.
func ReasonHostLost(host HostID) string {
	return "Host EC2 (instance " + string(host) + ") terminated."
}

// trainingReason is the statusReason of a service job's attempt (resources.md 5.4).
//
// Guess: of a failure, the other service's own words for one, as its documentation has them.
func trainingReason(a *Attempt, r Report) string {
	const said = "Received status from SageMaker: "
	switch {
	case r.ExitCode != nil && *r.ExitCode == 0:
		return ReasonTrained
	case r.ExitCode != nil && r.Reason != "":
		return fmt.Sprintf("%sAlgorithmError: %s, exit code: %d", said, r.Reason, *r.ExitCode)
	case r.ExitCode != nil:
		return fmt.Sprintf("%sAlgorithmError: , exit code: %d", said, *r.ExitCode)
	case r.Reason != "":
		return said + "ClientError: " + r.Reason
	}
	return said + "InternalServerError: " + r.StatusReason
}

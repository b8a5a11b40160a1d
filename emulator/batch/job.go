package batch

import "github.com/batch-local/batch-local/emulator/api"

// Status is a job's status as the API spells it.
type Status = api.JobStatus

// Statuses of a job, in the order in which it passes them.
const (
	Submitted = api.JobStatusSubmitted
	Pending   = api.JobStatusPending
	Runnable  = api.JobStatusRunnable
	Starting  = api.JobStatusStarting
	RunningOn = api.JobStatusRunning
	Succeeded = api.JobStatusSucceeded
	Failed    = api.JobStatusFailed
)

// Statuses lists every status in order.
func Statuses() []Status {
	return []Status{Submitted, Pending, Runnable, Starting, RunningOn, Succeeded, Failed}
}

var unfinished = [...]Status{Submitted, Pending, Runnable, Starting, RunningOn}

// Ended says whether a status is terminal.
func Ended(s Status) bool { return s == Succeeded || s == Failed }

// Rank orders statuses: a job that has reached one has passed, or left out, those of lower rank.
func Rank(s Status) int {
	for i, status := range Statuses() {
		if s == status {
			return i
		}
	}
	return -1
}

// A Job is one job.
//
// It is small because there may be a hundred thousand: what the definition says stays with the definition, what SubmitJob
// said stays in Request, and nothing that follows from these is stored.
type Job struct {
	ID         JobID
	Number     uint64 // order of submission, over all scopes
	Scope      Scope
	Name       string
	Queue      ARN
	Definition ARN
	Request    *Request          `json:",omitempty"`
	Tags       map[string]string `json:",omitempty"`

	Status       Status
	StatusReason string `json:",omitempty"`
	// Times in Unix milliseconds; 0 is not yet.
	CreatedAt int64
	StartedAt int64 `json:",omitempty"`
	StoppedAt int64 `json:",omitempty"`
	// Cancelled and Terminated say that such a request was accepted.
	Cancelled  bool `json:",omitempty"`
	Terminated bool `json:",omitempty"`

	// What the job takes from an environment.
	MilliVCPU int64
	MemoryMiB int64

	// Attempts in order. The last one is live unless its State is Exited.
	Attempts []*Attempt `json:",omitempty"`
	// Waits is what keeps a RUNNABLE job at the head of its queue from being placed.
	Waits *Obstacle `json:",omitempty"`
}

// Key implements Record.
func (j *Job) Key() Key { return Key{KindJob, string(j.ID)} }

// ARN names the job.
func (j *Job) ARN() ARN { return j.Scope.ARN("job", string(j.ID)) }

// Attempt is the newest attempt, live or ended; nil before the first.
func (j *Job) Attempt() *Attempt {
	if len(j.Attempts) == 0 {
		return nil
	}
	return j.Attempts[len(j.Attempts)-1]
}

// Live is the attempt that is placed or runs; nil if there is none.
func (j *Job) Live() *Attempt {
	if a := j.Attempt(); a != nil && a.State != Exited {
		return a
	}
	return nil
}

// deadline is when the core has to look at the job again; 0 is never.
func (j *Job) deadline() int64 {
	if a := j.Live(); a != nil {
		return a.Deadline
	}
	return 0
}

// A Request is what SubmitJob said beyond name, queue and definition. It never changes; jobs may share it.
type Request struct {
	Parameters    map[string]string       `json:",omitempty"`
	Overrides     *api.ContainerOverrides `json:",omitempty"`
	Retry         *api.RetryStrategy      `json:",omitempty"`
	Timeout       *api.JobTimeout         `json:",omitempty"`
	PropagateTags *bool                   `json:",omitempty"`
}

// Desired is what is to become of an attempt.
type Desired int

const (
	Run  Desired = iota // bring it up and let it run
	Stop                // bring it down
)

func (d Desired) String() string { return [...]string{"run", "stop"}[d] }

// An Attempt is one try to run a job. The core writes Desired, reports write State.
type Attempt struct {
	Number      int
	TaskID      string // 32 hex digits, new for each attempt
	Environment ARN
	Cluster     string
	Host        HostID `json:",omitempty"`
	PrivateIPv4 string `json:",omitempty"`

	Desired Desired `json:",omitempty"`
	// Cause is why it is to be stopped; the attempt and the job end with it.
	Cause string `json:",omitempty"`

	State AttemptState
	// Times in Unix milliseconds; 0 is not yet, or never.
	PlacedAt  int64
	StartedAt int64 `json:",omitempty"`
	StoppedAt int64 `json:",omitempty"`
	// Deadline is when the attempt runs into its timeout.
	Deadline int64 `json:",omitempty"`

	ExitCode     *int32 `json:",omitempty"`
	Reason       string `json:",omitempty"`
	StatusReason string `json:",omitempty"`
}

// An Obstacle is why a job waits, with numbers: it needs so much, and so much is free there.
type Obstacle struct {
	Kind  string // "engine", "vcpus", "maxvcpus", "disabled", "environments"
	Where ARN    `json:",omitempty"`
	Needs int64  `json:",omitempty"` // thousandths of a vCPU
	Has   int64  `json:",omitempty"`
	// Text is the statusReason that the API shows; empty where AWS shows none.
	Text string `json:",omitempty"`
}

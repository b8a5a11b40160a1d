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

// unfinished are the statuses that are not the end, those of service jobs included.
var unfinished = [...]Status{Submitted, Pending, Runnable, Scheduled, Starting, RunningOn}

// Ended says whether a status is terminal.
func Ended(s Status) bool { return s == Succeeded || s == Failed }

// Rank orders statuses: a job that has reached one has passed, or left out, those of lower rank.
func Rank(s Status) int {
	switch s {
	case Submitted:
		return 0
	case Pending:
		return 1
	case Runnable:
		return 2
	case Scheduled:
		return 3
	case Starting:
		return 4
	case RunningOn:
		return 5
	case Succeeded:
		return 6
	case Failed:
		return 7
	}
	return -1
}

const ranks = 8 // how many statuses there are

// A Job is one job.
//
// It is small, its members ordered for that, because there may be a hundred thousand: what the definition says stays with the definition, what SubmitJob
// said stays in Request, and nothing that follows from these is stored. A child or a node has no Request: its parent's counts.
type Job struct {
	ID         JobID
	Number     uint64 // order of submission, over all scopes; children and nodes have their parent's
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
	// Held says that a hold keeps the job in its status; see Tx.SetHolds.
	Held bool `json:",omitempty"`
	// Prioritized says that somebody said Priority, which orders the jobs of a share, or of a quota share.
	Prioritized bool  `json:",omitempty"`
	Priority    int32 `json:",omitempty"`
	GPUs        int32 `json:",omitempty"`
	// Lacks is which of Consumes a RUNNABLE job waits for while others pass it, counted from 1; 0 is none.
	Lacks int32 `json:",omitempty"`
	// StopReason is why the job is to end as soon as it can: a PENDING one when its dependencies are through, an array when its children are.
	StopReason string `json:",omitempty"`
	// WaitsFor are jobs that have to succeed first and have not ended (jobs.md 5).
	WaitsFor []JobID `json:",omitempty"`

	// What the job takes from an environment; of an array what each child takes, of a multi-node job all nodes together.
	MilliVCPU int64
	MemoryMiB int64
	Consumes  []Consume `json:",omitempty"`
	// Share is the share identifier, on a queue with fair share.
	Share string `json:",omitempty"`

	Array *Array `json:",omitempty"` // of an array's parent
	Nodes *Nodes `json:",omitempty"` // of a multi-node job's parent
	// Service is what a service job is; it has no definition.
	Service *Service `json:",omitempty"`

	// Attempts in order. The last one is live unless its State is Exited.
	Attempts []*Attempt `json:",omitempty"`
	// Waits is what keeps a RUNNABLE job at the head of its queue from being placed.
	Waits *Obstacle `json:",omitempty"`
}

// Key implements Record.
func (j *Job) Key() Key { return Key{KindJob, string(j.ID)} }

// An Array is what the parent of an array job keeps beside what its children say (jobs.md 6).
type Array struct {
	Size    int32
	Spawned int32 `json:",omitempty"` // children that exist: the first so many
	Sweep   Sweep `json:",omitempty"`
	Swept   int32 `json:",omitempty"` // children to whom Sweep was told: the first so many
}

// A Sweep is what is to become of the children of an array that was stopped.
type Sweep int

const (
	SweepNone    Sweep = iota
	SweepWaiting       // those that wait end; those that run go on
	SweepAll
)

// Nodes is what the parent of a multi-node job keeps (jobs.md 7).
type Nodes struct {
	Count, Main int32
	// Reserved are thousandths of a vCPU that are kept for nodes that have not been started.
	Reserved int64 `json:",omitempty"`
	// Hosts are the instances that the attempt has for its nodes, by their index.
	Hosts []HostID `json:",omitempty"`
}

// ARN names the job.
func (j *Job) ARN() ARN {
	if j.Service != nil {
		return j.Scope.ARN("service-job", string(j.ID))
	}
	return j.Scope.ARN("job", string(j.ID))
}

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
	switch a := j.Live(); {
	case a != nil:
		return a.Deadline
	case j.Waits != nil:
		return j.Waits.Until
	}
	return 0
}

// A Request is what SubmitJob said beyond name, queue and definition. It never changes; jobs may share it.
type Request struct {
	Parameters    map[string]string                 `json:",omitempty"`
	Overrides     *api.ContainerOverrides           `json:",omitempty"`
	Ecs           *api.EcsPropertiesOverride        `json:",omitempty"`
	Eks           *api.EksPropertiesOverride        `json:",omitempty"`
	Nodes         *api.NodeOverrides                `json:",omitempty"`
	Retry         *api.RetryStrategy                `json:",omitempty"`
	Timeout       *api.JobTimeout                   `json:",omitempty"`
	PropagateTags *bool                             `json:",omitempty"`
	DependsOn     []api.JobDependency               `json:",omitempty"`
	Consumables   *api.ConsumableResourceProperties `json:",omitempty"`
}

func (r *Request) empty() bool {
	return len(r.Parameters) == 0 && r.Overrides == nil && r.Ecs == nil && r.Eks == nil && r.Nodes == nil && r.Retry == nil && r.Timeout == nil &&
		r.PropagateTags == nil && len(r.DependsOn) == 0 && r.Consumables == nil
}

// noRequest stands in for that of a job that said nothing.
func noRequest() *Request { return &Request{} }

// requestOf is what SubmitJob said of a job, or of its parent. It is never nil.
func (s *State) requestOf(j *Job) *Request {
	if j.ID.Mark() != 0 {
		if j = s.jobs[j.ID.Parent()]; j == nil {
			return noRequest()
		}
	}
	if j.Request == nil {
		return noRequest()
	}
	return j.Request
}

// DependsOn is what a job was submitted to wait for, as it was given.
func (s *State) DependsOn(j *Job) []api.JobDependency { return s.requestOf(j).DependsOn }

// Desired is what is to become of an attempt.
type Desired int8

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
	Host        HostID  `json:",omitempty"`
	PrivateIPv4 string  `json:",omitempty"`
	Takes       []Taken `json:",omitempty"` // of consumable resources that come back

	State   AttemptState
	Desired Desired `json:",omitempty"`
	// Preempted says that it is to be stopped because another job needs what it has.
	Preempted bool `json:",omitempty"`
	// Cause is why it is to be stopped; the attempt and the job end with it.
	Cause string `json:",omitempty"`

	// Times in Unix milliseconds; 0 is not yet, or never.
	PlacedAt  int64
	StartedAt int64 `json:",omitempty"`
	StoppedAt int64 `json:",omitempty"`
	// Deadline is when the attempt runs into its timeout.
	Deadline int64 `json:",omitempty"`

	ExitCode     *int32 `json:",omitempty"`
	Reason       string `json:",omitempty"`
	StatusReason string `json:",omitempty"`

	// Containers are the ends of each container of a task that has several.
	Containers []ContainerEnd `json:",omitempty"`

	// Awaits are what containers wait for; none when it runs or has ended.
	Awaits []Await `json:",omitempty"`

	// Kept are reports that a hold keeps from taking effect.
	Kept []Report `json:",omitempty"`
}

// PropagateTags is what counts for a job: SubmitJob's word over the definition's. Nil is neither.
func (s *State) PropagateTags(j *Job) *bool {
	if p := s.requestOf(j).PropagateTags; p != nil {
		return p
	}
	if d := s.definitions[j.Definition]; d != nil {
		return d.Detail.PropagateTags
	}
	return nil
}

// Consumables are the consumable resources of a job: SubmitJob's list replaces the definition's.
func (s *State) Consumables(j *Job) *api.ConsumableResourceProperties {
	if c := s.requestOf(j).Consumables; c != nil {
		return c
	}
	if d := s.definitions[j.Definition]; d != nil {
		return d.Detail.ConsumableResourceProperties
	}
	return nil
}

package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// A Scope is one account in one region. Nothing in one scope is visible from another (decisions, names).
type Scope struct {
	Account string // twelve digits
	Region  string
}

// Partition is the first part of every ARN of the region.
func (s Scope) Partition() string {
	switch {
	case strings.HasPrefix(s.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(s.Region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// ARN names a Batch resource of the scope, for example kind "job-queue" and the queue's name (resources.md 0.4).
func (s Scope) ARN(kind, name string) ARN {
	return s.serviceARN("batch", kind+"/"+name)
}

func (s Scope) serviceARN(service, resource string) ARN {
	return ARN("arn:" + s.Partition() + ":" + service + ":" + s.Region + ":" + s.Account + ":" + resource)
}

// An ARN is a whole Amazon Resource Name.
type ARN string

// Parts splits an ARN of a Batch resource into its scope, its kind ("job-queue") and the name behind it.
// It answers false for anything else.
func (a ARN) Parts() (scope Scope, kind, name string, ok bool) {
	parts := strings.SplitN(string(a), ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "batch" {
		return Scope{}, "", "", false
	}
	kind, name, ok = strings.Cut(parts[5], "/")
	scope = Scope{Account: parts[4], Region: parts[3]}
	return scope, kind, name, ok && name != "" && parts[1] == scope.Partition()
}

// A JobID is a lower-case UUID; an array child adds ":index" and a node "#index" (jobs.md 2.7).
type JobID string

// Short is the beginning of the id that container names carry (interface.md 4).
func (id JobID) Short() string {
	return string(id[:min(8, len(id))])
}

// Marks between the id of a parent and the index of a child or a node.
const (
	MarkChild = ':'
	MarkNode  = '#'
)

// Mark says what kind of job has the id: MarkChild, MarkNode, or 0 for one without a parent.
func (id JobID) Mark() byte {
	for i := len(id) - 1; i > 0; i-- {
		switch c := id[i]; {
		case c >= '0' && c <= '9':
		case c == MarkChild, c == MarkNode:
			return c
		default:
			return 0
		}
	}
	return 0
}

// Child is the id of an array's child, Node that of a multi-node job's node.
func (id JobID) Child(index int32) JobID {
	return id + JobID(MarkChild) + JobID(strconv.Itoa(int(index)))
}
func (id JobID) Node(index int32) JobID {
	return id + JobID(MarkNode) + JobID(strconv.Itoa(int(index)))
}

// Parent is the id without the suffix of a child or a node.
func (id JobID) Parent() JobID {
	if i := strings.LastIndexAny(string(id), ":#"); i >= 0 {
		return id[:i]
	}
	return id
}

// Index is the number of an array child or a node; false for other jobs.
func (id JobID) Index() (int, bool) {
	i := strings.LastIndexAny(string(id), ":#")
	if i < 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(id[i+1:]), 10, 31)
	return int(n), err == nil
}

// index is that of Index, or 0.
func (id JobID) index() int32 {
	n, _ := id.Index()
	return int32(n)
}

// An AttemptID names one try of one job. Numbers start at 1.
type AttemptID struct {
	Job    JobID
	Number int
}

func (id AttemptID) String() string {
	return fmt.Sprintf("%s/%d", id.Job, id.Number)
}

// ParseAttemptID reads what String wrote.
func ParseAttemptID(text string) (AttemptID, error) {
	job, number, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	if !ok || job == "" || err != nil || n < 1 {
		return AttemptID{}, fmt.Errorf("%q is not an attempt", text)
	}
	return AttemptID{Job: JobID(job), Number: n}, nil
}

// NewHost makes the id of a simulated EC2 instance: "i-" and 17 hex digits.
func (tx *Tx) NewHost() HostID {
	return HostID("i-" + strings.ReplaceAll(tx.chance.UUID(), "-", "")[:17])
}

// ContainerInstanceID is the last part of the containerInstanceArn of a simulated instance: 32 hex digits, the same as long
// as the instance lives.
func ContainerInstanceID(host HostID) string {
	digits := strings.TrimPrefix(string(host), "i-")
	return (digits + digits + digits)[:min(32, 3*len(digits))]
}

// AttachmentID is the network attachment of a task: a UUID made of the task's id.
func AttachmentID(taskID string) string {
	if len(taskID) != 32 {
		return taskID
	}
	return taskID[24:32] + "-" + taskID[0:4] + "-4" + taskID[5:8] + "-a" + taskID[9:12] + "-" + taskID[12:24]
}

package batch

import "github.com/batch-local/batch-local/emulator/api"

// A Task is everything a driver needs to run one attempt, resolved: overrides merged, references substituted,
// variables of the system added. It holds no reference to a record.
type Task struct {
	Attempt  AttemptID
	Scope    Scope
	JobName  string
	Queue    ARN
	Platform Platform

	// Ran says that the attempt was reported as running: it must be there, and is never started again.
	Ran bool

	// ID is the ECS task id, 32 hex digits; it is part of the log stream's name.
	ID string
	// Host is the simulated EC2 instance ("i-..."); empty on Fargate.
	Host HostID
	// HostType is its instance type, HostRole the instance role or profile as its compute environment has it, a name or an ARN; empty is not known, or none.
	HostType, HostRole string
	// HostLaunchedAt is when it was launched, in Unix milliseconds; 0 is not known.
	HostLaunchedAt int64
	// OwnNetwork says that the task does not share its host's network: nodes of a multi-node job.
	OwnNetwork bool
	// HostName is what the containers see as their host's name.
	HostName string

	Family   string // name of the job definition
	Revision int
	Cluster  string
	// Environment is the compute environment, Definition the job definition's revision.
	Environment, Definition ARN
	// Tags are what propagateTags gives the task; nil is none.
	Tags map[string]string

	// JobRole is whose credentials the containers get; empty is none. ExecutionRole is used for pulls and secrets.
	JobRole, ExecutionRole string
	// PIDMode and IPCMode are "task", "host", for IPC also "none"; empty is the engine's default. Of ecsProperties.
	PIDMode, IPCMode string

	// Pod is what more there is of a job of eksProperties; nil for ECS.
	Pod *Pod

	// Containers of the task. Of a pod the init containers come first, in the order in which they run.
	Containers []Container
}

// A Pod is what Kubernetes knows of a task (runtime.md 5). Its containers all count: it has succeeded when each ended with 0, and none stops another.
type Pod struct {
	Name, Namespace   string
	NodeName, NodeUID string
	// Properties is the definition's own block with overrides, for whatever else it says. Read only.
	Properties *api.EksPodProperties
}

// SharesHost says that the task is in the network of its instance, with whatever else runs there.
func (t Task) SharesHost() bool { return t.Host != "" && !t.OwnNetwork }

// A Container is one container of a task.
type Container struct {
	Name    string // "default" for containerProperties (jobs.md 2.7)
	Image   string
	Command []string // empty: the image's own
	// Entrypoint replaces the image's; empty does not.
	Entrypoint []string
	// Environment in order of precedence, low to high: a later entry of the same name wins.
	Environment []api.KeyValuePair
	MilliVCPU   int64
	// MilliLimit is the most CPU that a pod's container gets, in thousandths; 0 is no limit. ECS's have shares on EC2, and their vCPUs as limit on Fargate.
	MilliLimit int64
	MemoryMiB  int64
	GPUs       int32
	// LogGroup and LogStream take the output, in LogRegion if that is not the job's own. Without a group another log driver does, or nobody.
	LogGroup, LogStream, LogRegion string
	// Essential says that its end is that of the task; DependsOn are containers that come before it. Of ecsProperties.
	Essential bool
	DependsOn []api.TaskContainerDependency
	// Init says that it runs to its end before the next one begins. Of pods.
	Init bool
	// StartSeconds is how long others wait for it to meet their condition; 0 is without end.
	StartSeconds int
	// Firelens makes it the router of the others' output.
	Firelens *api.FirelensConfiguration
	// Kubernetes is the block of a pod's container, for whatever else it says; nil for ECS. Read only.
	Kubernetes *api.EksContainer
	// StopSeconds is the time between SIGTERM and SIGKILL.
	StopSeconds int
	// Files are put into the container before it starts.
	Files []File
	// FailureFile is where the container may say why it failed; empty is nowhere. Of service jobs.
	FailureFile string
	// Properties is the definition's own block, for whatever else it says. Read only.
	Properties *api.ContainerProperties
}

// A File is put into a container before it starts. A path that ends in a slash is a folder's.
type File struct {
	Path    string
	Content []byte
}

// A HostID is the id of a simulated EC2 instance.
type HostID string

// Platform is where a job runs: platformCapabilities of its definition.
type Platform string

const (
	EC2     Platform = "EC2"
	Fargate Platform = "FARGATE"
	EKS     Platform = "EKS" // of a definition with eksProperties, whatever it says
)

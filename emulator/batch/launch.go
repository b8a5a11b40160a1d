package batch

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// stopSeconds is the time between SIGTERM and SIGKILL unless a container of ecsProperties says otherwise (jobs.md 4).
const stopSeconds = 30

// TaskOf is what a driver needs to run the newest attempt of a job; false if the job has none, or if it is not itself what is run.
func (s *State) TaskOf(j *Job) (Task, bool) {
	a, d := j.Attempt(), s.definitions[j.Definition]
	if j.Service != nil && a != nil {
		return trainingTask(j, a)
	}
	if a == nil || d == nil || j.Nodes != nil {
		return Task{}, false
	}
	t := Task{
		Attempt:    AttemptID{j.ID, a.Number},
		Scope:      j.Scope,
		JobName:    j.Name,
		Queue:      j.Queue,
		Platform:   d.Platform,
		Ran:        a.State != Placed,
		ID:         a.TaskID,
		Host:       a.Host,
		OwnNetwork: j.ID.Mark() == MarkNode,
		HostName:   HostName(a, j.Scope.Region),
		Family:     d.Name,
		Revision:   d.Revision,
		Cluster:    a.Cluster,
		Tags:       s.taskTags(j),

		Environment: a.Environment,
		Definition:  d.ARN,
	}
	if i := s.instances[a.Host]; i != nil {
		t.HostType, t.HostLaunchedAt = i.Type, i.LaunchedAt
	}
	if e := s.environments.all[a.Environment]; e != nil && e.Detail.ComputeResources != nil && a.Host != "" {
		t.HostRole = api.Value(e.Detail.ComputeResources.InstanceRole)
	}
	if b := s.Blueprint(j); b.Eks != nil {
		s.podTask(&t, j, a)
	} else {
		s.ecsTask(&t, j, a, b)
	}
	return t, true
}

// ecsTask fills in what a task of containerProperties or ecsProperties has.
func (s *State) ecsTask(t *Task, j *Job, a *Attempt, b Blueprint) {
	d := s.definitions[j.Definition]
	t.PIDMode, t.IPCMode = b.modes()
	system := s.systemEnvironment(j, a, d)
	for p := range b.parts() {
		log := logOf(d, p, a)
		c := p.ContainerProperties
		milli, mib, err := Wants(d.Platform, wants(c, api.ResourceTypeVcpu), wants(c, api.ResourceTypeMemory))
		if err != nil { // was checked when the job was submitted
			milli, mib = j.MilliVCPU, j.MemoryMiB
		}
		t.JobRole, t.ExecutionRole = api.Value(c.JobRoleArn), api.Value(c.ExecutionRoleArn) // the task's, whichever container says it
		t.Containers = append(t.Containers, Container{
			Name:         p.name,
			Image:        api.Value(c.Image),
			Command:      c.Command,
			Environment:  append(userEnvironment(c), system.with(c)...),
			MilliVCPU:    milli,
			MemoryMiB:    mib,
			GPUs:         gpus(c),
			LogGroup:     log.Group,
			LogStream:    log.Stream,
			LogRegion:    log.Region,
			StartSeconds: int(p.start),
			StopSeconds:  int(p.stop),
			Essential:    p.essential,
			DependsOn:    p.dependsOn,
			Firelens:     p.firelens,
			Properties:   c,
		})
	}
}

// LogStreams are where the output of an attempt goes: for each container the log group and the stream, by its name. A stream exists once the
// container has run (events-logs-schedules.md 2.1). Pods have none, also where their output is kept: DescribeJobs shows none.
func (s *State) LogStreams(j *Job, a *Attempt) []LogStream {
	if j.Service != nil {
		return []LogStream{trainingStream(j, a)}
	}
	d := s.definitions[j.Definition]
	if d == nil {
		return nil
	}
	if j.Nodes != nil { // the job's attempt is that of its main node
		main := s.jobs[j.ID.Node(j.Nodes.Main)]
		if a = s.mainOf(j, a.Number); a == nil {
			return nil
		}
		j = main
	}
	var list []LogStream
	for p := range s.Blueprint(j).parts() {
		list = append(list, logOf(d, p, a))
	}
	return list
}

// A LogStream is where one container's output goes; Stream is empty if another log driver takes it. Region is that of awslogs-region, empty is
// the job's.
type LogStream struct{ Container, Group, Stream, Region string }

// DefaultLogGroup is where Batch's jobs write unless their definition says otherwise. It is made when the first job does.
const DefaultLogGroup = "/aws/batch/job"

func logOf(d *Definition, p part, a *Attempt) LogStream {
	log, prefix := LogStream{Container: p.name, Group: DefaultLogGroup}, d.Name[:min(len(d.Name), 200)]
	if l := p.LogConfiguration; l != nil {
		if l.LogDriver != "" && l.LogDriver != api.LogDriverAwslogs {
			return LogStream{Container: p.name}
		}
		log.Group = cmp.Or(l.Options["awslogs-group"], log.Group)
		log.Region = l.Options["awslogs-region"]
		prefix = cmp.Or(l.Options["awslogs-stream-prefix"], prefix)
	}
	log.Stream = prefix + "/" + p.name + "/" + a.TaskID
	return log
}

func userEnvironment(c *api.ContainerProperties) []api.KeyValuePair {
	kept := make([]api.KeyValuePair, 0, len(c.Environment)+8)
	for _, kv := range c.Environment {
		if !reserved(api.Value(kv.Name)) && api.Value(kv.Value) != "" {
			kept = append(kept, kv)
		}
	}
	return kept
}

// systemEnvironment is what Batch and ECS add to every container of a task (jobs.md 9, runtime.md 2.11), but for the
// variables that name the metadata endpoint.
type systemEnvironment struct {
	list, region []api.KeyValuePair
	always       bool // the region too, whatever the container's own says
}

// with adds the region where it belongs: since agent 1.104.0 EC2 tasks get both variables or none.
func (e systemEnvironment) with(c *api.ContainerProperties) []api.KeyValuePair {
	if e.always || !names(c.Environment, "AWS_REGION", "AWS_DEFAULT_REGION") {
		return append(e.list[:len(e.list):len(e.list)], e.region...)
	}
	return e.list
}

func (s *State) systemEnvironment(j *Job, a *Attempt, d *Definition) systemEnvironment {
	where := "AWS_ECS_EC2"
	if d.Platform == Fargate {
		where = "AWS_ECS_FARGATE"
	}
	e := systemEnvironment{list: append(s.batchEnvironment(j, a), api.KeyValuePair{Name: new("AWS_EXECUTION_ENV"), Value: &where}), always: d.Platform == Fargate}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		e.region = append(e.region, api.KeyValuePair{Name: &name, Value: &j.Scope.Region})
	}
	return e
}

// batchEnvironment is what Batch alone adds, to tasks and to pods.
func (s *State) batchEnvironment(j *Job, a *Attempt) []api.KeyValuePair {
	var list []api.KeyValuePair
	set := func(name, value string) {
		list = append(list, api.KeyValuePair{Name: &name, Value: &value})
	}
	number, node := a.Number, j.ID.Mark() == MarkNode
	parent := s.jobs[j.ID.Parent()]
	if node && parent != nil {
		number = len(parent.Attempts)
	}
	set("AWS_BATCH_JOB_ID", string(j.ID))
	set("AWS_BATCH_JOB_ATTEMPT", strconv.Itoa(number))
	_, _, queue, _ := j.Queue.Parts()
	set("AWS_BATCH_JQ_NAME", queue)
	_, _, environment, _ := a.Environment.Parts()
	set("AWS_BATCH_CE_NAME", environment)
	if j.ID.Mark() == MarkChild {
		set("AWS_BATCH_JOB_ARRAY_INDEX", strconv.Itoa(int(j.ID.index())))
	}
	if node && parent != nil {
		set("AWS_BATCH_JOB_NODE_INDEX", strconv.Itoa(int(j.ID.index())))
		set("AWS_BATCH_JOB_NUM_NODES", strconv.Itoa(int(parent.Nodes.Count)))
		set("AWS_BATCH_JOB_MAIN_NODE_INDEX", strconv.Itoa(int(parent.Nodes.Main)))
		if main := s.mainOf(parent, number); main != nil && j.ID.index() != parent.Nodes.Main {
			set("AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", main.PrivateIPv4)
		}
	}
	return list
}

func names(list []api.KeyValuePair, any ...string) bool {
	for _, kv := range list {
		for _, name := range any {
			if api.Value(kv.Name) == name {
				return true
			}
		}
	}
	return false
}

// HostName is what the containers of an attempt see as the name of their host: an address of its network, made from an id so
// that it stays the same (runtime.md 2.8). An instance's tasks share one.
func HostName(a *Attempt, region string) string {
	id := a.TaskID
	if a.Host != "" {
		id = strings.TrimPrefix(string(a.Host), "i-")
	}
	if len(id) < 6 {
		return "ip-10-0-0-1"
	}
	if a.Host != "" {
		return "ip-172-31-" + lastOctets(id)
	}
	return "ip-10-0-" + lastOctets(id) + "." + Domain(region)
}

// lastOctets makes the end of an address of that of an id.
func lastOctets(id string) string {
	if len(id) < 4 {
		return "0-1"
	}
	octet := func(at int) string {
		n, _ := strconv.ParseUint(id[at:at+2], 16, 8)
		return strconv.Itoa(int(n))
	}
	return octet(len(id)-4) + "-" + octet(len(id)-2)
}

// Domain is what the names of a region's machines end with.
func Domain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// reserved says whether Batch drops a variable of the user's when it launches the task (jobs.md 8.3).
func reserved(name string) bool { return strings.HasPrefix(name, "AWS_BATCH") }

// hexID is 32 hex digits.
func hexID(c Chance) string { return strings.ReplaceAll(c.UUID(), "-", "") }

package batch

import (
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// stopSeconds is the time between SIGTERM and SIGKILL of a containerProperties job (jobs.md 4).
const stopSeconds = 30

// TaskOf is what a driver needs to run the newest attempt of a job; false if the job has none.
func (s *State) TaskOf(j *Job) (Task, bool) {
	a, d := j.Attempt(), s.definitions[j.Definition]
	if a == nil || d == nil {
		return Task{}, false
	}
	c := s.ContainerOf(j)
	group, stream := logOf(d, c, a)
	t := Task{
		Attempt:  AttemptID{j.ID, a.Number},
		Scope:    j.Scope,
		JobName:  j.Name,
		Queue:    j.Queue,
		Platform: d.Platform,
		Ran:      a.State != Placed,
		ID:       a.TaskID,
		Host:     a.Host,
		HostName: HostName(a, j.Scope.Region),
		Family:   d.Name,
		Revision: d.Revision,
		Cluster:  a.Cluster,
		Containers: []Container{{
			Name:        "default",
			Image:       api.Value(c.Image),
			Command:     c.Command,
			Environment: append(userEnvironment(c), s.systemEnvironment(j, a, d, c)...),
			MilliVCPU:   j.MilliVCPU,
			MemoryMiB:   j.MemoryMiB,
			LogGroup:    group,
			LogStream:   stream,
			StopSeconds: stopSeconds,
			Properties:  c,
		}},
	}
	return t, true
}

// LogStream is where the output of the job's newest attempt goes: the log group and the stream. The stream exists once the
// container has run (events-logs-schedules.md 2.1).
func (s *State) LogStream(j *Job, a *Attempt) (group, stream string) {
	d := s.definitions[j.Definition]
	if d == nil {
		return "", ""
	}
	return logOf(d, d.Detail.ContainerProperties, a)
}

// defaultLogGroup is where Batch's jobs write unless their definition says otherwise.
const defaultLogGroup = "/aws/batch/job"

func logOf(d *Definition, c *api.ContainerProperties, a *Attempt) (group, stream string) {
	group, prefix := defaultLogGroup, d.Name[:min(len(d.Name), 200)]
	if c != nil && c.LogConfiguration != nil {
		l := c.LogConfiguration
		if l.LogDriver != "" && l.LogDriver != api.LogDriverAwslogs {
			return "", ""
		}
		if g := l.Options["awslogs-group"]; g != "" {
			group = g
		}
		if p := l.Options["awslogs-stream-prefix"]; p != "" {
			prefix = p
		}
	}
	return group, prefix + "/default/" + a.TaskID
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

// systemEnvironment is what Batch and ECS add (jobs.md 9, runtime.md 2.11), but for the variables that name the metadata
// endpoint.
func (s *State) systemEnvironment(j *Job, a *Attempt, d *Definition, c *api.ContainerProperties) []api.KeyValuePair {
	var list []api.KeyValuePair
	set := func(name, value string) {
		list = append(list, api.KeyValuePair{Name: &name, Value: &value})
	}
	set("AWS_BATCH_JOB_ID", string(j.ID))
	set("AWS_BATCH_JOB_ATTEMPT", strconv.Itoa(a.Number))
	_, _, queue, _ := j.Queue.Parts()
	set("AWS_BATCH_JQ_NAME", queue)
	_, _, environment, _ := a.Environment.Parts()
	set("AWS_BATCH_CE_NAME", environment)
	if d.Platform == Fargate {
		set("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE")
	} else {
		set("AWS_EXECUTION_ENV", "AWS_ECS_EC2")
	}
	// Since agent 1.104.0 EC2 tasks get the region too, both variables or none.
	if d.Platform == Fargate || !names(c.Environment, "AWS_REGION", "AWS_DEFAULT_REGION") {
		set("AWS_REGION", j.Scope.Region)
		set("AWS_DEFAULT_REGION", j.Scope.Region)
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
	octet := func(at int) string {
		n, _ := strconv.ParseUint(id[at:at+2], 16, 8)
		return strconv.Itoa(int(n))
	}
	if len(id) < 6 {
		return "ip-10-0-0-1"
	}
	if a.Host != "" {
		return "ip-172-31-" + octet(len(id)-4) + "-" + octet(len(id)-2)
	}
	domain := region + ".compute.internal"
	if region == "us-east-1" {
		domain = "ec2.internal"
	}
	return "ip-10-0-" + octet(len(id)-4) + "-" + octet(len(id)-2) + "." + domain
}

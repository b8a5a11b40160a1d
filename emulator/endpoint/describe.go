package endpoint

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

const (
	// pauseImage is what the agent makes its pause containers of.
	pauseImage = "amazon/amazon-ecs-pause:0.1.0"
	// vpcID has no meaning here.
	vpcID = "vpc-0123456789abcdef0"
	// fewestShares is what a container without CPU gets.
	fewestShares = 2
)

func (s *Session) fargate() bool { return s.task.Platform == batch.Fargate }

// describe is the task's answer, made of what its containers are like.
func (s *Session) describe(list []seen, v4 bool) taskBody {
	t := s.task
	s.mu.Lock()
	body := taskBody{
		Cluster: t.Cluster, TaskARN: taskARN(t), Family: t.Family, Revision: strconv.Itoa(t.Revision),
		PullStartedAt: s.pullStarted.UTC(), PullStoppedAt: s.pullStopped.UTC(),
		AvailabilityZone: t.Scope.Region + "a",
	}
	s.mu.Unlock()
	desired := s.desired(list)
	body.DesiredStatus, body.KnownStatus = desired, s.known(list)
	for _, one := range list {
		if s.essential(one.name) && !one.facts.FinishedAt.IsZero() && (body.ExecutionStoppedAt.IsZero() || one.facts.FinishedAt.Before(body.ExecutionStoppedAt)) {
			body.ExecutionStoppedAt = one.facts.FinishedAt.UTC()
		}
		if one.facts.Status.rank() >= ImagePulled.rank() && (one.name != PauseName || !s.fargate()) { // Fargate shows no pause
			body.Containers = append(body.Containers, one.describe(one.facts, desired, v4))
		}
	}
	if s.fargate() {
		body.Cluster = clusterARN(t)
		body.Limits = taskLimits(t)
	}
	if v4 {
		body.LaunchType = string(t.Platform)
		body.AvailabilityZoneID = zoneID(t.Scope.Region)
		body.taskBodyV4 = s.describeV4()
	}
	return body
}

func (s *Session) describeV4() *taskBodyV4 {
	body := &taskBodyV4{VPCID: vpcID}
	if s.fargate() {
		// Guess: any clock error of real ones is below a millisecond.
		body.ClockDrift = &clockDriftBody{ClockErrorBound: 0.5, ReferenceTimestamp: time.Now().UTC().Truncate(time.Second), ClockSynchronizationStatus: "SYNCHRONIZED"}
		// Guess: 16 MiB more than asked for, from 20496 for 20 GiB; and what an empty task uses. Docker does not count a container's disk cheaply.
		body.EphemeralStorageMetrics = &storageBody{Utilized: 208, Reserved: int64(storageGiB(s.task))*1024 + 16}
	}
	return body
}

// storageGiB is the task's disk: 20 unless its definition says more.
func storageGiB(t batch.Task) int32 {
	for _, c := range t.Containers {
		if c.Properties != nil && c.Properties.EphemeralStorage != nil {
			return cmp.Or(api.Value(c.Properties.EphemeralStorage.SizeInGiB), 20)
		}
	}
	return 20
}

// desired is STOPPED once the task is to end, or has begun to by the end of a container that it cannot be without.
func (s *Session) desired(list []seen) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || slices.ContainsFunc(list, func(one seen) bool { return one.facts.Status == Stopped && s.essential(one.name) }) {
		return Stopped
	}
	return Running
}

// known is the status that all containers have reached. One that ended before others, as its dependents may want it to, does not end the task.
func (s *Session) known(list []seen) Status {
	if len(list) == 0 {
		return None
	}
	lowest := Stopped
	for _, one := range list {
		status := one.facts.Status
		if status == ResourcesProvisioned {
			status = Running
		}
		if status.rank() < lowest.rank() {
			lowest = cmp.Or(status, None)
		}
	}
	// One that was not added yet has reached nothing.
	for _, c := range s.task.Containers {
		if !slices.ContainsFunc(list, func(one seen) bool { return one.name == c.Name }) {
			return None
		}
	}
	return lowest
}

// essential says whether the task ends with that container. The only one always is.
func (s *Session) essential(name string) bool {
	if len(s.task.Containers) == 1 {
		return name == s.task.Containers[0].Name
	}
	return slices.ContainsFunc(s.task.Containers, func(c batch.Container) bool { return c.Name == name && c.Essential })
}

// describe is the container's answer.
func (m *member) describe(f Facts, task Status, v4 bool) containerBody {
	t, c := m.session.task, m.definition()
	body := containerBody{
		DockerID: f.DockerID, Name: m.name, DockerName: f.DockerName, Image: c.Image, ImageID: f.ImageID,
		Ports: f.Ports, Labels: m.labels(f), DesiredStatus: task, KnownStatus: cmp.Or(f.Status, None), ExitCode: f.ExitCode,
		Limits:    limitsBody{CPU: new(float64(max(fewestShares, c.MilliVCPU*1024/1000))), Memory: new(c.MemoryMiB)},
		CreatedAt: f.CreatedAt.UTC(), StartedAt: f.StartedAt.UTC(), FinishedAt: f.FinishedAt.UTC(),
		Type: "NORMAL", Volumes: f.Volumes, Networks: []networkBody{network(t, f.Network, v4)},
	}
	if f.Status == Stopped {
		body.DesiredStatus = Stopped // Guess: also of one that ended on its own while the task goes on
	}
	if m.session.fargate() {
		body.DockerID, body.DockerName = m.id, m.name
	}
	if m.name == PauseName {
		body.Type, body.Image, body.Limits = "CNI_PAUSE", pauseImage, limitsBody{CPU: new(0.0), Memory: new(int64(0))}
		if task == Running {
			body.DesiredStatus = ResourcesProvisioned
		}
		if f.Status == Running { // a pause that runs has done what it is for
			body.KnownStatus = ResourcesProvisioned
		}
	}
	if v4 {
		if m.name != PauseName {
			body.LogDriver, body.LogOptions = logging(t, c)
		}
		body.ContainerARN = m.arn()
		if m.session.fargate() {
			body.Snapshotter = "overlayfs"
		}
	}
	return body
}

// definition is what the task says of the container; of a pause that is nothing.
func (m *member) definition() batch.Container {
	for _, c := range m.session.task.Containers {
		if c.Name == m.name {
			return c
		}
	}
	return batch.Container{Name: m.name}
}

// labels are the five of the agent, which nobody can override, and those of the image.
func (m *member) labels(f Facts) map[string]string {
	t := m.session.task
	all := map[string]string{}
	maps.Copy(all, f.Labels)
	all["com.amazonaws.ecs.cluster"] = t.Cluster
	if m.session.fargate() {
		all["com.amazonaws.ecs.cluster"] = clusterARN(t)
	}
	all["com.amazonaws.ecs.container-name"] = m.name
	all["com.amazonaws.ecs.task-arn"] = taskARN(t)
	all["com.amazonaws.ecs.task-definition-family"] = t.Family
	all["com.amazonaws.ecs.task-definition-version"] = strconv.Itoa(t.Revision)
	return all
}

// arn has a uuid that follows from the container's id, so that it stays the same when another process answers.
func (m *member) arn() string {
	t := m.session.task
	return ecsARN(t, "container/"+t.Cluster+"/"+t.ID+"/"+uuid.NewSHA1(uuid.NameSpaceURL, []byte(m.id)).String())
}

func ecsARN(t batch.Task, resource string) string {
	return "arn:" + t.Scope.Partition() + ":ecs:" + t.Scope.Region + ":" + t.Scope.Account + ":" + resource
}

func taskARN(t batch.Task) string    { return ecsARN(t, "task/"+t.Cluster+"/"+t.ID) }
func clusterARN(t batch.Task) string { return ecsARN(t, "cluster/"+t.Cluster) }

// taskLimits are those of a Fargate task: what its containers have together.
func taskLimits(t batch.Task) *limitsBody {
	var milli, mib int64
	for _, c := range t.Containers {
		milli, mib = milli+c.MilliVCPU, mib+c.MemoryMiB
	}
	return &limitsBody{CPU: new(float64(milli) / 1000), Memory: &mib}
}

// taskTags are what Batch and propagateTags give a task.
// Guess: the names of Batch's own were not seen (runtime.md 6).
func taskTags(t batch.Task) map[string]string {
	all := map[string]string{}
	maps.Copy(all, t.Tags)
	for name, arn := range map[string]batch.ARN{"job-queue": t.Queue, "compute-environment": t.Environment, "job-definition": t.Definition} {
		if arn != "" {
			all["aws:batch:"+name] = string(arn)
		}
	}
	return all
}

// logging is the container's log driver and its options, without those that are secrets.
func logging(t batch.Task, c batch.Container) (driver string, options map[string]string) {
	l := &api.LogConfiguration{}
	if c.Properties != nil && c.Properties.LogConfiguration != nil {
		l = c.Properties.LogConfiguration
	}
	if l.LogDriver != "" && l.LogDriver != api.LogDriverAwslogs {
		return string(l.LogDriver), l.Options
	}
	options = map[string]string{"awslogs-region": t.Scope.Region}
	maps.Copy(options, l.Options)
	delete(options, "awslogs-stream-prefix") // is in the stream's name
	options["awslogs-group"], options["awslogs-stream"] = c.LogGroup, c.LogStream
	return string(api.LogDriverAwslogs), options
}

// network is what the container is on: its instance's, or a network interface of its task (runtime.md 2.8).
func network(t batch.Task, n Network, v4 bool) networkBody {
	if t.SharesHost() {
		return networkBody{NetworkMode: "host", IPv4Addresses: []string{""}} // Docker has no address for it, and the agent passes that on
	}
	body := networkBody{NetworkMode: "awsvpc", IPv4Addresses: n.IPv4}
	if !v4 {
		return body
	}
	body.AttachmentIndex = new(0)
	body.MACAddress, body.IPv4SubnetCIDRBlock = n.MAC, n.Subnet
	body.DomainNameServers, body.DomainNameSearchList = n.DNS, n.Search
	body.PrivateDNSName = cmp.Or(n.Name, t.HostName)
	if _, bits, found := strings.Cut(n.Subnet, "/"); found && n.Gateway != "" {
		body.SubnetGatewayIpv4Address = n.Gateway + "/" + bits
	}
	return body
}

// zoneID is the id of a region's first zone: "use1-az1" of us-east-1.
func zoneID(region string) string {
	parts := strings.Split(region, "-")
	var id strings.Builder
	for i, part := range parts {
		switch {
		case part == "":
		case i == 0 || i == len(parts)-1:
			id.WriteString(part)
		default:
			for _, word := range []string{"north", "south", "east", "west", "central", "gov"} {
				if rest, ok := strings.CutPrefix(part, word); ok {
					id.WriteByte(word[0])
					if part = rest; part != "" { // northeast
						id.WriteByte(part[0])
					}
					break
				}
			}
		}
	}
	return id.String() + "-az1"
}

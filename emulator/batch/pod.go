package batch

import (
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// Jobs of eksProperties (runtime.md 5): one pod for each attempt. What a cluster gives its pods names of is made from ids of ours, so that it
// stays the same however often it is asked for.

// Reasons of a pod's containers, in Kubernetes' words; drivers report them (runtime.md 5.4).
const (
	PodCompleted  = "Completed" // exit code 0
	PodError      = "Error"     // any other
	PodOOMKilled  = "OOMKilled"
	PodStartError = "StartError" // exit code 128: the container was made, and its program could not be started
)

// PodLogGroup is where what pods print is kept, if it is: in the stream PodLogStream.
const PodLogGroup = "/aws/batch/eks"

// PodLogStream is the stream of a pod's container. DescribeJobs does not tell it: on AWS there is none (runtime.md 5.4).
func PodLogStream(pod, container string) string { return pod + "/" + container }

// podDefaultName is what Batch calls an only container without a name (runtime.md 5.2).
const podDefaultName = "Default"

// PodOf is the pod of an attempt of a job of eksProperties.
func (s *State) PodOf(j *Job, a *Attempt) *Pod {
	p := &Pod{Name: "aws-batch." + asUUID(a.TaskID), NodeName: nodeName(a, j.Scope.Region), NodeUID: nodeUID(a)}
	if b := s.Blueprint(j); b.Eks != nil {
		p.Properties = b.Eks.PodProperties
	}
	if p.Properties == nil {
		p.Properties = &api.EksPodProperties{}
	}
	if e := s.environments.all[a.Environment]; e != nil && e.Detail.EksConfiguration != nil {
		p.Namespace = api.Value(e.Detail.EksConfiguration.KubernetesNamespace)
	}
	// One that differs from the environment's is the job's own choice: AWS asks for equal roles in both.
	if m := p.Properties.Metadata; m != nil && api.Value(m.Namespace) != "" {
		p.Namespace = *m.Namespace
	}
	return p
}

// isPod says whether what runs of a job are pods.
func (s *State) isPod(j *Job) bool {
	d := s.definitions[j.Definition]
	return d != nil && d.Platform == EKS
}

// podTask fills in what a task of eksProperties has: init containers first, in the order in which they run. It has no role, a service account
// speaks for it, and its output is kept only if that was asked for.
func (s *State) podTask(t *Task, j *Job, a *Attempt) {
	t.Pod = s.PodOf(j, a)
	p := t.Pod.Properties
	t.HostName = t.Pod.NodeName
	if p.HostNetwork != nil && !*p.HostNetwork {
		t.OwnNetwork, t.HostName = true, t.Pod.Name
	}
	system := s.batchEnvironment(j, a)
	system = append(system, api.KeyValuePair{Name: new("AWS_BATCH_JOB_KUBERNETES_NODE_UID"), Value: &t.Pod.NodeUID})
	for i := range p.InitContainers {
		t.Containers = append(t.Containers, podContainer(&p.InitContainers[i], true, system))
	}
	for i := range p.Containers {
		t.Containers = append(t.Containers, podContainer(&p.Containers[i], false, system))
	}
	if !s.options.PodLogs {
		return
	}
	for i := range t.Containers {
		c := &t.Containers[i]
		c.LogGroup, c.LogStream = PodLogGroup, PodLogStream(t.Pod.Name, c.Name)
	}
}

func podContainer(k *api.EksContainer, init bool, system []api.KeyValuePair) Container {
	environment, known := podEnvironment(system, k.Env)
	size := podSize(k.Resources)
	c := Container{
		Name: api.Value(k.Name), Image: api.Value(k.Image), Entrypoint: expandAll(k.Command, known), Command: expandAll(k.Args, known),
		Environment: environment, MilliVCPU: size.milli, MemoryMiB: size.mib, GPUs: size.gpus, Essential: !init, Init: init,
		StopSeconds: stopSeconds, Kubernetes: k, Properties: &api.ContainerProperties{Image: k.Image},
	}
	if c.Name == "" {
		c.Name = podDefaultName
	}
	if k.Resources != nil {
		c.MilliLimit, _ = CPUQuantity(k.Resources.Limits["cpu"])
	}
	if sc := k.SecurityContext; sc != nil {
		c.Properties.Privileged, c.Properties.ReadonlyRootFilesystem = sc.Privileged, sc.ReadOnlyRootFilesystem
		if sc.RunAsUser != nil { // a group alone goes with the image's user, which is for a driver to find out
			user := strconv.FormatInt(*sc.RunAsUser, 10)
			if sc.RunAsGroup != nil {
				user += ":" + strconv.FormatInt(*sc.RunAsGroup, 10)
			}
			c.Properties.User = &user
		}
	}
	return c
}

// podEnvironment is Batch's variables and then the container's, whose values may refer to what comes before them. It answers their values by
// name too, for the command.
//
// Guess: Batch's own come first, and its names are kept from the container's as in ECS (jobs.md 8.3).
func podEnvironment(system []api.KeyValuePair, own []api.EksContainerEnvironmentVariable) ([]api.KeyValuePair, map[string]string) {
	list := make([]api.KeyValuePair, 0, len(system)+len(own))
	known := make(map[string]string, len(system)+len(own))
	for _, kv := range system {
		known[*kv.Name] = *kv.Value
		list = append(list, kv)
	}
	for _, v := range own {
		name := api.Value(v.Name)
		if name == "" || reserved(name) {
			continue
		}
		known[name] = expand(api.Value(v.Value), known)
		list = append(list, api.KeyValuePair{Name: &name, Value: new(known[name])})
	}
	return list, known
}

// podSize is what a container of a pod is sure to get, and what its node has to have: requests, or limits where there is none, which Kubernetes
// then takes for requests. Values were checked when the definition was registered.
func podSize(r *api.EksContainerResourceRequirements) (n need) {
	if r == nil {
		return n
	}
	value := func(name string) string {
		if v := r.Requests[name]; v != "" {
			return v
		}
		return r.Limits[name]
	}
	n.milli, _ = CPUQuantity(value("cpu"))
	n.mib, _ = strconv.ParseInt(strings.TrimSuffix(value("memory"), "Mi"), 10, 64)
	gpus, _ := strconv.ParseInt(value("nvidia.com/gpu"), 10, 32)
	n.gpus = int32(gpus)
	return n
}

// podNeeds is what a pod takes: its containers together, or one of its init containers if that is more.
func podNeeds(p *api.EksPodProperties) (sum need) {
	if p == nil {
		return sum
	}
	for _, c := range p.Containers {
		n := podSize(c.Resources)
		sum.milli, sum.mib, sum.gpus = sum.milli+n.milli, sum.mib+n.mib, sum.gpus+n.gpus
	}
	for _, c := range p.InitContainers {
		n := podSize(c.Resources)
		sum.milli, sum.mib, sum.gpus = max(sum.milli, n.milli), max(sum.mib, n.mib), max(sum.gpus, n.gpus)
	}
	return sum
}

// nodeName is the name of the Kubernetes node that an instance is: "ip-192-168-55-175.ec2.internal".
func nodeName(a *Attempt, region string) string {
	id := strings.TrimPrefix(string(a.Host), "i-")
	if id == "" {
		id = a.TaskID
	}
	return "ip-192-168-" + lastOctets(id) + "." + Domain(region)
}

// nodeUID is what Kubernetes calls it.
func nodeUID(a *Attempt) string {
	if a.Host == "" {
		return asUUID(a.TaskID)
	}
	id := ContainerInstanceID(a.Host)
	if len(id) < 30 {
		return id
	}
	return asUUID(id[:12] + "4" + id[12:15] + "a" + id[15:30])
}

// asUUID puts dashes into 32 hex digits.
func asUUID(hex string) string {
	if len(hex) != 32 {
		return hex
	}
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}

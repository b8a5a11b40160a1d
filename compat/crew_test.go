package compat

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"
)

// A crew is a server for jobs of several containers, tasks and pods, with a queue of each kind.
type crew struct {
	s                 *server
	ec2, fargate, eks string
}

const clusterARN = "arn:aws:eks:us-east-1:000000000000:cluster/suite"

func newCrew(t *testing.T, flags ...string) *crew {
	t.Helper()
	needDocker(t)
	c := &crew{s: serve(t, append([]string{"--cpu-overcommit", "32"}, flags...)...)}
	ctx, client := t.Context(), c.s.batch()
	c.ec2, _ = queue(ctx, t, client, types.CRTypeEc2)
	c.fargate, _ = queue(ctx, t, client, types.CRTypeFargate)
	c.eks = "compat-eks"
	_, err := client.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: &c.eks, Type: types.CETypeManaged,
		EksConfiguration: &types.EksConfiguration{EksClusterArn: aws.String(clusterARN), KubernetesNamespace: aws.String("suite")},
		ComputeResources: &types.ComputeResource{Type: types.CRTypeEc2, AllocationStrategy: types.CRAllocationStrategyBestFitProgressive, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(256), InstanceTypes: []string{"m5.large"},
			InstanceRole: aws.String("arn:aws:iam::000000000000:instance-profile/eks"), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}})
	if err == nil {
		_, err = client.CreateJobQueue(ctx, &batch.CreateJobQueueInput{JobQueueName: &c.eks, Priority: aws.Int32(1),
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &c.eks}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// in is the server for a test that may run beside others.
func (c *crew) in(t *testing.T) *server {
	s := *c.s
	s.t = t
	return &s
}

// ends the server and looks at what it left.
func (c *crew) stop(t *testing.T) {
	t.Helper()
	c.s.stop()
	nothingLeft(t, c.s)
}

// nothingLeft looks for containers, volumes and networks of a server that has ended.
func nothingLeft(t *testing.T, s *server) {
	t.Helper()
	for _, list := range [][]string{
		{"ps", "-a", "--format", "{{.Names}} {{.Status}}"}, {"volume", "ls", "--format", "{{.Name}}"}, {"network", "ls", "--format", "{{.Name}}"},
	} {
		out, err := exec.Command("docker", append(list, "--filter", "label=batch-local.instance="+s.instance)...).CombinedOutput()
		text := strings.TrimSpace(string(out))
		if err != nil || list[0] == "network" && !slices.Contains(strings.Fields(text), "batch-local") && text != "" || list[0] != "network" && text != "" {
			t.Errorf("left behind, docker %s: %s %v", list[0], text, err)
		}
	}
}

// hand is a container of a task: its name, what it does, and what a test changes of it.
func hand(name string, command []string, change ...func(*types.TaskContainerProperties)) types.TaskContainerProperties {
	c := types.TaskContainerProperties{Name: &name, Image: &workload, Command: command,
		ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("32")}}}
	for _, f := range change {
		f(&c)
	}
	return c
}

// helper makes a container one that is not essential.
func helper(c *types.TaskContainerProperties) { c.Essential = aws.Bool(false) }

// after makes it wait for others: "a START", in pairs.
func after(pairs ...string) func(*types.TaskContainerProperties) {
	return func(c *types.TaskContainerProperties) {
		for i := 0; i < len(pairs); i += 2 {
			c.DependsOn = append(c.DependsOn, types.TaskContainerDependency{ContainerName: &pairs[i], Condition: &pairs[i+1]})
		}
	}
}

func do(words ...string) []string { return words }

func definitionName(t *testing.T) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())[:min(100, len(t.Name()))]
}

// task submits a task of containers, on EC2 or on Fargate.
func (c *crew) task(t *testing.T, queue string, task types.EcsTaskProperties, more ...func(*batch.SubmitJobInput)) string {
	t.Helper()
	name := definitionName(t)
	register := &batch.RegisterJobDefinitionInput{JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task}}}
	if queue == c.fargate {
		register.PlatformCapabilities = []types.PlatformCapability{types.PlatformCapabilityFargate}
		p := &register.EcsProperties.TaskProperties[0]
		p.ExecutionRoleArn = aws.String("arn:aws:iam::000000000000:role/execution")
		for i := range p.Containers { // together a size that there is: half a vCPU and 1 GiB, or twice that
			cpu, mib := "0.25", "512"
			if i == 2 {
				cpu, mib = "0.5", "1024"
			}
			p.Containers[i].ResourceRequirements = []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: &cpu}, {Type: types.ResourceTypeMemory, Value: &mib}}
		}
	}
	return c.submit(t, queue, register, more...)
}

func (c *crew) submit(t *testing.T, queue string, register *batch.RegisterJobDefinitionInput, more ...func(*batch.SubmitJobInput)) string {
	t.Helper()
	client := c.s.batch()
	d, err := client.RegisterJobDefinition(t.Context(), register)
	if err != nil {
		t.Fatal(err)
	}
	in := &batch.SubmitJobInput{JobName: aws.String("crew"), JobQueue: &queue, JobDefinition: d.JobDefinitionArn}
	for _, f := range more {
		f(in)
	}
	out, err := client.SubmitJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

// A finish is how a job of several containers ended.
type finish struct {
	types.JobDetail
	// ends are those of its containers: "name 0", with the reason behind it; lines what each printed.
	ends  []string
	lines map[string][]string
}

// status is that of the job, with its reason.
func (f finish) status() string {
	return string(f.Status) + ": " + aws.ToString(f.StatusReason)
}

// finish waits for the end of a task, and wants attempts[].taskProperties to say the same as ecsProperties.
func (c *crew) finish(t *testing.T, id string) finish {
	t.Helper()
	s := c.in(t)
	s.await(id, "")
	f := finish{JobDetail: describe(t.Context(), t, s.batch(), id), lines: map[string][]string{}}
	if len(f.Attempts) == 0 || len(f.Attempts[len(f.Attempts)-1].TaskProperties) != 1 || f.EcsProperties == nil || len(f.EcsProperties.TaskProperties) != 1 {
		t.Fatalf("DescribeJobs shows no task of its last attempt: %+v", f.JobDetail)
	}
	attempt, task := f.Attempts[len(f.Attempts)-1].TaskProperties[0], f.EcsProperties.TaskProperties[0]
	if aws.ToString(attempt.TaskArn) == "" || aws.ToString(attempt.TaskArn) != aws.ToString(task.TaskArn) || aws.ToString(attempt.ContainerInstanceArn) != aws.ToString(task.ContainerInstanceArn) {
		t.Errorf("the attempt is %s on %s, the task %s on %s", aws.ToString(attempt.TaskArn), aws.ToString(attempt.ContainerInstanceArn), aws.ToString(task.TaskArn), aws.ToString(task.ContainerInstanceArn))
	}
	var current []types.AttemptTaskContainerDetails
	for _, is := range task.Containers {
		current = append(current, types.AttemptTaskContainerDetails{Name: is.Name, ExitCode: is.ExitCode, Reason: is.Reason, LogStreamName: is.LogStreamName, NetworkInterfaces: is.NetworkInterfaces})
	}
	if diff := cmp.Diff(fmt.Sprint(shown(attempt.Containers)), fmt.Sprint(shown(current))); diff != "" {
		t.Errorf("attempts[] and ecsProperties differ (-attempt +ecsProperties):\n%s", diff)
	}
	f.ends = shown(attempt.Containers)
	for _, is := range attempt.Containers {
		if is.LogStreamName != nil {
			_, id, _ := strings.Cut(*task.TaskArn, "/")
			if _, id, _ = strings.Cut(id, "/"); !strings.HasSuffix(*is.LogStreamName, "/"+*is.Name+"/"+id) {
				t.Errorf("the log stream of %s is %s", *is.Name, *is.LogStreamName)
			}
			f.lines[*is.Name] = s.printed(t.Context(), is.LogStreamName)
		}
	}
	return f
}

func shown(list []types.AttemptTaskContainerDetails) (all []string) {
	for _, is := range list {
		all = append(all, ended(is.Name, is.ExitCode, is.Reason))
	}
	return all
}

func ended(name *string, code *int32, reason *string) string {
	text := aws.ToString(name)
	if code != nil {
		text += fmt.Sprint(" ", *code)
	}
	if reason != nil {
		text += " " + *reason
	}
	return text
}

func wants(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const exited = ": Essential container in task exited"

// stream is the log stream of a container.
func (f finish) stream(name string) *string {
	for _, is := range f.EcsProperties.TaskProperties[0].Containers {
		if *is.Name == name {
			return is.LogStreamName
		}
	}
	return nil
}

// events are those of a log stream.
func (s *server) events(stream *string) []logtypes.OutputLogEvent {
	s.t.Helper()
	out, err := s.logs().GetLogEvents(s.t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: stream, StartFromHead: aws.Bool(true)})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Events
}

// sees waits until a container of a job that runs has printed a line.
func (s *server) sees(job, container, line string) {
	s.t.Helper()
	s.prints(job, container, line, func(got string) bool { return got == line })
}

// awaitText waits for a line with the text in it.
func (s *server) awaitText(job, container, text string) {
	s.t.Helper()
	s.prints(job, container, text, func(got string) bool { return strings.Contains(got, text) })
}

func (s *server) prints(job, container, line string, is func(line string) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	follow := exec.CommandContext(ctx, "docker", "logs", "-f", inside(s.t, job, container, "inspect", "--format", "{{.Id}}", "ID"))
	out, err := follow.StdoutPipe()
	if err == nil {
		err = follow.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer follow.Wait()
	defer follow.Process.Kill()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if is(lines.Text()) {
			return
		}
	}
	s.t.Fatalf("container %s of job %s ended and did not print %q", container, job, line)
}

// cell is a container of a pod: its name, the words for its image's program, and what a test changes of it.
func cell(name string, args []string, change ...func(*types.EksContainer)) types.EksContainer {
	c := types.EksContainer{Image: &workload, Args: args, Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"memory": "32Mi", "cpu": "1"}, Requests: map[string]string{"cpu": "0.25"}}}
	if name != "" {
		c.Name = &name
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func (c *crew) pod(t *testing.T, pod types.EksPodProperties, more ...func(*batch.SubmitJobInput)) string {
	t.Helper()
	name := definitionName(t)
	return c.submit(t, c.eks, &batch.RegisterJobDefinitionInput{JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, EksProperties: &types.EksProperties{PodProperties: &pod}}, more...)
}

// podEnd waits for the end of a pod, whose containers are kept, and wants eksAttempts to say the same as eksProperties.
func (c *crew) podEnd(t *testing.T, id string) finish {
	t.Helper()
	s := c.in(t)
	s.await(id, "")
	f := finish{JobDetail: describe(t.Context(), t, s.batch(), id), lines: map[string][]string{}}
	if len(f.EksAttempts) == 0 || f.EksProperties == nil || len(f.Attempts) > 0 || f.Container != nil {
		t.Fatalf("DescribeJobs shows no pod: %+v", f.JobDetail)
	}
	a, p := f.EksAttempts[len(f.EksAttempts)-1], f.EksProperties.PodProperties
	for _, is := range slices.Concat(a.InitContainers, a.Containers) {
		f.ends = append(f.ends, ended(is.Name, is.ExitCode, is.Reason))
		if n := strings.TrimPrefix(aws.ToString(is.ContainerID), "containerd://"); is.ExitCode != nil && (len(n) != 64 || strings.Trim(n, "0123456789abcdef") != "") {
			t.Errorf("the id of %s is %q", aws.ToString(is.Name), aws.ToString(is.ContainerID))
		}
	}
	var current []string
	for _, is := range slices.Concat(p.InitContainers, p.Containers) {
		current = append(current, ended(is.Name, is.ExitCode, is.Reason))
	}
	wants(t, "eksAttempts[] and eksProperties", f.ends, current)
	wants(t, "pod, node, namespace and cluster", []string{aws.ToString(p.PodName), aws.ToString(p.NodeName), "suite", clusterARN},
		[]string{aws.ToString(a.PodName), aws.ToString(a.NodeName), aws.ToString(a.PodNamespace), aws.ToString(a.EksClusterArn)})
	if aws.ToInt64(a.StartedAt)%1000 != 0 || aws.ToInt64(a.StoppedAt)%1000 != 0 || aws.ToInt64(a.StoppedAt) == 0 {
		t.Errorf("times %d and %d", aws.ToInt64(a.StartedAt), aws.ToInt64(a.StoppedAt))
	}
	// One call for all: what the pod itself leaves behind, such as its pause container, may go in between.
	for line := range strings.Lines(engine(t, "ps", "-a", "--no-trunc", "--filter", "label=batch-local.job="+id, "--filter", fmt.Sprint("label=batch-local.attempt=", len(f.EksAttempts)),
		"--filter", "status=exited", "--format", `{{.ID}} {{.Label "batch-local.container"}}`)) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		logs, err := exec.Command("docker", "logs", id).CombinedOutput()
		if err != nil || len(logs) == 0 {
			continue // the pause container has none
		}
		f.lines[name] = strings.Split(strings.TrimSuffix(string(logs), "\n"), "\n")
	}
	return f
}

// awaitContainer waits until the engine has started a container of a job.
func (s *server) awaitContainer(job, container string) {
	s.t.Helper()
	filters := []string{"--filter", "label=batch-local.job=" + job, "--filter", "label=batch-local.container=" + container}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	events := exec.CommandContext(ctx, "docker", append([]string{"events", "--since", patience.String(), "--filter", "event=start", "--format", "{{.ID}}"}, filters...)...)
	out, err := events.StdoutPipe()
	if err == nil {
		err = events.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer events.Wait()
	defer events.Process.Kill()
	if !bufio.NewScanner(out).Scan() {
		s.t.Fatalf("container %s of job %s did not start", container, job)
	}
}

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// A site is a server and what jobs of every kind need.
type site struct {
	t   *testing.T
	url string
	api *batch.Client
}

func newSite(t *testing.T, words ...string) *site {
	t.Helper()
	_, url := serve(t, words...)
	s := &site{t, url, batch.New(batch.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})}
	for _, name := range []string{"tasks", "pods"} {
		in := &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: &name, Type: types.CETypeManaged, ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(16), InstanceTypes: []string{"optimal"}, Subnets: []string{"subnet-1"},
			SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("arn:aws:iam::000000000000:instance-profile/r")}}
		if name == "pods" {
			in.ComputeResources.InstanceTypes, in.ComputeResources.AllocationStrategy = []string{"m5"}, types.CRAllocationStrategyBestFitProgressive
			in.EksConfiguration = &types.EksConfiguration{EksClusterArn: aws.String("arn:aws:eks:us-east-1:000000000000:cluster/k"), KubernetesNamespace: aws.String("jobs")}
		}
		_, err := s.api.CreateComputeEnvironment(t.Context(), in)
		s.ok(err)
		_, err = s.api.CreateJobQueue(t.Context(), &batch.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1),
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}}})
		s.ok(err)
	}
	return s
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// submit submits a job of a definition of its own, both called name.
func (s *site) submit(name, queue string, d *batch.RegisterJobDefinitionInput, edit ...func(*batch.SubmitJobInput)) string {
	s.t.Helper()
	d.JobDefinitionName = &name
	if d.Type == "" {
		d.Type = types.JobDefinitionTypeContainer
	}
	_, err := s.api.RegisterJobDefinition(s.t.Context(), d)
	s.ok(err)
	in := &batch.SubmitJobInput{JobName: &name, JobQueue: &queue, JobDefinition: &name}
	for _, f := range edit {
		f(in)
	}
	out, err := s.api.SubmitJob(s.t.Context(), in)
	s.ok(err)
	return *out.JobId
}

// A part is a container: its name, its outcome, and whether its end is not that of the task.
type part struct {
	name, outcome string
	aside         bool
	log           *types.LogConfiguration
}

var small = []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")}}

func scripted(outcome string) []types.KeyValuePair {
	return []types.KeyValuePair{{Name: aws.String("BATCH_LOCAL_OUTCOME"), Value: &outcome}}
}

func task(parts ...part) *batch.RegisterJobDefinitionInput {
	t := types.EcsTaskProperties{}
	for _, p := range parts {
		t.Containers = append(t.Containers, types.TaskContainerProperties{Name: &p.name, Image: aws.String("i"), ResourceRequirements: small, Essential: aws.Bool(!p.aside),
			Environment: scripted(p.outcome), LogConfiguration: p.log})
	}
	return &batch.RegisterJobDefinitionInput{EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{t}}}
}

// pods is a pod; those aside are init containers.
func pods(parts ...part) *batch.RegisterJobDefinitionInput {
	p := &types.EksPodProperties{}
	for _, c := range parts {
		is := types.EksContainer{Name: &c.name, Image: aws.String("i"), Env: []types.EksContainerEnvironmentVariable{{Name: aws.String("BATCH_LOCAL_OUTCOME"), Value: &c.outcome}},
			Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}}}
		if c.aside {
			p.InitContainers = append(p.InitContainers, is)
		} else {
			p.Containers = append(p.Containers, is)
		}
	}
	return &batch.RegisterJobDefinitionInput{EksProperties: &types.EksProperties{PodProperties: p}}
}

// run runs a command and compares its exit code, what it printed, and what it said after its own name.
func (s *site) run(words, said string, code int, printed ...string) {
	s.t.Helper()
	all := strings.Fields(words)
	c, out, err := start(s.t, nil, append(all[:1:1], append([]string{"--endpoint", s.url}, all[1:]...)...)...).end()
	want := strings.Join(append(printed, ""), "\n")
	if diff := cmp.Diff(want, out); diff != "" {
		s.t.Errorf("%s printed (-want +got):\n%s", words, diff)
	}
	if said != "" {
		said = "batch-local: " + said + "\n"
	}
	if diff := cmp.Diff(said, err); diff != "" {
		s.t.Errorf("%s said (-want +got):\n%s", words, diff)
	}
	if c != code {
		s.t.Errorf("%s: exit code %d, want %d", words, c, code)
	}
}

// TestLogsOfSeveral: the simulated driver spreads lines evenly over the time of a container.
func TestLogsOfSeveral(t *testing.T) {
	s := newSite(t)
	elsewhere := &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/mine", "awslogs-region": "eu-west-1"}}
	file := &types.LogConfiguration{LogDriver: types.LogDriverJsonFile}
	parts := []part{
		{"app", `{"duration":"400ms","logs":["1","3"],"exitCode":[1,3]}`, false, nil},
		{"sidecar", `{"duration":"200ms","logs":["2","2b"]}`, true, elsewhere},
		{"mute", `{"duration":"300ms","logs":["unseen"]}`, true, file},
	}
	id := s.submit("task", "tasks", task(parts...), func(in *batch.SubmitJobInput) { in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2)} })
	once := []string{"app     | 1", "sidecar | 2", "sidecar | 2b", "app     | 3"}
	twice := append(once[:4:4], once...)
	follow := start(t, nil, "logs", "-f", "--endpoint", s.url, id)
	s.run("wait task", "", 3)
	if code, out, said := follow.end(); code != 0 || said != "" || !sameLines(out, twice) {
		t.Errorf("followed: exit code %d, it said %q and printed:\n%s", code, said, out)
	}
	if code, out, _ := start(t, nil, "logs", "--endpoint", s.url, "task").end(); code != 0 || !sameLines(out, twice) {
		t.Errorf("exit code %d, it printed:\n%s", code, out)
	}
	s.run("logs task -c sidecar", "", 0, "2", "2b", "2", "2b")
	s.run("logs -f task -c app", "", 0, "1", "3", "1", "3")
	s.run("logs task -c nobody", "job "+id+" has no container nobody; it has [app sidecar mute]", 1)
	mute := "job " + id + " has no log here: what it prints goes to the log driver json-file"
	s.run("logs task -c mute", mute, 0)
	s.run("logs -f task -c mute", mute, 0)
	code, out, _ := start(t, nil, "logs", "-t", "--endpoint", s.url, "task").end()
	if first, _, _ := strings.Cut(out, "\n"); code != 0 || !strings.HasPrefix(first, "app     | 20") || !strings.HasSuffix(first, "Z 1") {
		t.Errorf("with times it printed:\n%s", out)
	}
	code, out, _ = start(t, []string{"AWS_ENDPOINT_URL_BATCH=" + s.url}, "__complete", "logs", "task", "--container", "").end()
	if code != 0 || !strings.HasPrefix(out, "app\nsidecar\nmute\n") {
		t.Errorf("offered are:\n%s", out)
	}
	if _, out, _ := start(t, nil, "jobs", "--endpoint", s.url, "--queue", "tasks").end(); !strings.Contains(out, "FAILED  3 ") {
		t.Errorf("jobs printed:\n%s", out)
	}
	if _, out, _ = start(t, nil, "logs", "--endpoint", s.url, "task").end(); strings.Contains(out, "\x1b") {
		t.Error("there are colours where no terminal is")
	}

	s.submit("unable", "tasks", task(part{"a", `{"duration":"1h"}`, false, nil}, part{"b", `{"startError":"CannotPullContainerError: no"}`, false, nil}))
	s.run("wait unable", "", 1)
	if _, _, said := start(t, nil, "logs", "--endpoint", s.url, "unable").end(); !strings.Contains(said, "it never ran (Task failed to start: b: CannotPullContainerError: no)") {
		t.Errorf("it said %q", said)
	}
}

// sameLines compares lines, of which those of different containers at the same moment may come in any order: all of each container must be in order.
func sameLines(out string, want []string) bool {
	of := func(lines []string) map[string]string {
		all := map[string]string{}
		for _, line := range lines {
			name, text, _ := strings.Cut(line, "| ")
			all[name] += text + "\n"
		}
		return all
	}
	return cmp.Equal(of(strings.Split(strings.TrimSuffix(out, "\n"), "\n")), of(want))
}

// TestLogsOfOne: one container of a group and a region of its own, and of ecsProperties, is printed as it is.
func TestLogsOfOne(t *testing.T) {
	s := newSite(t)
	elsewhere := &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/mine", "awslogs-region": "eu-west-1"}}
	container := func(l *types.LogConfiguration) *batch.RegisterJobDefinitionInput {
		return &batch.RegisterJobDefinitionInput{ContainerProperties: &types.ContainerProperties{Image: aws.String("i"), ResourceRequirements: small,
			Environment: scripted(`{"logs":["one","two"]}`), LogConfiguration: l}}
	}
	s.submit("there", "tasks", container(elsewhere))
	s.run("logs -f there", "", 0, "one", "two")
	s.run("logs there", "", 0, "one", "two")
	s.run("logs there -c default", "", 0, "one", "two")
	id := s.submit("file", "tasks", container(&types.LogConfiguration{LogDriver: types.LogDriverJsonFile}))
	s.run("logs -f file", "job "+id+" has no log here: what it prints goes to the log driver json-file", 0)
	// Events of several lines are kept when the next one begins, with the time at which they began.
	joined := container(&types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-multiline-pattern": "^E"}})
	joined.ContainerProperties.Environment = scripted(`{"duration":"900ms","logs":["E1"," at","E2"]}`)
	s.submit("joined", "tasks", joined)
	s.run("logs -f joined", "", 0, "E1", " at", "", "E2", "")
	s.run("logs joined", "", 0, "E1", " at", "", "E2", "")
	s.submit("only", "tasks", task(part{"only", `{"logs":["one"],"exitCode":9}`, false, elsewhere}))
	s.run("wait only", "", 9)
	s.run("logs only", "", 0, "one")

	id = s.submit("array", "tasks", container(nil), func(in *batch.SubmitJobInput) { in.ArrayProperties = &types.ArrayProperties{Size: aws.Int32(2)} })
	s.run("wait array", "", 0)
	s.run("logs array", "job "+id+" has no log: it is an array; its children have one each, the first is "+id+":0", 0)
	s.run("logs "+id+":1", "", 0, "one", "two")

	nodes := &batch.RegisterJobDefinitionInput{Type: types.JobDefinitionTypeMultinode, NodeProperties: &types.NodeProperties{NumNodes: aws.Int32(2), MainNode: aws.Int32(1),
		NodeRangeProperties: []types.NodeRangeProperty{{TargetNodes: aws.String("0:"), Container: container(nil).ContainerProperties}, {TargetNodes: aws.String("1"), Container: container(elsewhere).ContainerProperties}}}}
	nodes.NodeProperties.NodeRangeProperties[1].Container.Environment = scripted(`{"logs":["main"],"exitCode":6}`)
	id = s.submit("nodes", "tasks", nodes)
	s.run("wait nodes", "", 6)
	s.run("logs nodes", "", 0, "main")
	s.run("logs "+id+"#1", "", 0, "main")
	s.run("logs "+id+"#1 -c default", "", 0, "main")
	s.run("logs nodes -c default", "job "+id+" has several nodes; say which, the main one is "+id+"#1", 1)
}

func TestLogsOfPods(t *testing.T) {
	s := newSite(t, "--pod-logs")
	parts := []part{
		{"fetch", `{"duration":"100ms","logs":["fetched"]}`, true, nil},
		{"main", `{"duration":"200ms","logs":["1","2"],"exitCode":[4,0]}`, false, nil},
		{"side", `{"duration":"100ms","logs":["beside"]}`, false, nil},
	}
	id := s.submit("pod", "pods", pods(parts...), func(in *batch.SubmitJobInput) { in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2)} })
	once := []string{"fetch | fetched", "main  | 1", "side  | beside", "main  | 2"}
	twice := append(once[:4:4], once...)
	code, out, said := start(t, nil, "logs", "-f", "--endpoint", s.url, id).end()
	if code != 0 || said != "" || !sameLines(out, twice) {
		t.Errorf("followed: exit code %d, it said %q and printed:\n%s", code, said, out)
	}
	s.run("wait pod", "", 0)
	if _, out, _ := start(t, nil, "logs", "--endpoint", s.url, "pod").end(); !sameLines(out, twice) {
		t.Errorf("it printed:\n%s", out)
	}
	s.run("logs pod -c fetch", "", 0, "fetched", "fetched")
	s.run("logs pod --container main", "", 0, "1", "2", "1", "2")
	s.run("logs pod -c x", "job "+id+" has no container x; it has [fetch main side]", 1)

	s.submit("one", "pods", pods(part{"a", `{"logs":["alone"],"exitCode":5}`, false, nil}))
	s.run("wait one", "", 5)
	s.run("logs one", "", 0, "alone")

	id = s.submit("init", "pods", pods(part{"i", `{"logs":["no"],"exitCode":7}`, true, nil}, part{"a", `{}`, false, nil}))
	s.run("wait init", "", 7)
	s.run("logs -f init", "", 0, "i | no")
	if _, out, _ := start(t, nil, "jobs", "--endpoint", s.url, "--queue", "pods", "--status", "failed").end(); !strings.Contains(out, "FAILED  7 ") || !strings.Contains(out, "FAILED  5 ") {
		t.Errorf("jobs printed:\n%s", out)
	}
	s.submit("never", "pods", pods(part{"a", `{"startError":"ErrImagePull: no"}`, false, nil}))
	s.run("wait never", "", 1)
	if _, _, said := start(t, nil, "logs", "-f", "--endpoint", s.url, "never").end(); !strings.Contains(said, "it never ran (Pod failed") {
		t.Errorf("it said %q", said)
	}
}

func TestLogsOfPodsThatNobodyKeeps(t *testing.T) {
	s := newSite(t)
	id := s.submit("pod", "pods", pods(part{"a", `{"duration":"1h","logs":["unseen"]}`, false, nil}))
	want := fmt.Sprintf("job %s has no log: pods' output is kept with serve --pod-logs", id)
	s.run("logs -f pod", want, 0)
	s.run("wait pod --until RUNNING", "", 0)
	s.run("logs pod", want, 0)
	_, err := s.api.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")})
	s.ok(err)
	s.run("wait pod", "", 143)
	s.run("logs pod", want, 0)
}

package batch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
)

// placedPod submits a pod in a story of its own and answers its task.
func placedPod(t *testing.T, pod api.EksPodProperties, over *api.EksPodPropertiesOverride) (*story, Task) {
	t.Helper()
	return placedTask(t, EKS, api.JobDefinition{EksProperties: &api.EksProperties{PodProperties: &pod}}, Request{Eks: &api.EksPropertiesOverride{PodProperties: over}})
}

func placedTask(t *testing.T, p Platform, d api.JobDefinition, r Request) (*story, Task) {
	t.Helper()
	s := newStory()
	tx := s.state.Begin(0, &s.ids)
	e := s.environment(tx, parse("environment e max=16 platform="+string(p)))
	if p == EKS {
		e.Detail.EcsClusterArn = nil
		e.Detail.EksConfiguration = &api.EksConfiguration{EksClusterArn: new("arn:aws:eks:us-east-1:000000000000:cluster/k"), KubernetesNamespace: new("jobs")}
	}
	if err := tx.CreateEnvironment(e); err != nil {
		t.Fatal(err)
	}
	tx.Commit()
	s.play("queue q environments=e")
	tx = s.state.Begin(0, &s.ids)
	tx.RegisterDefinition(storyScope, "d", p, d)
	j, err := tx.Submit(Submission{Scope: storyScope, Name: "j", Queue: "q", Definition: "d", Request: r})
	if err != nil {
		t.Fatal(err)
	}
	tx.Commit()
	task, ok := s.state.TaskOf(s.state.jobs[j.ID])
	if !ok {
		t.Fatalf("it has no task: %s", text(s.state.jobs[j.ID]))
	}
	return s, task
}

func env(pairs ...string) (list []api.EksContainerEnvironmentVariable) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, api.EksContainerEnvironmentVariable{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

// TestPodTask is runtime.md 5.1 and 5.2, and jobs.md 9: what a driver is told of a pod, with overrides.
func TestPodTask(t *testing.T) {
	main := api.EksContainer{Name: new("main"), Image: new("i"), Command: []string{"run", "$(GREETING)"}, Args: []string{"$(AWS_BATCH_JOB_ATTEMPT)", "$(NOBODY)", "$$(NAME)"},
		Env:             env("NAME", "you", "GREETING", "hello $(NAME) $(LATER)", "LATER", "x", "EMPTY", "", "AWS_BATCH_JQ_NAME", "mine"),
		Resources:       &api.EksContainerResourceRequirements{Requests: map[string]string{"cpu": "0.5"}, Limits: map[string]string{"cpu": "2", "memory": "64Mi", "nvidia.com/gpu": "1"}},
		SecurityContext: &api.EksContainerSecurityContext{RunAsUser: new(int64(7)), RunAsGroup: new(int64(8)), Privileged: new(false), ReadOnlyRootFilesystem: new(true)}}
	fetch := api.EksContainer{Image: new("f"), Resources: &api.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "0.25", "memory": "128Mi"}},
		SecurityContext: &api.EksContainerSecurityContext{RunAsGroup: new(int64(8))}}
	over := &api.EksPodPropertiesOverride{Containers: []api.EksContainerOverride{{Name: new("main"), Env: env("NAME", "me")}}}
	s, task := placedPod(t, api.EksPodProperties{Containers: []api.EksContainer{main}, InitContainers: []api.EksContainer{fetch}}, over)

	j := s.state.jobs[task.Attempt.Job]
	uid, host := task.Pod.NodeUID, j.Attempt().Host
	batchs := []string{"AWS_BATCH_JOB_ID=" + string(j.ID), "AWS_BATCH_JOB_ATTEMPT=1", "AWS_BATCH_JQ_NAME=q", "AWS_BATCH_CE_NAME=e", "AWS_BATCH_JOB_KUBERNETES_NODE_UID=" + uid}
	want := [][]string{
		batchs,
		append(batchs[:5:5], "NAME=me", "GREETING=hello me $(LATER)", "LATER=x", "EMPTY="),
	}
	var got [][]string
	for _, c := range task.Containers {
		var list []string
		for _, kv := range c.Environment {
			list = append(list, *kv.Name+"="+*kv.Value)
		}
		got = append(got, list)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	for i := range task.Containers {
		if task.Containers[i].Kubernetes == nil {
			t.Errorf("container %d has lost its block", i)
		}
		task.Containers[i].Environment, task.Containers[i].Kubernetes = nil, nil
	}
	if diff := cmp.Diff([]Container{
		{Name: "Default", Image: "f", MilliVCPU: 250, MilliLimit: 250, MemoryMiB: 128, Init: true, StopSeconds: 30, Properties: &api.ContainerProperties{Image: new("f")}},
		{Name: "main", Image: "i", Entrypoint: []string{"run", "hello me $(LATER)"}, Command: []string{"1", "$(NOBODY)", "$(NAME)"}, MilliVCPU: 500, MilliLimit: 2000, MemoryMiB: 64, GPUs: 1,
			Essential: true, StopSeconds: 30, Properties: &api.ContainerProperties{Image: new("i"), User: new("7:8"), Privileged: new(false), ReadonlyRootFilesystem: new(true)}},
	}, task.Containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	id := task.ID
	if want := "aws-batch." + id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]; task.Pod.Name != want {
		t.Errorf("the pod is %s; want %s", task.Pod.Name, want)
	}
	if task.Pod.Namespace != "jobs" || task.Pod.NodeName != nodeName(j.Attempt(), "us-east-1") || task.HostName != task.Pod.NodeName || task.OwnNetwork || task.Host != host || task.Cluster != "k" {
		t.Errorf("%+v\n%+v", task, task.Pod)
	}
	if task.JobRole != "" || task.ExecutionRole != "" || task.Environment != j.Attempt().Environment || task.Definition != j.Definition {
		t.Errorf("%+v", task)
	}
	if j.MilliVCPU != 500 || j.MemoryMiB != 128 || j.GPUs != 1 { // the init container needs more memory than what follows it
		t.Errorf("it takes %d, %d MiB, %d GPUs", j.MilliVCPU, j.MemoryMiB, j.GPUs)
	}
	if again, _ := s.state.TaskOf(j); again.Pod.NodeUID != uid || again.Pod.Name != task.Pod.Name {
		t.Errorf("asked again, it is %+v", again.Pod)
	}
	if streams := s.state.LogStreams(j, j.Attempt()); len(streams) > 0 {
		t.Errorf("it has log streams: %v", streams)
	}
}

// TestPodApart is a pod with a network and a namespace of its own.
func TestPodApart(t *testing.T) {
	_, task := placedPod(t, api.EksPodProperties{Containers: pods("a"), HostNetwork: new(false), Metadata: &api.EksMetadata{Namespace: new("mine")}}, nil)
	if !task.OwnNetwork || task.SharesHost() || task.HostName != task.Pod.Name || task.Pod.Namespace != "mine" {
		t.Errorf("%+v\n%+v", task, task.Pod)
	}
	if got := nodeName(&Attempt{Host: "i-0123456789abc37af"}, "eu-west-1"); got != "ip-192-168-55-175.eu-west-1.compute.internal" {
		t.Errorf("the node is %s", got)
	}
	if a, b := nodeUID(&Attempt{Host: "i-0123456789abc37af"}), nodeUID(&Attempt{Host: "i-0123456789abc37ae"}); a == b || len(a) != 36 {
		t.Errorf("UIDs %s and %s", a, b)
	}
}

// TestTaskOfSeveralContainers is what ecsProperties says beyond a block of one container.
func TestTaskOfSeveralContainers(t *testing.T) {
	needs := []api.ResourceRequirement{{Type: api.ResourceTypeVcpu, Value: new("1")}, {Type: api.ResourceTypeMemory, Value: new("64")}}
	router := &api.FirelensConfiguration{Type: api.FirelensConfigurationTypeFluentbit}
	_, task := placedTask(t, EC2, api.JobDefinition{EcsProperties: &api.EcsProperties{TaskProperties: []api.EcsTaskProperties{{
		TaskRoleArn: new("role"), ExecutionRoleArn: new("execution"), PidMode: new("task"), IpcMode: new("host"),
		Containers: []api.TaskContainerProperties{
			{Name: new("a"), Image: new("i"), ResourceRequirements: needs, StartTimeout: new(int32(10)), FirelensConfiguration: router, Essential: new(false)},
			{Name: new("b"), Image: new("i"), ResourceRequirements: append(needs[:2:2], api.ResourceRequirement{Type: api.ResourceTypeGpu, Value: new("2")}), StopTimeout: new(int32(5)),
				DependsOn: []api.TaskContainerDependency{{ContainerName: new("a"), Condition: new("START")}}},
		}}}}}, Request{})
	if task.JobRole != "role" || task.ExecutionRole != "execution" || task.PIDMode != "task" || task.IPCMode != "host" || task.Pod != nil {
		t.Errorf("%+v", task)
	}
	a, b := task.Containers[0], task.Containers[1]
	if a.StartSeconds != 10 || a.Firelens != router || a.Essential || a.StopSeconds != 30 || a.GPUs != 0 {
		t.Errorf("%+v", a)
	}
	if b.StartSeconds != 0 || b.Firelens != nil || !b.Essential || b.StopSeconds != 5 || b.GPUs != 2 || len(b.DependsOn) != 1 {
		t.Errorf("%+v", b)
	}
}

// TestPodLogs: what a pod prints has a place only if it is to be kept, init containers too; DescribeJobs is told of none.
func TestPodLogs(t *testing.T) {
	s, task := placedPod(t, api.EksPodProperties{Containers: pods("a,b"), InitContainers: pods("i")}, nil)
	j := s.state.jobs[task.Attempt.Job]
	told := func() (places []string) {
		task, _ := s.state.TaskOf(j)
		for _, c := range task.Containers {
			places = append(places, c.LogGroup+" "+c.LogStream)
		}
		return places
	}
	if diff := cmp.Diff([]string{" ", " ", " "}, told()); diff != "" {
		t.Errorf("by default (-want +got):\n%s", diff)
	}
	s.state.Use(Options{PodLogs: true})
	pod := "/aws/batch/eks " + task.Pod.Name
	if diff := cmp.Diff([]string{pod + "/i", pod + "/a", pod + "/b"}, told()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if streams := s.state.LogStreams(j, j.Attempt()); len(streams) > 0 {
		t.Errorf("it has log streams: %v", streams)
	}
}

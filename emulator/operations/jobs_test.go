package operations_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/batch"
)

// newPlace is a world with a queue "q" of 64 vCPUs on EC2, a queue "f" on Fargate, and definitions: "d" of one container, "f" on
// Fargate, "n" of three nodes, "t" of two containers. Nothing runs: tests report for a driver.
func newPlace(t *testing.T) *world {
	w := newWorld(t)
	ctx := t.Context()
	for name, kind := range map[string]types.CRType{"q": types.CRTypeEc2, "f": types.CRTypeFargate} {
		resources := &types.ComputeResource{Type: kind, MaxvCpus: aws.Int32(64), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
		if kind == types.CRTypeEc2 {
			resources.MinvCpus, resources.InstanceTypes, resources.InstanceRole = aws.Int32(0), []string{"optimal"}, aws.String("ecsInstanceRole")
		}
		must(w.CreateComputeEnvironment(ctx, &sdk.CreateComputeEnvironmentInput{ComputeEnvironmentName: &name, Type: types.CETypeManaged, ComputeResources: resources}))(t)
		must(w.CreateJobQueue(ctx, &sdk.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1),
			ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}}}))(t)
	}
	must(w.RegisterJobDefinition(ctx, &sdk.RegisterJobDefinitionInput{JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer,
		Parameters: map[string]string{"who": "nobody"}, ContainerProperties: oneContainer("echo", "Ref::who")}))(t)
	onFargate := oneContainer()
	onFargate.ResourceRequirements, onFargate.ExecutionRoleArn = requirements("0.25", "512"), aws.String("arn:aws:iam::123456789012:role/r")
	must(w.RegisterJobDefinition(ctx, &sdk.RegisterJobDefinitionInput{JobDefinitionName: aws.String("f"), Type: types.JobDefinitionTypeContainer,
		PlatformCapabilities: []types.PlatformCapability{types.PlatformCapabilityFargate}, ContainerProperties: onFargate}))(t)
	must(w.RegisterJobDefinition(ctx, &sdk.RegisterJobDefinitionInput{JobDefinitionName: aws.String("n"), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{NumNodes: aws.Int32(3), MainNode: aws.Int32(0), NodeRangeProperties: []types.NodeRangeProperty{
			{TargetNodes: aws.String("0"), Container: oneContainer("main")}, {TargetNodes: aws.String("1:"), Container: oneContainer("worker")}}}}))(t)
	must(w.RegisterJobDefinition(ctx, &sdk.RegisterJobDefinitionInput{JobDefinitionName: aws.String("t"), Type: types.JobDefinitionTypeContainer,
		EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{{Containers: []types.TaskContainerProperties{
			{Name: aws.String("main"), Image: aws.String("i"), ResourceRequirements: requirements("1", "64")},
			{Name: aws.String("side"), Image: aws.String("i"), Essential: aws.Bool(false), ResourceRequirements: requirements("1", "64")}}}}}}))(t)
	w.update(func(tx *batch.Tx) { tx.SetHost(batch.Host{Ready: true}) })
	return w
}

func oneContainer(command ...string) *types.ContainerProperties {
	return &types.ContainerProperties{Image: aws.String("i"), Command: command, ResourceRequirements: requirements("1", "64")}
}

func requirements(vcpu, memory string) []types.ResourceRequirement {
	return []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: &vcpu}, {Type: types.ResourceTypeMemory, Value: &memory}}
}

func (w *world) update(f func(*batch.Tx)) {
	w.Helper()
	if err := w.engine.Update(w.Context(), func(tx *batch.Tx) error { f(tx); return nil }); err != nil {
		w.Fatal(err)
	}
}

// ends reports that a job's newest attempt runs, and that it ended with a code.
func (w *world) ends(id string, code int32) {
	w.Helper()
	w.update(func(tx *batch.Tx) {
		a := batch.AttemptID{Job: batch.JobID(id), Number: tx.AnyJob(batch.JobID(id)).Attempt().Number}
		tx.Report(batch.Report{Attempt: a, State: batch.Running, PrivateIPv4: "10.0.0.9"})
		tx.Report(batch.Report{Attempt: a, State: batch.Exited, ExitCode: &code})
	})
}

type submission = sdk.SubmitJobInput

func (w *world) submit(queue, definition string, edit func(*submission)) (string, error) {
	in := &submission{JobName: aws.String("j"), JobQueue: &queue, JobDefinition: &definition}
	if edit != nil {
		edit(in)
	}
	out, err := w.SubmitJob(w.Context(), in)
	if err != nil {
		return "", err
	}
	return *out.JobId, nil
}

func (w *world) job(id string) types.JobDetail {
	w.Helper()
	out := must(w.DescribeJobs(w.Context(), &sdk.DescribeJobsInput{Jobs: []string{id}}))(w.T)
	if len(out.Jobs) != 1 {
		w.Fatalf("no job %s", id)
	}
	return out.Jobs[0]
}

func after(ids ...string) func(*submission) {
	return func(in *submission) {
		for _, id := range ids {
			in.DependsOn = append(in.DependsOn, types.JobDependency{JobId: &id})
		}
	}
}

func array(size int32) func(*submission) {
	return func(in *submission) { in.ArrayProperties = &types.ArrayProperties{Size: &size} }
}

func overriding(o *types.ContainerOverrides) func(*submission) {
	return func(in *submission) { in.ContainerOverrides = o }
}

func nodes(o *types.NodeOverrides) func(*submission) {
	return func(in *submission) { in.NodeOverrides = o }
}

// TestSubmitRefuses is jobs.md 11 with what it refers to: each refusal with its text; nothing is left of the job.
func TestSubmitRefuses(t *testing.T) {
	w := newPlace(t)
	unknown := "00000000-0000-4000-8000-000000000000"
	three := must(w.submit("q", "d", array(3)))(t)
	for _, c := range []struct {
		name, queue, definition string
		edit                    func(*submission)
		text                    string
	}{
		{"11 name", "q", "d", func(in *submission) { in.JobName = aws.String("-a") }, wrapped("Job name should match valid pattern")},
		{"11 queue", "nowhere", "d", nil, "JobQueue nowhere not found."},
		{"11 platform", "q", "f", nil, "Job Queue is attached to Compute Environment that can not run Jobs with capability FARGATE."},
		{"5 twenty-one", "q", "d", after(strings.Fields(strings.Repeat(unknown+" ", 21))...), wrapped("Job cannot have more than 20 dependencies")},
		{"5 unknown job", "q", "d", after(unknown), "Job " + unknown + " in dependsOn does not exist."},
		{"5 child out of range", "q", "d", after(three + ":3"), "Job " + three + ":3 in dependsOn does not exist."},
		{"5 malformed id", "q", "d", after("a b"), "Provided name a b is not supported pattern[a-zA-Z_0-9-]{1,128}"},
		{"5 sizes", "q", "d", func(in *submission) {
			array(2)(in)
			in.DependsOn = []types.JobDependency{{JobId: &three, Type: types.ArrayJobDependencyNToN}}
		}, "N_TO_N dependency requires array jobs of the same size: job " + three + "."},
		{"6 size 1", "q", "d", array(1), wrapped("Array size must be between 2 and 10000")},
		{"6 size 10001", "q", "d", array(10001), wrapped("Array size must be between 2 and 10000")},
		{"6 array of nodes", "q", "n", array(2), "arrayProperties is not applicable for multi-node parallel jobs."},
		{"7.3 target", "q", "n", nodes(&types.NodeOverrides{NodePropertyOverrides: []types.NodePropertyOverride{{TargetNodes: aws.String("0:0")}}}),
			"NodeOverride targets should match job definition. Non matching targets - 0:0"},
		{"7.3 too few nodes", "q", "n", nodes(&types.NodeOverrides{NumNodes: aws.Int32(1)}), "numNodes must be greater than the lower bound of the open-ended node range 1:."},
		{"7.3 container override", "q", "n", overriding(&types.ContainerOverrides{Command: []string{"x"}}), "containerOverrides is not applicable for a job definition with nodeProperties."},
		{"7.3 node override", "q", "d", nodes(&types.NodeOverrides{NumNodes: aws.Int32(2)}), "nodeOverrides is not applicable for a job definition with containerProperties."},
		{"8.2 ecs", "q", "t", overriding(&types.ContainerOverrides{Command: []string{"x"}}), "containerOverrides is not applicable for a job definition with ecsProperties."},
		{"8.2 empty command", "q", "d", overriding(&types.ContainerOverrides{Command: []string{"x", ""}}), wrapped("Container overrides command must not contain an empty string.")},
		{"8.1 reference", "q", "d", overriding(&types.ContainerOverrides{Command: []string{"Ref::whom"}}), "Unable to substitute value. No parameter found for reference whom"},
		{"8.2 legacy on Fargate", "f", "f", overriding(&types.ContainerOverrides{Vcpus: aws.Int32(1)}), "vcpus is not applicable for Fargate. Use resource requirements instead."},
		{"8.2 size", "f", "f", overriding(&types.ContainerOverrides{ResourceRequirements: requirements("1", "4000")}), "Fargate resource requirements (1.00 vCPU, 4000 MiB) not valid."},
		{"8.2 requirement twice", "q", "d", overriding(&types.ContainerOverrides{ResourceRequirements: append(requirements("1", "4"), requirements("1", "4")...)}),
			wrapped("Cannot provide duplicates in resourceRequirements.")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.submit(c.queue, c.definition, c.edit)
			refuses(t, err, requestID.ReplaceAllString(c.text, "ID"))
		})
	}
	if n := len(w.listed(&sdk.ListJobsInput{JobQueue: aws.String("q"), Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{"*"}}}})); n != 1 {
		t.Errorf("%d jobs are there; only the array should be", n)
	}
}

// listed is all pages of ListJobs, by id.
func (w *world) listed(in *sdk.ListJobsInput) (ids []string) {
	w.Helper()
	for {
		out := must(w.ListJobs(w.Context(), in))(w.T)
		for _, j := range out.JobSummaryList {
			ids = append(ids, *j.JobId)
		}
		if in.NextToken = out.NextToken; out.NextToken == nil {
			return ids
		}
	}
}

// TestArrayShown is jobs.md 2.9, 6 and 13: what parent and children show, and where they are listed.
func TestArrayShown(t *testing.T) {
	w := newPlace(t)
	id := must(w.submit("q", "d", func(in *submission) {
		array(3)(in)
		in.Tags = map[string]string{"of": "parent"}
		in.Parameters = map[string]string{"who": "me"}
		in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
	}))(t)
	w.ends(id+":1", 7)
	parent := w.job(id)
	w.shows(`{"size":3,"statusSummary":{"SUBMITTED":0,"PENDING":0,"RUNNABLE":0,"STARTING":2,"RUNNING":0,"SUCCEEDED":0,"FAILED":1}}`, w.sent("jobs", 0, "arrayProperties"))
	if diff := cmp.Diff([]any{types.JobStatusPending, 0, []string{"echo", "me"}, "parent"}, []any{parent.Status, len(parent.Attempts), parent.Container.Command, parent.Tags["of"]}); diff != "" {
		t.Errorf("the parent (-want +got):\n%s", diff)
	}
	child := w.job(id + ":1")
	w.shows(`{"index":1,"statusSummary":{}}`, w.sent("jobs", 0, "arrayProperties"))
	if diff := cmp.Diff([]any{types.JobStatusFailed, int32(7), []string{"echo", "me"}, 0, int32(60)},
		[]any{child.Status, *child.Attempts[0].Container.ExitCode, child.Container.Command, len(child.Tags), *child.Timeout.AttemptDurationSeconds}); diff != "" {
		t.Errorf("the child (-want +got):\n%s", diff)
	}
	of := func(queue, parent *string, status types.JobStatus) []string {
		return w.listed(&sdk.ListJobsInput{JobQueue: queue, ArrayJobId: parent, JobStatus: status, MaxResults: aws.Int32(1)})
	}
	if diff := cmp.Diff([][]string{{id}, {id + ":0", id + ":2"}, nil, nil},
		[][]string{of(aws.String("q"), nil, types.JobStatusPending), of(nil, &id, types.JobStatusStarting), of(aws.String("q"), nil, types.JobStatusStarting), of(nil, &id, "")}); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if got := w.listed(&sdk.ListJobsInput{MultiNodeJobId: &id, JobStatus: types.JobStatusStarting}); got != nil {
		t.Errorf("an array has nodes: %v", got)
	}
	w.ends(id+":0", 0)
	w.ends(id+":2", 0)
	if parent := w.job(id); parent.Status != types.JobStatusFailed || *parent.StatusReason != "Array Child Job failed" || len(parent.Attempts) != 0 {
		t.Errorf("the parent ended as %s: %s", parent.Status, *parent.StatusReason)
	}
}

// TestNodesShown is jobs.md 2.8, 2.9, 7.2 and 13.
func TestNodesShown(t *testing.T) {
	w := newPlace(t)
	id := must(w.submit("q", "n", nodes(&types.NodeOverrides{NumNodes: aws.Int32(4), NodePropertyOverrides: []types.NodePropertyOverride{
		{TargetNodes: aws.String("1:"), ContainerOverrides: &types.ContainerOverrides{Command: []string{"harder"}}}}})))(t)
	w.update(func(tx *batch.Tx) {
		tx.Report(batch.Report{Attempt: batch.AttemptID{Job: batch.JobID(id + "#0"), Number: 1}, State: batch.Running, PrivateIPv4: "10.0.0.1"})
	})
	var commands []string
	for n := range 4 {
		one := w.job(fmt.Sprint(id, "#", n))
		commands = append(commands, one.Container.Command[0])
		w.shows(fmt.Sprintf(`{"nodeIndex":%d,"isMainNode":%t}`, n, n == 0), w.sent("jobs", 0, "nodeDetails"))
	}
	if diff := cmp.Diff([]string{"main", "harder", "harder", "harder"}, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	w.update(func(tx *batch.Tx) {
		task, _ := tx.TaskOf(tx.AnyJob(batch.JobID(id + "#2")))
		seen := map[string]string{}
		for _, kv := range task.Containers[0].Environment {
			if strings.HasPrefix(*kv.Name, "AWS_BATCH_JOB_") {
				seen[strings.TrimPrefix(*kv.Name, "AWS_BATCH_JOB_")] = *kv.Value
			}
		}
		want := map[string]string{"ID": id + "#2", "ATTEMPT": "1", "NODE_INDEX": "2", "NUM_NODES": "4", "MAIN_NODE_INDEX": "0", "MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.1"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("jobs.md 9: variables of a node (-want +got):\n%s", diff)
		}
	})
	w.ends(id+"#0", 0)
	parent := w.job(id)
	if parent.Status != types.JobStatusSucceeded || parent.Container != nil || *parent.NodeProperties.NumNodes != 4 {
		t.Errorf("the job is %s of %d nodes, container %v", parent.Status, *parent.NodeProperties.NumNodes, parent.Container)
	}
	attempt := w.sent("jobs", 0, "attempts", 0, "container").(map[string]any)
	if diff := cmp.Diff([]bool{true, true, false}, []bool{attempt["logStreamName"] != nil, len(attempt["networkInterfaces"].([]any)) == 0, attempt["taskArn"] != nil}); diff != "" {
		t.Errorf("the job's attempt: %v", attempt)
	}
	if got := w.listed(&sdk.ListJobsInput{MultiNodeJobId: &id, JobStatus: types.JobStatusSucceeded}); !cmp.Equal(got, []string{id + "#0"}) {
		t.Errorf("listed nodes: %v", got)
	}
	w.shows(`{"isMainNode":true,"nodeIndex":0,"numNodes":4}`, w.sent("jobSummaryList", 0, "nodeProperties"))
}

// TestTasksShown is jobs.md 2.8 and 8.2 for several containers.
func TestTasksShown(t *testing.T) {
	w := newPlace(t)
	id := must(w.submit("q", "t", func(in *submission) {
		in.EcsPropertiesOverride = &types.EcsPropertiesOverride{TaskProperties: []types.TaskPropertiesOverride{{Containers: []types.TaskContainerOverrides{
			{Name: aws.String("side"), Command: []string{"new"}, Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}}}}}}}
	}))(t)
	w.update(func(tx *batch.Tx) {
		a := batch.AttemptID{Job: batch.JobID(id), Number: 1}
		tx.Report(batch.Report{Attempt: a, State: batch.Running})
		tx.Report(batch.Report{Attempt: a, State: batch.Exited, ExitCode: aws.Int32(3), Containers: []batch.ContainerEnd{
			{Name: "main", ExitCode: aws.Int32(3)}, {Name: "side", ExitCode: aws.Int32(0)}}})
	})
	j := w.job(id)
	if j.Container != nil {
		t.Error("there is a container beside the task")
	}
	var got []string
	for _, c := range j.EcsProperties.TaskProperties[0].Containers {
		got = append(got, fmt.Sprint(*c.Name, c.Command, len(c.Environment), *c.ExitCode, strings.HasPrefix(*c.LogStreamName, "t/"+*c.Name+"/")))
	}
	for _, c := range j.Attempts[0].TaskProperties[0].Containers {
		got = append(got, fmt.Sprint(*c.Name, *c.ExitCode))
	}
	if diff := cmp.Diff([]string{"main[] 0 3 true", "side[new] 1 0 true", "main3", "side0"}, spaced(got)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	w.shows(`{}`, w.sent("jobs", 0, "attempts", 0, "container"))
}

// TestStreamsOfTasks is runtime.md 4.5: a container that ran has a log stream though its task never did, and one that did not run has none.
func TestStreamsOfTasks(t *testing.T) {
	w := newPlace(t)
	id := must(w.submit("q", "t", func(*submission) {}))(t)
	w.update(func(tx *batch.Tx) {
		tx.Report(batch.Report{Attempt: batch.AttemptID{Job: batch.JobID(id), Number: 1}, State: batch.Exited, ExitCode: aws.Int32(batch.UnableCode), Reason: batch.UnableReason("side", "main", batch.NotSuccessful),
			Containers: []batch.ContainerEnd{{Name: "main", ExitCode: aws.Int32(batch.UnableCode), Reason: batch.UnableReason("side", "main", batch.NotSuccessful)}, {Name: "side", ExitCode: aws.Int32(5)}}})
	})
	j := w.job(id)
	var got []string
	for _, c := range j.Attempts[0].TaskProperties[0].Containers {
		got = append(got, fmt.Sprint(*c.Name, " ", c.LogStreamName != nil))
	}
	if diff := cmp.Diff([]string{"main false", "side true"}, got); diff != "" || aws.ToString(j.StatusReason) != batch.ReasonNotStarted {
		t.Errorf("%s; who has a stream (-want +got):\n%s", aws.ToString(j.StatusReason), diff)
	}
}

// spaced evens out what fmt.Sprint puts between operands.
func spaced(list []string) []string {
	for i := range list {
		list[i] = strings.Join(strings.Fields(list[i]), " ")
	}
	return list
}

// TestStopMany is jobs.md 14.2.
func TestStopMany(t *testing.T) {
	w := newPlace(t)
	w.update(func(tx *batch.Tx) { tx.SetHost(batch.Host{}) })
	first, second := must(w.submit("q", "d", nil))(t), must(w.submit("q", "d", nil))(t)
	unknown := "00000000-0000-4000-8000-000000000000"
	out := must(w.CancelJobs(t.Context(), &sdk.CancelJobsInput{Jobs: []string{first, unknown, "a b", first}, Reason: aws.String("why")}))(t)
	if diff := cmp.Diff([]string{first, unknown}, out.Successful); diff != "" {
		t.Errorf("successful (-want +got):\n%s", diff)
	}
	w.shows(`[{"job":"a b","code":"ValidationException","message":"Provided name a b is not supported pattern[a-zA-Z_0-9-]{1,128}"}]`, w.sent("errors"))
	must(w.TerminateJobs(t.Context(), &sdk.TerminateJobsInput{Jobs: []string{second}, Reason: aws.String("why")}))(t)
	w.shows(`[]`, w.sent("errors"))
	a, b := w.job(first), w.job(second)
	if !*a.IsCancelled || !*b.IsTerminated || a.Status != types.JobStatusFailed || b.Status != types.JobStatusFailed || *b.StatusReason != "why" {
		t.Errorf("%s %s", a.Status, b.Status)
	}
	for text, in := range map[string]*sdk.TerminateJobsInput{
		"jobs is required.":                       {Reason: aws.String("why")},
		"Maximum number of jobs supported is 50.": {Jobs: strings.Fields(strings.Repeat(unknown+" ", 51)), Reason: aws.String("why")},
		"reason is required.":                     {Jobs: []string{first}},
	} {
		_, err := w.TerminateJobs(t.Context(), in)
		refuses(t, err, wrapped(text))
	}
}

// TestOverridesTooLong is jobs.md 2.3: SubmitJob takes them, and the job fails without an attempt and without a retry.
func TestOverridesTooLong(t *testing.T) {
	w := newPlace(t)
	for name, edit := range map[string]func(*submission){
		"environment": overriding(&types.ContainerOverrides{Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String(strings.Repeat("x", 9000))}}}),
		"parameter":   func(in *submission) { in.Parameters = map[string]string{"who": strings.Repeat("x", 9000)} },
	} {
		j := w.job(must(w.submit("q", "d", edit))(t))
		if j.Status != types.JobStatusFailed || *j.StatusReason != "Container Overrides length must be at most 8192" || len(j.Attempts) != 0 {
			t.Errorf("%s: %s with %d attempts", name, j.Status, len(j.Attempts))
		}
	}
}

// TestDependsOnShown is jobs.md 5: as it was given.
func TestDependsOnShown(t *testing.T) {
	w := newPlace(t)
	first := must(w.submit("q", "d", array(2)))(t)
	second := must(w.submit("q", "d", func(in *submission) {
		array(2)(in)
		in.DependsOn = []types.JobDependency{{JobId: &first, Type: types.ArrayJobDependencyNToN}, {Type: types.ArrayJobDependencySequential}}
	}))(t)
	w.job(second)
	want, _ := json.Marshal([]map[string]string{{"jobId": first, "type": "N_TO_N"}, {"type": "SEQUENTIAL"}})
	w.shows(string(want), w.sent("jobs", 0, "dependsOn"))
	if j := w.job(second + ":0"); j.Status != types.JobStatusPending {
		t.Errorf("the child is %s", j.Status)
	}
}

package operations_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

func order(names ...string) []types.ComputeEnvironmentOrder {
	var o []types.ComputeEnvironmentOrder
	for i, name := range names {
		o = append(o, types.ComputeEnvironmentOrder{Order: aws.Int32(int32(i + 1)), ComputeEnvironment: &name})
	}
	return o
}

func services(names ...string) []types.ServiceEnvironmentOrder {
	var o []types.ServiceEnvironmentOrder
	for i, name := range names {
		o = append(o, types.ServiceEnvironmentOrder{Order: aws.Int32(int32(i + 1)), ServiceEnvironment: &name})
	}
	return o
}

func queue(name string, environments ...string) *sdk.CreateJobQueueInput {
	return &sdk.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1), ComputeEnvironmentOrder: order(environments...)}
}

func queueWith(change func(*sdk.CreateJobQueueInput), environments ...string) *sdk.CreateJobQueueInput {
	in := queue("q", environments...)
	change(in)
	return in
}

func limit(change func(*types.JobStateTimeLimitAction)) types.JobStateTimeLimitAction {
	a := types.JobStateTimeLimitAction{
		Reason: aws.String("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"), State: types.JobStateTimeLimitActionsStateRunnable,
		MaxTimeSeconds: aws.Int32(600), Action: types.JobStateTimeLimitActionsActionCancel,
	}
	if change != nil {
		change(&a)
	}
	return a
}

func limits(actions ...types.JobStateTimeLimitAction) func(*sdk.CreateJobQueueInput) {
	return func(in *sdk.CreateJobQueueInput) { in.JobStateTimeLimitActions = actions }
}

// withEnvironments has EC2 environments e1 to e4, Fargate ones f1 and f2, and arm, on Graviton.
func withEnvironments(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	named := func(name string) func(*environment) {
		return func(in *environment) { in.ComputeEnvironmentName = &name }
	}
	for _, name := range []string{"e1", "e2", "e3", "e4"} {
		w.create(managed(compute(types.CRTypeEc2), named(name)))
	}
	w.create(managed(compute(types.CRTypeFargate), named("f1")))
	w.create(managed(compute(types.CRTypeFargateSpot), named("f2")))
	w.create(managed(compute(types.CRTypeEc2, instances("c6g")), named("arm")))
	return w
}

const notValid = "Compute Environments must be created and valid before attaching them to a job queue"

// TestCreateQueueRefuses is resources.md 0.5 and 3.2: every text, all wrapped.
func TestCreateQueueRefuses(t *testing.T) {
	training := func(in *sdk.CreateJobQueueInput) {
		in.JobQueueType, in.ServiceEnvironmentOrder = "SAGEMAKER_TRAINING", services("se")
	}
	w := withEnvironments(t)
	for name, c := range map[string]struct {
		in   *sdk.CreateJobQueueInput
		text string
	}{
		"name":          {queue("a.b", "e1"), "Job Queue name should match a valid pattern."},
		"priority":      {queueWith(func(in *sdk.CreateJobQueueInput) { in.Priority = aws.Int32(-1) }, "e1"), "priority should be greater than or equal to 0."},
		"type":          {queueWith(func(in *sdk.CreateJobQueueInput) { in.JobQueueType = "LIFO" }, "e1"), "jobQueueType LIFO is not valid. Valid values are: [EKS, ECS, ECS_FARGATE, SAGEMAKER_TRAINING, ECS_MANAGED_INSTANCES]"},
		"unknown":       {queue("q", "nowhere"), notValid},
		"unknown ARN":   {queue("q", arn("compute-environment", "nowhere")), notValid},
		"other region":  {queue("q", "arn:aws:batch:us-east-1:"+account+":compute-environment/e1"), notValid},
		"four":          {queue("q", "e1", "e2", "e3", "e4"), "Only 3 environments are allowed in job queue request."},
		"twice":         {queue("q", "e1", "e1"), "Duplicate ComputeEnvironments within order list."},
		"twice, as ARN": {queue("q", "e1", arn("compute-environment", "e1")), "Duplicate ComputeEnvironments within order list."},
		"same order":    {queueWith(func(in *sdk.CreateJobQueueInput) { in.ComputeEnvironmentOrder[1].Order = aws.Int32(1) }, "e1", "e2"), "Duplicate ComputeEnvironment order values."},
		"mixed":         {queue("q", "e1", "f1"), "Fargate and EC2 compute environments can not be mixed."},
		"architectures": {queue("q", "e1", "arm"), "x86 and ARM compute environments can not be mixed."},
		"none":          {queue("q"), "computeEnvironmentOrder is required."},
		"EKS":           {queueWith(func(in *sdk.CreateJobQueueInput) { in.JobQueueType = "EKS" }, "e1"), "EKS job queue type must have EKS compute environment."},
		"ECS":           {queueWith(func(in *sdk.CreateJobQueueInput) { in.JobQueueType = "ECS" }, "f1"), "ECS job queue type must have ECS compute environment."},

		"both orders":     {queueWith(training, "e1"), "computeEnvironmentOrder and serviceEnvironmentOrder cannot both be set."},
		"no service":      {queueWith(func(in *sdk.CreateJobQueueInput) { in.JobQueueType = "SAGEMAKER_TRAINING" }, "e1"), "Job queues of type SAGEMAKER_TRAINING must have serviceEnvironmentOrder."},
		"two services":    {queueWith(func(in *sdk.CreateJobQueueInput) { in.ServiceEnvironmentOrder = services("a", "b") }), "Job queue can only have 1 service environment."},
		"ECS service":     {queueWith(func(in *sdk.CreateJobQueueInput) { in.JobQueueType, in.ServiceEnvironmentOrder = "ECS", services("a") }), "The jobQueueType provided is ECS, which is incompatible with the provided serviceEnvironmentOrder."},
		"unknown service": {queueWith(training), "Service environments must be created and valid before attaching them to a job queue."},
		"service cancels": {queueWith(func(in *sdk.CreateJobQueueInput) { training(in); limits(limit(nil))(in) }), "Invalid job action. Valid job actions: [TERMINATE]"},

		"policy's kind": {queueWith(func(in *sdk.CreateJobQueueInput) { in.SchedulingPolicyArn = aws.String(arn("job-queue", "q")) }, "e1"), "Only scheduling policy Arn can be allowed."},
		"policy":        {queueWith(func(in *sdk.CreateJobQueueInput) { in.SchedulingPolicyArn = aws.String(arn("scheduling-policy", "p")) }, "e1"), "SchedulingPolicy " + arn("scheduling-policy", "p") + " not found."},

		"action":       {queueWith(limits(limit(func(a *types.JobStateTimeLimitAction) { a.Action = "TERMINATE" })), "e1"), "Invalid job action. Valid job actions: [CANCEL]"},
		"state":        {queueWith(limits(limit(func(a *types.JobStateTimeLimitAction) { a.State = "RUNNING" })), "e1"), "Invalid job state. Valid job states: [RUNNABLE]"},
		"time below":   {queueWith(limits(limit(func(a *types.JobStateTimeLimitAction) { a.MaxTimeSeconds = aws.Int32(599) })), "e1"), "maxTimeSeconds should be between 600 and 86400."},
		"time above":   {queueWith(limits(limit(func(a *types.JobStateTimeLimitAction) { a.MaxTimeSeconds = aws.Int32(86401) })), "e1"), "maxTimeSeconds should be between 600 and 86400."},
		"no reason":    {queueWith(limits(limit(func(a *types.JobStateTimeLimitAction) { a.Reason = aws.String("") })), "e1"), "jobStateTimeLimitActions require reason, state, maxTimeSeconds and action."},
		"limits twice": {queueWith(limits(limit(nil), limit(func(a *types.JobStateTimeLimitAction) { a.MaxTimeSeconds = aws.Int32(700) })), "e1"), "Duplicate job state limit actions are not allowed."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.CreateJobQueue(t.Context(), c.in)
			refuses(t, err, wrapped(c.text))
		})
	}
	if out := must(w.DescribeJobQueues(t.Context(), nil))(t); len(out.JobQueues) > 0 {
		t.Error("a refused request left a queue")
	}
}

// TestQueuesShown is resources.md 3.1: sorted by order, ARNs, defaults.
func TestQueuesShown(t *testing.T) {
	w := withEnvironments(t)
	in := queueWith(limits(limit(nil)), "e1", arn("compute-environment", "e2"))
	in.Tags, in.State, in.Priority = map[string]string{"k": "v"}, "DISABLED", aws.Int32(0)
	in.ComputeEnvironmentOrder[0].Order, in.ComputeEnvironmentOrder[1].Order = aws.Int32(20), aws.Int32(10)
	must(w.CreateJobQueue(t.Context(), in))(t)
	w.shows(`{"jobQueueName": "q", "jobQueueArn": "`+arn("job-queue", "q")+`"}`, w.sent())
	must(w.CreateJobQueue(t.Context(), queue("f", "f1", "f2")))(t)
	must(w.DescribeJobQueues(t.Context(), nil))(t)
	w.shows(`{"jobQueues": [
		{"jobQueueName": "q", "jobQueueArn": "`+arn("job-queue", "q")+`", "jobQueueType": "ECS", "state": "DISABLED", "status": "VALID", "statusReason": "JobQueue Healthy",
			"priority": 0, "tags": {"k": "v"}, "jobStateTimeLimitActions": [
				{"reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}],
			"computeEnvironmentOrder": [{"order": 10, "computeEnvironment": "`+arn("compute-environment", "e2")+`"}, {"order": 20, "computeEnvironment": "`+arn("compute-environment", "e1")+`"}]},
		{"jobQueueName": "f", "jobQueueArn": "`+arn("job-queue", "f")+`", "jobQueueType": "ECS_FARGATE", "state": "ENABLED", "status": "VALID", "statusReason": "JobQueue Healthy",
			"priority": 1, "tags": {}, "jobStateTimeLimitActions": [],
			"computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "`+arn("compute-environment", "f1")+`"}, {"order": 2, "computeEnvironment": "`+arn("compute-environment", "f2")+`"}]}]}`,
		w.sent())
}

// TestUpdateQueue is resources.md 3.1, 3.3 and 3.4.
func TestUpdateQueue(t *testing.T) {
	w := withEnvironments(t)
	must(w.CreateJobQueue(t.Context(), queueWith(limits(limit(nil)), "e1")))(t)
	shown := func() map[string]any {
		must(w.DescribeJobQueues(t.Context(), &sdk.DescribeJobQueuesInput{JobQueues: []string{"q"}}))(t)
		return w.sent("jobQueues", 0).(map[string]any)
	}
	want := shown()
	for _, step := range []struct {
		in   sdk.UpdateJobQueueInput
		text string
		want map[string]any
	}{
		{in: sdk.UpdateJobQueueInput{}},
		{in: sdk.UpdateJobQueueInput{Priority: aws.Int32(9)}, want: map[string]any{"priority": 9.0}},
		{in: sdk.UpdateJobQueueInput{State: "DISABLED", Priority: aws.Int32(0)}, want: map[string]any{"state": "DISABLED", "priority": 0.0}},
		{in: sdk.UpdateJobQueueInput{JobStateTimeLimitActions: []types.JobStateTimeLimitAction{}}, want: map[string]any{"jobStateTimeLimitActions": []any{}}},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: order("e3")}, want: map[string]any{
			"computeEnvironmentOrder": []any{map[string]any{"order": 1.0, "computeEnvironment": arn("compute-environment", "e3")}},
		}},
		{in: sdk.UpdateJobQueueInput{SchedulingPolicyArn: aws.String("")}},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: order("nowhere")}, text: notValid},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: order("f1", "e1")}, text: "Fargate and EC2 compute environments can not be mixed."},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: order("e1", "arm")}, text: "x86 and ARM compute environments can not be mixed."},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: order("f1")}, text: "ECS job queue type must have ECS compute environment."},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{}}, text: "computeEnvironmentOrder is required."},
		{in: sdk.UpdateJobQueueInput{ComputeEnvironmentOrder: order("e1", arn("compute-environment", "e1"))}, text: "Duplicate ComputeEnvironments within order list."},
		{in: sdk.UpdateJobQueueInput{SchedulingPolicyArn: aws.String(arn("scheduling-policy", "p"))}, text: "Cannot add a scheduling policy to a FIFO job queue."},
		{in: sdk.UpdateJobQueueInput{JobStateTimeLimitActions: []types.JobStateTimeLimitAction{limit(func(a *types.JobStateTimeLimitAction) { a.Action = "TERMINATE" })}}, text: "Invalid job action. Valid job actions: [CANCEL]"},
	} {
		step.in.JobQueue = aws.String(arn("job-queue", "q"))
		_, err := w.UpdateJobQueue(t.Context(), &step.in)
		switch {
		case step.text != "":
			refuses(t, err, step.text)
		case err != nil:
			t.Fatal(err)
		default:
			w.shows(`{"jobQueueName": "q", "jobQueueArn": "`+arn("job-queue", "q")+`"}`, w.sent())
		}
		for member, value := range step.want {
			want[member] = value
		}
		if diff := cmp.Diff(want, shown()); diff != "" {
			t.Fatalf("the queue afterwards (-want +got):\n%s", diff)
		}
	}
}

// TestDeleteQueue is resources.md 0.3 and 3.4.
func TestDeleteQueue(t *testing.T) {
	w := withEnvironments(t)
	remove := func(name string) error {
		_, err := w.DeleteJobQueue(t.Context(), &sdk.DeleteJobQueueInput{JobQueue: &name})
		return err
	}
	must(w.CreateJobQueue(t.Context(), queue("q", "e1")))(t)
	_, err := w.CreateJobQueue(t.Context(), queue("q", "e2"))
	refuses(t, err, "Object already exists")
	refuses(t, remove("q"), "Cannot delete, state must be DISABLED")
	must(w.UpdateJobQueue(t.Context(), &sdk.UpdateJobQueueInput{JobQueue: aws.String("q"), State: "DISABLED"}))(t)
	if err := remove(arn("job-queue", "q")); err != nil {
		t.Fatal(err)
	}
	must(w.DescribeJobQueues(t.Context(), &sdk.DescribeJobQueuesInput{JobQueues: []string{"q"}}))(t)
	w.shows(`{"jobQueues": []}`, w.sent())
	for given, name := range map[string]string{"q": arn("job-queue", "q"), arn("job-queue", "q"): arn("job-queue", "q")} {
		refuses(t, remove(given), name+" does not exist")
		_, err := w.UpdateJobQueue(t.Context(), &sdk.UpdateJobQueueInput{JobQueue: &given, Priority: aws.Int32(1)})
		refuses(t, err, name+" does not exist")
	}
	must(w.CreateJobQueue(t.Context(), queue("q", "e2")))(t) // the name is free
}

// TestDescribeQueues is resources.md 0.3 and 0.6.
func TestDescribeQueues(t *testing.T) {
	w := withEnvironments(t)
	var made []string
	for i := range 5 {
		made = append(made, fmt.Sprint("n", 5-i))
		must(w.CreateJobQueue(t.Context(), queue(made[i], "e1")))(t)
	}
	var found []string
	pages := sdk.NewDescribeJobQueuesPaginator(w, &sdk.DescribeJobQueuesInput{MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		for _, q := range must(pages.NextPage(t.Context()))(t).JobQueues {
			found = append(found, *q.JobQueueName)
		}
	}
	if diff := cmp.Diff(made, found); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	_, err := w.DescribeJobQueues(t.Context(), &sdk.DescribeJobQueuesInput{JobQueues: made, MaxResults: aws.Int32(1)})
	refuses(t, err, wrapped("JobQueues and MaxResults cannot both be set"))
	// A token of one operation is none of another.
	out := must(w.DescribeJobQueues(t.Context(), &sdk.DescribeJobQueuesInput{MaxResults: aws.Int32(1)}))(t)
	_, err = w.DescribeComputeEnvironments(t.Context(), &sdk.DescribeComputeEnvironmentsInput{NextToken: out.NextToken})
	refuses(t, err, "Invalid NextToken")
}

package compat

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// TestJobs is arrays, dependencies, nodes, retries and timeouts with real containers (jobs.md 3 to 7).
func TestJobs(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t)
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	submit := func(t *testing.T, in *batch.SubmitJobInput, command ...string) string {
		t.Helper()
		in.JobName, in.JobQueue = aws.String("job"), &q
		if in.JobDefinition == nil {
			in.JobDefinition = &q
			in.ContainerOverrides = &types.ContainerOverrides{Command: command, ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeMemory, Value: aws.String("32")}}}
		}
		out, err := c.SubmitJob(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return *out.JobId
	}
	// told is how a job ended: status, reason, and the exit code of each attempt.
	told := func(t *testing.T, id string) string {
		t.Helper()
		s.await(id, "")
		j := describe(ctx, t, c, id)
		var codes []int32
		for _, a := range j.Attempts {
			codes = append(codes, aws.ToInt32(a.Container.ExitCode))
		}
		return fmt.Sprint(j.Status, " (", aws.ToString(j.StatusReason), ") ", codes)
	}
	same := func(t *testing.T, want, got string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}

	t.Run("an array of 50 with a child that is retried", func(t *testing.T) {
		id := submit(t, &batch.SubmitJobInput{ArrayProperties: &types.ArrayProperties{Size: aws.Int32(50)}, RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(2)}},
			"only", "AWS_BATCH_JOB_ARRAY_INDEX", "7", "then", "only", "AWS_BATCH_JOB_ATTEMPT", "1", "then", "exit", "1")
		same(t, "SUCCEEDED () []", told(t, id))
		same(t, "SUCCEEDED (Essential container in task exited) [1 0]", told(t, id+":7"))
		same(t, "SUCCEEDED (Essential container in task exited) [0]", told(t, id+":49"))
	})

	t.Run("N_TO_N over two arrays", func(t *testing.T) {
		left := submit(t, &batch.SubmitJobInput{ArrayProperties: &types.ArrayProperties{Size: aws.Int32(3)}}, "only", "AWS_BATCH_JOB_ARRAY_INDEX", "1", "then", "exit", "4")
		right := submit(t, &batch.SubmitJobInput{ArrayProperties: &types.ArrayProperties{Size: aws.Int32(3)},
			DependsOn: []types.JobDependency{{JobId: &left, Type: types.ArrayJobDependencyNToN}}}, "exit", "0")
		same(t, "FAILED (Array Child Job failed) []", told(t, right))
		same(t, "SUCCEEDED (Essential container in task exited) [0]", told(t, right+":0"))
		same(t, "FAILED (Dependent Job failed) []", told(t, right+":1"))
		same(t, "FAILED (Array Child Job failed) []", told(t, left))
	})

	t.Run("workers connect to the main node", func(t *testing.T) {
		name := "nodes"
		node := func(command ...string) *types.ContainerProperties {
			return &types.ContainerProperties{Image: aws.String(workload), Command: command, ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("32")}}}
		}
		_, err := c.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{JobDefinitionName: &name, Type: types.JobDefinitionTypeMultinode, NodeProperties: &types.NodeProperties{
			NumNodes: aws.Int32(3), MainNode: aws.Int32(0), NodeRangeProperties: []types.NodeRangeProperty{
				{TargetNodes: aws.String("0"), Container: node("listen", ":7000", "then", "listen", ":7001")},
				{TargetNodes: aws.String("1"), Container: node("trap", "143", "then", "connect", "$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:7000", "hello from 1", "then", "sleep", "1h")},
				{TargetNodes: aws.String("2"), Container: node("trap", "0", "then", "connect", "$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS:7001", "hello from 2", "then", "sleep", "1h")},
			}}})
		if err != nil {
			t.Fatal(err)
		}
		id := submit(t, &batch.SubmitJobInput{JobDefinition: &name})
		same(t, "SUCCEEDED (Essential container in task exited) [0]", told(t, id))
		same(t, "FAILED (Essential container in task exited) [143]", told(t, id+"#1"))
		same(t, "SUCCEEDED (Essential container in task exited) [0]", told(t, id+"#2"))
		for n := 1; n <= 2; n++ {
			j := describe(ctx, t, c, fmt.Sprint(id, "#", n))
			if diff := cmp.Diff([]string{fmt.Sprint("hello from ", n)}, s.printed(ctx, j.Container.LogStreamName)); diff != "" {
				t.Errorf("node %d printed (-want +got):\n%s", n, diff)
			}
		}
	})

	t.Run("retried on exit code 75 only", func(t *testing.T) {
		retry := &types.RetryStrategy{Attempts: aws.Int32(3), EvaluateOnExit: []types.EvaluateOnExit{
			{OnExitCode: aws.String("75"), Action: types.RetryActionRetry}, {OnReason: aws.String("*"), Action: types.RetryActionExit}}}
		same(t, "FAILED (Essential container in task exited) [75 75 75]", told(t, submit(t, &batch.SubmitJobInput{RetryStrategy: retry}, "exit", "75")))
		same(t, "FAILED (Essential container in task exited) [76]", told(t, submit(t, &batch.SubmitJobInput{RetryStrategy: retry}, "exit", "76")))
	})

	t.Run("a chain that breaks", func(t *testing.T) {
		first := submit(t, &batch.SubmitJobInput{}, "exit", "1")
		second := submit(t, &batch.SubmitJobInput{DependsOn: []types.JobDependency{{JobId: &first}}}, "exit", "0")
		third := submit(t, &batch.SubmitJobInput{DependsOn: []types.JobDependency{{JobId: &second}}}, "exit", "0")
		same(t, "FAILED (Dependent Job failed) []", told(t, third))
	})

	t.Run("a timeout", func(t *testing.T) {
		id := submit(t, &batch.SubmitJobInput{Timeout: &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}, RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(3)}}, "trap", "5", "then", "sleep", "1h")
		s.await(id, "RUNNING")
		s.call("POST", "/_emulator/clock", `{"advance":"61s"}`)
		same(t, "FAILED (Job attempt duration exceeded timeout) [5]", told(t, id))
	})

	s.stop()
	if left := leftovers(t, s); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}
}

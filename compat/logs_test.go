package compat

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/go-cmp/cmp"
)

// said runs our command and answers what it printed, what it said, and its exit code.
func (s *server) said(ctx context.Context, words ...string) (out, err string, code int) {
	s.t.Helper()
	cmd := s.command(ctx, words...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if failure := cmd.Run(); cmd.ProcessState == nil {
		s.t.Fatal(failure)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// submitAs registers a definition and submits a job of it.
func submitAs(ctx context.Context, t *testing.T, c *batch.Client, queue, name string, d *batch.RegisterJobDefinitionInput) string {
	t.Helper()
	d.JobDefinitionName, d.Type = &name, types.JobDefinitionTypeContainer
	if _, err := c.RegisterJobDefinition(ctx, d); err != nil {
		t.Fatal(err)
	}
	out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: &name, JobQueue: &queue, JobDefinition: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

// podQueue makes an EKS environment and a queue, and answers the queue's name.
func podQueue(ctx context.Context, t *testing.T, c *batch.Client) string {
	t.Helper()
	name := "compat-pods"
	if _, err := c.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: &name, Type: types.CETypeManaged,
		EksConfiguration: &types.EksConfiguration{EksClusterArn: aws.String("arn:aws:eks:us-east-1:000000000000:cluster/k"), KubernetesNamespace: aws.String("jobs")},
		ComputeResources: &types.ComputeResource{Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(16), InstanceTypes: []string{"m5"},
			AllocationStrategy: types.CRAllocationStrategyBestFitProgressive, InstanceRole: aws.String("arn:aws:iam::000000000000:instance-profile/r"),
			Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateJobQueue(ctx, &batch.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}}}); err != nil {
		t.Fatal(err)
	}
	return name
}

// twoPods is a pod with an init container.
func twoPods(command ...string) *batch.RegisterJobDefinitionInput {
	of := func(name string, args ...string) types.EksContainer {
		return types.EksContainer{Name: &name, Image: aws.String(workload), Args: args,
			Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "0.25", "memory": "64Mi"}}}
	}
	return &batch.RegisterJobDefinitionInput{EksProperties: &types.EksProperties{PodProperties: &types.EksPodProperties{
		InitContainers: []types.EksContainer{of("fetch", "echo", "fetched")}, Containers: []types.EksContainer{of("main", command...)}}}}
}

// TestLogs: the command's logs of jobs of several containers and of pods.
func TestLogs(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t, "--job-network", "compat-logs", "--pod-logs")
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	p := podQueue(ctx, t, c)

	t.Run("two containers that print in turn", func(t *testing.T) {
		size := []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")}}
		there := &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/mine", "awslogs-create-group": "true", "awslogs-region": "eu-west-1"}}
		id := submitAs(ctx, t, c, q, "turns", &batch.RegisterJobDefinitionInput{EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{{Containers: []types.TaskContainerProperties{
			{Name: aws.String("left"), Image: aws.String(workload), Command: []string{"sequence", "8", "200ms", "then", "sleep", "500ms", "then", "exit", "3"}, ResourceRequirements: size},
			{Name: aws.String("right"), Image: aws.String(workload), Command: []string{"sleep", "100ms", "then", "sequence", "8", "200ms"}, ResourceRequirements: size, LogConfiguration: there, Essential: aws.Bool(false)},
		}}}}})
		followed, said, code := s.said(ctx, "logs", "-f", id)
		if said != "" || code != 0 {
			t.Errorf("followed: %q, exit code %d", said, code)
		}
		if _, said, code := s.said(ctx, "wait", id); code != 3 {
			t.Errorf("wait: %q, exit code %d", said, code)
		}
		out, said, code := s.said(ctx, "logs", "--timestamps", id)
		if said != "" || code != 0 {
			t.Errorf("%q, exit code %d", said, code)
		}
		stamped := regexp.MustCompile(`(?m)^(left |right) \| (\S+) (.*)$`).FindAllStringSubmatch(out, -1)
		var plain, times, turns []string
		for _, line := range stamped {
			plain, times = append(plain, line[1]+" | "+line[3]), append(times, line[2])
			if n := len(turns); n == 0 || turns[n-1] != line[1] {
				turns = append(turns, line[1])
			}
		}
		if len(plain) != 16 || !slices.IsSorted(times) || len(turns) < 8 {
			t.Errorf("not in turn, or not by time:\n%s", out)
		}
		got := strings.Split(strings.TrimSuffix(followed, "\n"), "\n")
		slices.Sort(got)
		slices.Sort(plain)
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Errorf("followed (-printed +followed):\n%s", diff)
		}
		alone, _, _ := s.said(ctx, "logs", id, "-c", "right")
		if strings.Contains(alone, "|") || strings.Count(alone, "\n") != 8 {
			t.Errorf("right alone:\n%s", alone)
		}
	})

	t.Run("a pod", func(t *testing.T) {
		id := submitAs(ctx, t, c, p, "pod", twoPods("echo", "hello", "then", "exit", "5"))
		for _, words := range [][]string{{"logs", "-f", id}, {"logs", id}} {
			if out, said, code := s.said(ctx, words...); out != "fetch | fetched\nmain  | hello\n" || said != "" || code != 0 {
				t.Errorf("%s: %q, %q, exit code %d", words, out, said, code)
			}
		}
		if _, said, code := s.said(ctx, "wait", id); code != 5 {
			t.Errorf("wait: %q, exit code %d", said, code)
		}
		j := describe(ctx, t, c, id)
		stream := *j.EksProperties.PodProperties.PodName + "/fetch"
		out, err := s.logs().GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/eks"), LogStreamName: &stream})
		if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "fetched" {
			t.Errorf("stream %s has %v, %v", stream, out, err)
		}
	})
	t.Run("colours on a terminal", func(t *testing.T) {
		if _, err := exec.LookPath("script"); err != nil {
			t.Skip("no script(1), which has terminals")
		}
		for variable, want := range map[string]string{"NO_COLOR=": "\x1b[36mfetch | \x1b[0mfetched\r\n", "NO_COLOR=1": "fetch | fetched\r\n"} {
			cmd := s.command(ctx)
			cmd.Path, cmd.Args = "/usr/bin/script", []string{"script", "-qec", binary(t) + " logs pod", "/dev/null"}
			cmd.Env = append(cmd.Env, "TERM=xterm", variable)
			if out, err := cmd.Output(); err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("with %s: %q, %v", variable, out, err)
			}
		}
	})
	s.stop()
	if left := leftovers(t, s); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}

	t.Run("a pod whose output nobody keeps", func(t *testing.T) {
		s := serve(t, "--job-network", "compat-logs")
		c := s.batch()
		id := submitAs(ctx, t, c, podQueue(ctx, t, c), "pod", twoPods("echo", "hello"))
		s.await(id, "")
		want := "batch-local: job " + id + " has no log: pods' output is kept with serve --pod-logs\n"
		if out, said, code := s.said(ctx, "logs", id); out != "" || said != want || code != 0 {
			t.Errorf("%q, %q, exit code %d", out, said, code)
		}
	})
}

package compat

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// TestGoSDK runs jobs in real containers over a socket, and looks at what the API says of each.
func TestGoSDK(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t)
	c := s.batch()
	ec2, _ := queue(ctx, t, c, types.CRTypeEc2)
	fargate, _ := queue(ctx, t, c, types.CRTypeFargate)

	for _, test := range []struct {
		name, queue    string
		command        []string
		status         types.JobStatus
		statusReason   string
		code           *int32
		reason         string
		lines          []string
		memory         string
		terminate      string
		neverRan, addr bool
	}{
		{name: "prints", queue: ec2, command: []string{"echo", "one", "then", "err", "two", "then", "echo", "three"},
			status: types.JobStatusSucceeded, statusReason: "Essential container in task exited", code: aws.Int32(0), lines: []string{"one", "three", "two"}},
		{name: "prints on Fargate", queue: fargate, command: []string{"echo", "there"}, addr: true,
			status: types.JobStatusSucceeded, statusReason: "Essential container in task exited", code: aws.Int32(0), lines: []string{"there"}},
		{name: "fails", queue: ec2, command: []string{"exit", "3"},
			status: types.JobStatusFailed, statusReason: "Essential container in task exited", code: aws.Int32(3)},
		{name: "takes too much memory", queue: ec2, command: []string{"alloc", "200"}, memory: "32",
			status: types.JobStatusFailed, statusReason: "Essential container in task exited", code: aws.Int32(137), reason: "OutOfMemoryError: Container killed due to memory usage"},
		{name: "is terminated and handles it", queue: ec2, command: []string{"trap", "9", "stopped", "then", "echo", "up", "then", "sleep", "1h"}, terminate: "enough",
			status: types.JobStatusFailed, statusReason: "enough", code: aws.Int32(9), lines: []string{"stopped", "up"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := &batch.SubmitJobInput{JobName: aws.String("job"), JobQueue: &test.queue, JobDefinition: &test.queue, ContainerOverrides: &types.ContainerOverrides{Command: test.command}}
			if test.memory != "" {
				in.ContainerOverrides.ResourceRequirements = []types.ResourceRequirement{{Type: types.ResourceTypeMemory, Value: &test.memory}}
			}
			out, err := c.SubmitJob(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			if test.terminate != "" {
				s.await(*out.JobId, "RUNNING")
				s.hasPrinted(ctx, *out.JobId, "up")
				if _, err := c.TerminateJob(ctx, &batch.TerminateJobInput{JobId: out.JobId, Reason: &test.terminate}); err != nil {
					t.Fatal(err)
				}
			}
			s.await(*out.JobId, "")
			j := describe(ctx, t, c, *out.JobId)
			if j.Status != test.status || aws.ToString(j.StatusReason) != test.statusReason || aws.ToString(j.Container.Reason) != test.reason {
				t.Errorf("got %s (%s / %s), want %s (%s / %s)", j.Status, aws.ToString(j.StatusReason), aws.ToString(j.Container.Reason), test.status, test.statusReason, test.reason)
			}
			if diff := cmp.Diff(test.code, j.Container.ExitCode); diff != "" {
				t.Errorf("exit code (-want +got):\n%s", diff)
			}
			if created, started, stopped := aws.ToInt64(j.CreatedAt), aws.ToInt64(j.StartedAt), aws.ToInt64(j.StoppedAt); !(created <= started && started <= stopped) {
				t.Fatalf("times out of order: created %d, started %d, stopped %d", created, started, stopped)
			}
			lines := sorted(s.printed(ctx, j.Container.LogStreamName))
			if diff := cmp.Diff(test.lines, lines); diff != "" {
				t.Errorf("printed (-want +got):\n%s", diff)
			}
			if (len(j.Container.NetworkInterfaces) > 0) != test.addr {
				t.Errorf("network interfaces: %v", j.Container.NetworkInterfaces)
			}
		})
	}

	t.Run("missing image", func(t *testing.T) {
		definition := "no-image"
		if _, err := c.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{JobDefinitionName: &definition, Type: types.JobDefinitionTypeContainer,
			ContainerProperties: &types.ContainerProperties{Image: aws.String("batch-local/no-such-image:1"), Vcpus: aws.Int32(1), Memory: aws.Int32(64)}}); err != nil {
			t.Fatal(err)
		}
		out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("job"), JobQueue: &ec2, JobDefinition: &definition})
		if err != nil {
			t.Fatal(err)
		}
		s.await(*out.JobId, "")
		j := describe(ctx, t, c, *out.JobId)
		if j.Status != types.JobStatusFailed || aws.ToString(j.StatusReason) != "Task failed to start" || !strings.HasPrefix(aws.ToString(j.Container.Reason), "CannotPullContainerError: ") || j.Container.ExitCode != nil || j.Container.LogStreamName != nil {
			t.Errorf("got %s (%s / %s)", j.Status, aws.ToString(j.StatusReason), aws.ToString(j.Container.Reason))
		}
	})

	t.Run("errors are typed", func(t *testing.T) {
		_, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("job"), JobQueue: aws.String("nowhere"), JobDefinition: &ec2})
		var refused *types.ClientException
		if !errors.As(err, &refused) || refused.ErrorMessage() != "JobQueue nowhere not found." {
			t.Errorf("got %v", err)
		}
		_, err = c.SubmitServiceJob(ctx, &batch.SubmitServiceJobInput{JobName: aws.String("a"), JobQueue: &ec2, ServiceJobType: types.ServiceJobTypeSagemakerTraining, ServiceRequestPayload: aws.String("{}")})
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "ClientException" || !strings.Contains(api.ErrorMessage(), "AlgorithmSpecification.TrainingImage") {
			t.Errorf("a payload that is none: %v", err)
		}
	})

	t.Run("two hundred at once", func(t *testing.T) {
		var ids []string
		for range 200 {
			ids = append(ids, submit(ctx, t, c, ec2, "exit", "0"))
		}
		for _, id := range ids {
			s.await(id, "")
			if j := describe(ctx, t, c, id); j.Status != types.JobStatusSucceeded {
				t.Errorf("job %s: %s (%s / %s)", id, j.Status, aws.ToString(j.StatusReason), aws.ToString(j.Container.Reason))
			}
		}
	})

	s.stop()
	if left := leftovers(t, s); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}
}

// TestRestart kills the emulator with a job running, and starts it again: the same container, one attempt, its whole log, the right end.
func TestRestart(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t, "--data-dir", t.TempDir(), "--on-exit", "stop")
	q, _ := queue(ctx, t, s.batch(), types.CRTypeEc2)
	before := submit(ctx, t, s.batch(), q, "echo", "ended before")
	s.await(before, "")
	command := []string{}
	for i := range 30 {
		command = append(command, "echo", fmt.Sprint("line ", i), "then", "sleep", "100ms", "then")
	}
	id := submit(ctx, t, s.batch(), q, append(command, "exit", "7")...)
	s.await(id, "RUNNING")
	s.hasPrinted(ctx, id, "line 3")
	first := describe(ctx, t, s.batch(), id)
	s.kill()

	s.start()
	if j := describe(ctx, t, s.batch(), id); j.Status != types.JobStatusRunning || *j.Container.TaskArn != *first.Container.TaskArn || *j.StartedAt != *first.StartedAt {
		t.Errorf("after the restart it is %s, task %s, started %d; before: task %s, started %d", j.Status, *j.Container.TaskArn, *j.StartedAt, *first.Container.TaskArn, *first.StartedAt)
	}
	s.await(id, "")
	j := describe(ctx, t, s.batch(), id)
	if j.Status != types.JobStatusFailed || aws.ToInt32(j.Container.ExitCode) != 7 || len(j.Attempts) != 1 {
		t.Errorf("ended %s with %v after %d attempts; want FAILED with 7 after one", j.Status, aws.ToInt32(j.Container.ExitCode), len(j.Attempts))
	}
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint("line ", i))
	}
	if diff := cmp.Diff(want, s.printed(ctx, j.Container.LogStreamName)); diff != "" {
		t.Errorf("its log (-want +got):\n%s", diff)
	}
	old := describe(ctx, t, s.batch(), before)
	if old.Status != types.JobStatusSucceeded {
		t.Errorf("the job that had ended before is %s now", old.Status)
	}
	if diff := cmp.Diff([]string{"ended before"}, s.printed(ctx, old.Container.LogStreamName)); diff != "" {
		t.Errorf("the log of the job that had ended before (-want +got):\n%s", diff)
	}
	s.stop()
	if left := leftovers(t, s); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}
}

// hasPrinted waits for a line of a job, by following its log as a user would.
func (s *server) hasPrinted(ctx context.Context, job, line string) {
	s.t.Helper()
	follow := exec.CommandContext(ctx, binary(s.t), "logs", "-f", "--endpoint", s.url, job)
	out, err := follow.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer follow.Wait()
	defer follow.Process.Kill()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), line) {
			return
		}
	}
	s.t.Fatalf("job %s ended and did not print %q", job, line)
}

func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}

// leftovers is what is on the engine with the label of the server's instance.
func leftovers(t *testing.T, s *server) string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-a", "--filter", "label=batch-local.instance="+s.instance, "--format", "{{.Names}} {{.Status}}").CombinedOutput()
	if err != nil {
		t.Fatalf("docker ps: %v\n%s", err, out)
	}
	return string(out)
}

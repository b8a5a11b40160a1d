package compat

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// command is the binary as a command that calls a server.
func (s *server) command(ctx context.Context, words ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.CommandContext(ctx, binary(s.t), words...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_BATCH="+s.url, "AWS_ACCESS_KEY_ID=test", "AWS_REGION=us-east-1")
	return cmd
}

// TestExec runs commands in the container of a running job, by the command.
func TestExec(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t, "--job-network", "compat-exec")
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	id := submit(ctx, t, c, q, "trap", "0", "then", "write", "/here", "it runs", "then", "sleep", "1h")
	s.await(id, "RUNNING")
	run := func(t *testing.T, input string, words ...string) (out, err string, code int) {
		t.Helper()
		cmd := s.command(ctx, append([]string{"exec"}, words...)...)
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
		if failure := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(failure)
		}
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}

	t.Run("outputs and an exit code", func(t *testing.T) {
		out, err, code := run(t, "", id, "--", "/workload", "echo", "a b", "then", "err", "c", "then", "exit", "9")
		if out != "a b\n" || err != "c\n" || code != 9 {
			t.Errorf("%q, %q, exit code %d", out, err, code)
		}
	})
	t.Run("it is the job's own container", func(t *testing.T) {
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) { // the job writes it when it gets to it
			out, err, code := run(t, "", id[:13], "-c", "default", "--", "/workload", "cat", "/here", "then", "env", "AWS_BATCH_JOB_ID")
			if code == 0 {
				if !strings.HasPrefix(out, "it runs") || !strings.Contains(out, id) {
					t.Errorf("%q", out)
				}
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%q, %q, exit code %d", out, err, code)
			}
		}
	})
	t.Run("input", func(t *testing.T) {
		much := strings.Repeat("0123456789abcde\n", 1<<16) // 1 MiB
		out, err, code := run(t, much, "-i", id, "--", "/workload", "cat", "/dev/stdin")
		if out != much || code != 0 {
			t.Errorf("%d bytes of %d, %q, exit code %d", len(out), len(much), err, code)
		}
		if out, _, code := run(t, much, id, "--", "/workload", "cat", "/dev/stdin"); out != "" || code != 0 {
			t.Errorf("without -i it has %d bytes, exit code %d", len(out), code)
		}
	})
	t.Run("a terminal", func(t *testing.T) {
		if _, err := exec.LookPath("script"); err != nil {
			t.Skip("no script(1), which has terminals")
		}
		cmd := s.command(ctx)
		line := strings.Join([]string{binary(t), "exec", id, "--", "/workload", "env", "TERM", "then", "exit", "5"}, " ")
		cmd.Path, cmd.Args = "/usr/bin/script", []string{"script", "-qec", line, "/dev/null"}
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != 5 || !strings.Contains(string(out), "xterm") {
			t.Errorf("%q, exit code %d", out, code)
		}
	})
	t.Run("a job that has ended", func(t *testing.T) {
		if _, err := c.TerminateJob(ctx, &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
			t.Fatal(err)
		}
		s.await(id, "")
		if _, err, code := run(t, "", id, "--", "/workload"); code != 1 || err != "batch-local: job "+id+" is FAILED, not RUNNING\n" {
			t.Errorf("%q, exit code %d", err, code)
		}
	})
	t.Run("one that ends meanwhile", func(t *testing.T) {
		id := submit(ctx, t, c, q, "sleep", "1h")
		s.await(id, "RUNNING")
		cmd := s.command(ctx, "exec", id, "--", "/workload", "echo", "up", "then", "sleep", "1h")
		up, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		up.Read(make([]byte, 3))
		if _, err := c.TerminateJob(ctx, &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("it ended with 0")
		}
	})
	t.Run("a server that ends meanwhile", func(t *testing.T) {
		id := submit(ctx, t, c, q, "trap", "0", "then", "sleep", "1h")
		s.await(id, "RUNNING")
		cmd := s.command(ctx, "exec", id, "--", "/workload", "echo", "up", "then", "sleep", "1h")
		var said bytes.Buffer
		cmd.Stderr = &said
		up, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		up.Read(make([]byte, 3))
		s.stop()
		if err := cmd.Wait(); err == nil || said.String() != "batch-local: the server ends\n" {
			t.Errorf("%v, %q", err, said.String())
		}
	})
	if left := leftovers(t, s); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}
}

// TestReproduce: what is printed of a job does, by hand, what the job did.
func TestReproduce(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t, "--job-network", "compat-reproduce")
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("by-hand"), JobQueue: &q, JobDefinition: &q, ContainerOverrides: &types.ContainerOverrides{
		Command:     []string{"echo", `it's "quoted" $HOME \ and`, "two\nlines", "then", "env", "then", "exit", "3"},
		Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("$(echo no) `no` 'b'\n\"c\"")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.await(*out.JobId, "")
	want := s.printed(ctx, describe(ctx, t, c, *out.JobId).Container.LogStreamName)
	want = slices.DeleteFunc(want, func(line string) bool { return strings.HasPrefix(line, "ECS_") }) // what a container by hand would ask in vain

	text, err := s.command(ctx, "reproduce", *out.JobId).Output()
	if err != nil {
		t.Fatal(err)
	}
	notes, _, _ := strings.Cut(string(text), "\n\n")
	docker, submit, ok := strings.Cut(strings.TrimPrefix(string(text), notes+"\n\n"), "\n\naws ")
	if !ok || !strings.Contains(notes, "169.254.169.254") || !strings.HasPrefix(docker, "docker run ") {
		t.Fatalf("it printed:\n%s", text)
	}
	byHand := exec.CommandContext(ctx, "sh", "-c", docker)
	got, _ := byHand.Output()
	if diff := cmp.Diff(want, strings.Split(strings.TrimRight(string(got), "\n"), "\n")); diff != "" || byHand.ProcessState.ExitCode() != 3 {
		t.Errorf("docker run printed (-the job +by hand), and ended with %d:\n%s\n%s", byHand.ProcessState.ExitCode(), diff, docker)
	}

	if len(commandLines()) == 0 {
		t.Skip("no AWS command line")
	}
	again := exec.CommandContext(ctx, "sh", "-c", "aws --endpoint-url "+s.url+" "+strings.TrimSpace(submit)+" --query jobId --output text")
	again.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION=us-east-1")
	id, err := again.Output()
	if err != nil {
		t.Fatalf("aws %s: %v", submit, err)
	}
	job := strings.TrimSpace(string(id))
	s.await(job, "")
	first, second := describe(ctx, t, c, *out.JobId).Container, describe(ctx, t, c, job).Container
	if diff := cmp.Diff(first.Command, second.Command); diff != "" || aws.ToInt32(second.ExitCode) != 3 {
		t.Errorf("the job that aws submitted (-first +again), exit code %d:\n%s", aws.ToInt32(second.ExitCode), diff)
	}
}

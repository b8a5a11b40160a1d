package compat

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// needStack is needDocker, and the images of testdata/stack.
func needStack(t *testing.T) {
	t.Helper()
	needDocker(t)
	if out, err := exec.Command("../scripts/images", "stack").CombinedOutput(); err != nil {
		t.Fatalf("scripts/images stack: %v\n%s", err, out)
	}
}

// TestLaptop is jobs that use AWS, as it is beside us: an unmodified SDK, an object store and batch-local itself on this machine, and nothing in the
// job but its environment that says so.
func TestLaptop(t *testing.T) {
	needStack(t)
	ctx := t.Context()
	store := objectStore(t)
	t.Setenv("STACK_TOKEN", "from serve")
	own := freePort(t)
	s := serve(t, "--listen", own,
		"--job-env", "AWS_ENDPOINT_URL_S3=http://"+store, // a job finds this machine under another address
		"--job-env", "AWS_ENDPOINT_URL_BATCH=http://"+own, // only the loopback has this one
		"--job-env", "STACK_TOKEN")
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	define(ctx, t, c, "aws")

	t.Run("an object", func(t *testing.T) {
		needBeside(t)
		lines := s.ran(ctx, t, c, q, "aws", "store", "results", "a/b", "hello")
		wantLines(t, lines, "credentials of CredentialsEndpointProvider of account", "s3://results/a/b holds hello")
		if got := fetch(t, "http://"+store+"/results/a/b"); got != "hello" {
			t.Errorf("the object store has %q", got)
		}
	})
	t.Run("a job submits a job", func(t *testing.T) {
		lines := s.ran(ctx, t, c, q, "aws", "submit", "second", q, q)
		wantLines(t, lines, "credentials of CredentialsEndpointProvider of account", "submitted ")
		id := strings.TrimPrefix(lines[len(lines)-1], "submitted ")
		s.await(id, "")
		if j := describe(ctx, t, c, id); aws.ToString(j.JobName) != "second" || j.Status != types.JobStatusSucceeded {
			t.Errorf("it is %s: %s", aws.ToString(j.JobName), j.Status)
		}
	})
	t.Run("what jobs do not get", func(t *testing.T) {
		lines := s.ran(ctx, t, c, q, q, "env", "STACK_TOKEN", "then", "get", "http://169.254.170.2/_emulator/info")
		wantLines(t, lines, "from serve", "")
		if strings.Contains(strings.Join(lines, "\n"), s.instance) {
			t.Errorf("a job controls the emulator: %q", lines)
		}
	})
	s.stop()
	if left := leftovers(t, s); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestCompose is jobs in the stack of compose/docker-compose.yml, which scripts/test-compose brings up.
func TestCompose(t *testing.T) {
	where := os.Getenv("BATCH_LOCAL_TEST_STACK")
	if where == "" {
		t.Skip("scripts/test-compose brings up the stack for this test")
	}
	words := strings.Fields(where) // addresses of batch-local and of the object store, a folder that is /shared of the instances
	ctx := t.Context()
	s := &server{t: t, url: "http://" + words[0]}
	c := s.batch()
	q, d := queue(ctx, t, c, types.CRTypeEc2)

	t.Run("an object", func(t *testing.T) {
		lines := s.ran(ctx, t, c, "stack", "store", "store", "results", "a/b", "hello")
		wantLines(t, lines, "credentials of CredentialsEndpointProvider of account", "s3://results/a/b holds hello")
		if got := fetch(t, "http://"+words[1]+"/results/a/b"); got != "hello" {
			t.Errorf("the object store has %q", got)
		}
	})
	t.Run("on Fargate, without arguments", func(t *testing.T) {
		wantLines(t, s.ran(ctx, t, c, "stack", "store"), "credentials of CredentialsEndpointProvider of account", "s3://results/greeting holds hello")
	})
	t.Run("a job submits a job", func(t *testing.T) {
		lines := s.ran(ctx, t, c, "stack", "store", "submit", "second", "stack", "store")
		id := strings.TrimPrefix(lines[len(lines)-1], "submitted ")
		s.await(id, "")
		if j := describe(ctx, t, c, id); j.Status != types.JobStatusSucceeded {
			t.Errorf("it is %s", j.Status)
		}
	})
	t.Run("both ports, and a log that does not stay in memory", func(t *testing.T) {
		wantLines(t, s.ran(ctx, t, c, q, d, "get", "http://batch-local:22824/livez", "then", "get", "http://batch-local:4566/livez", "then", "lines", "2"), `{"status":"alive"}`, `{"status":"alive"}`, "0", "1")
		var said bytes.Buffer
		run := s.command(ctx, "run", workload, "--", "flood", "20000000")
		run.Stderr = &said
		if out, err := run.Output(); err != nil || len(out) != 20000000 {
			t.Errorf("a flood of 20,000,000 bytes: %d, %v, %s", len(out), err, &said)
		}
	})
	t.Run("volumes", func(t *testing.T) {
		container := &types.ContainerProperties{Image: aws.String(workload), Memory: aws.Int32(64), Vcpus: aws.Int32(1), Volumes: []types.Volume{
			{Name: aws.String("disk"), Host: &types.Host{SourcePath: aws.String("/data")}},
			{Name: aws.String("shared"), Host: &types.Host{SourcePath: aws.String("/shared")}},
			{Name: aws.String("efs"), EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-12345678")}},
			{Name: aws.String("own"), Host: &types.Host{}},
		}}
		for _, v := range container.Volumes {
			container.MountPoints = append(container.MountPoints, types.MountPoint{SourceVolume: v.Name, ContainerPath: aws.String("/" + *v.Name)})
		}
		if _, err := c.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{JobDefinitionName: &d, Type: types.JobDefinitionTypeContainer, ContainerProperties: container}); err != nil {
			t.Fatal(err)
		}
		s.ran(ctx, t, c, q, d, "write", "/disk/a", "1\n", "then", "write", "/efs/a", "2\n", "then", "write", "/own/a", "3\n", "then", "write", "/shared/a", "4")
		wantLines(t, s.ran(ctx, t, c, q, d, "cat", "/disk/a", "then", "cat", "/efs/a", "then", "cat", "/shared/a"), "1", "2", "4")
		if data, err := os.ReadFile(filepath.Join(words[2], "a")); string(data) != "4" {
			t.Errorf("in the folder: %q, %v", data, err)
		}
	})
}

// objectStore runs testdata/stack/s3 on all addresses of this machine, and answers its address of the loopback.
func objectStore(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s3")
	if out, err := exec.Command("go", "-C", "../testdata/stack", "build", "-o", path, "./s3").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	command := exec.CommandContext(t.Context(), path, "0.0.0.0:0")
	said, err := command.StderrPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() })
	lines := bufio.NewReader(said)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	_, port, err := net.SplitHostPort(strings.TrimSpace(first))
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}

// freePort is an address of the loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// define makes a definition of testdata/stack/job, with a role.
func define(ctx context.Context, t *testing.T, c *batch.Client, name string) {
	t.Helper()
	if _, err := c.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{Image: aws.String("batch-local/job:test"), JobRoleArn: aws.String("arn:aws:iam::000000000000:role/job"), ResourceRequirements: []types.ResourceRequirement{
			{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("128")}}}}); err != nil {
		t.Fatal(err)
	}
}

// ran submits a job that has to succeed, and answers what it printed.
func (s *server) ran(ctx context.Context, t *testing.T, c *batch.Client, queue, definition string, command ...string) []string {
	t.Helper()
	out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("stack"), JobQueue: &queue, JobDefinition: &definition, ContainerOverrides: &types.ContainerOverrides{Command: command}})
	if err != nil {
		t.Fatal(err)
	}
	s.await(*out.JobId, "")
	job := describe(ctx, t, c, *out.JobId)
	if job.Status != types.JobStatusSucceeded {
		var printed []string
		if job.Container.LogStreamName != nil {
			printed = s.printed(ctx, job.Container.LogStreamName)
		}
		t.Fatalf("the job is %s: %s, %s; it printed %q", job.Status, aws.ToString(job.StatusReason), aws.ToString(job.Container.Reason), printed)
	}
	return s.printed(ctx, job.Container.LogStreamName)
}

// wantLines compares the beginnings of lines.
func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Sprint(answer.Status, err, string(data))
	}
	return string(data)
}

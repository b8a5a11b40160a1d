package compat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// patience is how long tests wait for what must happen: an engine may be slow, and far away.
const patience = 5 * time.Minute

// workload is the image of testdata/workload, and program that of testdata/sdk.
var (
	workload = "batch-local/workload:" + cmp.Or(os.Getenv("BATCH_LOCAL_TEST_TAG"), "test")
	program  = "batch-local/sdk:" + cmp.Or(os.Getenv("BATCH_LOCAL_TEST_TAG"), "test")
)

// binary builds the command once for all tests.
func binary(t *testing.T) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("batch-local-compat-%d", os.Getpid()))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/batch-local").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	built = path
	return path
}

var (
	building sync.Mutex // guards built
	built    string
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.Remove(built)
	}
	os.Exit(code)
}

// needDocker skips without an engine, unless BATCH_LOCAL_TEST_DOCKER=required, and has the test image there.
func needDocker(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		if os.Getenv("BATCH_LOCAL_TEST_DOCKER") == "required" {
			t.Fatalf("no container engine: %s", out)
		}
		t.Skipf("no container engine (scripts/ensure-docker starts one): %s", out)
	}
	if out, err := exec.Command("../scripts/images").CombinedOutput(); err != nil {
		t.Fatalf("scripts/images: %v\n%s", err, out)
	}
}

// A server is a process of ours.
type server struct {
	t     *testing.T
	args  []string
	ready string
	url   string
	// instance is the label of what it makes on the engine.
	instance string
	cmd      *exec.Cmd
	log      bytes.Buffer
}

// serve starts the binary with a free port and more flags; it is ended in order with the test.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{t: t, ready: filepath.Join(t.TempDir(), "ready")}
	s.args = append([]string{"serve", "--listen", "127.0.0.1:0", "--ready-file", s.ready}, flags...)
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	os.Remove(s.ready)
	s.cmd = exec.Command(binary(s.t), s.args...)
	s.cmd.Stdout, s.cmd.Stderr = nil, &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) { // a file is the one sign a process can give us
		if data, err := os.ReadFile(s.ready); err == nil {
			s.url = strings.TrimSpace(string(data))
			s.instance = s.info()
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("not ready after 20 s:\n%s", s.log.String())
		}
	}
}

// info asks for the instance.
func (s *server) info() string {
	s.t.Helper()
	answer, err := http.Get(s.url + "/_emulator/info")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var info struct{ Instance string }
	if err := json.NewDecoder(answer.Body).Decode(&info); err != nil {
		s.t.Fatal(err)
	}
	return info.Instance
}

// stop ends it as Ctrl-C does, and wants it to end well.
func (s *server) stop() {
	if s.cmd.ProcessState != nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("serve ended with %v:\n%s", err, s.log.String())
	}
}

// kill is kill -9.
func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// call makes a call of /_emulator/, which must succeed.
func (s *server) call(method, path, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		s.t.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
}

func (s *server) batch() *batch.Client {
	return batch.New(batch.Options{Region: "us-east-1", BaseEndpoint: &s.url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

func (s *server) logs() *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: &s.url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

// await answers when the job has reached a status, or its end without one.
func (s *server) await(job, until string) {
	s.t.Helper()
	answer, err := http.Get(s.url + "/_emulator/wait?timeout=" + patience.String() + "&job=" + url.QueryEscape(job) + "&until=" + until)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("job %s did not reach %q: %s", job, until, answer.Status)
	}
}

// queue makes an EC2 environment, a queue and a definition, and answers the queue's name.
func queue(ctx context.Context, t *testing.T, c *batch.Client, kind types.CRType) (queue, definition string) {
	t.Helper()
	name := "compat-" + strings.ToLower(strings.ReplaceAll(string(kind), "_", "-"))
	resources := &types.ComputeResource{Type: kind, MaxvCpus: aws.Int32(256), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
	container := &types.ContainerProperties{Image: aws.String(workload), Command: []string{"exit", "0"}, ResourceRequirements: []types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("2048")}}}
	register := &batch.RegisterJobDefinitionInput{JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, ContainerProperties: container}
	if kind == types.CRTypeEc2 {
		resources.MinvCpus, resources.InstanceTypes, resources.InstanceRole = aws.Int32(0), []string{"optimal"}, aws.String("ecsInstanceRole")
	} else {
		container.ExecutionRoleArn = aws.String("arn:aws:iam::000000000000:role/execution")
		register.PlatformCapabilities = []types.PlatformCapability{types.PlatformCapabilityFargate}
	}
	if _, err := c.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: &name, Type: types.CETypeManaged, ComputeResources: resources}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateJobQueue(ctx, &batch.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RegisterJobDefinition(ctx, register); err != nil {
		t.Fatal(err)
	}
	return name, name
}

// submit submits a job with a command of the workload.
func submit(ctx context.Context, t *testing.T, c *batch.Client, queue string, command ...string) string {
	t.Helper()
	out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("compat"), JobQueue: &queue, JobDefinition: &queue, ContainerOverrides: &types.ContainerOverrides{Command: command}})
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

func describe(ctx context.Context, t *testing.T, c *batch.Client, id string) types.JobDetail {
	t.Helper()
	out, err := c.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Jobs) != 1 {
		t.Fatalf("DescribeJobs knows %d jobs of the id %s", len(out.Jobs), id)
	}
	return out.Jobs[0]
}

// printed is all that the job's last attempt printed.
func (s *server) printed(ctx context.Context, stream *string) []string {
	s.t.Helper()
	if stream == nil {
		s.t.Fatal("the job has no log stream: it did not run")
	}
	var lines []string
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: stream, StartFromHead: aws.Bool(true)}
	for {
		out, err := s.logs().GetLogEvents(ctx, in)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range out.Events {
			lines = append(lines, *e.Message)
		}
		if len(out.Events) == 0 {
			return lines
		}
		in.NextToken = out.NextForwardToken
	}
}

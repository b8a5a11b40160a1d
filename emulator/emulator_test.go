package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batch-local/batch-local/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is an emulator with the simulated driver and real clients of it, in process: no socket, so a bubble's time moves.
type world struct {
	*testing.T
	*emulator.Emulator
	batch *batch.Client
	logs  *cloudwatchlogs.Client
}

type inProcess struct{ h http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.Host = r.URL.Host // as a transport sends it
	p.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func open(t *testing.T, c emulator.Config) *world {
	t.Helper()
	c.Driver = "simulated"
	e, err := emulator.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w := &world{T: t, Emulator: e}
	w.batch, w.logs = w.as("test", "us-east-1")
	return w
}

// as is what another account or region has for clients.
func (w *world) as(account, region string) (*batch.Client, *cloudwatchlogs.Client) {
	credentials := credentials.NewStaticCredentialsProvider(account, "test", "")
	endpoint := aws.String("http://localhost")
	return batch.New(batch.Options{Region: region, BaseEndpoint: endpoint, HTTPClient: inProcess{w.Handler()}, Credentials: credentials}),
		cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: endpoint, HTTPClient: inProcess{w.Handler()}, Credentials: credentials})
}

// place makes an environment of so many vCPUs, a queue and a definition, all named "a".
func (w *world) place(c *batch.Client, vcpus int32) {
	w.Helper()
	name := aws.String("a")
	_, err := c.CreateComputeEnvironment(w.Context(), &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: name, Type: types.CETypeManaged, ComputeResources: &types.ComputeResource{
		Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: &vcpus, InstanceTypes: []string{"optimal"}, Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, InstanceRole: aws.String("r")}})
	w.ok(err)
	_, err = c.CreateJobQueue(w.Context(), &batch.CreateJobQueueInput{JobQueueName: name, Priority: aws.Int32(1), ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: name}}})
	w.ok(err)
	_, err = c.RegisterJobDefinition(w.Context(), &batch.RegisterJobDefinitionInput{JobDefinitionName: name, Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{Image: aws.String("image"), Vcpus: aws.Int32(1), Memory: aws.Int32(64)}})
	w.ok(err)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// submit submits a job with an outcome.
func (w *world) submit(outcome string, more ...func(*batch.SubmitJobInput)) string {
	w.Helper()
	in := &batch.SubmitJobInput{JobName: aws.String("job"), JobQueue: aws.String("a"), JobDefinition: aws.String("a"),
		ContainerOverrides: &types.ContainerOverrides{Environment: []types.KeyValuePair{{Name: aws.String("BATCH_LOCAL_OUTCOME"), Value: &outcome}}}}
	for _, f := range more {
		f(in)
	}
	out, err := w.batch.SubmitJob(w.Context(), in)
	w.ok(err)
	return *out.JobId
}

func (w *world) job(id string) types.JobDetail {
	w.Helper()
	out, err := w.batch.DescribeJobs(w.Context(), &batch.DescribeJobsInput{Jobs: []string{id}})
	w.ok(err)
	if len(out.Jobs) != 1 {
		w.Fatalf("%d jobs of the id %s", len(out.Jobs), id)
	}
	return out.Jobs[0]
}

// call asks for a path of ours.
func (w *world) call(method, path string) (int, string) {
	w.Helper()
	r := httptest.NewRequest(method, "http://localhost"+path, nil).WithContext(w.Context())
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

func (w *world) await(id, until string) types.JobDetail {
	w.Helper()
	if code, body := w.call("GET", "/_emulator/wait?timeout=1h&job="+id+"&until="+until); code != 200 {
		w.Fatalf("waiting for %s: %d %s", until, code, body)
	}
	return w.job(id)
}

// TestLongJob: fourteen days take no time in a bubble, and every time stamp is right (jobs.md 2.6).
func TestLongJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{})
		defer w.Close(context.Background())
		w.place(w.batch, 16)
		began := time.Now().UnixMilli()
		id := w.submit(`{"startDelay":"1m","duration":"336h","logs":["first","second"]}`)
		time.Sleep(30 * time.Second)
		if j := w.job(id); j.Status != types.JobStatusStarting || j.StartedAt != nil || len(j.Attempts) != 0 {
			t.Errorf("after half a minute: %s, started %v, attempts %v", j.Status, j.StartedAt, j.Attempts)
		}
		time.Sleep(time.Hour)
		if j := w.job(id); j.Status != types.JobStatusRunning || *j.StartedAt-began != 60_000 || j.Container.LogStreamName == nil {
			t.Errorf("after an hour: %s, started %v", j.Status, *j.StartedAt-began)
		}
		time.Sleep(14 * 24 * time.Hour)
		j := w.job(id)
		if j.Status != types.JobStatusSucceeded || *j.StoppedAt-began != 60_000+14*24*3_600_000 || len(j.Attempts) != 1 {
			t.Errorf("after fourteen days: %s, stopped %d", j.Status, *j.StoppedAt-began)
		}
		out, err := w.logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: j.Container.LogStreamName, StartFromHead: aws.Bool(true)})
		if err != nil || len(out.Events) != 2 || *out.Events[0].Message != "first" || *out.Events[1].Timestamp <= *out.Events[0].Timestamp {
			t.Errorf("its log: %v, %v", out, err)
		}
	})
}

// TestRetriesAndTimeout: jobs.md 3.2 and 4, through the API.
func TestRetriesAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{})
		defer w.Close(context.Background())
		w.place(w.batch, 16)
		id := w.submit(`{"exitCode":[75,75,0]}`, func(in *batch.SubmitJobInput) {
			in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(5), EvaluateOnExit: []types.EvaluateOnExit{{OnExitCode: aws.String("75"), Action: "retry"}, {OnReason: aws.String("*"), Action: types.RetryActionExit}}}
		})
		j := w.await(id, "")
		if j.Status != types.JobStatusSucceeded || len(j.Attempts) != 3 {
			t.Errorf("%s after %d attempts", j.Status, len(j.Attempts))
		}
		if diff := cmp.Diff(types.RetryAction("exit"), j.RetryStrategy.EvaluateOnExit[1].Action); diff != "" {
			t.Errorf("the action is told in lower case: %s", diff)
		}
		id = w.submit(`{"duration":"1h","ignoreStop":true}`, func(in *batch.SubmitJobInput) {
			in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
			in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(5)}
		})
		j = w.await(id, "")
		if j.Status != types.JobStatusFailed || *j.StatusReason != "Job attempt duration exceeded timeout" || *j.Container.ExitCode != 137 || *j.StoppedAt-*j.StartedAt != 90_000 || len(j.Attempts) != 1 {
			t.Errorf("timeout: %s %q, exit %d after %d ms, %d attempts", j.Status, *j.StatusReason, *j.Container.ExitCode, *j.StoppedAt-*j.StartedAt, len(j.Attempts))
		}
	})
}

// TestQueueing: two of three fit; the third says nothing and runs when there is room (resources.md 4.2).
func TestQueueing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{})
		defer w.Close(context.Background())
		w.place(w.batch, 2)
		var ids []string
		for range 3 {
			ids = append(ids, w.submit(`{"duration":"1h"}`))
		}
		time.Sleep(time.Minute)
		for i, want := range []types.JobStatus{types.JobStatusRunning, types.JobStatusRunning, types.JobStatusRunnable} {
			if j := w.job(ids[i]); j.Status != want || j.StatusReason != nil {
				t.Errorf("job %d is %s (%v), want %s", i, j.Status, j.StatusReason, want)
			}
		}
		j := w.await(ids[2], "RUNNING")
		if late := *j.StartedAt - *w.await(ids[0], "").StoppedAt; late != 0 {
			t.Errorf("it started %d ms after there was room", late)
		}
	})
}

// TestShape is jobs.md 2.9: the members of a job that was just submitted and of one that has ended, to the letter.
func TestShape(t *testing.T) {
	w := open(t, emulator.Config{})
	w.place(w.batch, 1)
	first := w.submit(`{"duration":"1h"}`)
	w.await(first, "RUNNING")
	waiting := w.submit(`{}`)
	if got, want := w.raw(waiting), `attempts container createdAt dependsOn eksAttempts jobArn jobDefinition jobId jobName jobQueue parameters platformCapabilities status tags`; got.members() != want {
		t.Errorf("a RUNNABLE job has %s\nwant %s", got.members(), want)
	} else if c, want := got.inside("container"), `command environment image memory mountPoints networkInterfaces resourceRequirements secrets ulimits vcpus volumes`; c.members() != want {
		t.Errorf("its container has %s\nwant %s", c.members(), want)
	}
	if _, err := w.batch.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &first, Reason: aws.String("r")}); err != nil {
		t.Fatal(err)
	}
	w.await(waiting, "")
	if got, want := w.raw(waiting), `attempts container createdAt dependsOn eksAttempts jobArn jobDefinition jobId jobName jobQueue parameters platformCapabilities startedAt status statusReason stoppedAt tags`; got.members() != want {
		t.Errorf("a SUCCEEDED job has %s\nwant %s", got.members(), want)
	} else if c, want := got.inside("container"), `command containerInstanceArn environment exitCode image logStreamName memory mountPoints networkInterfaces resourceRequirements secrets taskArn ulimits vcpus volumes`; c.members() != want {
		t.Errorf("its container has %s\nwant %s", c.members(), want)
	}
	if j := w.job(first); !aws.ToBool(j.IsTerminated) || *j.StatusReason != "r" || *j.Container.ExitCode != 143 {
		t.Errorf("terminated: %v %q %d", j.IsTerminated, *j.StatusReason, *j.Container.ExitCode)
	}
}

// object is JSON whose members are looked at.
type object map[string]json.RawMessage

func (w *world) raw(id string) object {
	w.Helper()
	r := httptest.NewRequest("POST", "http://localhost/v1/describejobs", strings.NewReader(`{"jobs":["`+id+`"]}`))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=0")
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, r)
	var out struct{ Jobs []object }
	w.ok(json.Unmarshal(answer.Body.Bytes(), &out))
	return out.Jobs[0]
}

func (o object) members() string {
	data, _ := json.Marshal(o) // sorts them
	var names []string
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.Token()
	for decoder.More() {
		name, _ := decoder.Token()
		names = append(names, name.(string))
		var skip json.RawMessage
		decoder.Decode(&skip)
	}
	return strings.Join(names, " ")
}

func (o object) inside(name string) (inner object) {
	json.Unmarshal(o[name], &inner)
	return inner
}

// TestIsolation: what one account or region has, another does not see.
func TestIsolation(t *testing.T) {
	w := open(t, emulator.Config{})
	w.place(w.batch, 16)
	id := w.submit(`{"logs":["mine"]}`)
	stream := w.await(id, "").Container.LogStreamName
	for _, who := range [][2]string{{"111122223333", "us-east-1"}, {"test", "eu-west-1"}} {
		other, logs := w.as(who[0], who[1])
		jobs, err := other.DescribeJobs(t.Context(), &batch.DescribeJobsInput{Jobs: []string{id}})
		if err != nil || len(jobs.Jobs) != 0 {
			t.Errorf("%v sees %v, %v", who, jobs, err)
		}
		queues, err := other.DescribeJobQueues(t.Context(), &batch.DescribeJobQueuesInput{})
		if err != nil || len(queues.JobQueues) != 0 {
			t.Errorf("%v sees %v, %v", who, queues, err)
		}
		if _, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: stream}); err == nil {
			t.Errorf("%v reads the log", who)
		}
		w.place(other, 1) // the names are free there
	}
}

// TestPages: every job once, newest first, while others are added (jobs.md 13).
func TestPages(t *testing.T) {
	w := open(t, emulator.Config{})
	w.place(w.batch, 16)
	want := map[string]bool{}
	for range 25 {
		want[w.submit(`{}`)] = true
	}
	if code, body := w.call("GET", "/_emulator/wait?timeout=1m"); code != 200 {
		t.Fatalf("wait until nothing runs: %d %s", code, body)
	}
	pages := batch.NewListJobsPaginator(w.batch, &batch.ListJobsInput{JobQueue: aws.String("a"), JobStatus: types.JobStatusSucceeded, MaxResults: aws.Int32(10)})
	last := ""
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		w.ok(err)
		for _, j := range page.JobSummaryList {
			if !want[*j.JobId] {
				t.Errorf("%s twice, or not of the first page's time", *j.JobId)
			}
			delete(want, *j.JobId)
			last = *j.JobId
		}
		w.await(w.submit(`{}`), "")
	}
	if len(want) > 0 {
		t.Errorf("%d jobs are on no page; the last one seen was %s", len(want), last)
	}
	_, err := w.batch.ListJobs(t.Context(), &batch.ListJobsInput{JobQueue: aws.String("a"), NextToken: aws.String("nonsense")})
	var refused *types.ClientException
	if !errors.As(err, &refused) {
		t.Errorf("a token of nobody: %v", err)
	}
}

// TestControl is interface.md 3: info, wait, reset, health.
func TestControl(t *testing.T) {
	w := open(t, emulator.Config{Version: "1.2.3"})
	for path, want := range map[string]string{
		"/livez": `"alive"`, "/readyz": `"ready"`, "/_emulator/info": `"version":"1.2.3"`, "/_localstack/health": `"batch":"running"`, "/_localstack/init": `"READY":true`,
	} {
		if code, body := w.call("GET", path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	for path, want := range map[string]int{
		"/_emulator/nothing": 404, "/_emulator/wait?job=nobody": 404, "/_emulator/wait?job=&timeout=1m": 400, "/_emulator/wait?timeout=soon": 400, "/_emulator/wait?until=LATER": 400, "/_emulator/reset": 405,
	} {
		if code, body := w.call("GET", path); code != want || !strings.Contains(body, `"message"`) {
			t.Errorf("%s: %d %s, want %d", path, code, body, want)
		}
	}
	w.place(w.batch, 1)
	running, waiting := w.submit(`{"duration":"1000h"}`), w.submit(`{}`)
	if code, _ := w.call("GET", "/_emulator/wait?timeout=1ms&job="+waiting); code != 408 {
		t.Errorf("at its time limit a wait answers %d", code)
	}
	if code, body := w.call("POST", "/_emulator/reset"); code != 200 {
		t.Fatalf("reset: %d %s", code, body)
	}
	for _, id := range []string{running, waiting} {
		out, err := w.batch.DescribeJobs(t.Context(), &batch.DescribeJobsInput{Jobs: []string{id}})
		if err != nil || len(out.Jobs) != 0 {
			t.Errorf("after a reset: %v, %v", out, err)
		}
	}
	w.place(w.batch, 1) // and the names are free
	w.await(w.submit(`{}`), "")
}

// TestDurable: with a data folder everything is there again, and a simulated job that ran starts again.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	w := open(t, emulator.Config{DataDir: dir})
	w.place(w.batch, 16)
	ended, running := w.submit(`{"exitCode":3,"logs":["kept"]}`), w.submit(`{"duration":"300ms","exitCode":4}`)
	before := w.await(ended, "")
	w.await(running, "RUNNING")
	w.ok(w.Close(context.Background()))

	w = open(t, emulator.Config{DataDir: dir})
	after := w.job(ended)
	if after.Status != before.Status || *after.StoppedAt != *before.StoppedAt || *after.Container.TaskArn != *before.Container.TaskArn {
		t.Errorf("the job that had ended is %s now", after.Status)
	}
	out, err := w.logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/batch/job"), LogStreamName: after.Container.LogStreamName})
	if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "kept" {
		t.Errorf("its log: %v, %v", out, err)
	}
	if j := w.await(running, ""); aws.ToInt32(j.Container.ExitCode) != 4 || len(j.Attempts) != 1 {
		t.Errorf("the job that ran: %s, %v, %d attempts", j.Status, j.Container.ExitCode, len(j.Attempts))
	}
}

// TestServe: the address is in the ready file when calls are answered, and the file goes at the end.
func TestServe(t *testing.T) {
	ready := t.TempDir() + "/ready"
	e, err := emulator.New(emulator.Config{Driver: "simulated", ReadyFile: ready, Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan emulator.Info, 1)
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx, nil, func(i emulator.Info) { told <- i }) }()
	info := <-told
	url, err := os.ReadFile(ready)
	if err != nil || strings.TrimSpace(string(url)) != info.Addresses[0] || len(info.Addresses) != 2 {
		t.Errorf("the ready file has %q (%v), the addresses are %v", url, err, info.Addresses)
	}
	for _, address := range info.Addresses {
		answer, err := http.Get(address + "/livez")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	if _, err := os.Stat(ready); err == nil {
		t.Error("the ready file is still there")
	}
}

func TestBaseURL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:22824": "http://127.0.0.1:22824", "0.0.0.0:1": "http://127.0.0.1:1", "[::]:1": "http://127.0.0.1:1",
		":1": "http://127.0.0.1:1", "[::1]:1": "http://[::1]:1", "localhost:1": "http://localhost:1",
	} {
		if got := emulator.BaseURL(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

// TestConfig: a bad value names its field.
func TestConfig(t *testing.T) {
	for field, c := range map[string]emulator.Config{
		"Driver": {Driver: "podman"}, "Account": {Account: "1"}, "Region": {Region: "Paris"}, "Pull": {Pull: "perhaps"}, "OnExit": {OnExit: "explode"}, "KeepContainers": {KeepContainers: "some"},
	} {
		_, err := emulator.New(c)
		var bad *emulator.ConfigError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func Example() {
	e, err := emulator.New(emulator.Config{Driver: "simulated"})
	if err != nil {
		panic(err)
	}
	defer e.Close(context.Background())
	server := httptest.NewServer(e.Handler())
	defer server.Close()
	client := batch.New(batch.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	out, err := client.DescribeJobQueues(context.Background(), &batch.DescribeJobQueuesInput{})
	fmt.Println(len(out.JobQueues), err)
	// Output: 0 <nil>
}

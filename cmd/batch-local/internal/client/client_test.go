package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batch-local/batch-local/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a client of a simulated server of its own, with a queue and a definition called "all".
func world(t *testing.T) *Client {
	t.Helper()
	e, err := emulator.New(emulator.Config{Driver: "simulated"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e.Handler())
	c := New(Endpoint{URL: server.URL}, Identity{AccessKey: "123456789012", Region: "us-east-1"})
	t.Cleanup(func() {
		c.Close()
		server.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Batch.CreateComputeEnvironment(t.Context(), &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: aws.String("all"), Type: types.CETypeManaged, ComputeResources: &types.ComputeResource{
			Type: types.CRTypeEc2, MaxvCpus: aws.Int32(64), MinvCpus: aws.Int32(0), InstanceTypes: []string{"optimal"},
			InstanceRole: aws.String("role"), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"},
		},
	}))
	must(c.Batch.CreateJobQueue(t.Context(), &batch.CreateJobQueueInput{
		JobQueueName: aws.String("all"), Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String("all")}},
	}))
	must(c.Batch.RegisterJobDefinition(t.Context(), &batch.RegisterJobDefinitionInput{
		JobDefinitionName: aws.String("all"), Type: types.JobDefinitionTypeContainer, ContainerProperties: &types.ContainerProperties{
			Image: aws.String("image"), ResourceRequirements: []types.ResourceRequirement{
				{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: aws.String("64")},
			},
		},
	}))
	return c
}

// outcome scripts a simulated job.
type outcome map[string]any

// submit starts a job and answers its id.
func submit(t *testing.T, c *Client, name string, attempts int32, o outcome) string {
	t.Helper()
	script, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	in := &batch.SubmitJobInput{
		JobName: &name, JobQueue: aws.String("all"), JobDefinition: aws.String("all"),
		ContainerOverrides: &types.ContainerOverrides{Environment: []types.KeyValuePair{{Name: aws.String("BATCH_LOCAL_OUTCOME"), Value: aws.String(string(script))}}},
	}
	if attempts > 1 {
		in.RetryStrategy = &types.RetryStrategy{Attempts: &attempts}
	}
	out, err := c.Batch.SubmitJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

func TestFollow(t *testing.T) {
	tests := []struct {
		name     string
		attempts int32
		outcome  outcome
		status   types.JobStatus
		code     int
		lines    []string
	}{
		{"silent", 1, outcome{}, types.JobStatusSucceeded, 0, nil},
		{"prints", 1, outcome{"logs": []string{"a", "b"}, "duration": "20ms"}, types.JobStatusSucceeded, 0, []string{"a", "b"}},
		{"fails", 1, outcome{"logs": []string{"a"}, "exitCode": 3}, types.JobStatusFailed, 3, []string{"a"}},
		{"never starts", 1, outcome{"startError": "CannotPullContainerError: no"}, types.JobStatusFailed, 1, nil},
		{"is tried again", 3, outcome{"logs": []string{"a", "b"}, "exitCode": []int{1, 2, 0}}, types.JobStatusSucceeded, 0, []string{"a", "b", "a", "b", "a", "b"}},
		{"is tried again in vain", 2, outcome{"logs": []string{"a"}, "exitCode": []int{1, 2}, "duration": "20ms"}, types.JobStatusFailed, 2, []string{"a", "a"}},
	}
	c := world(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id := submit(t, c, "job", test.attempts, test.outcome)
			var lines []string
			var seen []types.JobStatus
			job, err := c.Follow(t.Context(), id, Observer{
				Seen: func(j types.JobDetail) { seen = append(seen, j.Status) },
				Lines: func(l []Line) error {
					for _, line := range l {
						lines = append(lines, line.Text)
					}
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if job.Status != test.status || ExitCode(job) != test.code || seen[len(seen)-1] != test.status {
				t.Errorf("it ended %s with %d, seen %v; want %s with %d", job.Status, ExitCode(job), seen, test.status, test.code)
			}
			if diff := cmp.Diff(test.lines, lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFollowEnds: what the observer refuses, and the end of the context, end it.
func TestFollowEnds(t *testing.T) {
	c := world(t)
	id := submit(t, c, "job", 1, outcome{"logs": []string{"a"}, "duration": "1h"})
	full := errors.New("full")
	if _, err := c.Follow(t.Context(), id, Observer{Lines: func([]Line) error { return full }}); !errors.Is(err, full) {
		t.Errorf("the observer's refusal became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Follow(ctx, id, Observer{Lines: func([]Line) error { cancel(); return nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context became %v", err)
	}
}

func TestWait(t *testing.T) {
	c := world(t)
	id := submit(t, c, "job", 1, outcome{"duration": "1h"})
	job, err := c.Wait(t.Context(), id, types.JobStatusRunning, 0)
	if err != nil || job.Status != types.JobStatusRunning || aws.ToString(job.JobName) != "job" || job.Container == nil {
		t.Errorf("%+v, %v; want the job, RUNNING, as DescribeJobs shows it", job, err)
	}
	if _, err := c.Wait(t.Context(), id, "", 20*time.Millisecond); !errors.Is(err, ErrTimeLimit) {
		t.Errorf("after the limit: %v, want ErrTimeLimit", err)
	}
	if _, err := c.Wait(t.Context(), "no-such-job", "", 0); err == nil || errors.Is(err, ErrTimeLimit) {
		t.Errorf("for an unknown job: %v", err)
	}
}

func TestFind(t *testing.T) {
	c := world(t)
	first := submit(t, c, "twin", 1, nil)
	second := submit(t, c, "twin", 1, nil)
	other := submit(t, c, "ab", 1, nil) // a name that may begin an id, too
	for said, want := range map[string]string{
		first: first, first[:20]: first, second[:20]: second, "twin": second, "ab": other,
	} {
		job, err := c.Find(t.Context(), said)
		if err != nil || *job.JobId != want {
			t.Errorf("%s: %v, %v; want %s", said, aws.ToString(job.JobId), err, want)
		}
	}
	for _, said := range []string{"TWIN", "tw*", "nobody", "00000000-0000-0000-0000-000000000000", ""} {
		if job, err := c.Find(t.Context(), said); err == nil {
			t.Errorf("%q: %s; want none", said, *job.JobId)
		}
	}
}

func TestFindSaysWhenItCannotDecide(t *testing.T) {
	c := world(t)
	ids := make(map[byte]string)
	for range 17 { // two of them begin alike
		id := submit(t, c, "job", 1, nil)
		if ids[id[0]] != "" {
			_, err := c.Find(t.Context(), id[:1])
			if err == nil || !strings.Contains(err.Error(), "job ids begin with "+id[:1]) {
				t.Errorf("%s: %v", id[:1], err)
			}
			return
		}
		ids[id[0]] = id
	}
	t.Error("17 ids begin with 17 hexadecimal digits")
}

func TestReset(t *testing.T) {
	c := world(t)
	submit(t, c, "job", 1, outcome{"duration": "1h"})
	if err := c.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if queues, err := c.Queues(t.Context()); err != nil || len(queues) != 0 {
		t.Errorf("%v, %v; want nothing left", queues, err)
	}
}

func TestExitCode(t *testing.T) {
	job := func(status types.JobStatus, code *int32) types.JobDetail {
		return types.JobDetail{Status: status, Container: &types.ContainerDetail{ExitCode: code}}
	}
	for _, test := range []struct {
		job  types.JobDetail
		want int
	}{
		{job(types.JobStatusSucceeded, aws.Int32(0)), 0},
		{job(types.JobStatusFailed, aws.Int32(137)), 137},
		{job(types.JobStatusFailed, nil), 1},
		{job(types.JobStatusFailed, aws.Int32(0)), 1}, // terminated, and ended well by itself
		{types.JobDetail{Status: types.JobStatusFailed}, 1},
	} {
		if got := ExitCode(test.job); got != test.want {
			t.Errorf("%s %v: %d, want %d", test.job.Status, test.job.Container, got, test.want)
		}
	}
}

func TestLocate(t *testing.T) {
	own := func() (string, error) { return "http://127.0.0.1:22824", nil }
	tests := []struct {
		name, flag, batch, general string
		want                       Endpoint
	}{
		{"nothing said", "", "", "", Endpoint{"http://127.0.0.1:22824", ""}},
		{"flag", "http://a:1", "http://b:2", "http://c:3", Endpoint{"http://a:1", "--endpoint"}},
		{"service", "", "http://b:2/", "http://c:3", Endpoint{"http://b:2", "AWS_ENDPOINT_URL_BATCH"}},
		{"general", "", "", "https://c", Endpoint{"https://c", "AWS_ENDPOINT_URL"}},
		{"no scheme", "localhost:4566", "", "", Endpoint{"http://localhost:4566", "--endpoint"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL_BATCH", test.batch)
			t.Setenv("AWS_ENDPOINT_URL", test.general)
			got, err := Locate(test.flag, own)
			if err != nil || got != test.want {
				t.Errorf("%+v, %v; want %+v", got, err, test.want)
			}
		})
	}
	for _, wrong := range []string{"ftp://x", "http://", "http://a b", "://"} {
		if got, err := Locate(wrong, own); err == nil {
			t.Errorf("%q became %+v", wrong, got)
		}
	}
}

package endpoint_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
)

// fake is a container as an engine would tell of it.
type fake struct {
	facts endpoint.Facts
	stats string
	later []string // statistics, one for each question after the first
	err   error
	takes time.Duration // to answer
	asked int           // for statistics
}

func (f *fake) Facts(ctx context.Context) (endpoint.Facts, error) {
	return f.facts, cmp.Or(f.err, f.wait(ctx))
}

func (f *fake) wait(ctx context.Context) error {
	if f.takes == 0 {
		return nil
	}
	select {
	case <-time.After(f.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fake) Stats(ctx context.Context) (json.RawMessage, error) {
	f.asked++
	is := f.stats
	if len(f.later) > 0 {
		f.stats, f.later = f.later[0], f.later[1:]
	}
	return json.RawMessage(is), cmp.Or(f.err, f.wait(ctx))
}

func at(second int) time.Time { return time.Date(2026, 11, 23, 15, 4, second, 123456789, time.UTC) }

// running is a container on the job network.
func running() *fake {
	return &fake{facts: endpoint.Facts{
		Status: endpoint.Running, DockerID: "d0c0", DockerName: "ecs-myjob-3-default-0a1b", ImageID: "sha256:1", CreatedAt: at(1), StartedAt: at(2),
		Network: endpoint.Network{IPv4: []string{"10.0.2.7"}, MAC: "02:42:0a:00:02:07", Subnet: "10.0.2.0/24", Gateway: "10.0.2.1", DNS: []string{"127.0.0.11"}},
	}}
}

// onEC2 is the task of a job with one container, on an instance whose network it shares.
func onEC2() batch.Task {
	return batch.Task{
		Attempt: batch.AttemptID{Job: "job", Number: 1}, Scope: batch.Scope{Account: "111122223333", Region: "us-east-1"}, Platform: batch.EC2,
		ID: "0123456789abcdef0123456789abcdef", Host: "i-1", HostName: "ip-10-0-2-7", Family: "myjob", Revision: 3, Cluster: "AWSBatch-ce-1",
		Queue: "arn:queue", Environment: "arn:environment", Definition: "arn:definition", Tags: map[string]string{"team": "red"},
		Containers: []batch.Container{{Name: "default", Image: "busybox:1", MilliVCPU: 1500, MemoryMiB: 128, LogGroup: "/aws/batch/job", LogStream: "myjob/default/0123"}},
	}
}

// onFargate is the same one there.
func onFargate() batch.Task {
	t := onEC2()
	t.Platform, t.Host, t.HostName = batch.Fargate, "", "ip-10-0-2-7.ec2.internal"
	t.Containers[0].MilliVCPU = 250
	return t
}

// get asks the endpoint.
func get(t testing.TB, h http.Handler, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://169.254.170.2"+path, nil))
	return w.Code, w.Body.String()
}

// object asks for what must be there.
func object(t testing.TB, h http.Handler, path string) map[string]any {
	t.Helper()
	status, body := get(t, h, path)
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil || status != 200 {
		t.Fatalf("%s: got %d %s", path, status, body)
	}
	return o
}

// parsed is JSON to compare with.
func parsed(t testing.TB, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// firelens is a log driver with an option.
var firelens = &api.ContainerProperties{LogConfiguration: &api.LogConfiguration{LogDriver: api.LogDriverAwsfirelens, Options: map[string]string{"Name": "null"}}}

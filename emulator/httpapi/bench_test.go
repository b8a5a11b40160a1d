package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/httpapi"
)

// hundred answers DescribeJobs with a hundred jobs.
type hundred struct {
	api.Unimplemented
	out *api.DescribeJobsOutput
}

func (h hundred) DescribeJobs(context.Context, *api.DescribeJobsInput) (*api.DescribeJobsOutput, error) {
	return h.out, nil
}

// BenchmarkDescribeJobs compares the handler with one that only decodes and encodes the same JSON.
func BenchmarkDescribeJobs(b *testing.B) {
	in := `{"jobs":["a"]}`
	out := &api.DescribeJobsOutput{}
	for i := range 100 {
		out.Jobs = append(out.Jobs, api.JobDetail{JobId: new(fmt.Sprint("job-", i)), JobName: new("name"), Status: api.JobStatusSucceeded, CreatedAt: new(int64(1)), Tags: map[string]string{},
			Container: &api.ContainerDetail{Image: new("image"), Command: []string{"a", "b"}, Environment: []api.KeyValuePair{{Name: new("A"), Value: new("b")}}}})
	}
	only := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in api.DescribeJobsInput
		if json.NewDecoder(r.Body).Decode(&in) == nil {
			json.NewEncoder(w).Encode(out)
		}
	})
	for name, h := range map[string]http.Handler{"handler": httpapi.New(hundred{out: out}, httpapi.Options{}), "only JSON": only} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(h, "POST", "/v1/describejobs", in, nil)
			}
		})
	}
}

// BenchmarkSubmitJob does the same for a small request and a small answer.
func BenchmarkSubmitJob(b *testing.B) {
	in := `{"jobName":"a","jobQueue":"q","jobDefinition":"d","containerOverrides":{"command":["a","b"],"environment":[{"name":"A","value":"b"}]}}`
	only := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in api.SubmitJobInput
		if json.NewDecoder(r.Body).Decode(&in) == nil {
			json.NewEncoder(w).Encode(api.SubmitJobOutput{JobId: new("id"), JobName: in.JobName, JobArn: new("arn")})
		}
	})
	for name, h := range map[string]http.Handler{"handler": httpapi.New(&echo{}, httpapi.Options{}), "only JSON": only} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(h, "POST", "/v1/submitjob", in, nil)
			}
		})
	}
}

package operations_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/operations"
)

// BenchmarkDescribeJobs is DescribeJobs of a hundred jobs beside the encoding of its answer, which costs the same for everybody.
func BenchmarkDescribeJobs(b *testing.B) {
	e, err := engine.New(engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	s := operations.New(e)
	ctx := api.WithCaller(b.Context(), api.Caller{Account: "000000000000", Region: "us-east-1"})
	must := func(_ any, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.CreateComputeEnvironment(ctx, &api.CreateComputeEnvironmentInput{ComputeEnvironmentName: new("a"), Type: "MANAGED", ComputeResources: &api.ComputeResource{
		Type: "EC2", MinvCpus: new(int32(0)), MaxvCpus: new(int32(256)), InstanceTypes: []string{"optimal"}, Subnets: []string{"s"}, SecurityGroupIds: []string{"g"}, InstanceRole: new("r")}}))
	must(s.CreateJobQueue(ctx, &api.CreateJobQueueInput{JobQueueName: new("a"), Priority: new(int32(1)), ComputeEnvironmentOrder: []api.ComputeEnvironmentOrder{{Order: new(int32(1)), ComputeEnvironment: new("a")}}}))
	must(s.RegisterJobDefinition(ctx, &api.RegisterJobDefinitionInput{JobDefinitionName: new("a"), Type: "container", ContainerProperties: &api.ContainerProperties{Image: new("i"), Vcpus: new(int32(1)), Memory: new(int32(64))}}))
	must(nil, e.Update(ctx, func(tx *batch.Tx) error { tx.SetHost(batch.Host{Ready: true}); return nil }))
	in := &api.DescribeJobsInput{}
	for i := range 100 {
		out, err := s.SubmitJob(ctx, &api.SubmitJobInput{JobName: new(fmt.Sprint("job-", i)), JobQueue: new("a"), JobDefinition: new("a"),
			ContainerOverrides: &api.ContainerOverrides{Command: []string{"a"}, Environment: []api.KeyValuePair{{Name: new("A"), Value: new("b")}}}})
		must(nil, err)
		in.Jobs = append(in.Jobs, *out.JobId)
	}
	out, err := s.DescribeJobs(ctx, in)
	must(out, err)
	b.Run("describe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.DescribeJobs(ctx, in)
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			json.Marshal(out)
		}
	})
}

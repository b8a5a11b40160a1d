package operations_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/operations"
)

// BenchmarkDescribe shows that what is described by name, and a page of a listing, cost what they return, however much is there. Only
// a filter by status passes over the revisions that it leaves out.
func BenchmarkDescribe(b *testing.B) {
	for _, there := range []int{100, 10_000} {
		e, err := engine.New(engine.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		s := operations.New(e)
		ctx := api.WithCaller(context.Background(), api.Caller{Account: account, Region: region})
		for i := range there {
			register(ctx, b, s, fmt.Sprintf("n%06d", i))
		}
		for range there { // revisions of one name, all but the newest INACTIVE
			register(ctx, b, s, "many")
		}
		for i := range there - 1 {
			if _, err := s.DeregisterJobDefinition(ctx, &api.DeregisterJobDefinitionInput{JobDefinition: new(fmt.Sprint("many:", i+2))}); err != nil {
				b.Fatal(err)
			}
		}
		for name, in := range map[string]*api.DescribeJobDefinitionsInput{
			"name":          {JobDefinitionName: new("n000050")},
			"revision":      {JobDefinitions: []string{"n000050:1"}},
			"page of 10":    {MaxResults: new(int32(10))},
			"active of one": {JobDefinitionName: new("many"), Status: new("ACTIVE")},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, there), func(b *testing.B) {
				for b.Loop() {
					out, err := s.DescribeJobDefinitions(ctx, in)
					if err != nil || len(out.JobDefinitions) == 0 {
						b.Fatal(out, err)
					}
				}
			})
		}
	}
}

func register(ctx context.Context, b *testing.B, s *operations.Service, name string) {
	b.Helper()
	_, err := s.RegisterJobDefinition(ctx, &api.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: api.JobDefinitionTypeContainer,
		ContainerProperties: &api.ContainerProperties{Image: new("a"), ResourceRequirements: []api.ResourceRequirement{
			{Type: api.ResourceTypeVcpu, Value: new("1")}, {Type: api.ResourceTypeMemory, Value: new("64")},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
}

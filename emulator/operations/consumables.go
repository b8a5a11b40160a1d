package operations

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Types of consumable resources (resources.md 5.2).
const (
	replenishable    = "REPLENISHABLE"
	nonReplenishable = "NON_REPLENISHABLE"
)

// CreateConsumableResource adds a consumable resource.
func (s *Service) CreateConsumableResource(ctx context.Context, in *api.CreateConsumableResourceInput) (*api.CreateConsumableResourceOutput, error) {
	kind := api.Value(in.ResourceType)
	switch {
	case !batch.LegalName(api.Value(in.ConsumableResourceName)):
		return nil, api.Invalid("ConsumableResource name should match a valid pattern.")
	case api.Value(in.TotalQuantity) < 0:
		return nil, api.Invalid("totalQuantity cannot be a negative number.")
	case kind != "" && kind != replenishable && kind != nonReplenishable:
		return nil, api.Invalid("resourceType %s is not valid. Valid values are: [%s, %s]", kind, replenishable, nonReplenishable)
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	at := scope(ctx)
	arn := at.ARN("consumable-resource", *in.ConsumableResourceName)
	err := s.update(ctx, func(tx *batch.Tx) error {
		return tx.CreateConsumable(batch.Consumable{
			ARN: arn, Scope: at, Name: *in.ConsumableResourceName, Total: api.Value(in.TotalQuantity), Replenishable: kind != nonReplenishable, Tags: in.Tags,
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateConsumableResourceOutput{ConsumableResourceArn: new(string(arn)), ConsumableResourceName: in.ConsumableResourceName}, nil
}

func typeOf(c *batch.Consumable) *string {
	if c.Replenishable {
		return new(replenishable)
	}
	return new(nonReplenishable)
}

// total settles as jobs end: what they have is there for as long as they have it.
func total(state *batch.State, c *batch.Consumable) *int64 { return new(max(c.Total, state.InUse(c))) }

// DescribeConsumableResource answers one resource with how much of it is in use.
func (s *Service) DescribeConsumableResource(ctx context.Context, in *api.DescribeConsumableResourceInput) (*api.DescribeConsumableResourceOutput, error) {
	out := &api.DescribeConsumableResourceOutput{}
	err := s.view(ctx, func(state *batch.State) error {
		c, err := consumable(ctx, state, in.ConsumableResource)
		if err != nil {
			return err
		}
		*out = api.DescribeConsumableResourceOutput{
			ConsumableResourceArn: (*string)(&c.ARN), ConsumableResourceName: &c.Name, ResourceType: typeOf(c), CreatedAt: &c.CreatedAt, Tags: orEmpty(c.Tags),
			TotalQuantity: total(state, c), InUseQuantity: new(state.InUse(c)), AvailableQuantity: new(state.Free(c)),
		}
		return nil
	})
	return out, err
}

// consumable finds a resource.
//
// Guess: the text for one that is not there was not seen (resources.md 0.3).
func consumable(ctx context.Context, state *batch.State, nameOrARN *string) (*batch.Consumable, error) {
	if c := state.Consumable(scope(ctx), api.Value(nameOrARN)); c != nil {
		return c, nil
	}
	arn, err := arnOf(scope(ctx), "consumable-resource", api.Value(nameOrARN))
	if err != nil {
		return nil, err
	}
	return nil, api.ClientError("%s does not exist", arn)
}

// ListConsumableResources lists resources in order of creation, those with a name if the one filter says so.
func (s *Service) ListConsumableResources(ctx context.Context, in *api.ListConsumableResourcesInput) (*api.ListConsumableResourcesOutput, error) {
	const of = "ListConsumableResources"
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	match, err := nameFilter(in.Filters, "CONSUMABLE_RESOURCE_NAME")
	if err != nil {
		return nil, err
	}
	out := &api.ListConsumableResourcesOutput{ConsumableResources: []api.ConsumableResourceSummary{}}
	err = s.view(ctx, func(state *batch.State) error {
		for c := range state.ConsumablesAfter(scope(ctx), after) {
			if !match(c.Name) {
				continue
			}
			if len(out.ConsumableResources) == limit {
				out.NextToken = numberToken(of, after)
				break
			}
			after = c.Number
			out.ConsumableResources = append(out.ConsumableResources, api.ConsumableResourceSummary{
				ConsumableResourceArn: (*string)(&c.ARN), ConsumableResourceName: &c.Name, ResourceType: typeOf(c), TotalQuantity: total(state, c), InUseQuantity: new(state.InUse(c)),
			})
		}
		return nil
	})
	return out, err
}

// nameFilter is a filter that compares names, whatever their case; a star at the end makes a prefix.
func nameFilter(filters []api.KeyValuesPair, name string) (func(string) bool, error) {
	if len(filters) == 0 {
		return func(string) bool { return true }, nil
	}
	if len(filters) > 1 {
		return nil, api.Invalid("Only one filter key-value pair can be specified.")
	}
	if given := api.Value(filters[0].Name); given != name {
		return nil, api.Invalid("Filter %s is not valid. Valid values: [%s]", given, name)
	}
	return func(text string) bool {
		return slices.ContainsFunc(filters[0].Values, func(v string) bool { return glob(strings.ToLower(v), strings.ToLower(text)) })
	}, nil
}

// UpdateConsumableResource sets the total of a resource, adds to it or takes from it. A token that comes again with the same payload within
// eight hours is applied once.
func (s *Service) UpdateConsumableResource(ctx context.Context, in *api.UpdateConsumableResourceInput) (*api.UpdateConsumableResourceOutput, error) {
	n, operation := api.Value(in.Quantity), strings.ToUpper(api.Value(in.Operation))
	switch {
	case n < 0:
		// Guess: by analogy with totalQuantity.
		return nil, api.ClientError("quantity cannot be a negative number.")
	case operation != "" && operation != "SET" && operation != "ADD" && operation != "REMOVE":
		return nil, api.ClientError("operation %s is not valid. Valid values are: [SET, ADD, REMOVE]", operation)
	}
	var out *api.UpdateConsumableResourceOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		was, err := consumable(ctx, tx.State, in.ConsumableResource)
		if err != nil {
			return err
		}
		c, err := tx.ChangeConsumable(was.ARN, api.Value(in.ClientToken), fmt.Sprint(operation, n), func(total int64) (int64, error) {
			switch operation {
			case "ADD":
				return total + n, nil
			case "REMOVE":
				return max(0, total-n), nil
			}
			return n, nil
		})
		if err != nil {
			return err
		}
		out = &api.UpdateConsumableResourceOutput{ConsumableResourceArn: (*string)(&c.ARN), ConsumableResourceName: &c.Name, TotalQuantity: total(tx.State, c)}
		return nil
	})
	return out, err
}

// DeleteConsumableResource removes a resource, in use or not.
func (s *Service) DeleteConsumableResource(ctx context.Context, in *api.DeleteConsumableResourceInput) (*api.DeleteConsumableResourceOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		c, err := consumable(ctx, tx.State, in.ConsumableResource)
		if err != nil {
			return err
		}
		return tx.DeleteConsumable(c.ARN)
	})
	return &api.DeleteConsumableResourceOutput{}, err
}

// ListJobsByConsumableResource lists the jobs that name a resource, oldest first.
func (s *Service) ListJobsByConsumableResource(ctx context.Context, in *api.ListJobsByConsumableResourceInput) (*api.ListJobsByConsumableResourceOutput, error) {
	of := "ListJobsByConsumableResource " + api.Value(in.ConsumableResource)
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	match, err := consumerFilter(in.Filters)
	if err != nil {
		return nil, err
	}
	out := &api.ListJobsByConsumableResourceOutput{Jobs: []api.ListJobsByConsumableResourceSummary{}}
	err = s.view(ctx, func(state *batch.State) error {
		c, err := consumable(ctx, state, in.ConsumableResource)
		if err != nil {
			return err
		}
		for j := range state.ConsumersAfter(c.ARN, after) {
			// Children have their parent's place in the order; the parent stands for them.
			if j.ID.Mark() != 0 || !match(j) {
				continue
			}
			if len(out.Jobs) == limit {
				out.NextToken = numberToken(of, after)
				break
			}
			after = j.Number
			out.Jobs = append(out.Jobs, consumer(state, j, c.ARN))
		}
		return nil
	})
	return out, err
}

func consumer(state *batch.State, j *batch.Job, resource batch.ARN) api.ListJobsByConsumableResourceSummary {
	quantity := int64(0)
	for _, c := range j.Consumes {
		if c.Resource == resource {
			quantity = c.Quantity
		}
	}
	return api.ListJobsByConsumableResourceSummary{
		JobArn: new(string(j.ARN())), JobName: &j.Name, JobQueueArn: (*string)(&j.Queue), JobDefinitionArn: (*string)(&j.Definition), JobStatus: new(string(j.Status)),
		Quantity: &quantity, ShareIdentifier: optional(&j.Share), StatusReason: optional(&j.StatusReason), StartedAt: nonzero(&j.StartedAt), CreatedAt: &j.CreatedAt,
		ConsumableResourceProperties: state.Consumables(j),
	}
}

// consumerFilter is that of JOB_STATUS or JOB_NAME.
func consumerFilter(filters []api.KeyValuesPair) (func(*batch.Job) bool, error) {
	if len(filters) == 1 && api.Value(filters[0].Name) == "JOB_STATUS" {
		return func(j *batch.Job) bool { return slices.Contains(filters[0].Values, string(j.Status)) }, nil
	}
	match, err := nameFilter(filters, filterJobName)
	if err != nil {
		return nil, err
	}
	return func(j *batch.Job) bool { return match(j.Name) }, nil
}

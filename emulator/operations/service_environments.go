package operations

import (
	"cmp"
	"context"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// maxCapacityLimits is how many limits a service environment or a quota share may have (resources.md 4.5, 5.3).
const maxCapacityLimits = 5

// CreateServiceEnvironment adds a service environment (resources.md 5.3).
func (s *Service) CreateServiceEnvironment(ctx context.Context, in *api.CreateServiceEnvironmentInput) (*api.CreateServiceEnvironmentOutput, error) {
	if !batch.LegalName(api.Value(in.ServiceEnvironmentName)) {
		return nil, api.Invalid("Service environment name should match a valid pattern.")
	}
	if in.ServiceEnvironmentType == "" {
		return nil, api.Invalid("serviceEnvironmentType is required.")
	}
	if err := firstOf(oneOf("serviceEnvironmentType", in.ServiceEnvironmentType), oneOf("state", in.State), checkTags(in.Tags), checkCapacity(in.CapacityLimits)); err != nil {
		return nil, err
	}
	at := scope(ctx)
	arn := at.ARN("service-environment", *in.ServiceEnvironmentName)
	detail := &api.ServiceEnvironmentDetail{
		CapacityLimits: in.CapacityLimits, ServiceEnvironmentArn: new(string(arn)), ServiceEnvironmentName: in.ServiceEnvironmentName,
		ServiceEnvironmentType: in.ServiceEnvironmentType, State: cmp.Or(in.State, api.ServiceEnvironmentStateEnabled), Tags: orEmpty(in.Tags),
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		return tx.CreateServiceEnvironment(batch.ServiceEnvironment{ARN: arn, Scope: at, Name: *in.ServiceEnvironmentName, Detail: detail})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateServiceEnvironmentOutput{ServiceEnvironmentArn: detail.ServiceEnvironmentArn, ServiceEnvironmentName: in.ServiceEnvironmentName}, nil
}

func checkCapacity(limits []api.CapacityLimit) error {
	switch {
	case len(limits) == 0:
		return api.Invalid("Capacitylimits are required.") // as AWS spells it
	case len(limits) > maxCapacityLimits:
		return api.Invalid("Number of capacity limits exceeds %d.", maxCapacityLimits)
	}
	counts, types := 0, map[string]bool{}
	for _, l := range limits {
		unit := api.Value(l.CapacityUnit)
		switch {
		case unit == batch.UnitInstances:
			counts++
		case !batch.LegalUnit(unit):
			return api.Invalid("%s is unknown capacity unit", unit)
		case types[unit]:
			// Guess: the text was not seen.
			return api.Invalid("Duplicate capacity unit %s.", unit)
		default:
			types[unit] = true
		}
	}
	switch {
	case counts > 0 && len(types) > 0 || counts > 1:
		return api.Invalid("Capacity units must specify either number of instances OR instance type")
	}
	for _, l := range limits {
		if api.Value(l.MaxCapacity) < 1 {
			return api.Invalid("Max capacity must be more than 0.")
		}
	}
	return nil
}

// DescribeServiceEnvironments answers the named environments, or all in order of creation. Unknown ones are left out.
func (s *Service) DescribeServiceEnvironments(ctx context.Context, in *api.DescribeServiceEnvironmentsInput) (*api.DescribeServiceEnvironmentsOutput, error) {
	if err := checkList("ServiceEnvironments", in.ServiceEnvironments, in.MaxResults); err != nil {
		return nil, err
	}
	const of = "DescribeServiceEnvironments"
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	at := scope(ctx)
	out := &api.DescribeServiceEnvironmentsOutput{ServiceEnvironments: []api.ServiceEnvironmentDetail{}}
	err = s.view(ctx, func(state *batch.State) error {
		if len(in.ServiceEnvironments) > 0 {
			seen := map[batch.ARN]bool{}
			for _, name := range in.ServiceEnvironments {
				if e := state.ServiceEnvironment(at, name); e != nil && !seen[e.ARN] {
					seen[e.ARN] = true
					out.ServiceEnvironments = append(out.ServiceEnvironments, *e.Detail)
				}
			}
			return nil
		}
		for e := range state.ServiceEnvironmentsAfter(at, after) {
			if len(out.ServiceEnvironments) == limit {
				out.NextToken = numberToken(of, after)
				break
			}
			out.ServiceEnvironments, after = append(out.ServiceEnvironments, *e.Detail), e.Number
		}
		return nil
	})
	return out, err
}

// UpdateServiceEnvironment changes the members that are sent; the list of limits is replaced.
func (s *Service) UpdateServiceEnvironment(ctx context.Context, in *api.UpdateServiceEnvironmentInput) (*api.UpdateServiceEnvironmentOutput, error) {
	if err := oneOf("state", in.State); err != nil {
		return nil, bare(err)
	}
	if in.CapacityLimits != nil {
		if err := checkCapacity(in.CapacityLimits); err != nil {
			return nil, bare(err)
		}
	}
	var out api.UpdateServiceEnvironmentOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		arn, err := arnOf(scope(ctx), "service-environment", api.Value(in.ServiceEnvironment))
		if err != nil {
			return err
		}
		return tx.UpdateServiceEnvironment(arn, func(d *api.ServiceEnvironmentDetail) error {
			d.State = cmp.Or(in.State, d.State)
			if in.CapacityLimits != nil {
				d.CapacityLimits = in.CapacityLimits
			}
			out = api.UpdateServiceEnvironmentOutput{ServiceEnvironmentArn: d.ServiceEnvironmentArn, ServiceEnvironmentName: d.ServiceEnvironmentName}
			return nil
		})
	})
	return &out, err
}

// DeleteServiceEnvironment removes a DISABLED environment that no queue has.
func (s *Service) DeleteServiceEnvironment(ctx context.Context, in *api.DeleteServiceEnvironmentInput) (*api.DeleteServiceEnvironmentOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		arn, err := arnOf(scope(ctx), "service-environment", api.Value(in.ServiceEnvironment))
		if err != nil {
			return err
		}
		return tx.DeleteServiceEnvironment(arn)
	})
	return &api.DeleteServiceEnvironmentOutput{}, err
}

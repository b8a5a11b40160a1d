package operations

import (
	"cmp"
	"context"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// CreateQuotaShare adds a part of a service environment's capacity (resources.md 4.5).
func (s *Service) CreateQuotaShare(ctx context.Context, in *api.CreateQuotaShareInput) (*api.CreateQuotaShareOutput, error) {
	if !batch.LegalName(api.Value(in.QuotaShareName)) {
		// Guess: by analogy with the other names (resources.md 0.5).
		return nil, api.Invalid("Quota share name should match a valid pattern.")
	}
	detail := &api.QuotaShareDetail{
		QuotaShareName: in.QuotaShareName, CapacityLimits: in.CapacityLimits, ResourceSharingConfiguration: in.ResourceSharingConfiguration,
		PreemptionConfiguration: in.PreemptionConfiguration, State: cmp.Or(in.State, api.QuotaShareStateEnabled),
	}
	if err := firstOf(oneOf("state", in.State), checkTags(in.Tags), checkQuotaShare(detail)); err != nil {
		return nil, err
	}
	at := scope(ctx)
	err := s.update(ctx, func(tx *batch.Tx) error {
		q := tx.Queue(at, api.Value(in.JobQueue))
		if q == nil {
			return api.ClientError("JobQueue %s not found.", api.Value(in.JobQueue))
		}
		arn := batch.QuotaShareARN(q.ARN, *in.QuotaShareName)
		detail.QuotaShareArn, detail.JobQueueArn = new(string(arn)), new(string(q.ARN))
		return tx.CreateQuotaShare(batch.QuotaShare{ARN: arn, Scope: at, Name: *in.QuotaShareName, Queue: q.ARN, Tags: in.Tags, Detail: detail})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateQuotaShareOutput{QuotaShareArn: detail.QuotaShareArn, QuotaShareName: in.QuotaShareName}, nil
}

// checkQuotaShare holds the rules of resources.md 4.5.
//
// Guess: none of the texts was seen.
func checkQuotaShare(d *api.QuotaShareDetail) error {
	switch {
	case len(d.CapacityLimits) == 0:
		return api.Invalid("Capacitylimits are required.")
	case len(d.CapacityLimits) > maxCapacityLimits:
		return api.Invalid("Number of capacity limits exceeds %d.", maxCapacityLimits)
	case d.ResourceSharingConfiguration == nil || d.ResourceSharingConfiguration.Strategy == "":
		return api.Invalid("resourceSharingConfiguration is required.")
	case d.PreemptionConfiguration == nil || d.PreemptionConfiguration.InSharePreemption == "":
		return api.Invalid("preemptionConfiguration is required.")
	}
	seen := map[string]bool{}
	for _, l := range d.CapacityLimits {
		unit := api.Value(l.CapacityUnit)
		switch {
		case !batch.LegalUnit(unit):
			return api.Invalid("%s is unknown capacity unit", unit)
		case seen[unit]:
			return api.Invalid("Duplicate capacity unit %s.", unit)
		case api.Value(l.MaxCapacity) < 0:
			return api.Invalid("Max capacity must not be negative.")
		}
		seen[unit] = true
	}
	sharing := d.ResourceSharingConfiguration
	if err := firstOf(oneOf("strategy", sharing.Strategy), oneOf("inSharePreemption", d.PreemptionConfiguration.InSharePreemption)); err != nil {
		return err
	}
	if l := sharing.BorrowLimit; l != nil {
		switch {
		case sharing.Strategy != api.QuotaShareResourceSharingStrategyLendAndBorrow:
			return api.Invalid("borrowLimit is only applicable for LEND_AND_BORROW.")
		case *l < -1:
			return api.Invalid("borrowLimit should be -1 or a percentage.")
		}
	}
	return nil
}

// DescribeQuotaShare answers one quota share.
func (s *Service) DescribeQuotaShare(ctx context.Context, in *api.DescribeQuotaShareInput) (*api.DescribeQuotaShareOutput, error) {
	out := &api.DescribeQuotaShareOutput{}
	err := s.view(ctx, func(state *batch.State) error {
		q := state.QuotaShare(scope(ctx), api.Value(in.QuotaShareArn))
		if q == nil {
			// Guess: the text was not seen (resources.md 0.3).
			return api.ClientError("%s does not exist", api.Value(in.QuotaShareArn))
		}
		d := q.Detail
		*out = api.DescribeQuotaShareOutput{
			CapacityLimits: d.CapacityLimits, JobQueueArn: d.JobQueueArn, PreemptionConfiguration: d.PreemptionConfiguration, QuotaShareArn: d.QuotaShareArn, QuotaShareName: d.QuotaShareName,
			ResourceSharingConfiguration: d.ResourceSharingConfiguration, State: d.State, Status: d.Status, Tags: orEmpty(q.Tags),
		}
		return nil
	})
	return out, err
}

// ListQuotaShares lists the quota shares of a queue in order of creation.
func (s *Service) ListQuotaShares(ctx context.Context, in *api.ListQuotaSharesInput) (*api.ListQuotaSharesOutput, error) {
	of := "ListQuotaShares " + api.Value(in.JobQueue)
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListQuotaSharesOutput{QuotaShares: []api.QuotaShareDetail{}}
	err = s.view(ctx, func(state *batch.State) error {
		q := state.Queue(scope(ctx), api.Value(in.JobQueue))
		if q == nil {
			return api.ClientError("JobQueue %s not found.", api.Value(in.JobQueue))
		}
		for _, share := range state.QuotaSharesOf(q.ARN) {
			if share.Number <= after {
				continue
			}
			if len(out.QuotaShares) == limit {
				out.NextToken = numberToken(of, after)
				break
			}
			out.QuotaShares, after = append(out.QuotaShares, *share.Detail), share.Number
		}
		return nil
	})
	return out, err
}

// UpdateQuotaShare changes the members that are sent.
func (s *Service) UpdateQuotaShare(ctx context.Context, in *api.UpdateQuotaShareInput) (*api.UpdateQuotaShareOutput, error) {
	if err := oneOf("state", in.State); err != nil {
		return nil, bare(err)
	}
	var out api.UpdateQuotaShareOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		q := tx.QuotaShare(scope(ctx), api.Value(in.QuotaShareArn))
		if q == nil {
			return api.ClientError("%s does not exist", api.Value(in.QuotaShareArn))
		}
		out = api.UpdateQuotaShareOutput{QuotaShareArn: q.Detail.QuotaShareArn, QuotaShareName: q.Detail.QuotaShareName}
		return tx.UpdateQuotaShare(q.ARN, func(d *api.QuotaShareDetail) error {
			if in.CapacityLimits != nil {
				d.CapacityLimits = in.CapacityLimits
			}
			d.ResourceSharingConfiguration = cmp.Or(in.ResourceSharingConfiguration, d.ResourceSharingConfiguration)
			d.PreemptionConfiguration = cmp.Or(in.PreemptionConfiguration, d.PreemptionConfiguration)
			d.State = cmp.Or(in.State, d.State)
			return checkQuotaShare(d)
		})
	})
	return &out, bare(err)
}

// DeleteQuotaShare removes a DISABLED quota share; its jobs end.
func (s *Service) DeleteQuotaShare(ctx context.Context, in *api.DeleteQuotaShareInput) (*api.DeleteQuotaShareOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		q := tx.QuotaShare(scope(ctx), api.Value(in.QuotaShareArn))
		if q == nil {
			return api.ClientError("%s does not exist", api.Value(in.QuotaShareArn))
		}
		return tx.DeleteQuotaShare(q.ARN)
	})
	return &api.DeleteQuotaShareOutput{}, err
}

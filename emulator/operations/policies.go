package operations

import (
	"context"
	"regexp"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// CreateSchedulingPolicy adds a scheduling policy (resources.md 5.1).
func (s *Service) CreateSchedulingPolicy(ctx context.Context, in *api.CreateSchedulingPolicyInput) (*api.CreateSchedulingPolicyOutput, error) {
	if !batch.LegalName(api.Value(in.Name)) {
		return nil, api.Invalid("Scheduling policy name should match a valid pattern.")
	}
	if err := firstOf(checkTags(in.Tags), checkPolicies(in.FairsharePolicy, in.QuotaSharePolicy)); err != nil {
		return nil, err
	}
	at := scope(ctx)
	arn := at.ARN("scheduling-policy", *in.Name)
	detail := &api.SchedulingPolicyDetail{Arn: new(string(arn)), Name: in.Name, FairsharePolicy: in.FairsharePolicy, QuotaSharePolicy: in.QuotaSharePolicy, Tags: orEmpty(in.Tags)}
	err := s.update(ctx, func(tx *batch.Tx) error {
		return tx.CreatePolicy(batch.Policy{ARN: arn, Scope: at, Name: *in.Name, Detail: detail})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateSchedulingPolicyOutput{Arn: detail.Arn, Name: in.Name}, nil
}

// Limits of fair share (resources.md 4.3).
const (
	maxShareDecay  = 604_800
	maxReservation = 99
	maxShares      = 500
	minWeight      = 0.0001
	maxWeight      = 999.9999
)

// shareName is a share identifier, with a star at the end if it is a prefix. The spec's pattern would refuse a single letter, which
// the documentation uses.
var shareName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,254}[a-zA-Z0-9_*-]?$`)

func checkPolicies(fair *api.FairsharePolicy, quota *api.QuotaSharePolicy) error {
	switch {
	case fair != nil && quota != nil:
		return api.Invalid("A scheduling policy can have either fairsharePolicy or quotaSharePolicy")
	case quota != nil && quota.IdleResourceAssignmentStrategy != api.QuotaShareIdleResourceAssignmentStrategyFifo:
		return api.Invalid("Idle resource assignment strategy must be one of [FIFO].")
	case fair == nil:
		return nil
	}
	if n := api.Value(fair.ShareDecaySeconds); n < 0 || n > maxShareDecay {
		// Guess: the range is documented; the text was not seen.
		return api.Invalid("Share decay seconds should be between 0 and %d.", maxShareDecay)
	}
	if n := api.Value(fair.ComputeReservation); n < 0 || n > maxReservation {
		// Guess: the range is documented; the text was not seen.
		return api.Invalid("Compute reservation should be between 0 and %d.", maxReservation)
	}
	if len(fair.ShareDistribution) > maxShares {
		return api.Invalid("ShareDistribution size cannot be greater than %d.", maxShares)
	}
	names := map[string]bool{}
	var prefixes []string
	for _, a := range fair.ShareDistribution {
		name := api.Value(a.ShareIdentifier)
		switch w := a.WeightFactor; {
		case !shareName.MatchString(name):
			return api.Invalid("ShareIdentifier name should match a valid pattern.")
		case w != nil && (float64(*w) < float64(float32(minWeight)) || float64(*w) > float64(float32(maxWeight))):
			return api.Invalid("Weight factor should be between %g and %g.", minWeight, maxWeight)
		case names[name]:
			return api.Invalid("Cannot have two or more identical shareIdentifiers.")
		}
		names[name] = true
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			prefixes = append(prefixes, prefix)
		}
	}
	for _, a := range fair.ShareDistribution {
		name := *a.ShareIdentifier
		for _, prefix := range prefixes {
			if name != prefix+"*" && strings.HasPrefix(strings.TrimSuffix(name, "*"), prefix) {
				// Guess: of the text only the middle was recorded.
				return api.Invalid("Share identifier %s* matches another share identifier %s", prefix, name)
			}
		}
	}
	return nil
}

// checkShareIdentifier is about that of a job.
func checkShareIdentifier(name *string) error {
	if n := api.Value(name); n != "" && !shareName.MatchString(n) {
		return api.Invalid("ShareIdentifier name should match a valid pattern.")
	}
	return nil
}

// DescribeSchedulingPolicies answers the policies of the given ARNs in their order; unknown ones are left out (resources.md 0.6).
func (s *Service) DescribeSchedulingPolicies(ctx context.Context, in *api.DescribeSchedulingPoliciesInput) (*api.DescribeSchedulingPoliciesOutput, error) {
	if err := checkList("SchedulingPolicies", in.Arns, nil); err != nil {
		return nil, err
	}
	out := &api.DescribeSchedulingPoliciesOutput{SchedulingPolicies: []api.SchedulingPolicyDetail{}}
	err := s.view(ctx, func(state *batch.State) error {
		seen := map[string]bool{}
		for _, arn := range in.Arns {
			if p := state.Policy(scope(ctx), arn); p != nil && !seen[arn] {
				seen[arn] = true
				out.SchedulingPolicies = append(out.SchedulingPolicies, *p.Detail)
			}
		}
		return nil
	})
	return out, err
}

// ListSchedulingPolicies lists ARNs in order of creation.
func (s *Service) ListSchedulingPolicies(ctx context.Context, in *api.ListSchedulingPoliciesInput) (*api.ListSchedulingPoliciesOutput, error) {
	const of = "ListSchedulingPolicies"
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListSchedulingPoliciesOutput{SchedulingPolicies: []api.SchedulingPolicyListingDetail{}}
	err = s.view(ctx, func(state *batch.State) error {
		for p := range state.PoliciesAfter(scope(ctx), after) {
			if len(out.SchedulingPolicies) == limit {
				out.NextToken = numberToken(of, after)
				break
			}
			out.SchedulingPolicies, after = append(out.SchedulingPolicies, api.SchedulingPolicyListingDetail{Arn: p.Detail.Arn}), p.Number
		}
		return nil
	})
	return out, err
}

// UpdateSchedulingPolicy replaces what a policy says; queues with it go by the new one at once.
func (s *Service) UpdateSchedulingPolicy(ctx context.Context, in *api.UpdateSchedulingPolicyInput) (*api.UpdateSchedulingPolicyOutput, error) {
	if err := checkPolicies(in.FairsharePolicy, in.QuotaSharePolicy); err != nil {
		return nil, bare(err)
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		if tx.Policy(scope(ctx), api.Value(in.Arn)) == nil {
			return api.ClientError("SchedulingPolicy %s not found.", api.Value(in.Arn))
		}
		return tx.UpdatePolicy(batch.ARN(*in.Arn), in.FairsharePolicy, in.QuotaSharePolicy)
	})
	return &api.UpdateSchedulingPolicyOutput{}, err
}

// DeleteSchedulingPolicy removes a policy that no queue has.
func (s *Service) DeleteSchedulingPolicy(ctx context.Context, in *api.DeleteSchedulingPolicyInput) (*api.DeleteSchedulingPolicyOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		if tx.Policy(scope(ctx), api.Value(in.Arn)) == nil {
			return api.ClientError("SchedulingPolicy %s not found.", api.Value(in.Arn))
		}
		return tx.DeletePolicy(batch.ARN(*in.Arn))
	})
	return &api.DeleteSchedulingPolicyOutput{}, err
}

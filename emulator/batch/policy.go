package batch

import (
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// A Policy is a scheduling policy (resources.md 5.1).
type Policy struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Detail is what DescribeSchedulingPolicies answers.
	Detail *api.SchedulingPolicyDetail
}

// Key implements Record.
func (p *Policy) Key() Key { return Key{KindPolicy, string(p.ARN)} }

func (p *Policy) place() shelfPlace { return shelfPlace{p.Scope, p.Number, p.ARN} }

// FairShare says whether it is about shares of containers; else it is about quota shares of service jobs. One that has neither is about
// shares, with their defaults.
func (p *Policy) FairShare() bool { return p.Detail.QuotaSharePolicy == nil }

// CreatePolicy adds a policy. The caller fills in everything but Number.
func (tx *Tx) CreatePolicy(p Policy) error {
	if tx.policies.all[p.ARN] != nil {
		return exists()
	}
	p.Number = tx.nextNumber()
	tx.put(nil, &p)
	return nil
}

// UpdatePolicy replaces what a policy says. Its kind stays.
func (tx *Tx) UpdatePolicy(arn ARN, fair *api.FairsharePolicy, quota *api.QuotaSharePolicy) error {
	old := tx.policies.all[arn]
	switch {
	case old == nil:
		// Guess: the text was not seen.
		return missing("SchedulingPolicy %s not found.", arn)
	case old.FairShare() && quota != nil, !old.FairShare() && fair != nil:
		// Guess: refused, as the model says; the text was not seen.
		return refused("The kind of a scheduling policy cannot be changed.")
	}
	p, detail := *old, *old.Detail
	if old.FairShare() {
		detail.FairsharePolicy = fair
	} else if quota != nil {
		detail.QuotaSharePolicy = quota
	}
	p.Detail = &detail
	tx.put(old, &p)
	for q := range tx.queuesOf[arn] {
		tx.look(q)
	}
	return nil
}

// DeletePolicy removes a policy that no queue has.
func (tx *Tx) DeletePolicy(arn ARN) error {
	p := tx.policies.all[arn]
	switch {
	case p == nil:
		// Guess: the text was not seen.
		return missing("SchedulingPolicy %s not found.", arn)
	case len(tx.queuesOf[arn]) > 0:
		// Guess: refused, as documented; the text is that for environments.
		return refused("Cannot delete, found existing JobQueue relationship.")
	}
	tx.put(p, nil)
	return nil
}

// fairness is a policy, read.
type fairness struct {
	window      int64 // milliseconds of the past that count
	reservation int32 // per cent
	exact       map[string]float64
	prefixes    []weightedPrefix
}

type weightedPrefix struct {
	prefix string
	weight float64
}

// leastWindow is how much of the past counts where a policy says 0.
//
// Guess: the user guide says none at all, the newest model ten minutes (resources.md 4.3).
const leastWindow = 600_000

func (s *State) applyPolicy(old, new *Policy) {
	if old != nil {
		delete(s.fairness, old.ARN)
	}
	if new == nil || !new.FairShare() {
		return
	}
	f := &fairness{window: leastWindow, exact: map[string]float64{}}
	if p := new.Detail.FairsharePolicy; p != nil {
		if n := api.Value(p.ShareDecaySeconds); n > 0 {
			f.window = int64(n) * 1000
		}
		f.reservation = api.Value(p.ComputeReservation)
		for _, a := range p.ShareDistribution {
			weight := 1.0
			if a.WeightFactor != nil {
				weight = float64(*a.WeightFactor)
			}
			if prefix, ok := strings.CutSuffix(api.Value(a.ShareIdentifier), "*"); ok {
				f.prefixes = append(f.prefixes, weightedPrefix{prefix, weight})
			} else {
				f.exact[api.Value(a.ShareIdentifier)] = weight
			}
		}
	}
	s.fairness[new.ARN] = f
}

// weight of a share: its own, else that of a prefix, else 1. The lower, the more it gets.
func (f *fairness) weight(share string) float64 {
	if w, ok := f.exact[share]; ok {
		return w
	}
	for _, p := range f.prefixes {
		if strings.HasPrefix(share, p.prefix) {
			return p.weight
		}
	}
	return 1
}

// fairnessOf is how a queue shares; nil if it does not.
func (s *State) fairnessOf(q *Queue) *fairness {
	if q.Policy == "" {
		return nil
	}
	return s.fairness[q.Policy]
}

// FairShare says whether the jobs of a queue have shares.
func (s *State) FairShare(q *Queue) bool { return s.fairnessOf(q) != nil }

// Policy finds a policy by its ARN; nil if the scope has none.
func (s *State) Policy(scope Scope, arn string) *Policy {
	if p := s.policies.all[ARN(arn)]; p != nil && p.Scope == scope {
		return p
	}
	return nil
}

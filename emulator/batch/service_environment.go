package batch

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// A ServiceEnvironment bounds the service jobs of a queue (resources.md 5.3).
type ServiceEnvironment struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Settles is when CREATING, UPDATING or DELETING is over, in Unix milliseconds; 0 is none of them.
	Settles int64 `json:",omitempty"`
	// Detail is what DescribeServiceEnvironments answers.
	Detail *api.ServiceEnvironmentDetail
}

// UnitInstances is the unit of a limit that counts instances of whatever type.
const UnitInstances = "NUM_INSTANCES"

// Key implements Record.
func (e *ServiceEnvironment) Key() Key { return Key{KindServiceEnvironment, string(e.ARN)} }

func (e *ServiceEnvironment) place() shelfPlace { return shelfPlace{e.Scope, e.Number, e.ARN} }

func (e *ServiceEnvironment) deadline() int64 { return e.Settles }

// Enabled says whether new jobs are placed in it.
func (e *ServiceEnvironment) Enabled() bool {
	return e.Detail.State == api.ServiceEnvironmentStateEnabled
}

// byType says whether its limits are for instance types.
func (e *ServiceEnvironment) byType() bool {
	return len(e.Detail.CapacityLimits) > 0 && api.Value(e.Detail.CapacityLimits[0].CapacityUnit) != UnitInstances
}

// limit is the unit in which a job of an instance type is counted, and how many of it there may be; 0 is none.
func (e *ServiceEnvironment) limit(instanceType string) (unit string, most int64) {
	unit = instanceType
	if !e.byType() {
		unit = UnitInstances
	}
	for _, l := range e.Detail.CapacityLimits {
		if api.Value(l.CapacityUnit) == unit {
			return unit, int64(api.Value(l.MaxCapacity))
		}
	}
	return unit, 0
}

// ServiceEnvironment finds a service environment by name or ARN; nil if the scope has none.
func (s *State) ServiceEnvironment(scope Scope, nameOrARN string) *ServiceEnvironment {
	return s.services.all[resolve(scope, "service-environment", nameOrARN)]
}

// ServiceEnvironmentsAfter yields the scope's in order of creation, those with a number above after.
func (s *State) ServiceEnvironmentsAfter(scope Scope, after uint64) iter.Seq[*ServiceEnvironment] {
	return s.services.after(scope, after)
}

// CreateServiceEnvironment adds one. The caller fills in what is its own.
func (tx *Tx) CreateServiceEnvironment(e ServiceEnvironment) error {
	if tx.services.all[e.ARN] != nil {
		return exists()
	}
	if err := tx.quota(tx.services.count(e.Scope), maxServiceEnvironments, "Service environment"); err != nil {
		return err
	}
	e.Number = tx.nextNumber()
	detail := *e.Detail
	detail.Status, e.Detail = statusValid, &detail
	if e.Settles = tx.settlesAt(delayEnvironmentCreate); e.Settles != 0 {
		detail.Status = statusCreating
	}
	tx.put(nil, &e)
	return nil
}

// UpdateServiceEnvironment replaces the detail with what change makes of a copy of it.
func (tx *Tx) UpdateServiceEnvironment(arn ARN, change func(*api.ServiceEnvironmentDetail) error) error {
	old := tx.services.all[arn]
	if old == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("update", old.Settles); err != nil {
		return err
	}
	e, detail := *old, *old.Detail
	e.Detail = &detail
	if err := change(&detail); err != nil {
		return err
	}
	if e.Settles = tx.settlesAt(delayEnvironmentUpdate); e.Settles != 0 {
		detail.Status = statusUpdating
	}
	tx.put(old, &e)
	return nil
}

// DeleteServiceEnvironment removes a DISABLED one that no queue names.
func (tx *Tx) DeleteServiceEnvironment(arn ARN) error {
	e := tx.services.all[arn]
	if e == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("delete", e.Settles); err != nil {
		return err
	}
	switch {
	case e.Enabled():
		// Guess: as of compute environments.
		return refused("Cannot delete, state must be DISABLED")
	case len(tx.queuesOf[arn]) > 0:
		return refused("Cannot delete, found existing JobQueue relationship.")
	}
	at := tx.settlesAt(delayEnvironmentDelete)
	if at == 0 {
		tx.put(e, nil)
		return nil
	}
	is, detail := *e, *e.Detail
	detail.Status, is.Settles, is.Detail = statusDeleting, at, &detail
	tx.put(e, &is)
	return nil
}

// A QuotaShare is a part of a service environment's capacity (resources.md 4.5).
type QuotaShare struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	Queue  ARN
	Tags   map[string]string `json:",omitempty"`
	// Settles is when CREATING, UPDATING or DELETING is over, in Unix milliseconds; 0 is none of them.
	Settles int64 `json:",omitempty"`
	// Detail is what ListQuotaShares answers.
	Detail *api.QuotaShareDetail
}

// Key implements Record.
func (q *QuotaShare) Key() Key { return Key{KindQuotaShare, string(q.ARN)} }

func (q *QuotaShare) place() shelfPlace { return shelfPlace{q.Scope, q.Number, q.ARN} }

func (q *QuotaShare) deadline() int64 { return q.Settles }

// quotaARN names a quota share of a queue (resources.md 0.4).
func quotaARN(queue ARN, name string) ARN { return queue + "/quota-share/" + ARN(name) }

// QuotaShareARN is the ARN of a quota share of a queue.
func QuotaShareARN(queue ARN, name string) ARN { return quotaARN(queue, name) }

// QuotaShare finds a quota share by its ARN; nil if the scope has none.
func (s *State) QuotaShare(scope Scope, arn string) *QuotaShare {
	if q := s.quotas.all[ARN(arn)]; q != nil && q.Scope == scope {
		return q
	}
	return nil
}

// QuotaSharesOf are those of a queue, in order of creation.
func (s *State) QuotaSharesOf(queue ARN) []*QuotaShare {
	var list []*QuotaShare
	for arn := range s.quotasOf[queue] {
		list = append(list, s.quotas.all[arn])
	}
	slices.SortFunc(list, func(a, b *QuotaShare) int { return int(int64(a.Number) - int64(b.Number)) })
	return list
}

// CreateQuotaShare adds a quota share. The caller fills in what is its own; the queue must be VALID and have a policy of quota shares.
func (tx *Tx) CreateQuotaShare(q QuotaShare) error {
	queue := tx.queues.all[q.Queue]
	switch {
	case queue == nil || queue.Detail.Status != statusValid:
		// Guess: the text was not seen.
		return refused("Job queue %s must be created and valid before creating a quota share.", q.Queue)
	case !tx.quotaManaged(queue):
		// Guess: the text was not seen.
		return refused("Job queue %s does not have a scheduling policy with quotaSharePolicy.", q.Queue)
	case tx.quotas.all[q.ARN] != nil:
		return exists()
	}
	if err := tx.quota(len(tx.quotasOf[q.Queue]), maxQuotaShares, "Quota share"); err != nil {
		return err
	}
	q.Number = tx.nextNumber()
	detail := *q.Detail
	detail.Status, q.Detail = statusValid, &detail
	if q.Settles = tx.settlesAt(delayQueueChange); q.Settles != 0 {
		detail.Status = statusCreating
	}
	tx.put(nil, &q)
	tx.look(q.Queue)
	return nil
}

// UpdateQuotaShare replaces the detail with what change makes of a copy of it.
func (tx *Tx) UpdateQuotaShare(arn ARN, change func(*api.QuotaShareDetail) error) error {
	old := tx.quotas.all[arn]
	if old == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("update", old.Settles); err != nil {
		return err
	}
	q, detail := *old, *old.Detail
	q.Detail = &detail
	if err := change(&detail); err != nil {
		return err
	}
	if q.Settles = tx.settlesAt(delayQueueChange); q.Settles != 0 {
		detail.Status = statusUpdating
	}
	tx.put(old, &q)
	tx.look(q.Queue)
	return nil
}

// DeleteQuotaShare removes a DISABLED quota share; its jobs are stopped.
func (tx *Tx) DeleteQuotaShare(arn ARN) error {
	q := tx.quotas.all[arn]
	if q == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("delete", q.Settles); err != nil {
		return err
	}
	if q.Detail.State != api.QuotaShareStateDisabled {
		// Guess: as of queues.
		return refused("Cannot delete, state must be DISABLED")
	}
	for _, status := range unfinished {
		for _, j := range slices.Collect(tx.JobsOf(q.Queue, status)) {
			if j.Service != nil && j.Service.QuotaShare == q.Name {
				// Guess: the reason was not seen.
				tx.stop(j, "QuotaShare deleted")
			}
		}
	}
	at := tx.settlesAt(delayQueueDelete)
	if at == 0 {
		tx.put(q, nil)
		return nil
	}
	is, detail := *q, *q.Detail
	detail.Status, is.Settles, is.Detail = statusDeleting, at, &detail
	tx.put(q, &is)
	return nil
}

// limits of a quota share by unit.
func (q *QuotaShare) limits() map[string]int64 {
	limits := map[string]int64{}
	for _, l := range q.Detail.CapacityLimits {
		limits[api.Value(l.CapacityUnit)] = int64(api.Value(l.MaxCapacity))
	}
	return limits
}

// lends and borrows are what its strategy says.
func (q *QuotaShare) lends() bool {
	return q.Detail.ResourceSharingConfiguration != nil && q.Detail.ResourceSharingConfiguration.Strategy != api.QuotaShareResourceSharingStrategyReserve
}

// borrowed is how much of a unit it may have beyond its own; -1 is without bound.
func (q *QuotaShare) borrows(own int64) int64 {
	c := q.Detail.ResourceSharingConfiguration
	if c == nil || c.Strategy != api.QuotaShareResourceSharingStrategyLendAndBorrow {
		return 0
	}
	if l := c.BorrowLimit; l != nil && *l >= 0 {
		return own * int64(*l) / 100
	}
	return -1
}

// sortedUnits is for sums that have to come out in the same order each time.
func sortedUnits[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// LegalUnit says whether a text is an instance type of the training service.
func LegalUnit(unit string) bool { return strings.HasPrefix(unit, "ml.") && len(unit) > len("ml.") }

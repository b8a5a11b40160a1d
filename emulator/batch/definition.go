package batch

import (
	"strconv"

	"github.com/batch-local/batch-local/emulator/api"
)

// A Definition is one revision of a job definition.
type Definition struct {
	ARN      ARN
	Scope    Scope
	Name     string
	Revision int
	Platform Platform
	// Detail is what DescribeJobDefinitions answers, defaults filled in (jobs.md 10.5).
	Detail *api.JobDefinition
}

// Key implements Record.
func (d *Definition) Key() Key { return Key{KindDefinition, string(d.ARN)} }

// Active says whether jobs may be submitted with it.
func (d *Definition) Active() bool { return api.Value(d.Detail.Status) == statusActive }

const (
	statusActive   = "ACTIVE"
	statusInactive = "INACTIVE"
)

// RegisterDefinition adds a revision: one above the highest that the name ever had, deregistered ones included (jobs.md 10.1).
// It fills in the members of detail that say so.
func (tx *Tx) RegisterDefinition(scope Scope, name string, platform Platform, detail api.JobDefinition) *Definition {
	revision := 1
	if last := tx.newestRevision(scope, name); last != nil {
		revision = last.Revision + 1
	}
	arn := scope.ARN("job-definition", name+":"+strconv.Itoa(revision))
	detail.JobDefinitionName = &name
	detail.JobDefinitionArn = new(string(arn))
	detail.Revision = new(int32(revision))
	detail.Status = new(statusActive)
	d := &Definition{ARN: arn, Scope: scope, Name: name, Revision: revision, Platform: platform, Detail: &detail}
	tx.put(nil, d)
	return d
}

// DeregisterDefinition makes a revision INACTIVE. Jobs that were submitted with it go on (jobs.md 10.2).
//
// Guess: a revision that is unknown or INACTIVE already is no error, as for other clean-up calls of Batch.
func (tx *Tx) DeregisterDefinition(arn ARN) {
	d := tx.definitions[arn]
	if d == nil || !d.Active() {
		return
	}
	changed, detail := *d, *d.Detail
	detail.Status = new(statusInactive)
	changed.Detail = &detail
	tx.put(d, &changed)
}

package batch

import (
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// An Environment is a compute environment.
type Environment struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Platform and MaxMilliVCPU are what the core decides with; -1 is no bound (UNMANAGED).
	Platform     Platform
	MaxMilliVCPU int64
	// Fleet is how instances come and go; nil where there are none (Fargate), or where they are not ours to count (UNMANAGED).
	Fleet *Fleet `json:",omitempty"`
	// Host is the only instance of an EC2 environment without a Fleet; empty on Fargate.
	Host HostID
	// Settles is when CREATING, UPDATING or DELETING is over, in Unix milliseconds; 0 is none of them.
	Settles int64 `json:",omitempty"`
	// Detail is what DescribeComputeEnvironments answers, but for desiredvCpus: see State.DesiredVCPUs.
	Detail *api.ComputeEnvironmentDetail
}

// Key implements Record.
func (e *Environment) Key() Key { return Key{KindEnvironment, string(e.ARN)} }

func (e *Environment) place() shelfPlace { return shelfPlace{e.Scope, e.Number, e.ARN} }

func (e *Environment) deadline() int64 { return e.Settles }

// Enabled says whether new jobs are placed in it.
func (e *Environment) Enabled() bool { return e.Detail.State == api.CEStateEnabled }

// valid says whether the scheduler may look at it. One that is updated in place goes on with what it has.
func (e *Environment) valid() bool {
	return e.Detail.Status == api.CEStatusValid || e.Detail.Status == api.CEStatusUpdating
}

// fargateSpot says whether it is of Fargate's spare capacity, which has no Windows.
func (e *Environment) fargateSpot() bool {
	r := e.Detail.ComputeResources
	return r != nil && r.Type == api.CRTypeFargateSpot
}

// windows says whether a job's containers are Windows containers. SubmitJob cannot change that.
func (s *State) windows(j *Job) bool {
	d := s.definitions[j.Definition]
	if d == nil {
		return false
	}
	is := func(p *api.RuntimePlatform) bool {
		return p != nil && strings.HasPrefix(api.Value(p.OperatingSystemFamily), "WINDOWS")
	}
	if c := d.Detail.ContainerProperties; c != nil {
		return is(c.RuntimePlatform)
	}
	if e := d.Detail.EcsProperties; e != nil {
		return slices.ContainsFunc(e.TaskProperties, func(t api.EcsTaskProperties) bool { return is(t.RuntimePlatform) })
	}
	return false
}

// Cluster is the name of its ECS or EKS cluster (jobs.md 2.7).
func (e *Environment) Cluster() string {
	arn := api.Value(e.Detail.EcsClusterArn)
	if k := e.Detail.EksConfiguration; k != nil {
		arn = api.Value(k.EksClusterArn)
	}
	_, name, _ := cutLast(arn, "/")
	return name
}

const environmentHealthy = "ComputeEnvironment Healthy"

// CreateEnvironment adds an environment. The caller fills in what is its own; status and number come from here.
func (tx *Tx) CreateEnvironment(e Environment) error {
	if tx.environments.all[e.ARN] != nil {
		return exists()
	}
	if err := tx.quota(tx.environments.count(e.Scope), maxEnvironments, "Compute environment"); err != nil {
		return err
	}
	e.Number = tx.nextNumber()
	detail := *e.Detail
	e.Detail = &detail
	if e.Settles = tx.settlesAt(delayEnvironmentCreate); e.Settles != 0 {
		detail.Status, detail.StatusReason = statusCreating, nil
	} else {
		tx.validEnvironment(&e)
	}
	tx.put(nil, &e)
	tx.staff(&e)
	return nil
}

// validEnvironment makes a record VALID that nobody else has.
func (tx *Tx) validEnvironment(e *Environment) {
	detail := *e.Detail
	detail.Status, detail.StatusReason = api.CEStatusValid, new(environmentHealthy)
	e.Detail, e.Settles = &detail, 0
}

// An EnvironmentChange is what UpdateEnvironment did besides the record.
type EnvironmentChange struct {
	// Replaced says that instances of before are to go: what they are made of has changed.
	Replaced bool
	// Grace is how long the jobs of instances that go may run on, in milliseconds; 0 is not at all.
	Grace int64
}

// UpdateEnvironment replaces the record with what change makes of a copy of it. Detail is a copy too; what it points to is not.
func (tx *Tx) UpdateEnvironment(arn ARN, change func(*Environment) (EnvironmentChange, error)) error {
	old := tx.environments.all[arn]
	if old == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("update", old.Settles); err != nil {
		return err
	}
	e, detail := *old, *old.Detail
	e.Detail = &detail
	c, err := change(&e)
	if err != nil {
		return err
	}
	if e.Settles = tx.settlesAt(delayEnvironmentUpdate); e.Settles != 0 {
		detail.Status = statusUpdating
	}
	tx.put(old, &e)
	if c.Replaced {
		tx.replace(&e, c.Grace)
	}
	tx.staff(&e)
	return nil
}

// DeleteEnvironment removes a DISABLED environment that no queue names (resources.md 1.8).
func (tx *Tx) DeleteEnvironment(arn ARN) error {
	e := tx.environments.all[arn]
	if e == nil {
		return missing("%s does not exist", arn)
	}
	if err := beingModified("delete", e.Settles); err != nil {
		return err
	}
	switch {
	case e.Enabled():
		// Guess: AWS refuses, its text was not seen (resources.md 8).
		return refused("Cannot delete, state must be DISABLED")
	case len(tx.queuesOf[arn]) > 0:
		return refused("Cannot delete, found existing JobQueue relationship.")
	}
	if at := tx.settlesAt(delayEnvironmentDelete); at != 0 {
		is, detail := *e, *e.Detail
		detail.Status = statusDeleting
		is.Settles, is.Detail = at, &detail
		tx.put(e, &is)
		return nil
	}
	tx.dropEnvironment(e)
	return nil
}

// dropEnvironment removes an environment and its instances. What still runs there was told to stop when its queue went.
func (tx *Tx) dropEnvironment(e *Environment) {
	for _, id := range tx.instancesOf(e.ARN) {
		tx.put(tx.instances[id], nil)
	}
	tx.put(e, nil)
}

// Quotas of a region (resources.md 0.7).
const (
	maxEnvironments        = 50
	maxQueues              = 50
	maxServiceEnvironments = 50
	maxQuotaShares         = 20
	maxConsumables         = 50_000
	maxShareIdentifiers    = 500
)

// quota refuses one more resource than there may be, if quotas are kept.
//
// Guess: the text was not seen (resources.md 0.7).
func (s *State) quota(count, most int, what string) error {
	if s.options.Quotas && count >= most {
		return refused("%s limit exceeded", what)
	}
	return nil
}

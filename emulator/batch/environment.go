package batch

import "github.com/batch-local/batch-local/emulator/api"

// An Environment is a compute environment.
type Environment struct {
	ARN    ARN
	Scope  Scope
	Name   string
	Number uint64 // order of creation
	// Platform and MaxMilliVCPU are what the core decides with; -1 is no bound (UNMANAGED).
	Platform     Platform
	MaxMilliVCPU int64
	// Host is the simulated instance of an EC2 environment; empty on Fargate.
	Host HostID
	// Detail is what DescribeComputeEnvironments answers.
	Detail *api.ComputeEnvironmentDetail
}

// Key implements Record.
func (e *Environment) Key() Key { return Key{KindEnvironment, string(e.ARN)} }

// Enabled says whether new jobs are placed in it.
func (e *Environment) Enabled() bool { return e.Detail.State == api.CEStateEnabled }

// Cluster is the name of its ECS cluster (jobs.md 2.7).
func (e *Environment) Cluster() string {
	_, name, _ := cutLast(api.Value(e.Detail.EcsClusterArn), "/")
	return name
}

// CreateEnvironment adds an environment. The caller fills in everything but Number.
func (tx *Tx) CreateEnvironment(e Environment) error {
	if tx.environments[e.ARN] != nil {
		return exists()
	}
	e.Number = tx.nextNumber()
	tx.put(nil, &e)
	return nil
}

// UpdateEnvironment replaces the record with what change makes of a copy of it. Detail is a copy too; what it points to is not.
func (tx *Tx) UpdateEnvironment(arn ARN, change func(*Environment) error) error {
	old := tx.environments[arn]
	if old == nil {
		return missing("%s does not exist", arn)
	}
	e, detail := *old, *old.Detail
	e.Detail = &detail
	if err := change(&e); err != nil {
		return err
	}
	tx.put(old, &e)
	return nil
}

// DeleteEnvironment removes a DISABLED environment that no queue names (resources.md 1.8).
func (tx *Tx) DeleteEnvironment(arn ARN) error {
	e := tx.environments[arn]
	switch {
	case e == nil:
		return missing("%s does not exist", arn)
	case e.Enabled():
		// Guess: AWS refuses, its text was not seen (resources.md 8).
		return refused("Cannot delete, state must be DISABLED")
	case len(tx.queuesOf[arn]) > 0:
		return refused("Cannot delete, found existing JobQueue relationship.")
	}
	tx.put(e, nil)
	return nil
}

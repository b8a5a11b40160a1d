package docker

import (
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// In what order the containers of a task start and stop (runtime.md 4.2, 4.3, 5.3).

// A condition is what a container waits for of another one.
type condition struct {
	on   int // index in the task
	want string
}

// Conditions. Those of ecsProperties are as the API spells them.
const (
	wantStart    = "START"
	wantComplete = "COMPLETE"
	wantSuccess  = "SUCCESS"
)

// conditionsOf are what each container of a task waits for. Init containers of a pod run one after another, and everything else after the last; who writes
// to a router of logs waits for that.
func conditionsOf(t batch.Task) [][]condition {
	all := make([][]condition, len(t.Containers))
	router, lastInit := -1, -1
	for i, c := range t.Containers {
		if c.Firelens != nil {
			router = i
		}
		if c.Init {
			lastInit = i
		}
	}
	for i, c := range t.Containers {
		for _, d := range c.DependsOn {
			on := slices.IndexFunc(t.Containers, func(o batch.Container) bool { return o.Name == api.Value(d.ContainerName) })
			if on >= 0 { // was checked when the definition was registered
				all[i] = append(all[i], condition{on, api.Value(d.Condition)})
			}
		}
		switch {
		case c.Init && i > 0:
			all[i] = append(all[i], condition{i - 1, wantSuccess})
		case !c.Init && lastInit >= 0:
			all[i] = append(all[i], condition{lastInit, wantSuccess})
		}
		if router >= 0 && router != i && routed(c) {
			all[i] = append(all[i], condition{router, wantStart})
		}
	}
	return all
}

// ableOf says which containers may ever have their turn: those that wait neither for themselves nor for any that does. Definitions with such a circle are refused,
// but one may be in the data of an earlier version.
func ableOf(conditions [][]condition) []bool {
	able := make([]bool, len(conditions))
	for range conditions { // each round finds at least one more
		for i, waits := range conditions {
			able[i] = !slices.ContainsFunc(waits, func(c condition) bool { return !able[c.on] })
		}
	}
	return able
}

// routed says that a container's output goes to the task's router.
func routed(c batch.Container) bool {
	return c.Properties != nil && c.Properties.LogConfiguration != nil && c.Properties.LogConfiguration.LogDriver == api.LogDriverAwsfirelens
}

// met says whether a condition is fulfilled, and whether it can never be.
func (c condition) met(on progress) (met, never bool) {
	switch c.want {
	case wantComplete:
		return on.state == ended && on.end.code != nil, on.state == ended && on.end.code == nil
	case wantSuccess:
		ok := on.end.code != nil && *on.end.code == 0
		return on.state == ended && ok, on.state == ended && !ok
	}
	return on.state == up || on.state == ended && on.ran, on.state == ended && !on.ran
}

// obstacle says why a container that has ended does not meet the condition. One that never could start has an exit code, and that is what ECS looks at.
func (c condition) obstacle(on progress) string {
	if on.ran || c.want == wantSuccess && on.end.code != nil {
		return batch.NotSuccessful
	}
	return batch.NotStarted
}

// progress is how far a container of an attempt has come.
type progress struct {
	state unitState
	ran   bool // it was up
	end   end  // when it has ended
}

type unitState int

const (
	waiting unitState = iota // for others, for its image, for the engine
	up
	ended
)

// An end is how a container ended. One that never ran has no code.
type end struct {
	code   *int32
	reason string
	detail string // more than the API shows of a pod's container
	at     int64  // Unix milliseconds, as the engine has it; 0 is now
	// stopped says that we had asked for it.
	stopped bool
	// unable says that it never ran because of another container.
	unable bool
}

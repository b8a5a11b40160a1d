package emulator

import (
	"context"
	"fmt"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/operations"
)

// maxRequest is the size of the largest request that is read. The API's own limits are far below (jobs.md 16).
const maxRequest = 4 << 20

// Info describes the emulator as /_emulator/info does.
func (e *Emulator) Info() Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Info{
		Version:   e.config.Version,
		Instance:  e.instance,
		Driver:    e.driver.Capabilities().Name,
		Engine:    e.engineInfo(),
		Addresses: append([]string{}, e.addresses...),
		Account:   e.config.Account,
		Region:    e.config.Region,
		Limits:    e.limits(),
		DataDir:   e.config.DataDir,
		PodLogs:   e.config.PodLogs,
		Clock:     e.Clock(),
	}
}

func (e *Emulator) limits() control.Limits {
	most := e.config.bound(e.driver.availability())
	return control.Limits{RequestBytes: maxRequest, MemoryMiB: most.MiB, VCPUs: float64(most.MilliVCPU) / 1000}
}

func (e *Emulator) engineInfo() control.Engine {
	if e.config.Driver == "simulated" {
		return control.Engine{State: "none"}
	}
	is := e.driver.availability()
	info := control.Engine{State: "absent", Version: is.Version, Endpoint: is.Endpoint, Reason: is.Reason}
	if is.Ready {
		info.State = "ready"
	}
	return info
}

// Health implements control.Emulator. A missing container engine is no failure: calls are answered and jobs wait.
func (e *Emulator) Health() error { return e.engine.Failure() }

// Wait implements control.Emulator.
func (e *Emulator) Wait(ctx context.Context, job string, until api.JobStatus) (*api.JobDetail, error) {
	var detail *api.JobDetail
	known := false
	err := e.engine.Await(ctx, batch.JobID(job), func(s *batch.State) bool {
		j := s.AnyJob(batch.JobID(job))
		known = j != nil
		if known && !reached(j.Status, until) {
			return false
		}
		if known {
			detail = new(operations.Detail(s, j))
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, fmt.Errorf("%w: there is no job %s", control.ErrUnknown, job)
	}
	return detail, nil
}

// reached says whether a status is the wanted one or a later one. Without one, and in any case, the end is late enough.
func reached(is, until api.JobStatus) bool {
	return batch.Ended(is) || until != "" && batch.Rank(is) >= batch.Rank(until)
}

// WaitIdle implements control.Emulator.
func (e *Emulator) WaitIdle(ctx context.Context, scope control.Scope) error {
	return e.engine.Await(ctx, "", func(s *batch.State) bool { return s.LiveIn(within(scope)) == 0 })
}

// within says whether a scope of the core is in one of the caller's.
func within(scope control.Scope) func(batch.Scope) bool {
	return func(s batch.Scope) bool {
		return (scope.Account == "" || scope.Account == s.Account) && (scope.Region == "" || scope.Region == s.Region)
	}
}

// Reset implements control.Emulator.
func (e *Emulator) Reset(ctx context.Context, scope control.Scope) error {
	all := within(scope)
	everything := scope == control.Scope{}
	err := e.engine.Update(ctx, func(tx *batch.Tx) error {
		tx.Clear(all)
		if everything {
			tx.SetHolds(nil)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if everything {
		e.outcomes.set(nil)
		e.clock.Reset()
		if err := e.keepClock(e.clock.State()); err != nil {
			return err
		}
	}
	if err := e.runner.Settle(ctx); err != nil {
		return err
	}
	if everything && e.powers.resetter != nil {
		if err := e.powers.resetter.Reset(ctx); err != nil {
			return err
		}
	}
	return e.logs.Reset(func(account, region string) bool { return all(batch.Scope{Account: account, Region: region}) })
}

package emulator

import (
	"context"
	"fmt"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
)

// Why implements control.Emulator.
func (e *Emulator) Why(ctx context.Context, job string) (control.Why, error) {
	told, known := control.Why{Obstacles: []control.Obstacle{}}, false
	now := e.engine.Now()
	err := e.engine.View(ctx, func(s *batch.State) {
		j := s.AnyJob(batch.JobID(job))
		if known = j != nil; !known {
			return
		}
		why := s.Why(j, now)
		told.Status, told.Reason = string(why.Status), why.Reason
		for _, o := range why.Obstacles {
			needs, has, _ := o.Numbers()
			told.Obstacles = append(told.Obstacles, control.Obstacle{Kind: o.Kind, Needs: needs, Has: has, Where: string(o.Where)})
		}
	})
	if err == nil && !known {
		err = noJob(job)
	}
	return told, err
}

func noJob(id string) error { return fmt.Errorf("%w: there is no job %s", control.ErrUnknown, id) }

// Reclaim implements control.Emulator.
func (e *Emulator) Reclaim(ctx context.Context, r control.Reclaim) error {
	return e.engine.Update(ctx, func(tx *batch.Tx) error {
		if r.InstanceID != "" {
			if !tx.ReclaimHost(batch.HostID(r.InstanceID)) {
				return fmt.Errorf("%w: there is no instance %s", control.ErrUnknown, r.InstanceID)
			}
			return nil
		}
		j := tx.AnyJob(batch.JobID(r.Job))
		switch {
		case j == nil:
			return noJob(r.Job)
		case !tx.ReclaimJob(j):
			return fmt.Errorf("%w: job %s is %s and runs on nothing", control.ErrConflict, j.ID, j.Status)
		}
		return nil
	})
}

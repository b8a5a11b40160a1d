package emulator

import (
	"context"
	"fmt"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/operations"
	"github.com/batch-local/batch-local/emulator/seed"
)

// plant creates what the seed says and is missing. Nothing of it is on its way afterwards, however lifelike the emulator is: a queue could not be
// attached to an environment that is CREATING.
func (e *Emulator) plant(ctx context.Context) error {
	if e.config.Seed == "" {
		return nil
	}
	if err := e.sow(ctx); err != nil {
		return fmt.Errorf("--seed: %w", err)
	}
	return nil
}

func (e *Emulator) sow(ctx context.Context) error {
	file, err := seed.Read(e.config.Seed)
	if err != nil {
		return err
	}
	ctx = api.WithCaller(ctx, api.Caller{Account: e.config.Account, Region: e.config.Region})
	return file.Apply(ctx, operations.New(e.engine), func(r seed.Result) error {
		if r.Existed {
			e.config.Log.Info("a resource of the seed is there already, and stays as it is", "kind", r.Kind, "name", r.Name)
		}
		return e.engine.Update(ctx, func(tx *batch.Tx) error {
			tx.Settle()
			return nil
		})
	})
}

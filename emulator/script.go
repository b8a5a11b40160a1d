package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

// A rule gives an outcome to the tasks that it fits (interface.md 3).
type rule struct {
	Match   batch.Match       `json:"match"`
	Outcome *json.RawMessage  `json:"outcome"` // as it was given
	parsed  simulated.Outcome // what it means
}

// rules are the outcomes in force. The zero value has none.
type rules struct {
	mu   sync.Mutex
	list []rule
}

func (r *rules) set(list []rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = list
}

func (r *rules) get() []rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list
}

// of is the outcome of the first rule that fits a task.
func (r *rules) of(t batch.Task) (*simulated.Outcome, bool) {
	list := r.get()
	if len(list) == 0 {
		return nil, false
	}
	traits := t.Traits()
	for i := range list {
		if list[i].Match.Fits(traits) {
			return &list[i].parsed, true
		}
	}
	return nil, false
}

// Script implements control.Emulator.
func (e *Emulator) Script(which control.Script) any {
	if which == control.Outcomes {
		return orNone(e.outcomes.get())
	}
	var holds []batch.Hold
	// A journal that cannot be written keeps nobody from reading.
	_ = e.engine.View(context.Background(), func(s *batch.State) { holds = s.Holds() })
	return orNone(holds)
}

func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// SetScript implements control.Emulator.
func (e *Emulator) SetScript(ctx context.Context, which control.Script, data []byte) error {
	if which == control.Outcomes {
		return e.setOutcomes(data)
	}
	holds, err := list[batch.Hold](data)
	if err != nil {
		return err
	}
	for i, h := range holds {
		if rank := batch.Rank(h.State); rank < 0 || batch.Ended(h.State) {
			return fmt.Errorf("%w: hold %d: state %q is not one of SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING", control.ErrInvalid, i+1, h.State)
		}
	}
	return e.engine.Update(ctx, func(tx *batch.Tx) error {
		tx.SetHolds(holds)
		return nil
	})
}

func (e *Emulator) setOutcomes(data []byte) error {
	rules, err := list[rule](data)
	if err != nil {
		return err
	}
	if len(rules) > 0 && e.config.Driver != "simulated" {
		return fmt.Errorf("%w: outcomes are for --driver simulated; with %s a job ends as its container does", control.ErrConflict, e.config.Driver)
	}
	for i := range rules {
		if rules[i].Outcome == nil {
			return fmt.Errorf("%w: rule %d has no outcome", control.ErrInvalid, i+1)
		}
		if err := json.Unmarshal(*rules[i].Outcome, &rules[i].parsed); err != nil {
			return fmt.Errorf("%w: rule %d: outcome: %w", control.ErrInvalid, i+1, err)
		}
	}
	e.outcomes.set(slices.Clip(rules))
	return nil
}

// list decodes a JSON list without members that nobody knows.
func list[T any](data []byte) (all []T, err error) {
	if err := control.Decode(data, &all); err != nil {
		return nil, fmt.Errorf("%w: not a list of what is wanted here: %w", control.ErrInvalid, err)
	}
	return all, nil
}

package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/batch-local/batch-local/emulator/clock"
	"github.com/batch-local/batch-local/emulator/control"
)

// Clock implements control.Emulator.
func (e *Emulator) Clock() control.Clock {
	is := e.clock.State()
	return control.Clock{Now: control.ClockTime(is.Now), Offset: is.Offset.String(), Frozen: is.Frozen}
}

// MoveClock implements control.Emulator.
func (e *Emulator) MoveClock(ctx context.Context, m control.Move) (control.Clock, error) {
	// What happens on the way is kept with the time to which it leads: a process that begins in the middle must not be behind it.
	if err := e.keepClock(target(e.clock.State(), m)); err != nil {
		return e.Clock(), err
	}
	err := e.moveClock(ctx, m)
	if errors.Is(err, clock.ErrPast) {
		err = fmt.Errorf("%w: %w", control.ErrConflict, err)
	}
	return e.Clock(), errors.Join(err, e.keepClock(e.clock.State()))
}

func (e *Emulator) moveClock(ctx context.Context, m control.Move) error {
	// Freezing comes before a move, so that no moment passes between them; running on comes after it.
	if m.Frozen != nil && *m.Frozen {
		if err := e.clock.Freeze(ctx); err != nil {
			return err
		}
	}
	var err error
	switch {
	case m.Advance != nil:
		err = e.clock.Advance(ctx, *m.Advance)
	case m.Set != nil:
		err = e.clock.Set(ctx, *m.Set)
	}
	if err == nil && m.Frozen != nil && !*m.Frozen {
		err = e.clock.Run(ctx)
	}
	return err
}

// target is how the clock stands after a move, or as it is if the move is one that is refused.
func target(is clock.State, m control.Move) clock.State {
	to := is.Now
	switch {
	case m.Advance != nil:
		to = to.Add(*m.Advance)
	case m.Set != nil:
		to = *m.Set
	}
	if to.Before(is.Now) {
		return is
	}
	is.Offset += to.Sub(is.Now)
	is.Now = to
	if m.Frozen != nil {
		is.Frozen = *m.Frozen
	}
	return is
}

// keepClock has the next process go on with the clock as it is to be; without a data folder there is none.
func (e *Emulator) keepClock(is clock.State) error {
	if e.journal == nil {
		return nil
	}
	text, err := json.Marshal(is)
	if err == nil {
		err = e.journal.KeepClock(text)
	}
	return err
}

// resumeClock goes on with the clock of the process before.
func (e *Emulator) resumeClock() error {
	text := e.journal.Clock()
	if text == nil {
		return nil
	}
	var is clock.State
	if err := json.Unmarshal(text, &is); err != nil {
		return fmt.Errorf("read the clock of the data folder: %w", err)
	}
	e.clock.Resume(is)
	return nil
}

package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/clock"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/events"
	"github.com/batch-local/batch-local/emulator/operations"
)

// Follow implements control.Emulator.
func (e *Emulator) Follow(ctx context.Context, scope control.Scope, span control.Span, ready func(), tell func(uint64, []byte) error) error {
	latest := e.events.Latest()
	after := latest
	if span.After != nil {
		after = *span.After
	}
	reader := e.events.Read(after)
	defer reader.Close()
	ready()
	all := within(scope)
	for !span.Past || reader.Read() < latest {
		event, number, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if event.Was == nil || !all(event.Was.Scope) {
			continue
		}
		data, err := e.envelope(ctx, number, event)
		if err != nil {
			return err
		}
		if err := tell(number, data); err != nil {
			return err
		}
	}
	return nil
}

func (e *Emulator) envelope(ctx context.Context, number uint64, event batch.Event) (data []byte, err error) {
	viewErr := e.engine.View(ctx, func(s *batch.State) {
		var envelope events.Envelope
		if event.Was.Service != nil {
			envelope, err = e.events.ServiceStateChange(number, event, operations.ServiceDetail(event.Was))
		} else {
			envelope, err = e.events.StateChange(number, event, operations.Detail(s, event.Was))
		}
		if err == nil {
			data, err = json.Marshal(envelope)
		}
	})
	return data, errors.Join(viewErr, err)
}

// Clock implements control.Emulator.
func (e *Emulator) Clock() control.Clock {
	is := e.clock.State()
	return control.Clock{Now: control.ClockTime(is.Now), Offset: is.Offset.String(), Frozen: is.Frozen}
}

// MoveClock implements control.Emulator.
func (e *Emulator) MoveClock(ctx context.Context, m control.Move) (control.Clock, error) {
	var err error
	// Freezing comes before a move, so that no moment passes between them; running on comes after it.
	if m.Frozen != nil && *m.Frozen {
		err = e.clock.Freeze(ctx)
	}
	switch {
	case err != nil:
	case m.Advance != nil:
		err = e.clock.Advance(ctx, *m.Advance)
	case m.Set != nil:
		err = e.clock.Set(ctx, *m.Set)
	}
	if err == nil && m.Frozen != nil && !*m.Frozen {
		err = e.clock.Run(ctx)
	}
	if errors.Is(err, clock.ErrPast) {
		err = fmt.Errorf("%w: %w", control.ErrConflict, err)
	}
	return e.Clock(), err
}

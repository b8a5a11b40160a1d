package emulator

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/batch-local/batch-local/emulator/batch"
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

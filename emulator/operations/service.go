package operations

import (
	"context"
	"errors"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/engine"
)

// Service implements api.Service on an engine.
type Service struct {
	// Unimplemented answers the operations of later issues.
	api.Unimplemented
	engine *engine.Engine
}

// New makes the service.
func New(e *engine.Engine) *Service {
	return &Service{engine: e}
}

var _ api.Service = (*Service)(nil)

// scope is the account and region that the request speaks for.
func scope(ctx context.Context) batch.Scope {
	c := api.CallerFrom(ctx)
	return batch.Scope{Account: c.Account, Region: c.Region}
}

// update runs a transition and answers its error as the API does.
func (s *Service) update(ctx context.Context, f func(*batch.Tx) error) error {
	return wire(s.engine.Update(ctx, f))
}

// view reads the state and answers f's error as the API does.
func (s *Service) view(ctx context.Context, f func(*batch.State) error) error {
	var refusal error
	if err := s.engine.View(ctx, func(state *batch.State) { refusal = f(state) }); err != nil {
		return err
	}
	return wire(refusal)
}

// wire makes an API error of a refusal of the core. Other errors are left to httpapi, which answers a ServerException.
func wire(err error) error {
	var refusal *batch.Error
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Kind {
	case batch.Invalid:
		return api.Invalid("%s", refusal.Message)
	case batch.Exists:
		e := api.ClientError("%s", refusal.Message)
		e.Status = 409
		return e
	}
	return api.ClientError("%s", refusal.Message)
}

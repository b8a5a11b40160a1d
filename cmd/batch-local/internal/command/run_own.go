package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator"
)

const defaultListen = settings.DefaultListen

// own is a server in this process, for one run.
type own struct {
	client *client.Client
	end    context.CancelFunc
	ended  chan error
}

// startOwn starts a server with the settings of the environment, on a free port and with nothing that would outlive the run.
func (p *program) startOwn(who client.Identity) (*own, error) {
	s, err := settings.Load(nil, p.environ)
	if err != nil {
		return nil, err
	}
	c := s.Emulator
	c.Listen, c.ReadyFile, c.DataDir, c.OnExit = []string{"127.0.0.1:0"}, "", "", "stop"
	c.Version = p.version
	c.Log = slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: max(s.LogLevel, slog.LevelWarn)}))
	e, err := emulator.New(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &own{end: cancel, ended: make(chan error, 1)}
	ready := make(chan emulator.Info, 1)
	go func() {
		o.ended <- e.Serve(ctx, p.interrupt.insisted, func(info emulator.Info) { ready <- info })
	}()
	select {
	case info := <-ready:
		o.client = client.New(client.Endpoint{URL: info.Addresses[0]}, who)
		return o, nil
	case err := <-o.ended:
		cancel()
		return nil, err
	}
}

// engineTime is how long a run on a server of its own waits for a container engine. Nobody watches a CI job, and nobody else uses this server; one that
// the user started goes on waiting.
const engineTime = 30 * time.Second

// engineError says that a run ends because there is nothing to run its job on.
type engineError struct {
	waited time.Duration
	reason string
}

func (e *engineError) Error() string {
	return fmt.Sprintf("gave up after %s without a container engine. %s", e.waited, e.reason)
}

// engineless answers an engineError once a job could not start for want of an engine, and nil when that is not so any more.
func (p *program) engineless(ctx context.Context, c *client.Client, job string) error {
	_, err := c.Wait(ctx, job, types.JobStatusStarting, p.engineTime)
	if errors.Is(err, client.ErrTimeLimit) {
		if info, err := c.Info(ctx); err == nil && info.Engine.State == "absent" {
			return &engineError{p.engineTime, info.Engine.Reason}
		}
	}
	return nil
}

// stop ends the server and takes away what it made.
func (o *own) stop(p *program) {
	o.end()
	if err := <-o.ended; err != nil {
		p.say("%v", err)
	}
}

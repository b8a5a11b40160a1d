package command

import (
	"context"
	"log/slog"

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

// stop ends the server and takes away what it made.
func (o *own) stop(p *program) {
	o.end()
	if err := <-o.ended; err != nil {
		p.say("%v", err)
	}
}

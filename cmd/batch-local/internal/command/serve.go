package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator"
)

func (p *program) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Start the server",
		Long: `Start the server and go on until Ctrl-C or SIGTERM, which end it in order: running
jobs are stopped as AWS would (or kept, see --on-exit), and nothing is left behind.
A second Ctrl-C ends it at once.

Every flag is also a variable and a key of the file of --config; a flag wins over a
variable, a variable over the file:

  --keep-containers failed   BATCH_LOCAL_KEEP_CONTAINERS=failed   keep-containers: failed

Lists in a variable are separated by commas, or, where values may hold these
(BATCH_LOCAL_JOB_ENV), by line ends.`,
		Example: `  batch-local serve
  batch-local serve --data-dir ~/.batch-local        keep everything over restarts
  batch-local serve --driver simulated               without containers, for tests
  batch-local serve --listen 127.0.0.1:0 --ready-file /tmp/url`,
		Args: exactly(),
	}
	flags := settings.AddFlags(cmd.Flags())
	for name, choices := range settings.Choices() {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := settings.Load(flags, p.environ)
		if err != nil {
			return err
		}
		s.Emulator.Version = p.version
		log := p.logger(s)
		s.Emulator.Log = log
		e, err := emulator.New(s.Emulator)
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		defer context.AfterFunc(ctx, func() { p.ending(log) })()
		return taken(ctx, e.Serve(ctx, p.interrupt.insisted, func(info emulator.Info) { p.ready(log, info) }))
	}
	return cmd
}

// ready tells that calls are answered: a person by the banner, who reads logs by a line of the log too.
func (p *program) ready(log *slog.Logger, info emulator.Info) {
	p.banner(info)
	if !terminal(p.err) {
		var addresses []string
		for _, address := range info.Addresses {
			addresses = append(addresses, emulator.BaseURL(strings.TrimPrefix(address, "http://")))
		}
		log.Info("answering calls", "addresses", addresses, "driver", info.Driver, "instance", info.Instance, "version", info.Version)
	}
}

// ending tells that the first Ctrl-C was heard: stopping jobs may take its time.
func (p *program) ending(log *slog.Logger) {
	if terminal(p.err) {
		p.say("stopping; Ctrl-C again ends it at once")
		return
	}
	log.Info("stopping; a second signal ends it at once")
}

// logger writes our own log to standard error.
func (p *program) logger(s settings.Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "text" || s.LogFormat == "" && terminal(p.err) {
		return slog.New(slog.NewTextHandler(p.err, options))
	}
	return slog.New(slog.NewJSONHandler(p.err, options))
}

// terminal says whether a person reads along.
func terminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// taken says of an address in use who has it, if that can be found out, and what to do.
func taken(ctx context.Context, err error) error {
	var listening *net.OpError
	if !errors.As(err, &listening) || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	address := listening.Addr.String()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	who := "another program"
	c := client.New(client.Endpoint{URL: emulator.BaseURL(address)}, client.Identity{})
	defer c.Close()
	if info, err := c.Info(ctx); err == nil {
		who = "another batch-local (" + info.Version + ")"
	}
	return fmt.Errorf("%s listens on %s already; end it, or choose another address with --listen 127.0.0.1:0 (0 is a free port)", who, address)
}

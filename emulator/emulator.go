package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/clock"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/events"
	"github.com/batch-local/batch-local/emulator/journal"
	"github.com/batch-local/batch-local/emulator/logs"
	"github.com/batch-local/batch-local/emulator/runner"
)

// An Emulator is AWS Batch, running.
type Emulator struct {
	config   Config
	instance string
	engine   *engine.Engine
	journal  *journal.Journal // nil: memory only
	logs     *logs.Store
	driver   *watched
	powers   powers
	runner   *runner.Runner
	clock    *clock.Clock
	events   *events.Stream
	outcomes rules
	commands commands
	handler  http.Handler

	mu        sync.Mutex
	addresses []string // base URLs of Serve

	stop    context.CancelFunc // ends the runner's loop
	looping sync.WaitGroup
	closing sync.Once
	closed  error
}

// Info describes a running emulator.
type Info = control.Info

// Why says why a job waits.
type Why = control.Why

// New starts everything but listeners. Close ends it.
func New(c Config) (*Emulator, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	e := &Emulator{config: c.withDefaults()}
	if err := e.open(); err != nil {
		return nil, errors.Join(err, e.closeStores())
	}
	if err := e.plant(context.Background()); err != nil {
		return nil, errors.Join(err, e.abandon())
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.looping.Go(func() { e.runner.Run(ctx) })
	e.handler = e.routes()
	return e, nil
}

// open makes the parts, from the disk up.
func (e *Emulator) open() error {
	c := e.config
	e.instance = instanceOf(c)
	e.clock = clock.New()
	logFolder := ""
	if c.DataDir != "" {
		j, err := journal.Open(c.DataDir)
		if err != nil {
			return err
		}
		e.journal, e.instance = j, j.Instance()
		if err := e.takeOver(); err != nil {
			return err
		}
		if err := e.resumeClock(); err != nil {
			return err
		}
		logFolder = filepath.Join(c.DataDir, "logs")
	}
	var err error
	if e.logs, err = logs.Open(logs.Options{Dir: logFolder, Now: e.clock.Now}); err != nil {
		return fmt.Errorf("open the logs: %w", err)
	}
	e.events = events.New(e.instance)
	options := engine.Options{Clock: e.clock, State: batch.Options{Retention: c.JobRetention.Milliseconds(), Lifelike: c.Lifelike, Quotas: c.Quotas, PodLogs: c.PodLogs}, Observe: e.events.Observe}
	if e.journal != nil {
		options.Journal = e.journal
	}
	if e.engine, err = engine.New(options); err != nil {
		return err
	}
	driver, err := e.newDriver()
	if err != nil {
		return err
	}
	e.driver = watch(driver, c.Log)
	e.powers = powersOf(driver)
	e.runner = runner.New(e.engine, e.driver, runner.Options{OpenLog: e.openLog, CheckLog: e.checkLog, TimeOf: e.clock.Of, Bound: c.bound, Log: c.Log})
	e.clock.Settle, e.clock.Stopping = e.runner.Calm, e.runner.Stopping
	return nil
}

// Handler answers every call: the API, the logs, /_emulator/ and health.
func (e *Emulator) Handler() http.Handler { return e.handler }

// Close ends everything. Containers that run are stopped, or kept if the configuration says so; when ctx ends
// first, they are killed.
func (e *Emulator) Close(ctx context.Context) error {
	e.closing.Do(func() { e.closed = e.shut(ctx) })
	return e.closed
}

func (e *Emulator) shut(ctx context.Context) error {
	keep := e.config.OnExit == "keep"
	// Nothing new is placed while what runs is stopped. A journal that cannot be written does not matter any more.
	_ = e.engine.Update(ctx, func(tx *batch.Tx) error {
		tx.SetHost(batch.Host{Reason: "The emulator is shutting down."})
		return nil
	})
	e.commands.end() // the connections of their callers are no requests any more, and nobody else ends them
	e.stop()
	e.looping.Wait()
	if deadline, ok := ctx.Deadline(); ok && !keep && ctx.Err() == nil {
		if n := e.runner.Running(); n > 0 {
			e.config.Log.Info("waiting for what runs to stop, then it is killed", "attempts", n, "atMost", time.Until(deadline).Round(time.Second).String())
		}
	}
	err := e.runner.Shutdown(ctx, keep)
	e.engine.Close()
	return errors.Join(err, e.closeStores())
}

// abandon ends one that was opened and never ran.
func (e *Emulator) abandon() error {
	e.engine.Close()
	return errors.Join(e.runner.Shutdown(context.Background(), true), e.closeStores())
}

func (e *Emulator) closeStores() error {
	var errs []error
	if e.journal != nil {
		errs = append(errs, e.journal.Close())
	}
	if e.logs != nil {
		errs = append(errs, e.logs.Close())
	}
	return errors.Join(errs...)
}

package emulator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/journal"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
	"github.com/batch-local/batch-local/emulator/secrets"
)

func (e *Emulator) newDriver() (runner.Driver, error) {
	c := e.config
	if c.Driver == "simulated" {
		return simulated.New(simulated.Options{Clock: e.clock, Outcomes: e.outcomes.of, Log: c.Log}), nil
	}
	for _, flag := range c.missing() {
		c.Log.Warn("a mapped folder is not on this machine; unless the engine's is another, jobs that mount it fail", "mapping", flag)
	}
	values, err := c.secrets()
	if err != nil {
		return nil, err
	}
	return docker.New(docker.Options{
		Instance:        e.instance,
		Pull:            c.Pull,
		KeepContainers:  c.KeepContainers,
		Network:         c.JobNetwork,
		AllowPrivileged: c.AllowPrivileged,
		Images:          mappings(c.ImageMap),
		Environment:     c.jobEnv(),
		Transient:       c.DataDir == "",
		Secrets:         values,
		Endpoint:        endpoint.New(endpoint.Options{Roles: c.roles(), Other: e.forJobs(), Log: c.Log}),
		HostPaths:       mappings(c.HostPaths),
		FileSystems:     mappings(c.FileSystems),
		Log:             c.Log,
	})
}

// takeOver makes the data folder this driver's, unless attempts of another are under way: they would get an end that nobody saw, while what they are runs on.
func (e *Emulator) takeOver() error {
	was, is := e.journal.Driver(), e.config.Driver
	if was == is {
		return nil
	}
	if was != "" {
		n, err := underWay(e.journal)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("the data folder %s has attempts under way with --driver %s (%d), and --driver %s cannot go on with them; start it with --driver %s until they have ended "+
				"(batch-local reset ends them at once), or choose another --data-dir", e.config.DataDir, was, n, is, was)
		}
	}
	return e.journal.KeepDriver(is)
}

// underWay is how many attempts a journal has that have not ended.
func underWay(j *journal.Journal) (n int, err error) {
	s := batch.NewState()
	err = j.Load(func(r batch.Record) error {
		s.Load(r)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("load the journal: %w", err)
	}
	for range s.LiveAttempts() {
		n++
	}
	return n, nil
}

// roles gives jobs the credentials of their roles.
func (c Config) roles() endpoint.Roles {
	if c.STSEndpoint == "" {
		return endpoint.Static{}
	}
	return endpoint.STS{URL: c.STSEndpoint}
}

// secrets are where the values of secrets come from; nil is nowhere.
func (c Config) secrets() (docker.Secrets, error) {
	if c.Secrets == "" && c.SecretsEndpoint == "" {
		return nil, nil
	}
	return secrets.New(secrets.Options{File: c.Secrets, Endpoint: c.SecretsEndpoint, Log: c.Log})
}

func mappings(list []Mapping) (m []docker.Mapping) {
	for _, one := range list {
		m = append(m, docker.Mapping(one))
	}
	return m
}

// instanceOf names what this emulator makes on an engine. In memory, a process that listens where an earlier one did, on the
// same machine, owns what that one left; with a free port nobody can know, and the name is new.
func instanceOf(c Config) string {
	first := c.Listen[0]
	if _, port, err := net.SplitHostPort(first); err == nil && port != "0" {
		if host, err := os.Hostname(); err == nil {
			sum := sha256.Sum256([]byte(host + "\n" + first))
			return hex.EncodeToString(sum[:6])
		}
	}
	id := make([]byte, 6)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// powers are what a driver can do beside running attempts; nil is what it cannot.
type powers struct {
	execer     runner.Execer
	reproducer runner.Reproducer
	resetter   runner.Resetter
}

func powersOf(d runner.Driver) (p powers) {
	p.execer, _ = d.(runner.Execer)
	p.reproducer, _ = d.(runner.Reproducer)
	p.resetter, _ = d.(runner.Resetter)
	return p
}

// watched is a driver that remembers whether it is available, and tells our log when that changes.
type watched struct {
	runner.Driver
	log   *slog.Logger
	mu    sync.Mutex
	is    runner.Availability
	first chan struct{} // closed when it is known for the first time
}

func watch(d runner.Driver, log *slog.Logger) *watched {
	return &watched{Driver: d, log: log, first: make(chan struct{})}
}

// Watch implements runner.Driver.
func (w *watched) Watch(ctx context.Context, changed func(runner.Availability)) {
	known := false
	w.Driver.Watch(ctx, func(a runner.Availability) {
		w.mu.Lock()
		w.is = a
		w.mu.Unlock()
		if a.Ready {
			w.log.Info("jobs can run", "driver", w.Capabilities().Name, "version", a.Version, "endpoint", a.Endpoint)
		} else {
			w.log.Warn("jobs have to wait", "reason", a.Reason)
		}
		changed(a)
		if !known {
			known = true
			close(w.first)
		}
	})
}

// known waits a moment for the first word of the driver. A caller may go on without: it comes later.
func (w *watched) known(moment time.Duration) {
	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-w.first:
	case <-timer.C:
	}
}

func (w *watched) availability() runner.Availability {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.is
}

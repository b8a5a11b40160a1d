package emulator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"sync"

	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

func newDriver(c Config, instance string) (runner.Driver, error) {
	if c.Driver == "simulated" {
		return simulated.New(simulated.Options{}), nil
	}
	return docker.New(docker.Options{
		Instance:        instance,
		Pull:            c.Pull,
		KeepContainers:  c.KeepContainers,
		Network:         c.JobNetwork,
		AllowPrivileged: c.AllowPrivileged,
		Log:             c.Log,
	})
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

// watched is a driver that remembers whether it is available.
type watched struct {
	runner.Driver
	mu sync.Mutex
	is runner.Availability
}

// Watch implements runner.Driver.
func (w *watched) Watch(ctx context.Context, changed func(runner.Availability)) {
	w.Driver.Watch(ctx, func(a runner.Availability) {
		w.mu.Lock()
		w.is = a
		w.mu.Unlock()
		changed(a)
	})
}

func (w *watched) availability() runner.Availability {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.is
}

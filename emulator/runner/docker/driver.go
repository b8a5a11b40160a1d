package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Options of New.
type Options struct {
	// Instance marks what this emulator makes; two emulators on one engine must not share it.
	Instance string
	// Pull is when images are pulled: "missing" (default), "always" or "never".
	Pull string
	// KeepContainers after their end: "never" (default), "failed" or "always".
	KeepContainers string
	// Network is the network that sandboxes are on, made if it is missing; default "batch-local". "host" puts jobs on the host's own.
	Network string
	// HostPaths and FileSystems are real folders that stand in for paths of the instances and for EFS file systems.
	HostPaths, FileSystems []Mapping
	// Images replaces beginnings of image names; a star stands for any characters but slashes.
	Images []Mapping
	// Environment is given to every container, "NAME=VALUE"; a job's own of the same name counts.
	Environment []string
	// Secrets are where the values of secrets come from; nil is nowhere.
	Secrets Secrets
	// Transient says that nothing outlives this process: what an earlier one left of disks and file systems is taken away.
	Transient bool
	// AllowPrivileged lets containers be privileged, have devices of the host and its namespaces.
	AllowPrivileged bool
	// Endpoint answers tasks at 169.254.170.2; nil is no endpoint.
	Endpoint *endpoint.Server
	// Starts is how many containers are brought up at the same time; 0 chooses by the number of processors.
	Starts int
	// Sandboxes is how many are kept ready for Fargate tasks; 0 is 4.
	Sandboxes int
	// Client talks to the engine; nil is the one that DOCKER_HOST or the docker command's context names.
	Client *client.Client
	// Log takes what is worth knowing; nil discards it.
	Log *slog.Logger
}

// A Driver implements runner.Driver.
type Driver struct {
	options Options
	client  *client.Client
	log     *slog.Logger

	engine engine
	kernel kernelLog
	pulls  singleflight.Group
	starts *semaphore.Weighted
	boxes  *sandboxes
	// noUlimits says that the engine cannot give containers the limits that Fargate sets.
	noUlimits atomic.Bool

	made      made
	lookers   *lookers
	authority authority // of the cluster that pods believe in
	imageMap  []imageMapping
	swept     sync.Once // of what an earlier process left, when the engine is there
}

var _ runner.Driver = (*Driver)(nil)

// New makes a driver. The engine need not be there.
func New(o Options) (*Driver, error) {
	if o.Instance == "" {
		return nil, errors.New("docker: an instance is needed to mark what is made")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Network == "" {
		o.Network = "batch-local"
	}
	if o.Starts == 0 {
		o.Starts = min(16, max(4, 4*runtime.GOMAXPROCS(0)))
	}
	if o.Sandboxes == 0 {
		o.Sandboxes = 4
	}
	if o.Client == nil {
		c, err := newClient("")
		if err != nil {
			return nil, err
		}
		o.Client = c
	}
	d := &Driver{
		options: o, client: o.Client, log: o.Log,
		starts:   semaphore.NewWeighted(int64(o.Starts)),
		imageMap: imageMappings(o.Images),
	}
	d.boxes, d.lookers = newSandboxes(d), newLookers()
	d.engine.start(d)
	return d, nil
}

// newClient finds the engine as the docker command does, unless an endpoint is given.
func newClient(endpoint string) (*client.Client, error) {
	options := []client.Opt{client.WithAPIVersionNegotiation(), client.FromEnv}
	if host := cmp.Or(endpoint, contextHost()); host != "" {
		options = append(options, client.WithHost(host))
	}
	c, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, fmt.Errorf("find the container engine: %w", err)
	}
	if t, ok := c.HTTPClient().Transport.(*http.Transport); ok {
		t.MaxIdleConns, t.MaxIdleConnsPerHost, t.IdleConnTimeout = 64, 64, time.Minute // the default of two makes a burst dial for each call
	}
	return c, nil
}

// Capabilities implements runner.Driver.
func (d *Driver) Capabilities() runner.Capabilities {
	return runner.Capabilities{Name: "docker", Adopts: true}
}

// Watch implements runner.Driver.
func (d *Driver) Watch(ctx context.Context, changed func(runner.Availability)) {
	d.engine.watch(ctx, changed)
}

// Close implements runner.Driver.
func (d *Driver) Close(ctx context.Context, keep bool) error {
	var errs []error
	if !keep && d.options.Transient && d.engine.ready() {
		if err := d.removeAttempts(ctx); err != nil {
			errs = append(errs, fmt.Errorf("what attempts left could not be removed: %w", err))
		}
	}
	errs = append(errs, d.boxes.close(ctx, keep, d.engine.ready()))
	if d.engine.ready() {
		if err := d.closeLookers(ctx); err != nil {
			errs = append(errs, fmt.Errorf("containers that looked at volumes are left; the next start takes them away: %w", err))
		}
	}
	if !keep && d.options.Transient && d.engine.ready() {
		if err := d.removeVolumes(ctx, labelVolume); err != nil {
			errs = append(errs, fmt.Errorf("disks and file systems of jobs are left; the next start takes them away: %w", err))
		}
	}
	d.engine.stop()
	d.kernel.close()
	return errors.Join(append(errs, d.client.Close())...)
}

package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"github.com/batch-local/batch-local/emulator/endpoint"
)

// A source tells the endpoint of ECS tasks what a container is like.
type source struct {
	driver *Driver
	// name begins what the container is called at the endpoint.
	name string
	// id answers the container's, and that of the sandbox whose network it has; empty is none yet.
	id, box func() string
	stats   sampled
	labels  atomic.Pointer[map[string]string] // of the image
}

// image notes what the container is made of.
func (s *source) image(is image.InspectResponse) {
	if is.Config != nil {
		s.labels.Store(&is.Config.Labels)
	}
}

// Facts implements endpoint.Source.
func (s *source) Facts(ctx context.Context) (endpoint.Facts, error) {
	id := s.id()
	if id == "" {
		return endpoint.Facts{}, nil
	}
	is, err := s.driver.client.ContainerInspect(ctx, id)
	switch {
	case cerrdefs.IsNotFound(err):
		return endpoint.Facts{Status: endpoint.Stopped, DockerID: id}, nil
	case err != nil:
		return endpoint.Facts{}, err
	}
	f := endpoint.Facts{
		Status: status(is.State), DockerID: is.ID, DockerName: s.called(is.ID), ImageID: is.Image,
		CreatedAt: instant(is.Created), StartedAt: instant(is.State.StartedAt),
	}
	if f.Status == endpoint.Stopped {
		f.FinishedAt, f.ExitCode = instant(is.State.FinishedAt), &is.State.ExitCode
	}
	if labels := s.labels.Load(); labels != nil {
		f.Labels = *labels
	}
	for _, m := range is.Mounts {
		f.Volumes = append(f.Volumes, endpoint.Volume{DockerName: m.Name, Source: m.Source, Destination: m.Destination})
	}
	return f, s.network(ctx, &f)
}

// called is the container's name as the ECS agent would have given it; the engine's own is ours, for people (runtime.md 1).
func (s *source) called(id string) string {
	sum := sha256.Sum256([]byte(id))
	return s.name + "-" + hex.EncodeToString(sum[:10])
}

// network adds that of the sandbox which the container joined.
func (s *source) network(ctx context.Context, f *endpoint.Facts) error {
	box := s.box()
	if box == "" {
		return nil
	}
	is, err := s.driver.client.ContainerInspect(ctx, box)
	if err != nil || is.NetworkSettings == nil {
		return err
	}
	if is.Config != nil {
		f.Network.Name = is.Config.Hostname
	}
	for _, n := range is.NetworkSettings.Networks { // it is on one
		f.Network.IPv4, f.Network.MAC, f.Network.Gateway = []string{n.IPAddress}, n.MacAddress, n.Gateway
		if address, err := netip.ParseAddr(n.IPAddress); err == nil {
			if prefix, err := address.Prefix(n.IPPrefixLen); err == nil {
				f.Network.Subnet = prefix.String()
			}
		}
	}
	f.Network.DNS = []string{"127.0.0.11"} // the engine's own, on networks that are not its default
	return nil
}

func status(s *container.State) endpoint.Status {
	switch {
	case s.Running || s.Paused || s.Restarting:
		return endpoint.Running
	case s.Status == container.StateCreated:
		return endpoint.Created
	}
	return endpoint.Stopped
}

// instant reads the engine's text for a time; its zero is ours.
func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 2 {
		return time.Time{}
	}
	return at
}

// Stats implements endpoint.Source.
func (s *source) Stats(ctx context.Context) (json.RawMessage, error) {
	id := s.id()
	if id == "" {
		return nil, nil
	}
	sample, err := s.stats.latest(ctx, s.driver, id)
	if err != nil || sample == nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(sample, &all); err != nil {
		return nil, err
	}
	if all["name"], err = json.Marshal("/" + s.called(id)); err != nil {
		return nil, err
	}
	if box := s.box(); box != "" && box != id {
		if err := networks(ctx, s.driver, box, all); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// networks adds the counters of the sandbox's network: of a container that joined it the engine tells none.
func networks(ctx context.Context, d *Driver, box string, all map[string]json.RawMessage) error {
	answer, err := d.client.ContainerStatsOneShot(ctx, box)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var of struct {
		Networks json.RawMessage `json:"networks"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&of); err != nil {
		return err
	}
	if len(of.Networks) > 0 {
		all["networks"] = of.Networks
	}
	return nil
}

// statsLife is how long the engine is followed after the last question.
const statsLife = 30 * time.Second

// sampled follows a container's statistics from the first question on: a single answer of the engine takes it a second or two. The zero value is ready.
//
// The engine's first sample has nothing before it that its processor times could be compared with, so the second is the first to be told.
type sampled struct {
	mu     sync.Mutex
	first  chan struct{} // closed when there is a second sample, or none will come; nil while nobody follows
	sample json.RawMessage
	idle   *time.Timer
}

func (s *sampled) latest(ctx context.Context, d *Driver, id string) (json.RawMessage, error) {
	s.mu.Lock()
	if s.first == nil {
		following, cancel := context.WithCancel(context.Background())
		s.first, s.idle = make(chan struct{}), time.AfterFunc(statsLife, cancel)
		go s.follow(following, cancel, d, id, s.first)
	} else {
		s.idle.Reset(statsLife)
	}
	first := s.first
	s.mu.Unlock()
	select {
	case <-first:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sample, nil
}

// follow ends with the container, or when nobody has asked for a while.
func (s *sampled) follow(ctx context.Context, cancel context.CancelFunc, d *Driver, id string, first chan struct{}) {
	samples := 0
	defer func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.first, s.sample = nil, nil
		s.idle.Stop()
		if samples < 2 {
			close(first)
		}
	}()
	answer, err := d.client.ContainerStats(ctx, id, true)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	for decoder := json.NewDecoder(answer.Body); ; {
		var sample json.RawMessage
		if decoder.Decode(&sample) != nil {
			return
		}
		s.mu.Lock()
		s.sample = sample
		if samples++; samples == 2 {
			close(first)
		}
		s.mu.Unlock()
	}
}

// stop ends the following of a container that has ended.
func (s *sampled) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Reset(0)
	}
}

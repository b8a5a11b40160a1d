package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/batch-local/batch-local/emulator/runner/docker/relay"
)

// The endpoint of ECS tasks (runtime.md 8). A container of ours on the network of jobs holds the address 169.254.170.2, and every sandbox has a route
// to it by way of that container, so emulators that share a network or an engine do not get in each other's way. In it runs the relay, which hands
// connections on to this process through the engine.
type relayer struct {
	driver *Driver
	ctx    context.Context // done at the end
	cancel context.CancelFunc
	runs   sync.WaitGroup

	// preparing of sandboxes guards these.
	id   string
	ipv4 netip.Addr

	mu sync.Mutex
	up chan struct{} // closed while the endpoint answers, or cannot
}

// relayTime is how long a task waits for its endpoint before it starts without.
const relayTime = 20 * time.Second

func newRelayer(d *Driver) *relayer {
	r := &relayer{driver: d, up: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// offered says whether tasks have an endpoint here.
func (r *relayer) offered() bool {
	return r.driver.options.Endpoint != nil && r.driver.options.Network != modeHost && relay.Runs(r.driver.engine.architecture())
}

// gateway is the address by way of which sandboxes reach the endpoint; none if there is no endpoint. Its container is made if it is missing. The
// caller holds the sandboxes' preparing.
func (r *relayer) gateway(ctx context.Context, network, image string) (netip.Addr, error) {
	if !r.offered() {
		return netip.Addr{}, nil
	}
	if r.id != "" {
		return r.ipv4, nil
	}
	id, ipv4, err := r.make(ctx, network, image)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("make the endpoint of tasks: %w", err)
	}
	r.id, r.ipv4 = id, ipv4
	r.driver.boxes.leadTo(routeWords(ipv4)) // before anybody hears that the endpoint answers
	r.runs.Go(func() { r.serve(id) })
	return ipv4, nil
}

func (r *relayer) name() string { return "batch-local-" + r.driver.options.Instance + "-endpoint" }

// make brings up the container. One that an earlier process left is taken over: sandboxes have routes to it. It is made anew only if it has no use: the network
// that it was on is no more, or it has no address. Whatever else is wrong with it may pass.
func (r *relayer) make(ctx context.Context, network, image string) (id string, ipv4 netip.Addr, err error) {
	d := r.driver
	asking, cancel := uncut(ctx, startTime)
	defer cancel()
	start := func(id string) error { return d.client.ContainerStart(asking, id, container.StartOptions{}) }
	id, err = r.create(asking, network, image)
	there := cerrdefs.IsConflict(err)
	if there {
		id, err = r.name(), nil
	}
	if err == nil {
		err = start(id)
	}
	if there && cerrdefs.IsNotFound(err) {
		d.boxes.putAway(&sandbox{id: id})
		if id, err = r.create(asking, network, image); err == nil {
			err = start(id)
		}
	}
	if err != nil {
		return "", netip.Addr{}, err
	}
	is, err := d.client.ContainerInspect(ctx, id)
	if err != nil {
		return "", netip.Addr{}, err
	}
	for _, n := range is.NetworkSettings.Networks { // it is on one
		ipv4, _ = netip.ParseAddr(n.IPAddress)
	}
	if !ipv4.IsValid() {
		d.boxes.putAway(&sandbox{id: is.ID})
		return "", netip.Addr{}, errors.New("its container has no address")
	}
	return is.ID, ipv4, nil
}

// create makes the container.
func (r *relayer) create(ctx context.Context, network, image string) (id string, err error) {
	made, err := r.driver.client.ContainerCreate(ctx,
		&container.Config{Image: image, Labels: map[string]string{labelInstance: r.driver.options.Instance, labelEndpoint: relay.Address}},
		&container.HostConfig{
			NetworkMode: container.NetworkMode(network),
			LogConfig:   container.LogConfig{Type: "none"},
			CapDrop:     []string{"ALL"}, CapAdd: []string{"NET_ADMIN", "NET_BIND_SERVICE"},
		}, nil, nil, r.name())
	return made.ID, err
}

// serve keeps a relay in the container and answers what it hands on, until the end or until the container is gone.
func (r *relayer) serve(id string) {
	pause, copied, told := firstRetry, false, false
	for {
		if r.driver.engine.await(r.ctx) != nil {
			return
		}
		err := error(nil)
		if !copied {
			err = r.copy(id)
			copied = err == nil
		}
		if err == nil {
			err = r.session(id)
		}
		switch {
		case r.ctx.Err() != nil:
			return
		case errors.Is(err, relay.ErrNoProgram):
			r.driver.log.Warn("jobs find no credentials and no metadata endpoint", "reason", err)
			r.answers(true)
			return
		case cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err): // removed, or stopped with its engine
			r.driver.boxes.forgetEndpoint(r.ctx, id)
			return
		}
		if !told {
			r.driver.log.Warn("the endpoint of tasks does not answer; it is set up again and again", "error", err)
		}
		told = true
		r.answers(true) // jobs must not wait for what may never come
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

// copy puts the relay's program into the container.
func (r *relayer) copy(id string) error {
	in, out := io.Pipe()
	go func() { out.CloseWithError(relay.Write(out, r.driver.engine.architecture())) }()
	defer in.Close()
	return r.driver.client.CopyToContainer(r.ctx, id, "/", in, container.CopyToContainerOptions{})
}

// session runs one relay.
func (r *relayer) session(id string) error {
	c := r.driver.client
	made, err := c.ContainerExecCreate(r.ctx, id, container.ExecOptions{Cmd: []string{relay.Program}, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return err
	}
	conn, err := c.ContainerExecAttach(r.ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer conn.Close()
	reader, writer := io.Pipe()
	defer reader.Close() // or a session that ends by itself would leave the copying at its end
	said := &tail{}
	go func() {
		_, err := stdcopy.StdCopy(writer, said, conn.Reader)
		writer.CloseWithError(cmp.Or(err, io.EOF))
	}()
	session, err := relay.Listen(struct {
		io.Reader
		io.Writer
		io.Closer
	}{reader, conn.Conn, conn.Conn})
	if err != nil {
		return err
	}
	defer session.Close()
	server := &http.Server{Handler: r.handler(), ConnContext: withConn, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(r.ctx, func() { server.Close(); session.Close() })()
	if _, err := session.Ping(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	r.answers(true)
	err = server.Serve(session)
	r.answers(false)
	return fmt.Errorf("%w: %s", err, said)
}

// answers says whether there is something to wait for.
func (r *relayer) answers(is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.up:
		if !is {
			r.up = make(chan struct{})
		}
	default:
		if is {
			close(r.up)
		}
	}
}

// await returns when the endpoint answers, or when a task has waited long enough for it.
func (r *relayer) await(ctx context.Context) error {
	if !r.offered() {
		return nil
	}
	r.mu.Lock()
	up := r.up
	r.mu.Unlock()
	timer := time.NewTimer(relayTime)
	defer timer.Stop()
	select {
	case <-up:
	case <-timer.C:
		r.driver.log.Warn("a job starts without its endpoint, which does not answer")
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// close ends the relay. Its container goes with the sandboxes, which have routes to it.
func (r *relayer) close() {
	r.cancel()
	r.runs.Wait()
}

// tail keeps the end of what a relay complained about.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxReason):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

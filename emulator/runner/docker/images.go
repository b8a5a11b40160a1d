package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// Times of a pull (runtime.md 11.1).
const (
	pullInactivity = time.Minute
	pullBegin      = 5 * time.Minute
)

// pull fetches an image; who asks while a pull of the same name goes on waits for that one. It ends when the last of
// those is served, not when the first gives up.
func (d *Driver) pull(ctx context.Context, name string) error {
	done := d.pulls.DoChan(name, func() (any, error) {
		return nil, d.fetch(context.WithoutCancel(ctx), name)
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch is one pull. Errors come inside the stream, with status 200, so it is read to its end.
func (d *Driver) fetch(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(pullBegin, func() { cancel(context.DeadlineExceeded) })
	defer quiet.Stop()
	stream, err := d.client.ImagePull(ctx, name, image.PullOptions{RegistryAuth: registryAuth(ctx, name)})
	if err != nil {
		return d.pullFailure(ctx, name, err)
	}
	defer stream.Close()
	for decoder := json.NewDecoder(stream); ; {
		var line struct {
			Error string `json:"error"`
		}
		quiet.Reset(pullInactivity)
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return d.pullFailure(ctx, name, err)
		case line.Error != "":
			return d.pullFailure(ctx, name, errors.New(line.Error))
		}
	}
}

// pullFailure words an error as ECS does. Where no such image is known anywhere, the policy is worth knowing.
func (d *Driver) pullFailure(ctx context.Context, name string, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &failure{timedOut, "Could not transition to pulled; timed out after waiting " + pullBegin.String()}
	}
	return fail(cannotPull, "pulled", pullBegin.String(), err)
}

// ensure has the image there by the policy, before a container is created of it. With the policy "missing" the engine is not asked
// at all: creating a container tells whether the image is there.
func (d *Driver) ensure(ctx context.Context, name string) error {
	if d.options.Pull != "always" {
		return nil
	}
	err := d.pull(ctx, name)
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	return f
}

// supply is what to do when the engine says that there is no such image.
func (d *Driver) supply(ctx context.Context, name string, missing error) error {
	if d.options.Pull == "never" {
		return &failure{cannotPull, fmt.Sprintf("%s (images are never pulled here: --pull never)", daemonText(missing))}
	}
	return d.pull(ctx, name)
}

// noSuchImage tells a missing image from a missing network or container, which are "not found" too.
func noSuchImage(err error) bool {
	return cerrdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such image")
}

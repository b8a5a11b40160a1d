package docker

import (
	"context"
	"errors"
	"strings"

	"github.com/batch-local/batch-local/emulator/batch"
)

// prepare does what comes before the first container of a task that has not run: a failure here is the whole task's.
func (r *run) prepare(ctx context.Context) error {
	if r.attempt.Ran {
		return nil
	}
	for _, u := range r.units {
		if u.container.Properties != nil {
			if err := r.driver.refuse(r.attempt.Task, u.container.Properties); err != nil {
				return err
			}
		}
		if err := r.checkLog(u.container); err != nil {
			return err
		}
	}
	return r.resolve(ctx)
}

// checkLog says why a container's log cannot be opened, as ECS does.
func (r *run) checkLog(c batch.Container) error {
	if r.attempt.CheckLog == nil {
		return nil
	}
	err := r.attempt.CheckLog(c)
	switch {
	case err == nil:
		return nil
	case r.attempt.Platform == batch.Fargate:
		return &failure{resourceInitialization, err.Error()}
	}
	return &failure{cannotStart, daemonText(err)}
}

// pullText words a failed pull as Fargate does, which has no Docker (runtime.md 9).
func (r *run) pullText(c batch.Container, err error) error {
	var f *failure
	if r.attempt.Platform != batch.Fargate || !errors.As(err, &f) || f.name != cannotPull {
		return err
	}
	text := strings.TrimPrefix(f.text, daemonPrefix)
	return &failure{cannotPull, "pull image manifest has been retried 1 time(s): failed to resolve ref " + canonical(r.driver.renamed(c.Image)) + ": " + text}
}

// canonical is an image's whole name.
func canonical(image string) string {
	if registryOf(image) != hub || strings.HasPrefix(image, "docker.io/") {
		return image
	}
	if !strings.Contains(image, "/") {
		image = "library/" + image
	}
	return "docker.io/" + image
}

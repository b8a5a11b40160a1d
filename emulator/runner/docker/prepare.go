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

// pullText words a failed pull as the platform does (runtime.md 9): Fargate has no Docker, and the agent on instances says first what may help.
func (r *run) pullText(c batch.Container, err error) error {
	var f *failure
	if !errors.As(err, &f) || f.name != cannotPull {
		return err
	}
	switch r.attempt.Platform {
	case batch.Fargate:
		text := strings.TrimPrefix(f.text, daemonPrefix)
		return &failure{cannotPull, "pull image manifest has been retried 1 time(s): failed to resolve ref " + canonical(r.driver.renamed(c.Image)) + ": " + text}
	case batch.EC2:
		return &failure{cannotPull, pullHint(f.text) + f.text}
	}
	return err
}

// pullHint is what the agent of ECS puts before a text that it understands.
func pullHint(text string) string {
	for _, known := range []struct{ sign, advice string }{
		{"is not authorized to perform: ecr:BatchGetImage", "Check that the role has the permissions to pull images from the registry"},
		{"requested access to the resource is denied", "Check whether the image exists"},
		{"repository does not exist or may require 'docker login'\n", "Check whether the image exists"}, // engines with containerd's images say no more
		{"request canceled while waiting for connection", "Check your network configuration"},
	} {
		if strings.Contains(text+"\n", known.sign) {
			return "The task can’t pull the image. " + known.advice + ". "
		}
	}
	return ""
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

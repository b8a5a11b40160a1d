package docker

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Remove implements runner.Driver. A container that is to be kept is only stopped, if it runs.
func (d *Driver) Remove(ctx context.Context, attempt batch.AttemptID, failed bool) error {
	ids, err := d.containersOf(ctx, attempt)
	if err != nil {
		return err
	}
	keep := d.options.KeepContainers == "always" || d.options.KeepContainers == "failed" && failed
	for _, id := range ids {
		if keep {
			err = d.client.ContainerStop(ctx, id, container.StopOptions{Timeout: new(0)})
		} else {
			err = d.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		}
		// A conflict is a removal that is under way already.
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
			return fmt.Errorf("remove the container of attempt %s: %w", attempt, err)
		}
	}
	return nil
}

// containersOf are the containers of an attempt: the one that this process made, or what carries its labels.
func (d *Driver) containersOf(ctx context.Context, attempt batch.AttemptID) ([]string, error) {
	if id := d.forget(attempt); id != "" {
		return []string{id}, nil
	}
	if !d.engine.ready() {
		return nil, nil // nothing was made, and there is nobody to ask
	}
	list, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelInstance+"="+d.options.Instance),
		filters.Arg("label", labelJob+"="+string(attempt.Job)),
		filters.Arg("label", fmt.Sprintf("%s=%d", labelAttempt, attempt.Number)),
	)})
	if err != nil {
		return nil, fmt.Errorf("look for the containers of attempt %s: %w", attempt, err)
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids, nil
}

// List implements runner.Driver.
func (d *Driver) List(ctx context.Context) ([]batch.AttemptID, error) {
	list, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelInstance+"="+d.options.Instance), filters.Arg("label", labelJob),
	)})
	if err != nil {
		return nil, fmt.Errorf("list our containers: %w", err)
	}
	var ids []batch.AttemptID
	for _, c := range list {
		if id, ok := attemptOf(c.Labels); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

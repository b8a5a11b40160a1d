package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Remove implements runner.Driver. A container that is to be kept is only stopped, if it runs, and keeps its volumes.
func (d *Driver) Remove(ctx context.Context, attempt batch.AttemptID, failed bool) error {
	there, err := d.thingsOf(ctx, attempt)
	if err != nil {
		d.made.again(attempt, there)
		return err
	}
	keep := d.options.KeepContainers == "always" || d.options.KeepContainers == "failed" && failed
	var errs []error
	for _, id := range there.containers {
		if keep {
			err = d.client.ContainerStop(ctx, id, container.StopOptions{Timeout: new(0)})
		} else {
			err = d.client.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		}
		// A conflict is a removal that is under way already.
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
			errs = append(errs, fmt.Errorf("remove the container of attempt %s: %w", attempt, err))
		}
	}
	for _, name := range there.volumes {
		if keep {
			break
		}
		if err := d.client.VolumeRemove(ctx, name, false); err != nil && !cerrdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove the volume of attempt %s: %w", attempt, err))
		}
	}
	for _, id := range there.boxes {
		d.boxes.remove(ctx, &sandbox{id: id})
	}
	if len(errs) > 0 { // the next try asks the engine what is left
		d.made.again(attempt, there)
	}
	return errors.Join(errs...)
}

// thingsOf are what an attempt has on the engine: what this process made, or what carries its labels. With an error they are what is known.
func (d *Driver) thingsOf(ctx context.Context, attempt batch.AttemptID) (things, error) {
	known, ok := d.made.take(attempt)
	switch {
	case ok && !known.more, !ok && !d.engine.ready(): // without an engine nothing was made
		return known, nil
	case !d.engine.ready():
		return known, fmt.Errorf("the engine is away, which may have more of attempt %s", attempt)
	}
	its := ours(d.options.Instance, of(attempt)...)
	list, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: its})
	if err != nil {
		return known, fmt.Errorf("look for the containers of attempt %s: %w", attempt, err)
	}
	volumes, err := d.client.VolumeList(ctx, volume.ListOptions{Filters: its})
	if err != nil {
		return known, fmt.Errorf("look for the volumes of attempt %s: %w", attempt, err)
	}
	found := things{gpus: known.gpus, boxes: known.boxes}
	for _, c := range list {
		found.containers = append(found.containers, c.ID)
	}
	for _, v := range volumes.Volumes {
		found.volumes = append(found.volumes, v.Name)
	}
	return found, nil
}

// removeAttempts removes what is still there of attempts when no process comes after this one that would.
func (d *Driver) removeAttempts(ctx context.Context) error {
	if k := d.options.KeepContainers; k == "always" || k == "failed" {
		return nil
	}
	ids, err := d.List(ctx)
	errs := []error{err}
	for _, id := range ids {
		errs = append(errs, d.Remove(ctx, id, true))
	}
	return errors.Join(errs...)
}

// List implements runner.Driver.
func (d *Driver) List(ctx context.Context) ([]batch.AttemptID, error) {
	all := ours(d.options.Instance, labelJob)
	list, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: all})
	if err != nil {
		return nil, fmt.Errorf("list our containers: %w", err)
	}
	volumes, err := d.client.VolumeList(ctx, volume.ListOptions{Filters: all})
	if err != nil {
		return nil, fmt.Errorf("list our volumes: %w", err)
	}
	var ids []batch.AttemptID
	add := func(labels map[string]string) {
		if id, ok := attemptOf(labels); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, c := range list {
		add(c.Labels)
	}
	for _, v := range volumes.Volumes {
		add(v.Labels)
	}
	for _, id := range ids { // this process knows only what it made itself
		d.made.unsure(id)
	}
	return ids, nil
}

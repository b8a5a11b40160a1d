package docker

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/batch-local/batch-local/emulator/batch"
)

// What a job mounts is a folder within a disk, a file system or a mapped folder, and jobs write there: one that leaves a symbolic link would have the engine
// mount for the next whatever the link names on its own machine. So nothing is mounted through a link.
//
// The engine looks the path up again when it starts the container, so a job that swaps a folder for a link in that very moment may still win (SECURITY.md).

// lookers are containers that never run, each with one folder of the engine's machine in it, to look at paths within.
type lookers struct {
	using *semaphore.Weighted // of one, who has of; who waits for it may give up
	of    map[string]string   // container by folder
}

func newLookers() *lookers {
	return &lookers{using: semaphore.NewWeighted(1), of: map[string]string{}}
}

// lookAt is where a looker has its folder.
const lookAt = "/look"

// within is the path of something in a folder of the engine's machine, which may be missing; it is refused if it leads through a symbolic link.
func (d *Driver) within(ctx context.Context, root, given string) (string, error) {
	if path.Clean("/"+given) == "/" {
		return root, nil
	}
	looker, err := d.looker(ctx, root)
	if err != nil {
		return "", fail(cannotVolume, "created", "4m0s", err)
	}
	return d.plain(ctx, looker, root, given)
}

// withinMapped is within for a folder that the user maps, which has to be there.
func (d *Driver) withinMapped(ctx context.Context, flag, root, given string) (string, error) {
	looker, err := d.looker(ctx, root)
	switch {
	case err == nil:
		return d.plain(ctx, looker, root, given)
	case strings.Contains(err.Error(), "bind source path does not exist"):
		return "", &failure{cannotVolume, fmt.Sprintf("there is no %s on the engine's machine, to which %s leads", root, flag)}
	}
	return "", fail(cannotVolume, "created", "4m0s", err)
}

// within is Driver.within for a folder that goes with the attempt, and the folders on the way that are missing, the first one first.
func (r *run) within(ctx context.Context, root, given string) (whole string, missing []string, err error) {
	d := r.driver
	looker, err := d.makeLooker(ctx, root, d.labels(r.attempt.Task, batch.Container{Name: pauseName}))
	if err != nil {
		r.unanswered(err)
		return "", nil, fail(cannotVolume, "created", "4m0s", err)
	}
	defer d.removeLooker(ctx, looker)
	return d.look(ctx, looker, root, given)
}

// plain is the path of something in a looker's folder, refused if it leads through a symbolic link.
func (d *Driver) plain(ctx context.Context, looker, root, given string) (string, error) {
	whole, _, err := d.look(ctx, looker, root, given)
	return whole, err
}

// look is plain, with what is missing of the path.
func (d *Driver) look(ctx context.Context, looker, root, given string) (whole string, missing []string, err error) {
	clean, at := path.Clean("/"+given), ""
	whole = path.Join(root, clean)
	if clean == "/" {
		return whole, nil, nil
	}
	for part := range strings.SplitSeq(clean[1:], "/") {
		at += "/" + part
		if len(missing) > 0 {
			missing = append(missing, at)
			continue
		}
		is, err := d.client.ContainerStatPath(ctx, looker, lookAt+at)
		switch {
		case cerrdefs.IsNotFound(err):
			missing = append(missing, at)
		case err != nil:
			return "", nil, fail(cannotVolume, "created", "4m0s", err)
		case is.Mode&os.ModeSymlink != 0:
			return "", nil, &failure{cannotVolume, fmt.Sprintf("%s is a symbolic link; batch-local mounts nothing through one, as it would lead to this machine's own files", at)}
		}
	}
	return whole, missing, nil
}

// looker is the container that has a folder of the engine's machine, made if it is missing.
func (d *Driver) looker(ctx context.Context, root string) (string, error) {
	if err := d.lookers.using.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer d.lookers.using.Release(1)
	if id, ok := d.lookers.of[root]; ok {
		limited, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		_, err := d.client.ContainerStatPath(limited, id, lookAt)
		switch {
		case err == nil:
			return id, nil
		case ctx.Err() != nil: // it is not the looker's fault
			return "", ctx.Err()
		}
		delete(d.lookers.of, root)
		d.removeLooker(ctx, id)
	}
	id, err := d.makeLooker(ctx, root, map[string]string{labelInstance: d.options.Instance, labelLooker: root})
	if err != nil {
		return "", err
	}
	d.lookers.of[root] = id
	return id, nil
}

func (d *Driver) makeLooker(ctx context.Context, root string, labels map[string]string) (string, error) {
	limited, cancel := uncut(ctx, createTime)
	defer cancel()
	image, err := d.boxes.pauseImage(limited)
	if err != nil {
		return "", err
	}
	made, err := d.client.ContainerCreate(limited, &container.Config{Image: image, Labels: labels},
		&container.HostConfig{NetworkMode: modeNone, Mounts: []mount.Mount{{Type: mount.TypeBind, Source: root, Target: lookAt, ReadOnly: true}}}, nil, nil, d.passingName("look"))
	return made.ID, err
}

// passingName is that of a container which does something for us and never runs. No two have the same, also not one that an earlier process left.
func (d *Driver) passingName(does string) string {
	return "batch-local-" + d.options.Instance + "-" + does + "-" + uuid.NewString()[:8]
}

func (d *Driver) removeLooker(ctx context.Context, id string) {
	limited, cancel := uncut(ctx, createTime)
	defer cancel()
	if err := d.client.ContainerRemove(limited, id, container.RemoveOptions{Force: true}); err != nil && !cerrdefs.IsNotFound(err) {
		d.log.Warn("a container that looked at volumes could not be removed", "container", id, "error", err)
	}
}

// closeLookers removes all, those of an earlier process too.
func (d *Driver) closeLookers(ctx context.Context) error {
	if err := d.lookers.using.Acquire(ctx, 1); err != nil {
		return err
	}
	defer d.lookers.using.Release(1)
	clear(d.lookers.of)
	list, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: ours(d.options.Instance, labelLooker)})
	if err != nil {
		return fmt.Errorf("list our containers: %w", err)
	}
	for _, c := range list {
		if c.Labels[labelLooker] == "" { // a job's, whose image has our label
			continue
		}
		if err := d.client.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}); err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
			return fmt.Errorf("remove the container %s: %w", c.ID, err)
		}
	}
	return nil
}

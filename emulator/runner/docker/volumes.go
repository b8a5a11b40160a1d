package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Volumes of ECS tasks (runtime.md 2.3, 2.4). What a job mounts lives where the engine lives, which may be another machine: the instances of a compute
// environment have a disk, and a file system is one too; both are Docker volumes, and what a job sees of them is a folder in one. Only what the
// user maps is a real folder.

// A Mapping stands in for something of AWS: a path of the instances, a file system, the beginning of an image's name.
type Mapping struct{ From, To string }

// cannotVolume is the failure of a volume (runtime.md 9).
const cannotVolume = "CannotCreateVolumeError"

// mount adds to host what the container's mount points ask for.
func (r *run) mount(ctx context.Context, p *api.ContainerProperties, host *container.HostConfig) error {
	return r.driver.mount(ctx, r.attempt.Task, p, host, func(volume string) (string, error) {
		name, _, err := r.ownVolume(ctx, volume, nil)
		return name, err
	})
}

// mount is run.mount with what answers the name of a volume that is the task's own.
func (d *Driver) mount(ctx context.Context, t batch.Task, p *api.ContainerProperties, host *container.HostConfig, own func(volume string) (string, error)) error {
	volumes := map[string]api.Volume{}
	for _, v := range p.Volumes {
		volumes[api.Value(v.Name)] = v
	}
	for _, m := range p.MountPoints {
		v, known := volumes[api.Value(m.SourceVolume)]
		if !known { // was checked when the definition was registered
			return &failure{cannotCreate, fmt.Sprintf("there is no volume %s", api.Value(m.SourceVolume))}
		}
		target, readOnly := api.Value(m.ContainerPath), api.Value(m.ReadOnly)
		switch {
		case v.EfsVolumeConfiguration != nil:
			e := v.EfsVolumeConfiguration
			point := ""
			if a := e.AuthorizationConfig; a != nil {
				point = api.Value(a.AccessPointId)
			}
			if err := d.mountFileSystem(ctx, host, fileSystem{api.Value(e.FileSystemId), api.Value(e.RootDirectory), point}, target, readOnly); err != nil {
				return err
			}
		case v.S3filesVolumeConfiguration != nil:
			s := v.S3filesVolumeConfiguration
			if err := d.mountFileSystem(ctx, host, fileSystem{api.Value(s.FileSystemArn), api.Value(s.RootDirectory), api.Value(s.AccessPointArn)}, target, readOnly); err != nil {
				return err
			}
		case v.Host != nil && api.Value(v.Host.SourcePath) != "":
			source, err := d.hostPath(ctx, t, *v.Host.SourcePath)
			if err != nil {
				return err
			}
			if err := bind(host, source, target, readOnly); err != nil {
				return err
			}
		default:
			name, err := own(api.Value(m.SourceVolume))
			if err != nil {
				return err
			}
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: target, ReadOnly: readOnly})
		}
	}
	return nil
}

// bind mounts a folder that is made if it is missing. The engine takes it as one text, with colons between its parts: a colon in a path would make other
// parts of it, and so have a folder mounted that nobody has looked at (within.go), or be a mode that nobody chose. The engine's other way, Mounts, has
// no such text, but before its API 1.42 makes no folder.
func bind(host *container.HostConfig, source, target string, readOnly bool) error {
	text := source + ":" + target
	if readOnly {
		text += ":ro"
	}
	if strings.Contains(source, ":") || strings.Contains(target, ":") || !path.IsAbs(source) || !path.IsAbs(target) {
		return &failure{cannotCreate, daemonPrefix + "invalid volume specification: '" + text + "'"} // the engine's words where it understands none
	}
	host.Binds = append(host.Binds, text)
	return nil
}

// ownVolume is a volume of the task alone, made for the first container that wants it. It goes with the attempt.
func (r *run) ownVolume(ctx context.Context, name string, options map[string]string) (volumeName, folder string, err error) {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	return r.makeVolume(ctx, name, options)
}

// makeVolume is ownVolume while the lock is held.
func (r *run) makeVolume(ctx context.Context, name string, options map[string]string) (volumeName, folder string, err error) {
	sum := sha256.Sum256([]byte(name)) // any text may be a name
	d, full := r.driver, taskName(r.attempt.Attempt)+"-"+d12(sum)
	labels := d.labels(r.attempt.Task, batch.Container{})
	delete(labels, labelContainer)
	if r.shared.volumes == nil {
		r.shared.volumes = map[string]string{}
	}
	if folder, ok := r.shared.volumes[full]; ok {
		return full, folder, nil
	}
	limited, cancel := uncut(ctx, createTime)
	defer cancel()
	v, err := d.client.VolumeCreate(limited, volume.CreateOptions{Name: full, Labels: labels, DriverOpts: options})
	if err != nil {
		r.unanswered(err)
		return "", "", fail(cannotVolume, "created", "4m0s", err)
	}
	d.made.volume(r.attempt.Attempt, full)
	r.shared.volumes[full] = v.Mountpoint
	return full, v.Mountpoint, nil
}

// d12 is a short name of a sum.
func d12(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:6]) }

// hostPath is where a path of an instance is: where the user maps it, or on the disk that the instances of its environment share.
//
// Guess: on AWS each instance has a disk of its own. Jobs here find what others of their environment left, wherever they ran.
func (d *Driver) hostPath(ctx context.Context, t batch.Task, given string) (string, error) {
	return d.hostFolder(ctx, t, given, "")
}

// hostFolder is hostPath for what is in that path, which need not be there either.
func (d *Driver) hostFolder(ctx context.Context, t batch.Task, given, sub string) (string, error) {
	clean := path.Clean("/" + given)
	if root, rest, ok := mapped(d.options.HostPaths, clean); ok {
		return d.withinMapped(ctx, "--map-host-path", root, path.Join(rest, sub))
	}
	if strings.HasSuffix(clean, "/docker.sock") {
		return "", &failure{cannotCreate, "a job never gets the container engine's socket from batch-local; with it, it would be root on this machine"}
	}
	disk, err := d.disk(ctx, "disk", d12(sha256.Sum256([]byte(t.Environment))))
	if err != nil {
		return "", err
	}
	return d.within(ctx, disk, path.Join(clean, sub))
}

// mapped is where the longest mapping of a path, or of a folder above it, puts it: a folder, and what is left of the path.
func mapped(mappings []Mapping, given string) (root, rest string, ok bool) {
	best := Mapping{}
	for _, m := range mappings {
		from := path.Clean(m.From)
		if (given == from || strings.HasPrefix(given, strings.TrimSuffix(from, "/")+"/")) && len(from) > len(best.From) {
			best, ok = Mapping{from, m.To}, true
		}
	}
	return best.To, strings.TrimPrefix(given, best.From), ok
}

// A fileSystem is what a job mounts of EFS or of S3 Files. id may be an ARN, and point the ARN of an access point.
type fileSystem struct{ id, root, point string }

// mountFileSystem mounts a folder of a file system. An access point is a folder of its id, made at need; its user and group are not pinned. A root directory
// that is not there is refused.
func (d *Driver) mountFileSystem(ctx context.Context, host *container.HostConfig, f fileSystem, target string, readOnly bool) error {
	id := path.Base(f.id)
	root, within := "", d.within
	for _, m := range d.options.FileSystems {
		if m.From == id || m.From == f.id {
			root = m.To
			within = func(ctx context.Context, root, given string) (string, error) {
				return d.withinMapped(ctx, "--map-efs", root, given)
			}
		}
	}
	if root == "" {
		disk, err := d.disk(ctx, "efs", id)
		if err != nil {
			return err
		}
		root = disk
	}
	if f.point != "" {
		folder, err := within(ctx, root, path.Base(f.point))
		if err != nil {
			return err
		}
		return bind(host, folder, target, readOnly)
	}
	folder, err := within(ctx, root, f.root)
	if err != nil {
		return err
	}
	host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: folder, Target: target, ReadOnly: readOnly})
	return nil
}

// disk is the folder of a volume that outlives jobs, made if it is missing.
func (d *Driver) disk(ctx context.Context, kind, id string) (string, error) {
	v, err := d.client.VolumeCreate(ctx, volume.CreateOptions{
		Name:   "batch-local-" + d.options.Instance + "-" + kind + "-" + id,
		Labels: map[string]string{labelInstance: d.options.Instance, labelVolume: kind},
	})
	if err != nil {
		return "", fail(cannotVolume, "created", "4m0s", err)
	}
	return v.Mountpoint, nil
}

// mountFailure words what the engine says of a file system's folder that is not there.
func mountFailure(t batch.Task, err error) error {
	if !strings.Contains(err.Error(), "bind source path does not exist") {
		return nil
	}
	if t.Platform == batch.Fargate {
		return &failure{resourceInitialization, "failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: mounting failed, reason given by server: No such file or directory'"}
	}
	return &failure{cannotStart, daemonText(err)}
}

// Reset implements runner.Resetter: it takes away the disks and the file systems of this emulator.
func (d *Driver) Reset(ctx context.Context) error {
	if !d.engine.ready() {
		return nil // they are taken away when the emulator ends, or starts again
	}
	return errors.Join(d.closeLookers(ctx), d.removeVolumes(ctx, labelVolume))
}

// removeVolumes takes away the volumes of this emulator that have a label.
func (d *Driver) removeVolumes(ctx context.Context, label string) error {
	list, err := d.client.VolumeList(ctx, volume.ListOptions{Filters: ours(d.options.Instance, label)})
	if err != nil {
		return fmt.Errorf("list our volumes: %w", err)
	}
	for _, v := range list.Volumes {
		// A conflict is a volume that somebody mounts.
		if err := d.client.VolumeRemove(ctx, v.Name, false); err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
			return fmt.Errorf("remove the volume %s: %w", v.Name, err)
		}
	}
	return nil
}

// fill puts files into a volume, by way of a container that never runs.
func (d *Driver) fill(ctx context.Context, t batch.Task, volumeName string, files []batch.File) error {
	image, err := d.boxes.pauseImage(ctx)
	if err != nil {
		return err
	}
	labels := d.labels(t, batch.Container{})
	maps.DeleteFunc(labels, func(name, _ string) bool { return name == labelContainer })
	created, err := d.client.ContainerCreate(ctx, &container.Config{Image: image, Labels: labels},
		&container.HostConfig{NetworkMode: modeNone, Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: volumeName, Target: "/fill"}}}, nil, nil, d.passingName("fill"))
	if err != nil {
		return err
	}
	defer func() {
		limited, cancel := uncut(ctx, createTime)
		defer cancel()
		if err := d.client.ContainerRemove(limited, created.ID, container.RemoveOptions{Force: true}); err != nil {
			d.log.Warn("a container that filled a volume could not be removed", "container", created.ID, "error", err)
		}
	}()
	content, err := archive(files)
	if err != nil {
		return err
	}
	return d.client.CopyToContainer(ctx, created.ID, "/fill", content, container.CopyToContainerOptions{})
}

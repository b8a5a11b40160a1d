package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Volumes of jobs (runtime.md 2.3, 2.4). What a job mounts lives where the engine lives, which may be another machine: the instances of a compute
// environment have a disk, and a file system is one too; both are Docker volumes, and what a job sees of them is a folder in one. Only what the
// user maps is a real folder.

// labelVolume says what a volume is: "disk" or "efs".
const labelVolume = "batch-local.volume"

// A Mapping stands in for a path of the instances, or for a file system.
type Mapping struct {
	From string // a path, or the id of a file system
	To   string // a folder of the engine's machine
}

// mounts adds to host what the container's mount points ask for.
func (d *Driver) mounts(ctx context.Context, t batch.Task, p *api.ContainerProperties, host *container.HostConfig) error {
	volumes := map[string]api.Volume{}
	for _, v := range p.Volumes {
		volumes[api.Value(v.Name)] = v
	}
	for _, m := range p.MountPoints {
		v, known := volumes[api.Value(m.SourceVolume)]
		target := api.Value(m.ContainerPath)
		switch {
		case !known: // was checked when the definition was registered
			return &failure{cannotCreate, fmt.Sprintf("there is no volume %s", api.Value(m.SourceVolume))}
		case v.EfsVolumeConfiguration != nil:
			source, point, err := d.fileSystem(ctx, v.EfsVolumeConfiguration)
			switch {
			case err != nil:
				return err
			case point: // made at need
				host.Binds = append(host.Binds, bind(source, m))
			default: // a root directory that is not there is refused
				host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: api.Value(m.ReadOnly)})
			}
		case v.S3filesVolumeConfiguration != nil:
			return &failure{cannotCreate, "s3filesVolumeConfiguration is not available in batch-local yet"}
		case v.Host != nil && api.Value(v.Host.SourcePath) != "":
			source, err := d.hostPath(ctx, t, *v.Host.SourcePath)
			if err != nil {
				return err
			}
			host.Binds = append(host.Binds, bind(source, m))
		default: // of the task alone: without a name it goes with the container
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: target, ReadOnly: api.Value(m.ReadOnly)})
		}
	}
	return nil
}

// bind is a mount of a folder that is made if it is missing.
func bind(source string, m api.MountPoint) string {
	text := source + ":" + api.Value(m.ContainerPath)
	if api.Value(m.ReadOnly) {
		text += ":ro"
	}
	return text
}

// hostPath is where a path of an instance is: where the user maps it, or on the disk that the instances of its environment share.
//
// Guess: on AWS each instance has a disk of its own. Jobs here find what others of their environment left, wherever they ran.
func (d *Driver) hostPath(ctx context.Context, t batch.Task, given string) (string, error) {
	clean := path.Clean("/" + given)
	if to, ok := mapped(d.options.HostPaths, clean); ok {
		return to, nil
	}
	sum := sha256.Sum256([]byte(t.Cluster))
	disk, err := d.disk(ctx, "disk", hex.EncodeToString(sum[:6]))
	if err != nil {
		return "", err
	}
	return path.Join(disk, clean), nil
}

// mapped is where the longest mapping of a path, or of a folder above it, puts it.
func mapped(mappings []Mapping, given string) (string, bool) {
	best, found := Mapping{}, false
	for _, m := range mappings {
		from := path.Clean(m.From)
		if (given == from || strings.HasPrefix(given, strings.TrimSuffix(from, "/")+"/")) && len(from) > len(best.From) {
			best, found = Mapping{from, m.To}, true
		}
	}
	return path.Join(best.To, strings.TrimPrefix(given, best.From)), found
}

// Failures of file systems (runtime.md 2.4, 9).
const resourceInitialization = "ResourceInitializationError"

// fileSystem is the folder that a job mounts of an EFS file system, and whether that is an access point: a folder of the point's id. Its user and
// group are not pinned.
func (d *Driver) fileSystem(ctx context.Context, v *api.EFSVolumeConfiguration) (folder string, point bool, err error) {
	id, root := api.Value(v.FileSystemId), ""
	for _, m := range d.options.FileSystems {
		if m.From == id {
			root = m.To
		}
	}
	if root == "" {
		disk, err := d.disk(ctx, "efs", id)
		if err != nil {
			return "", false, err
		}
		root = disk
	}
	if a := v.AuthorizationConfig; a != nil && api.Value(a.AccessPointId) != "" {
		return path.Join(root, path.Clean("/"+*a.AccessPointId)), true, nil
	}
	return path.Join(root, path.Clean("/"+api.Value(v.RootDirectory))), false, nil
}

// disk is the folder of a volume of ours, made if it is missing.
func (d *Driver) disk(ctx context.Context, kind, id string) (string, error) {
	v, err := d.client.VolumeCreate(ctx, volume.CreateOptions{
		Name:   "batch-local-" + d.options.Instance + "-" + kind + "-" + id,
		Labels: map[string]string{labelInstance: d.options.Instance, labelVolume: kind},
	})
	if err != nil {
		return "", fail("CannotCreateVolumeError", "created", "4m0s", err)
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

// removeVolumes takes away the disks and the file systems of this emulator.
func (d *Driver) removeVolumes(ctx context.Context) {
	list, err := d.client.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelInstance+"="+d.options.Instance), filters.Arg("label", labelVolume))})
	if err != nil {
		d.log.Warn("our volumes could not be listed; doctor shows what is left", "error", err)
		return
	}
	for _, v := range list.Volumes {
		if err := d.client.VolumeRemove(ctx, v.Name, false); err != nil {
			d.log.Warn("a volume could not be removed; doctor shows what is left", "volume", v.Name, "error", err)
		}
	}
}

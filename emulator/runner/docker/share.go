package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
)

// What the containers of a task share: a network, and by choice processes, shared memory and volumes (runtime.md 4.4, 5.1).

// shared is guarded by run.sharing.
type shared struct {
	box     *sandbox
	inner   string            // id of the container that holds the processes and the shared memory of a task
	volumes map[string]string // folders of the task's own volumes, by their names on the engine
	session *endpoint.Session // nil: none yet, or the task has no endpoint
}

// Modes of namespaces.
const (
	modeHost = "host"
	modeTask = "task"
	modeNone = "none"
)

// gather has what the containers of the task share. The lock is held.
func (r *run) gather(ctx context.Context) error {
	if r.shared.box == nil {
		box, err := r.earlierBox(ctx)
		if err == nil && box == nil {
			box, err = r.driver.boxes.take(ctx, r.attempt.Task, r)
		}
		if err != nil {
			return fail(cannotCreate, "created", "4m0s", err)
		}
		r.shared.box = box
	}
	pid, ipc := namespaces(r.attempt.Task)
	if pid == modeTask || ipc == modeTask || len(r.memoryVolumes()) > 0 {
		if err := r.holder(ctx); err != nil {
			return fail(cannotCreate, "created", "4m0s", err)
		}
	}
	return nil
}

// join has a container be in what its task shares.
func (r *run) join(ctx context.Context, host *container.HostConfig) error {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if err := r.gather(ctx); err != nil {
		return err
	}
	if r.shared.box != nil {
		host.NetworkMode = r.shared.box.mode()
	} else {
		host.NetworkMode, host.ExtraHosts = modeHost, extraHosts()
	}
	pid, ipc := namespaces(r.attempt.Task)
	switch pid {
	case modeTask:
		host.PidMode = container.PidMode("container:" + r.shared.inner)
	case modeHost:
		host.PidMode = modeHost
	}
	switch ipc {
	case modeTask:
		host.IpcMode = container.IpcMode("container:" + r.shared.inner)
	case modeHost, modeNone:
		host.IpcMode = container.IpcMode(ipc)
	}
	return nil
}

// earlierBox is the sandbox that containers of the task are in which an earlier process started; nil if there is none. That of an instance is found
// by its name.
func (r *run) earlierBox(ctx context.Context) (*sandbox, error) {
	if len(r.units) == 1 || r.attempt.SharesHost() {
		return nil, nil
	}
	there, err := r.there(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range r.units {
		c, ok := there[u.container.Name]
		if id, in := strings.CutPrefix(c.HostConfig.NetworkMode, "container:"); ok && in {
			if box, err := r.driver.boxes.takeOver(ctx, r.attempt.Task, r, id); !errors.Is(err, errGone) {
				return box, err
			}
		}
	}
	return nil, nil
}

// namespaces are the modes of a task's processes and of its shared memory; empty is each container's own.
func namespaces(t batch.Task) (pid, ipc string) {
	if t.Pod == nil {
		return t.PIDMode, t.IPCMode
	}
	if p := t.Pod.Properties; p != nil && api.Value(p.ShareProcessNamespace) {
		pid = modeTask
	}
	if len(t.Containers) > 1 { // alone there is nobody to share it with
		ipc = modeTask
	}
	return pid, ipc
}

// pauseName is what ECS calls the container that holds a task's namespaces.
const pauseName = "~internal~ecs~pause"

// holder has a container that holds what a task alone shares: its own sandbox, or one in the sandbox of its instance. The lock is held.
func (r *run) holder(ctx context.Context) error {
	box := r.shared.box
	switch {
	case r.shared.inner != "":
		return nil
	case box != nil && box.host == "" && len(r.memoryVolumes()) == 0:
		r.shared.inner = box.id
		return nil
	}
	d := r.driver
	image, err := d.boxes.pauseImage(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.asking, createTime)
	defer cancel()
	config := &container.Config{Image: image, Labels: d.labels(r.attempt.Task, batch.Container{Name: pauseName})}
	host := &container.HostConfig{NetworkMode: modeHost, LogConfig: container.LogConfig{Type: "none"}, IpcMode: "shareable", CapDrop: []string{"ALL"}}
	if box != nil {
		host.NetworkMode = box.mode()
	}
	for _, v := range r.memoryVolumes() { // what is in memory lasts as long as somebody has it mounted
		volume, _, err := r.makeVolume(ctx, api.Value(v.Name), emptyDirOptions(v.EmptyDir))
		if err != nil {
			return err
		}
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: volume, Target: "/hold/" + api.Value(v.Name)})
	}
	name := holderName(r.attempt.Attempt)
	created, err := d.client.ContainerCreate(ctx, config, host, nil, nil, name)
	id := created.ID
	if cerrdefs.IsConflict(err) {
		id, err = r.earlierHolder(ctx, name)
	}
	if err != nil {
		r.unanswered(err)
		return err
	}
	d.made.container(r.attempt.Attempt, id)
	if err := d.client.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	r.shared.inner = id
	return nil
}

// holderName is a name that no container of a job has, whatever its job definition calls it: behind the name of its task theirs go on with a dash.
func holderName(id batch.AttemptID) string { return taskName(id) + ".pause" }

// earlierHolder is the holder that an earlier process made.
func (r *run) earlierHolder(ctx context.Context, name string) (string, error) {
	is, err := r.driver.client.ContainerInspect(ctx, name)
	if err != nil {
		return "", err
	}
	id, ok := attemptOf(is.Config.Labels)
	if !ok || id != r.attempt.Attempt || is.Config.Labels[labelInstance] != r.driver.options.Instance || is.Config.Labels[labelContainer] != pauseName {
		return "", fmt.Errorf("a container of the name %s is there already, and it is not ours", name)
	}
	return is.ID, nil
}

// memoryVolumes are those volumes of a pod in memory that have to be held: several containers have them one after another, or a folder in one is mounted, which
// is there only while the volume is.
func (r *run) memoryVolumes() (list []api.EksVolume) {
	if r.attempt.Pod == nil || r.attempt.Pod.Properties == nil {
		return nil
	}
	for _, v := range r.attempt.Pod.Properties.Volumes {
		if inMemory(v) && (len(r.units) > 1 || subMounted(r.attempt.Task, api.Value(v.Name))) {
			list = append(list, v)
		}
	}
	return list
}

// replaceSandbox says whether the sandbox is why a container did not start, and has another one taken. Where others are in it, the host is lost.
func (r *run) replaceSandbox(ctx context.Context) bool {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	box := r.shared.box
	if box == nil || r.shared.inner != "" {
		return false
	}
	is, err := r.driver.client.ContainerInspect(ctx, box.id)
	if !isGone(is, err) {
		return false
	}
	r.driver.boxes.replace(r.asking, box, r)
	r.shared.box = nil
	return true
}

// leaveSandbox gives back a sandbox that nothing of ours is in: the container that was taken over is in that of an earlier process.
func (r *run) leaveSandbox() {
	if len(r.units) > 1 { // the others may be in it
		return
	}
	r.sharing.Lock()
	defer r.sharing.Unlock()
	r.driver.boxes.give(r.asking, r.shared.box, r, false)
	r.shared.box = nil
}

// leave gives back what the attempt had.
func (r *run) leave() {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared.session != nil {
		r.shared.session.Close()
	}
	for _, u := range r.units {
		u.source.stats.stop()
	}
	r.driver.boxes.give(r.asking, r.shared.box, r, r.keeps(r.shared.box))
	r.shared.box = nil
}

// goesOn says whether a container runs on without us.
func (r *run) goesOn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.lost && slices.ContainsFunc(r.units, func(u *unit) bool { return (u.started || u.unsure) && u.progress.state != ended })
}

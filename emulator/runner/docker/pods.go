package docker

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Pods of eksProperties as Docker containers (runtime.md 5).

// podUser is the user of a pod's container: what its security context says, else the image's.
func podUser(s *api.EksContainerSecurityContext, is image.InspectResponse) (string, error) {
	own := ""
	if is.Config != nil {
		own = is.Config.User
	}
	if s == nil {
		return "", nil
	}
	user, group, grouped := strings.Cut(own, ":")
	if s.RunAsUser != nil {
		user, group, grouped = strconv.FormatInt(*s.RunAsUser, 10), "", false
	}
	if s.RunAsGroup != nil {
		group, grouped = strconv.FormatInt(*s.RunAsGroup, 10), true
	}
	if api.Value(s.RunAsNonRoot) && (user == "" || user == "0" || user == "root") {
		return "", &failure{"CreateContainerConfigError", "container has runAsNonRoot and image will run as root"}
	}
	if s.RunAsUser == nil && s.RunAsGroup == nil {
		return "", nil
	}
	if user == "" {
		user = "0"
	}
	if grouped {
		return user + ":" + group, nil
	}
	return user, nil
}

// kubernetesReason is why a pod's container ended, in Kubernetes's words (runtime.md 5.4).
func kubernetesReason(code int32, reason string) string {
	switch {
	case reason == batch.ReasonOutOfMemory:
		return batch.PodOOMKilled
	case reason != "":
		return reason
	case code == 0:
		return batch.PodCompleted
	}
	return batch.PodError
}

// podStartCode is the exit code of a container whose program could not be started.
const podStartCode = 128

// podFailure is a start that failed, in Kubernetes's words.
//
// Guess: which of them Batch shows (runtime.md 5.4).
func podFailure(f *failure) end {
	if f.name == cannotStart {
		return end{code: new(int32(podStartCode)), reason: batch.PodStartError, detail: f.text}
	}
	word, ok := map[string]string{cannotPull: "ErrImagePull", cannotCreate: "CreateContainerError", cannotVolume: "FailedMount"}[f.name]
	if !ok {
		word = f.name
	}
	return end{reason: word, detail: f.text}
}

// mountPod adds to host what the container's volume mounts ask for.
func (r *run) mountPod(ctx context.Context, k *api.EksContainer, host *container.HostConfig) error {
	for _, m := range k.VolumeMounts {
		if err := r.mountPodVolume(ctx, m, host); err != nil {
			return err
		}
	}
	return r.mountAccount(ctx, k, host)
}

func (r *run) mountPodVolume(ctx context.Context, m api.EksContainerVolumeMount, host *container.HostConfig) error {
	v, ok := podVolume(r.attempt.Task, api.Value(m.Name))
	if !ok { // was checked when the definition was registered
		return &failure{cannotCreate, "there is no volume " + api.Value(m.Name)}
	}
	target, readOnly := api.Value(m.MountPath), api.Value(m.ReadOnly)
	name, folder, inside := "", "", "" // inside the volume is the folder
	var err error
	switch {
	case v.HostPath != nil || v.PersistentVolumeClaim != nil:
		return r.driver.mountKept(ctx, r.attempt.Task, v, m, host)
	case v.Secret != nil:
		readOnly = true
		name, folder, err = r.secretVolume(ctx, v)
	case inMemory(v):
		name, folder, err = r.memoryVolume(ctx, v, api.Value(m.SubPath) != "")
	default: // everybody may write there, which a volume's own folder does not allow
		inside = "dir"
		name, folder, err = r.filledVolume(ctx, api.Value(v.Name), []batch.File{{Path: inside + "/"}})
		folder = path.Join(folder, inside)
	}
	if err != nil {
		return err
	}
	if sub := api.Value(m.SubPath); sub != "" {
		if err := checkSubPath(sub); err != nil {
			return err
		}
		if v.Secret != nil {
			folder, _, err = r.within(ctx, folder, sub)
		} else {
			folder, err = r.subFolder(ctx, name, inside, folder, sub)
		}
		if err != nil {
			return err
		}
		return bind(host, folder, target, readOnly)
	}
	if inside != "" {
		return bind(host, folder, target, readOnly)
	}
	host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: target, ReadOnly: readOnly, VolumeOptions: &mount.VolumeOptions{NoCopy: true}})
	return nil
}

// subFolder is a path in an emptyDir. What is missing of it is made, and as everybody may write to the volume, so they may there; what the engine makes of what it
// mounts is root's alone.
func (r *run) subFolder(ctx context.Context, volume, inside, folder, sub string) (string, error) {
	r.filling.Lock() // what one container makes is there for the next, which may have changed its mode
	defer r.filling.Unlock()
	whole, missing, err := r.within(ctx, folder, sub)
	if err != nil || len(missing) == 0 {
		return whole, err
	}
	var folders []batch.File
	for _, m := range missing {
		folders = append(folders, batch.File{Path: inside + m + "/"})
	}
	limited, cancel := context.WithTimeout(r.asking, createTime)
	defer cancel()
	if err := r.driver.fill(limited, r.attempt.Task, volume, folders); err != nil {
		r.unanswered(err)
		return "", fail(cannotVolume, "created", "4m0s", err)
	}
	return whole, nil
}

func checkSubPath(sub string) error {
	if slices.Contains(strings.Split(sub, "/"), "..") {
		return &failure{"CreateContainerConfigError", "subPath " + sub + " must not contain '..'"}
	}
	return nil
}

// mountKept mounts what outlives the task: a path of its node, or a claim.
func (d *Driver) mountKept(ctx context.Context, t batch.Task, v api.EksVolume, m api.EksContainerVolumeMount, host *container.HostConfig) (err error) {
	folder, sub, readOnly := "", api.Value(m.SubPath), api.Value(m.ReadOnly)
	if err := checkSubPath(sub); err != nil {
		return err
	}
	if v.HostPath != nil {
		folder, err = d.hostFolder(ctx, t, api.Value(v.HostPath.Path), sub)
	} else {
		readOnly = readOnly || api.Value(v.PersistentVolumeClaim.ReadOnly)
		// The name of a namespace has no dot, so no two pairs are the same.
		folder, err = d.disk(ctx, "pvc", t.Pod.Namespace+"."+api.Value(v.PersistentVolumeClaim.ClaimName))
		if err == nil {
			folder, err = d.within(ctx, folder, sub)
		}
	}
	if err != nil {
		return err
	}
	return bind(host, folder, api.Value(m.MountPath), readOnly)
}

func podVolume(t batch.Task, name string) (api.EksVolume, bool) {
	if t.Pod == nil || t.Pod.Properties == nil {
		return api.EksVolume{}, false
	}
	volumes := t.Pod.Properties.Volumes
	i := slices.IndexFunc(volumes, func(v api.EksVolume) bool { return api.Value(v.Name) == name })
	if i < 0 {
		return api.EksVolume{}, false
	}
	return volumes[i], true
}

// inMemory says that an emptyDir is one of memory.
func inMemory(v api.EksVolume) bool {
	return v.EmptyDir != nil && api.Value(v.EmptyDir.Medium) == "Memory"
}

// subMounted says that a container mounts a folder in a volume.
func subMounted(t batch.Task, volume string) bool {
	return slices.ContainsFunc(t.Containers, func(c batch.Container) bool {
		return c.Kubernetes != nil && slices.ContainsFunc(c.Kubernetes.VolumeMounts, func(m api.EksContainerVolumeMount) bool {
			return api.Value(m.Name) == volume && api.Value(m.SubPath) != ""
		})
	})
}

// memoryVolume is a volume in memory. If what is in it matters, it is there.
func (r *run) memoryVolume(ctx context.Context, v api.EksVolume, inside bool) (name, folder string, err error) {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if inside {
		if err := r.gather(ctx); err != nil {
			return "", "", err
		}
	}
	return r.makeVolume(ctx, api.Value(v.Name), emptyDirOptions(v.EmptyDir))
}

// emptyDirOptions are those of the engine's local volumes for one of memory. The limit of one on disk is not enforced; Kubernetes does that late too.
func emptyDirOptions(e *api.EksEmptyDir) map[string]string {
	options := map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "mode=1777"}
	if size, ok := bytesOf(api.Value(e.SizeLimit)); ok && size > 0 {
		options["o"] += ",size=" + strconv.FormatInt(size, 10)
	}
	return options
}

// bytesOf reads a quantity of Kubernetes such as 64Mi.
func bytesOf(quantity string) (int64, bool) {
	factor := int64(1)
	for suffix, f := range map[string]int64{"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12} {
		if text, ok := strings.CutSuffix(quantity, suffix); ok {
			quantity, factor = text, f
			break
		}
	}
	n, err := strconv.ParseFloat(quantity, 64)
	return int64(n * float64(factor)), err == nil && n >= 0
}

// Times between looks for a secret that is not there, as the kubelet has them: nobody tells when it comes.
const (
	firstMountRetry = time.Second
	lastMountRetry  = 30 * time.Second
)

// secret answers the keys of a secret of a volume. While it is missing the pod waits, as real ones do, unless it is optional; lacks hears of it.
func (r *run) secret(ctx context.Context, v api.EksVolume, lacks func(secret string)) (map[string]string, error) {
	name := api.Value(v.Secret.SecretName)
	for pause := firstMountRetry; ; pause = min(2*pause, lastMountRetry) {
		keys, ok := r.driver.named(name)
		if ok || api.Value(v.Secret.Optional) {
			return keys, nil
		}
		lacks(name)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// awaitSecrets returns when all secrets that a container mounts are there. Whoever waits must not be counted among those who are brought up.
func (r *run) awaitSecrets(ctx context.Context, k *api.EksContainer) error {
	if k == nil {
		return nil
	}
	lacking := ""
	tell := func(secret string) {
		if secret == lacking {
			return
		}
		if lacking = secret; secret != "" {
			r.driver.log.Warn("a pod waits for a secret, which --secrets does not have", "attempt", r.attempt.Attempt, "secret", secret)
		}
		r.report(batch.Report{State: batch.Placed, Await: batch.Await{Container: api.Value(k.Name), Secret: secret}})
	}
	for _, m := range k.VolumeMounts {
		if v, ok := podVolume(r.attempt.Task, api.Value(m.Name)); ok && v.Secret != nil {
			if _, err := r.secret(ctx, v, tell); err != nil {
				return err
			}
		}
	}
	tell("")
	return nil
}

// secretVolume is a folder with a file for each key of a secret.
func (r *run) secretVolume(ctx context.Context, v api.EksVolume) (name, folder string, err error) {
	keys, err := r.secret(ctx, v, func(string) {}) // it was there
	if err != nil {
		return "", "", err
	}
	var files []batch.File
	for key, text := range keys {
		files = append(files, batch.File{Path: key, Content: []byte(text)})
	}
	return r.filledVolume(ctx, api.Value(v.Name), files)
}

// filledVolume is a volume of the task with files in it.
func (r *run) filledVolume(ctx context.Context, volume string, files []batch.File) (name, folder string, err error) {
	r.filling.Lock()
	defer r.filling.Unlock()
	name, folder, err = r.ownVolume(ctx, volume, nil)
	if err != nil || r.filled[volume] {
		return name, folder, err
	}
	if len(files) > 0 {
		limited, cancel := uncut(ctx, createTime)
		defer cancel()
		if err := r.driver.fill(limited, r.attempt.Task, name, files); err != nil {
			r.unanswered(err)
			return "", "", fail(cannotVolume, "created", "4m0s", err)
		}
	}
	if r.filled == nil {
		r.filled = map[string]bool{}
	}
	r.filled[volume] = true
	return name, folder, nil
}

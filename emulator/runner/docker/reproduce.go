package docker

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

var _ runner.Reproducer = (*Driver)(nil)

// reproduceTime is how long the engine may take to say where volumes are.
const reproduceTime = 5 * time.Second

// Reproduce implements runner.Reproducer. The commands have what the engine is asked for, but that each container has a network of its own, on the same
// network as ours, no endpoint of ECS, and no labels: it is not ours. What docker run does not take, Unsaid tells.
func (d *Driver) Reproduce(t batch.Task) ([][]string, error) {
	var commands [][]string
	for _, c := range t.Containers {
		secrets := secretNames(c.Properties)
		config, host, err := d.wanted(t, c)
		if f := (*failure)(nil); errors.As(err, &f) {
			return nil, errors.New(f.reason())
		} else if err != nil {
			return nil, err
		}
		if strings.HasPrefix(config.Image, "-") {
			return nil, fmt.Errorf("the image's name, %s, begins as options do", config.Image)
		}
		words := []string{"docker", "run", "--rm"}
		words = append(words, d.surroundings(t, c, host)...)
		words = append(words, ofConfig(config, secrets)...)
		words = append(words, ofHost(host)...)
		words = append(words, ofMounts(host)...)
		words = append(words, ofLog(c.Properties)...)
		words = append(words, config.Image)
		if len(config.Entrypoint) > 1 {
			words = append(words, config.Entrypoint[1:]...)
		}
		commands = append(commands, append(words, config.Cmd...))
	}
	if len(commands) == 0 {
		return nil, errors.New("there are none that Docker would run")
	}
	return commands, nil
}

// wanted is what the engine is asked for of a container, less its secrets, whose values must not be told.
func (d *Driver) wanted(t batch.Task, c batch.Container) (*container.Config, *container.HostConfig, error) {
	if c.Properties != nil && len(c.Properties.Secrets) > 0 {
		open := *c.Properties
		open.Secrets = nil
		c.Properties = &open
	}
	config, host, err := d.translate(t, c)
	if err != nil {
		return nil, nil, err
	}
	config.Image, config.Env = d.renamed(c.Image), environment(d.given(c))
	d.byAddress(config.Env)
	if c.GPUs > 0 { // of the engine's choice
		host.DeviceRequests = []container.DeviceRequest{{Count: int(c.GPUs)}}
	}
	pid, ipc := namespaces(t)
	if pid == modeHost {
		host.PidMode = modeHost
	}
	if ipc == modeHost || ipc == modeNone {
		host.IpcMode = container.IpcMode(ipc)
	}
	ctx, cancel := context.WithTimeout(context.Background(), reproduceTime)
	defer cancel()
	switch k := c.Kubernetes; {
	case k != nil:
		if s := k.SecurityContext; s != nil && s.RunAsUser != nil {
			if config.User, err = podUser(s, image.InspectResponse{}); err != nil {
				return nil, nil, err
			}
		}
		return config, host, d.mountPodByHand(ctx, t, k, host)
	case c.Properties != nil && len(c.Properties.MountPoints) > 0:
		return config, host, d.mount(ctx, t, c.Properties, host, unnamed)
	}
	return config, host, nil
}

// mountPodByHand mounts what a pod's container mounts, but for secrets. The pod's own volumes go with the container.
func (d *Driver) mountPodByHand(ctx context.Context, t batch.Task, k *api.EksContainer, host *container.HostConfig) error {
	for _, m := range k.VolumeMounts {
		v, _ := podVolume(t, api.Value(m.Name))
		target, readOnly := api.Value(m.MountPath), api.Value(m.ReadOnly)
		switch {
		case v.Secret != nil:
		case v.HostPath != nil || v.PersistentVolumeClaim != nil:
			if err := d.mountKept(ctx, t, v, m, host); err != nil {
				return err
			}
		case inMemory(v):
			if host.Tmpfs == nil {
				host.Tmpfs = map[string]string{}
			}
			way := "rw"
			if readOnly {
				way = "ro"
			}
			host.Tmpfs[target] = way + ",exec," + emptyDirOptions(v.EmptyDir)["o"]
		default:
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: target, ReadOnly: readOnly, VolumeOptions: &mount.VolumeOptions{NoCopy: true}})
		}
	}
	return nil
}

// unnamed makes of a task's own volume one that goes with its container.
func unnamed(string) (string, error) { return "", nil }

func secretNames(p *api.ContainerProperties) (names []string) {
	if p == nil {
		return nil
	}
	for _, s := range p.Secrets {
		names = append(names, api.Value(s.Name))
	}
	return names
}

// surroundings are what a sandbox has: the network, the names; and the platform.
func (d *Driver) surroundings(t batch.Task, c batch.Container, host *container.HostConfig) []string {
	var w words
	p := d.pictureOf(t, c)
	if p.platform != nil {
		w.text("--platform", p.platform.OS+"/"+p.platform.Architecture)
	}
	if p.policy != "missing" { // which is the command's own
		w.text("--pull", p.policy)
	}
	w.text("--network", d.options.Network)
	if d.options.Network != "host" {
		w.text("--hostname", t.HostName)
		if !slices.ContainsFunc(host.ExtraHosts, func(h string) bool { return strings.HasPrefix(h, "host.docker.internal") }) {
			w.text("--add-host", "host.docker.internal:host-gateway")
		}
	}
	return w
}

// words are options of docker run. What is not set is left out.
type words []string

func (w *words) text(name, value string) {
	if value != "" {
		*w = append(*w, name, value)
	}
}

func (w *words) number(name string, n int64) {
	if n != 0 {
		*w = append(*w, name, strconv.FormatInt(n, 10))
	}
}

func (w *words) flag(name string, on bool) {
	if on {
		*w = append(*w, name)
	}
}

// bytes writes whole MiB as such.
func (w *words) bytes(name string, n int64) {
	if n > 0 && n%mib == 0 {
		w.text(name, strconv.FormatInt(n/mib, 10)+"m")
		return
	}
	w.number(name, n) // -1 is without limit
}

func ofConfig(c *container.Config, secrets []string) []string {
	var w words
	if len(c.Entrypoint) > 0 {
		w.text("--entrypoint", c.Entrypoint[0])
	}
	for _, entry := range c.Env {
		if name, _, _ := strings.Cut(entry, "="); !slices.Contains(secrets, name) { // a secret wins
			w.text("--env", entry)
		}
	}
	for _, name := range secrets { // their values are the caller's own
		w.text("--env", name)
	}
	w.text("--user", c.User)
	w.text("--workdir", c.WorkingDir)
	w.text("--stop-signal", c.StopSignal)
	w.flag("--interactive", c.OpenStdin)
	w.flag("--tty", c.Tty)
	return w
}

func ofHost(h *container.HostConfig) []string {
	var w words
	w.bytes("--memory", h.Memory)
	w.bytes("--memory-swap", h.MemorySwap)
	w.bytes("--memory-reservation", h.MemoryReservation)
	if h.MemorySwappiness != nil {
		w.text("--memory-swappiness", strconv.FormatInt(*h.MemorySwappiness, 10))
	}
	w.number("--cpu-shares", h.CPUShares)
	w.number("--cpu-period", h.CPUPeriod)
	w.number("--cpu-quota", h.CPUQuota)
	if h.NanoCPUs != 0 {
		w.text("--cpus", strconv.FormatFloat(float64(h.NanoCPUs)/1e9, 'f', -1, 64))
	}
	w.text("--cpuset-cpus", h.CpusetCpus)
	if h.PidsLimit != nil {
		w.number("--pids-limit", *h.PidsLimit)
	}
	for _, u := range h.Ulimits {
		w.text("--ulimit", fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard))
	}
	w.flag("--read-only", h.ReadonlyRootfs)
	w.flag("--privileged", h.Privileged)
	if h.Init != nil {
		w = append(w, fmt.Sprintf("--init=%t", *h.Init))
	}
	w.bytes("--shm-size", h.ShmSize)
	for _, d := range h.Devices {
		if !sayable(d.PathOnHost, d.PathInContainer) {
			continue
		}
		text := d.PathOnHost + ":" + d.PathInContainer
		if d.CgroupPermissions != "" {
			text += ":" + d.CgroupPermissions
		}
		w.text("--device", text)
	}
	for _, r := range h.DeviceRequests {
		w.text("--gpus", gpus(r))
	}
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"--cap-add", h.CapAdd}, {"--cap-drop", h.CapDrop}, {"--security-opt", h.SecurityOpt}, {"--group-add", h.GroupAdd},
		{"--dns", h.DNS}, {"--add-host", h.ExtraHosts},
	} {
		for _, value := range list.values {
			w.text(list.name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.Sysctls)) {
		w.text("--sysctl", name+"="+h.Sysctls[name])
	}
	for _, name := range slices.Sorted(maps.Keys(h.StorageOpt)) {
		w.text("--storage-opt", name+"="+h.StorageOpt[name])
	}
	if !h.IpcMode.IsContainer() { // of another container of the task, which is not there
		w.text("--ipc", string(h.IpcMode))
	}
	if !h.PidMode.IsContainer() {
		w.text("--pid", string(h.PidMode))
	}
	return w
}

func gpus(r container.DeviceRequest) string {
	switch {
	case len(r.DeviceIDs) > 0:
		return inCSV("device=" + strings.Join(r.DeviceIDs, ","))
	case r.Count < 0:
		return "all"
	case r.Count > 0:
		return strconv.Itoa(r.Count)
	}
	return ""
}

func ofMounts(h *container.HostConfig) []string {
	var w words
	for _, b := range h.Binds {
		w.text("--volume", b)
	}
	for _, m := range h.Mounts {
		fields := []string{"type=" + string(m.Type)}
		if m.Source != "" {
			fields = append(fields, "source="+m.Source)
		}
		fields = append(fields, "target="+m.Target)
		if m.ReadOnly {
			fields = append(fields, "readonly")
		}
		if m.VolumeOptions != nil && m.VolumeOptions.NoCopy {
			fields = append(fields, "volume-nocopy")
		}
		if m.Type == mount.TypeTmpfs && m.TmpfsOptions != nil && m.TmpfsOptions.SizeBytes > 0 {
			fields = append(fields, fmt.Sprintf("tmpfs-size=%d", m.TmpfsOptions.SizeBytes))
		}
		w.text("--mount", inCSV(fields...))
	}
	for _, path := range slices.Sorted(maps.Keys(h.Tmpfs)) {
		if sayable(path) {
			w.text("--tmpfs", strings.TrimSuffix(path+":"+h.Tmpfs[path], ":"))
		}
	}
	return w
}

// ofLog is a log driver of the engine; others are our part.
func ofLog(p *api.ContainerProperties) []string {
	if !passedOn(p) {
		return nil
	}
	c := namedLog(p.LogConfiguration)
	w := words{"--log-driver", c.Type}
	for _, name := range slices.Sorted(maps.Keys(c.Config)) {
		w.text("--log-opt", name+"="+c.Config[name])
	}
	return w
}

// inCSV joins fields as the docker command reads them.
func inCSV(fields ...string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // a strings.Builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

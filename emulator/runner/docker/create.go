package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-units"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

const mib = 1 << 20

// Shares that the kernel takes (runtime.md 2.1).
const (
	fewestShares = 2
	mostShares   = 262144
)

// cpuPeriod is the period of a quota in microseconds.
const cpuPeriod = 100_000

// translate makes all that the engine is asked for of a container, of the image that is there.
func (r *run) translate(ctx context.Context, u *unit, is image.InspectResponse) (want asked, err error) {
	t, c := r.attempt.Task, u.container
	if want.config, want.host, err = r.driver.translate(t, c); err != nil {
		return want, err
	}
	if is.Config != nil {
		disown(want.config.Labels, is.Config.Labels)
	}
	want.config.Env = r.environment(u, is)
	if want.host.LogConfig, err = r.logConfig(ctx, u); err != nil {
		return want, err
	}
	if c.GPUs > 0 {
		r.driver.gpus(want, r.attempt.Attempt, c)
	}
	if c.Firelens != nil {
		if err := r.mountRouter(ctx, u, want.host); err != nil {
			return want, err
		}
	}
	if k := c.Kubernetes; k != nil {
		if want.config.User, err = podUser(k.SecurityContext, is); err != nil {
			return want, err
		}
		return want, r.mountPod(ctx, k, want.host)
	}
	if c.Properties != nil {
		err = r.mount(ctx, c.Properties, want.host)
	}
	return want, err
}

// translate makes what the engine is asked for of a container, whatever image it has and whoever runs beside it (runtime.md 2).
func (d *Driver) translate(t batch.Task, c batch.Container) (*container.Config, *container.HostConfig, error) {
	p := c.Properties
	if p == nil {
		p = &api.ContainerProperties{}
	}
	if err := d.refuse(t, p); err != nil {
		return nil, nil, err
	}
	config := &container.Config{
		Image:        c.Image,
		Entrypoint:   c.Entrypoint,
		Cmd:          c.Command,
		Env:          environment(c.Environment),
		User:         api.Value(p.User),
		Labels:       d.labels(t, c),
		AttachStdout: true,
		AttachStderr: true,
	}
	host := &container.HostConfig{
		Resources: container.Resources{
			Memory:     c.MemoryMiB * mib,
			MemorySwap: c.MemoryMiB * mib, // no swap: the hosts of Batch have none
		},
		ReadonlyRootfs: api.Value(p.ReadonlyRootFilesystem),
		Privileged:     api.Value(p.Privileged),
		LogConfig:      jsonFile(),
	}
	switch {
	case t.Platform == batch.Fargate:
		host.CPUPeriod, host.CPUQuota = cpuPeriod, c.MilliVCPU*cpuPeriod/1000
		if !d.noUlimits.Load() {
			host.Ulimits = []*units.Ulimit{{Name: "nofile", Soft: 65535, Hard: 65535}}
		}
	default:
		host.CPUShares = min(mostShares, max(fewestShares, c.MilliVCPU*1024/1000))
		if c.MilliLimit > 0 {
			host.CPUPeriod, host.CPUQuota = cpuPeriod, c.MilliLimit*cpuPeriod/1000
		}
	}
	for _, u := range p.Ulimits {
		host.Ulimits = append(host.Ulimits, &units.Ulimit{Name: api.Value(u.Name), Soft: int64(api.Value(u.SoftLimit)), Hard: int64(api.Value(u.HardLimit))})
	}
	if e := p.EphemeralStorage; e != nil && e.SizeInGiB != nil && d.engine.limitsStorage() {
		host.StorageOpt = map[string]string{"size": strconv.Itoa(int(*e.SizeInGiB)) + "G"}
	}
	if k := c.Kubernetes; k != nil && k.SecurityContext != nil && k.SecurityContext.AllowPrivilegeEscalation != nil && !*k.SecurityContext.AllowPrivilegeEscalation {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	linux(host, p.LinuxParameters, c.MemoryMiB)
	return config, host, nil
}

// jsonFile is the log driver of containers whose output we take: the engine's own record, which must not lose lines to a limit of the engine's.
func jsonFile() container.LogConfig {
	return container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "100g", "max-file": "1"}}
}

// refuse names what a job may not have without leave (decisions, behaviour 6).
func (d *Driver) refuse(t batch.Task, p *api.ContainerProperties) error {
	if d.options.AllowPrivileged {
		return nil
	}
	for _, asked := range []struct {
		what string
		is   bool
	}{
		{"privileged", api.Value(p.Privileged)},
		{"devices of the host (linuxParameters.devices)", p.LinuxParameters != nil && len(p.LinuxParameters.Devices) > 0},
		{"the host's processes (pidMode host)", t.PIDMode == modeHost},
		{"the host's shared memory (ipcMode host)", t.IPCMode == modeHost},
	} {
		if asked.is {
			return &failure{cannotCreate, fmt.Sprintf("the job definition asks for %s, which batch-local allows with --allow-privileged", asked.what)}
		}
	}
	return nil
}

// gpus gives a container some of the machine's, by number, so that jobs do not share one (runtime.md 2).
func (d *Driver) gpus(want asked, id batch.AttemptID, c batch.Container) {
	var ids []string
	for _, g := range d.made.devices(id, c.Name, int(c.GPUs)) {
		ids = append(ids, strconv.Itoa(g))
	}
	want.host.DeviceRequests = []container.DeviceRequest{{DeviceIDs: ids, Capabilities: [][]string{{"gpu"}}}}
	want.config.Env = append(want.config.Env, "NVIDIA_VISIBLE_DEVICES="+strings.Join(ids, ","))
}

// linux maps linuxParameters (runtime.md 2.1, 2.2).
func linux(host *container.HostConfig, l *api.LinuxParameters, memory int64) {
	if l == nil {
		return
	}
	host.Init = l.InitProcessEnabled
	if n := api.Value(l.SharedMemorySize); n > 0 {
		host.ShmSize = int64(n) * mib
	}
	if l.MaxSwap != nil {
		host.MemorySwap = (memory + int64(*l.MaxSwap)) * mib
		swappiness := int64(60)
		if l.Swappiness != nil {
			swappiness = int64(*l.Swappiness)
		}
		if *l.MaxSwap > 0 || l.Swappiness != nil {
			host.MemorySwappiness = &swappiness
		}
	}
	for _, t := range l.Tmpfs {
		if host.Tmpfs == nil {
			host.Tmpfs = map[string]string{}
		}
		options := append([]string{}, t.MountOptions...)
		options = append(options, fmt.Sprintf("size=%dm", api.Value(t.Size)))
		host.Tmpfs[api.Value(t.ContainerPath)] = strings.Join(options, ",")
	}
	for _, d := range l.Devices {
		letters := ""
		for _, p := range d.Permissions {
			letters += map[api.DeviceCgroupPermission]string{
				api.DeviceCgroupPermissionRead: "r", api.DeviceCgroupPermissionWrite: "w", api.DeviceCgroupPermissionMknod: "m",
			}[p]
		}
		if letters == "" {
			letters = "rwm"
		}
		inside := api.Value(d.ContainerPath)
		if inside == "" {
			inside = api.Value(d.HostPath)
		}
		host.Devices = append(host.Devices, container.DeviceMapping{PathOnHost: api.Value(d.HostPath), PathInContainer: inside, CgroupPermissions: letters})
	}
}

package docker

import (
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
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

// translate makes what the engine is asked for of a container (runtime.md 2). What it cannot do yet is a failure that names
// the member: nothing is left out without a word.
func (d *Driver) translate(t batch.Task, c batch.Container) (*container.Config, *container.HostConfig, error) {
	p := c.Properties
	if p == nil {
		p = &api.ContainerProperties{}
	}
	if err := d.refuse(p); err != nil {
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
		LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "100g", "max-file": "1"}},
	}
	if t.Platform == batch.Fargate {
		host.CPUPeriod, host.CPUQuota = cpuPeriod, c.MilliVCPU*cpuPeriod/1000
		if !d.noUlimits.Load() {
			host.Ulimits = []*units.Ulimit{{Name: "nofile", Soft: 65535, Hard: 65535}}
		}
	} else {
		host.CPUShares = min(mostShares, max(fewestShares, c.MilliVCPU*1024/1000))
	}
	for _, u := range p.Ulimits {
		host.Ulimits = append(host.Ulimits, &units.Ulimit{Name: api.Value(u.Name), Soft: int64(api.Value(u.SoftLimit)), Hard: int64(api.Value(u.HardLimit))})
	}
	linux(host, p.LinuxParameters, c.MemoryMiB)
	return config, host, nil
}

// refuse names what this driver does not do yet, or not without leave.
func (d *Driver) refuse(p *api.ContainerProperties) error {
	if api.Value(p.Privileged) && !d.options.AllowPrivileged {
		return &failure{cannotCreate, "the job definition asks for privileged, which batch-local allows with --allow-privileged"}
	}
	for member, given := range map[string]bool{
		"secrets":                 len(p.Secrets) > 0,
		"linuxParameters.devices": p.LinuxParameters != nil && len(p.LinuxParameters.Devices) > 0,
	} {
		if given {
			return &failure{cannotCreate, fmt.Sprintf("%s is not available in batch-local yet", member)}
		}
	}
	for _, r := range p.ResourceRequirements {
		if r.Type == api.ResourceTypeGpu {
			return &failure{cannotCreate, "a resource requirement of type GPU is not available in batch-local yet"}
		}
	}
	return nil
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
		if *l.MaxSwap > 0 {
			swappiness := int64(60)
			if l.Swappiness != nil {
				swappiness = int64(*l.Swappiness)
			}
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
}

// environment keeps the last entry of each name.
func environment(list []api.KeyValuePair) []string {
	at := make(map[string]int, len(list))
	env := make([]string, 0, len(list))
	for _, kv := range list {
		name, entry := api.Value(kv.Name), api.Value(kv.Name)+"="+api.Value(kv.Value)
		if i, ok := at[name]; ok {
			env[i] = entry
			continue
		}
		at[name] = len(env)
		env = append(env, entry)
	}
	return env
}

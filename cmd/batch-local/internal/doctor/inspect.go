package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	docker "github.com/docker/docker/client"
)

// labelInstance is on everything that a batch-local makes on an engine (interface.md 4).
const labelInstance = "batch-local.instance"

// Inspect asks the engine at an endpoint, or with "" the one that the environment names.
func Inspect(ctx context.Context, endpoint string) (Engine, error) {
	options := []docker.Opt{docker.WithAPIVersionNegotiation(), docker.FromEnv}
	if endpoint != "" {
		options = append(options, docker.WithHost(endpoint))
	}
	c, err := docker.NewClientWithOpts(options...)
	if err != nil {
		return Engine{}, fmt.Errorf("find the container engine: %w", err)
	}
	defer c.Close()
	info, err := c.Info(ctx)
	if err != nil {
		return Engine{}, err
	}
	e := Engine{
		Endpoint: c.DaemonHost(), Version: info.ServerVersion, OS: info.OSType, Architecture: info.Architecture,
		Cgroups: cmp.Or(info.CgroupVersion, "1"), Folder: info.DockerRootDir, CPUs: info.NCPU, Memory: info.MemTotal,
		LimitsMemory: info.MemoryLimit, LimitsSwap: info.SwapLimit, LimitsCPU: info.CPUCfsQuota,
	}
	e.Leftovers, err = labelled(ctx, c)
	return e, err
}

// labelled counts what batch-locals have made, by instance.
func labelled(ctx context.Context, c *docker.Client) ([]Leftover, error) {
	ours := filters.NewArgs(filters.Arg("label", labelInstance))
	found := make(map[string]*Leftover)
	of := func(labels map[string]string) *Leftover {
		instance := labels[labelInstance]
		if found[instance] == nil {
			found[instance] = &Leftover{Instance: instance}
		}
		return found[instance]
	}
	containers, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		return nil, err
	}
	for _, one := range containers {
		l := of(one.Labels)
		l.Containers++
		if one.State == container.StateRunning {
			l.Running++
		}
	}
	networks, err := c.NetworkList(ctx, network.ListOptions{Filters: ours})
	if err != nil {
		return nil, err
	}
	for _, one := range networks {
		of(one.Labels).Networks++
	}
	volumes, err := c.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		return nil, err
	}
	for _, one := range volumes.Volumes {
		of(one.Labels).Volumes++
	}
	var list []Leftover
	for _, l := range found {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Leftover) int { return cmp.Compare(a.Instance, b.Instance) })
	return list, nil
}

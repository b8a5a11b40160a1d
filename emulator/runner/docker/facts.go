package docker

import (
	"cmp"
	"context"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// Facts are what a container engine says of itself.
type Facts struct {
	Endpoint     string // unix:///var/run/docker.sock
	Version      string // 28.5.2
	OS           string // of containers: "linux", "windows"
	Architecture string // as uname has it: x86_64, aarch64
	Cgroups      string // "1", "2"
	Folder       string // where it keeps images and containers, on its own host
	CPUs         int
	Memory       int64 // bytes
	LimitsMemory bool
	LimitsSwap   bool
	LimitsCPU    bool
	Leftovers    []Leftover
}

// Leftover is what carries the label of one batch-local instance.
type Leftover struct {
	Instance            string
	Containers, Running int
	Networks, Volumes   int
}

// Inspect asks the engine at an endpoint, or with "" the one that the driver would use.
func Inspect(ctx context.Context, endpoint string) (Facts, error) {
	c, err := newClient(endpoint)
	if err != nil {
		return Facts{}, err
	}
	defer c.Close()
	info, err := c.Info(ctx)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{
		Endpoint: c.DaemonHost(), Version: info.ServerVersion, OS: info.OSType, Architecture: info.Architecture,
		Cgroups: cmp.Or(info.CgroupVersion, "1"), Folder: info.DockerRootDir, CPUs: info.NCPU, Memory: info.MemTotal,
		LimitsMemory: info.MemoryLimit, LimitsSwap: info.SwapLimit, LimitsCPU: info.CPUCfsQuota,
	}
	f.Leftovers, err = labelled(ctx, c)
	return f, err
}

// labelled counts what batch-locals have made, by instance.
func labelled(ctx context.Context, c *client.Client) ([]Leftover, error) {
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

package docker

import (
	"cmp"
	"context"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
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
	Instances    []Instance
}

// An Instance is what carries the label of one batch-local.
type Instance struct {
	Name                string
	Server              Server
	Containers, Running int
	Networks, Volumes   int

	endpoint string // id of the container that has its endpoint's address
}

// A Server is what can be seen on the engine of whoever made an instance's things, wherever it runs: it keeps a relay in the container of its endpoint, which
// ends with the connection to it. Without that container, as on the host's network or before the first job, nothing can be seen.
type Server int

// What of it.
const (
	Unseen Server = iota
	Lives
	Gone
)

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
	if f.Instances, err = labelled(ctx, c); err != nil {
		return f, err
	}
	for i := range f.Instances {
		if one := &f.Instances[i]; one.endpoint != "" {
			if one.Server, err = serverOf(ctx, c, one.endpoint); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// Looks for a relay. A server whose relay breaks off has another within lastRetry.
const (
	relayLooks = 4
	relayPause = lastRetry / (relayLooks - 2)
)

// serverOf looks for the relay in the container of an endpoint.
func serverOf(ctx context.Context, c *client.Client, endpoint string) (Server, error) {
	for look := 1; ; look++ {
		is, err := c.ContainerInspect(ctx, endpoint)
		if cerrdefs.IsNotFound(err) { // its server took it away, or the user did
			return Unseen, nil
		}
		if err != nil {
			return Unseen, err
		}
		for _, id := range is.ExecIDs {
			if relay, err := c.ContainerExecInspect(ctx, id); err == nil && relay.Running {
				return Lives, nil
			}
		}
		if look == relayLooks {
			return Gone, nil
		}
		select {
		case <-time.After(relayPause):
		case <-ctx.Done():
			return Unseen, nil
		}
	}
}

// labelled counts what batch-locals have made, by instance.
func labelled(ctx context.Context, c *client.Client) ([]Instance, error) {
	ours := filters.NewArgs(filters.Arg("label", labelInstance))
	found := make(map[string]*Instance)
	of := func(labels map[string]string) *Instance {
		name := labels[labelInstance]
		if found[name] == nil {
			found[name] = &Instance{Name: name}
		}
		return found[name]
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
		if one.Labels[labelEndpoint] != "" {
			l.endpoint = one.ID
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
	var list []Instance
	for _, l := range found {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Instance) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

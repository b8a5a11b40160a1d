package docker

import (
	"cmp"
	"context"
	"slices"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
)

// ensureNetwork answers the id of the network of jobs, and makes it if nobody has. Several emulators use one. Engines before 25 let two
// networks have the same name, and then refuse the name as ambiguous, so it is the id that is used, and of two that were made at the
// same moment the older one counts and the other goes.
func (d *Driver) ensureNetwork(ctx context.Context) (id string, err error) {
	all, err := d.networks(ctx)
	if err != nil || len(all) > 0 {
		return oldest(all), err
	}
	made, err := d.client.NetworkCreate(ctx, d.options.Network, network.CreateOptions{
		Driver: "bridge",
		Labels: map[string]string{labelInstance: d.options.Instance},
	})
	all, listed := d.networks(ctx)
	switch {
	case listed != nil:
		return "", listed
	case len(all) == 0:
		return "", err
	}
	if id = oldest(all); made.ID != "" && made.ID != id {
		// Nobody can be on it yet: those who see both choose the other.
		_ = d.client.NetworkRemove(ctx, made.ID)
	}
	return id, nil
}

// networks are those of the name.
func (d *Driver) networks(ctx context.Context) ([]network.Summary, error) {
	all, err := d.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", d.options.Network))})
	// The engine's filter takes a part of a name, and an id.
	return slices.DeleteFunc(all, func(n network.Summary) bool { return n.Name != d.options.Network }), err
}

func oldest(all []network.Summary) (id string) {
	if len(all) == 0 {
		return ""
	}
	return slices.MinFunc(all, func(a, b network.Summary) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	}).ID
}

// removeNetwork removes the network if an emulator made it and nothing is on it.
func (d *Driver) removeNetwork(ctx context.Context) {
	if d.options.Network == "host" {
		return
	}
	all, err := d.networks(ctx)
	if err != nil {
		d.log.Warn("the network of jobs could not be looked for", "error", err)
	}
	for _, n := range all {
		is, err := d.client.NetworkInspect(ctx, n.ID, network.InspectOptions{})
		if err != nil || is.Labels[labelInstance] == "" || len(is.Containers) > 0 {
			continue
		}
		// Somebody may join it in this moment; then the engine refuses, which is right.
		_ = d.client.NetworkRemove(ctx, n.ID)
	}
}

package docker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
)

// ensureNetwork answers the id of the network of jobs, and makes it if nobody has. Several emulators use one. Engines before 25 let two
// networks have the same name if they are made at the same moment; the older one counts and the other goes. While both are there such an engine calls the
// name ambiguous, also when it starts a container that was given the id, so nobody goes on before there is one.
func (d *Driver) ensureNetwork(ctx context.Context) (id string, err error) {
	all, err := d.networks(ctx)
	if err == nil && len(all) == 0 {
		began := time.Now()
		made, failed := d.client.NetworkCreate(ctx, d.options.Network, network.CreateOptions{
			Driver: "bridge",
			Labels: map[string]string{labelInstance: d.options.Instance},
		})
		if versions.LessThan(d.client.ClientVersion(), onlyOne) { // another one may be on its way that was begun before ours could be seen; it takes about as long
			time.Sleep(min(2*time.Since(began), oneNetwork))
		}
		if all, err = d.networks(ctx); err == nil && len(all) == 0 {
			return "", failed
		}
		if made.ID != "" && err == nil && made.ID != oldest(all) {
			// Nobody can be on it yet: those who see both choose the other.
			_ = d.client.NetworkRemove(ctx, made.ID)
			all, err = d.networks(ctx)
		}
	}
	for end := time.Now().Add(oneNetwork); err == nil && len(all) > 1 && time.Now().Before(end); all, err = d.networks(ctx) {
		time.Sleep(firstRetry)
	}
	return oldest(all), err
}

// onlyOne is the engine's API since which a name is given once.
const onlyOne = "1.44"

// oneNetwork is how long networks of the same name are waited for. Two may be the user's own.
const oneNetwork = 2 * time.Second

// ambiguousTime is how long a sandbox is tried to be made while there are two networks, because another process makes the same one in that moment and has not
// taken it away yet.
const ambiguousTime = 5 * time.Second

// isAmbiguous says whether an engine did not know which of several networks was meant.
func isAmbiguous(err error) bool { return err != nil && strings.Contains(err.Error(), "is ambiguous") }

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

// leaveTime is how long the engine may take to take containers that are removed off a network.
const leaveTime = 5 * time.Second

// isOn says whether a container of ours is on a network.
func (d *Driver) isOn(n network.Inspect) bool {
	for _, c := range n.Containers {
		if strings.HasPrefix(c.Name, "batch-local-"+d.options.Instance+"-") {
			return true
		}
	}
	return false
}

// removeNetwork removes the network if an emulator made it and nothing is on it; alone says that nothing of ours is to stay there.
func (d *Driver) removeNetwork(ctx context.Context, alone bool) error {
	if d.options.Network == modeHost {
		return nil
	}
	all, err := d.networks(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range all {
		errs = append(errs, d.removeOne(ctx, n.ID, alone))
	}
	return errors.Join(errs...)
}

// removeOne removes one network, in time. That somebody else is on it, or has taken it away, is no error.
func (d *Driver) removeOne(ctx context.Context, id string, alone bool) error {
	for end := time.Now().Add(leaveTime); ; {
		is, err := d.client.NetworkInspect(ctx, id, network.InspectOptions{})
		switch {
		case err != nil:
		case is.Labels[labelInstance] == "":
			return nil // the user's own
		case alone && d.isOn(is): // the engine is not done with a removal
			err = errors.New("containers of ours are still on it")
		case len(is.Containers) > 0:
			return nil
		default: // the engine refuses while somebody joins it, who is on it then; or because it has lost count, and nobody is
			err = d.client.NetworkRemove(ctx, id)
		}
		if err == nil || cerrdefs.IsNotFound(err) {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		time.Sleep(firstRetry)
	}
}

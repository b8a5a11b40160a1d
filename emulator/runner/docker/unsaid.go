package docker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Unsaid answers what the commands of Reproduce lack because docker run does not take it, a sentence each. What they name without its value, such as secrets
// of the environment, is not lacking.
func (d *Driver) Unsaid(t batch.Task) []string {
	var all []string
	for _, c := range t.Containers {
		note := func(format string, args ...any) {
			all = append(all, "Container "+c.Name+": "+fmt.Sprintf(format, args...)+".")
		}
		if p := c.Properties; p != nil {
			unsaidOf(p, note)
		}
		if c.Firelens != nil {
			note("it takes the output of the others, and by hand has neither its configuration nor their output")
		}
		if k := c.Kubernetes; k != nil {
			unsaidOfPod(t, k, note)
		}
	}
	if n := d.options.Network; n != "host" {
		all = append(all, fmt.Sprintf("Unless you made the network %s yourself, it is there only while batch-local runs; after that give --network another.", n))
	}
	if len(t.Containers) == 1 {
		return all
	}
	pid, ipc := namespaces(t)
	if pid == modeTask {
		all = append(all, "The containers see each other's processes; by hand they do not.")
	}
	if ipc == modeTask {
		all = append(all, "The containers share memory; by hand they do not.")
	}
	return all
}

// unsaidOf is about a container of ECS.
func unsaidOf(p *api.ContainerProperties, note func(format string, args ...any)) {
	if l := p.LogConfiguration; l != nil {
		switch {
		case l.LogDriver == api.LogDriverAwsfirelens:
			note("its output goes to the task's router; by hand it goes where the engine puts it")
		case len(l.SecretOptions) > 0 && passedOn(p):
			var names []string
			for _, s := range l.SecretOptions {
				names = append(names, api.Value(s.Name))
			}
			note("options of its log driver are secrets, and left out: %s", strings.Join(names, ", "))
		}
	}
	if p.RepositoryCredentials != nil {
		note("its image is pulled with repositoryCredentials; by hand docker login comes before")
	}
	if l := p.LinuxParameters; l != nil {
		for _, m := range l.Tmpfs {
			if !sayable(api.Value(m.ContainerPath)) {
				note("the tmpfs at %s is left out, for its path has a colon", api.Value(m.ContainerPath))
			}
		}
		for _, m := range l.Devices {
			if !sayable(api.Value(m.HostPath), api.Value(m.ContainerPath)) {
				note("the device %s is left out, for its path has a colon", api.Value(m.HostPath))
			}
		}
	}
}

// unsaidOfPod is about a container of a pod.
func unsaidOfPod(t batch.Task, k *api.EksContainer, note func(format string, args ...any)) {
	note("by hand it lacks the files of its service account, in %s", accountFolder)
	if s := k.SecurityContext; s != nil {
		if s.RunAsUser == nil && s.RunAsGroup != nil {
			note("its group is %d, which docker run takes only with a user: add --user USER:%d", *s.RunAsGroup, *s.RunAsGroup)
		}
		if s.RunAsUser == nil && api.Value(s.RunAsNonRoot) {
			note("runAsNonRoot keeps it from starting as root; by hand nothing does")
		}
	}
	if p := t.Pod.Properties; p != nil && len(p.ImagePullSecrets) > 0 {
		note("its image is pulled with imagePullSecrets; by hand docker login comes before")
	}
	for _, m := range k.VolumeMounts {
		v, _ := podVolume(t, api.Value(m.Name))
		at := api.Value(m.MountPath)
		switch {
		case v.Secret != nil:
			note("the secret %s is not mounted at %s", api.Value(v.Secret.SecretName), at)
		case v.HostPath != nil || v.PersistentVolumeClaim != nil:
		case inMemory(v) && !sayable(at):
			note("the volume at %s is left out, for its path has a colon", at)
		case inMemory(v):
		default:
			note("everybody may write to %s; by hand only root may", at)
		}
	}
}

// sayable says whether paths can stand in an option whose parts have colons between them.
func sayable(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return strings.Contains(path, ":") })
}

package docker

import (
	"log/slog"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// TestReproduce is what there is to say of a container of each kind.
func TestReproduce(t *testing.T) {
	d := &Driver{options: Options{Instance: "x", Network: "batch-local", AllowPrivileged: true}, log: slog.New(slog.DiscardHandler)}
	env := func(pairs ...string) (list []api.KeyValuePair) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, api.KeyValuePair{Name: &pairs[i], Value: &pairs[i+1]})
		}
		return list
	}
	got, err := d.Reproduce(batch.Task{Platform: batch.EC2, HostName: "ip-1", Containers: []batch.Container{
		{Name: "a", Image: "image:1", Command: []string{"echo", "it's"}, Environment: env("A", "b c", "TOKEN", "old"), MilliVCPU: 2000, MemoryMiB: 64, Properties: &api.ContainerProperties{
			User: new("1:2"), ReadonlyRootFilesystem: new(true), Privileged: new(true),
			Secrets: []api.Secret{{Name: new("TOKEN"), ValueFrom: new("arn")}},
			Ulimits: []api.Ulimit{{Name: new("core"), SoftLimit: new(int32(1)), HardLimit: new(int32(2))}},
			LinuxParameters: &api.LinuxParameters{InitProcessEnabled: new(true), SharedMemorySize: new(int32(8)), MaxSwap: new(int32(32)), Swappiness: new(int32(0)),
				Tmpfs: []api.Tmpfs{{ContainerPath: new("/t"), Size: new(int32(5)), MountOptions: []string{"noexec"}}}},
		}},
		{Name: "b", Image: "image:2", Entrypoint: []string{"sh", "-c"}, Command: []string{"true"}, MilliVCPU: 1000, MemoryMiB: 4},
	}})
	if err != nil {
		t.Fatal(err)
	}
	around := []string{"docker", "run", "--rm", "--network", "batch-local", "--hostname", "ip-1", "--add-host", "host.docker.internal:host-gateway"}
	want := [][]string{
		append(around[:len(around):len(around)], "--env", "A=b c", "--env", "TOKEN", "--user", "1:2", "--memory", "64m", "--memory-swap", "96m", "--memory-swappiness", "0", "--cpu-shares", "2048",
			"--ulimit", "core=1:2", "--read-only", "--privileged", "--init=true", "--shm-size", "8m", "--tmpfs", "/t:noexec,size=5m", "image:1", "echo", "it's"),
		append(around[:len(around):len(around)], "--entrypoint", "sh", "--memory", "4m", "--memory-swap", "4m", "--cpu-shares", "1024", "image:2", "-c", "true"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	d.options.Network = "host"
	got, err = d.Reproduce(batch.Task{Platform: batch.Fargate, HostName: "ip-1", Containers: []batch.Container{{Image: "image", MilliVCPU: 250, MemoryMiB: 512}}})
	if err != nil {
		t.Fatal(err)
	}
	want = [][]string{{"docker", "run", "--rm", "--network", "host", "--memory", "512m", "--memory-swap", "512m", "--cpu-period", "100000", "--cpu-quota", "25000", "--ulimit", "nofile=65535:65535", "image"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on the host's network (-want +got):\n%s", diff)
	}

	d.options.AllowPrivileged = false
	if _, err := d.Reproduce(batch.Task{Containers: []batch.Container{{Properties: &api.ContainerProperties{Privileged: new(true)}}}}); err == nil {
		t.Error("what is not allowed was reproduced")
	}
	if _, err := d.Reproduce(batch.Task{}); err == nil {
		t.Error("a task of nothing was reproduced")
	}
}

// TestReproduceMounts: everything that a host configuration may have of devices and folders.
func TestReproduceMounts(t *testing.T) {
	h := &container.HostConfig{
		Binds:  []string{"/a b:/c:ro"},
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: `/x,"y`, Target: "/z", ReadOnly: true}, {Type: mount.TypeVolume, Target: "/v"}},
		Resources: container.Resources{
			Devices:        []container.DeviceMapping{{PathOnHost: "/dev/fuse", PathInContainer: "/dev/f", CgroupPermissions: "rw"}},
			DeviceRequests: []container.DeviceRequest{{DeviceIDs: []string{"0", "1"}}, {Count: -1}, {Count: 2}},
		},
		PidMode: "container:x", IpcMode: "host",
	}
	want := []string{"--device", "/dev/fuse:/dev/f:rw", "--gpus", `"device=0,1"`, "--gpus", "all", "--gpus", "2", "--ipc", "host",
		"--volume", "/a b:/c:ro", "--mount", `type=bind,"source=/x,""y",target=/z,readonly`, "--mount", "type=volume,target=/v"}
	if diff := cmp.Diff(want, append(ofHost(h), ofMounts(h)...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

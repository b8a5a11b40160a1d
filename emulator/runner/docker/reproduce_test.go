package docker

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// TestReproduce is what there is to say of a container of each kind.
func TestReproduce(t *testing.T) {
	d := &Driver{options: Options{Instance: "x", Network: "batch-local", AllowPrivileged: true, Environment: []string{"AWS_ENDPOINT_URL=http://host.docker.internal:1"}}, log: slog.New(slog.DiscardHandler)}
	d.boxes = &sandboxes{driver: d, machine: "172.17.0.1"}
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
		append(around[:len(around):len(around)], "--env", "AWS_ENDPOINT_URL=http://172.17.0.1:1", "--env", "A=b c", "--env", "TOKEN", "--user", "1:2", "--memory", "64m", "--memory-swap", "96m", "--memory-swappiness", "0", "--cpu-shares", "2048",
			"--ulimit", "core=1:2", "--read-only", "--privileged", "--init=true", "--shm-size", "8m", "--tmpfs", "/t:noexec,size=5m", "image:1", "echo", "it's"),
		append(around[:len(around):len(around)], "--entrypoint", "sh", "--env", "AWS_ENDPOINT_URL=http://172.17.0.1:1", "--memory", "4m", "--memory-swap", "4m", "--cpu-shares", "1024", "image:2", "-c", "true"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	network := []string{"Unless you made the network batch-local yourself, it is there only while batch-local runs; after that give --network another."}
	if diff := cmp.Diff(network, d.Unsaid(batch.Task{Containers: []batch.Container{{}}})); diff != "" {
		t.Errorf("what is lacking (-want +got):\n%s", diff)
	}

	d.options.Network, d.options.Environment = "host", nil
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

// TestReproduceWhole: what is asked of the engine only when a container is brought up is in the command too, or it says that it is not.
func TestReproduceWhole(t *testing.T) {
	e := &diskEngine{}
	d := &Driver{options: Options{Instance: "x", Network: "host", Pull: "always", AllowPrivileged: true}, client: e.client(t), log: slog.New(slog.DiscardHandler)}
	d.boxes, d.lookers = &sandboxes{driver: d, arch: "amd64"}, newLookers()
	task := batch.Task{Platform: batch.EC2, PIDMode: "host", IPCMode: "none", Containers: []batch.Container{{Name: "a", Image: "image", GPUs: 2, MilliVCPU: 1000, MemoryMiB: 4, Properties: &api.ContainerProperties{
		RepositoryCredentials: &api.RepositoryCredentials{}, RuntimePlatform: &api.RuntimePlatform{},
		LogConfiguration: &api.LogConfiguration{LogDriver: api.LogDriverSyslog, Options: map[string]string{"tag": "t", "syslog-address": "tcp://x"}, SecretOptions: []api.Secret{{Name: new("env")}}},
		LinuxParameters:  &api.LinuxParameters{Tmpfs: []api.Tmpfs{{ContainerPath: new("/t:/u"), Size: new(int32(1))}}, Devices: []api.Device{{HostPath: new("/dev/x:y")}, {HostPath: new("/dev/z")}}},
	}}}}
	check := func(name string, words, notes []string) {
		t.Helper()
		got, err := d.Reproduce(task)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		if diff := cmp.Diff(append([]string{"docker", "run", "--rm"}, words...), got[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(notes, d.Unsaid(task)); diff != "" {
			t.Errorf("what is lacking of %s (-want +got):\n%s", name, diff)
		}
	}
	check("ECS", []string{"--platform", "linux/amd64", "--pull", "always", "--network", "host", "--memory", "4m", "--memory-swap", "4m", "--cpu-shares", "1024", "--device", "/dev/z:/dev/z:rwm",
		"--gpus", "2", "--ipc", "none", "--pid", "host", "--log-driver", "syslog", "--log-opt", "syslog-address=tcp://x", "--log-opt", "tag=t", "image"}, []string{
		"Container a: options of its log driver are secrets, and left out: env.",
		"Container a: its image is pulled with repositoryCredentials; by hand docker login comes before.",
		"Container a: the tmpfs at /t:/u is left out, for its path has a colon.",
		"Container a: the device /dev/x:y is left out, for its path has a colon.",
	})

	d.options.Pull = "missing"
	task = batch.Task{Platform: batch.EKS, Environment: "e"}
	k := &api.EksContainer{ImagePullPolicy: new("Never"), SecurityContext: &api.EksContainerSecurityContext{RunAsGroup: new(int64(7)), RunAsNonRoot: new(true)}}
	for _, name := range []string{"disk", "memory", "claim", "node", "secret"} {
		k.VolumeMounts = append(k.VolumeMounts, api.EksContainerVolumeMount{Name: new(name), MountPath: new("/" + name)})
	}
	k.VolumeMounts[2].SubPath, k.VolumeMounts[3].ReadOnly = new("sub"), new(true)
	task.Pod = &batch.Pod{Namespace: "n", Properties: &api.EksPodProperties{ImagePullSecrets: []api.ImagePullSecret{{Name: new("s")}}, Volumes: []api.EksVolume{
		{Name: new("disk"), EmptyDir: &api.EksEmptyDir{}}, {Name: new("memory"), EmptyDir: &api.EksEmptyDir{Medium: new("Memory"), SizeLimit: new("4Ki")}},
		{Name: new("claim"), PersistentVolumeClaim: &api.EksPersistentVolumeClaim{ClaimName: new("c")}}, {Name: new("node"), HostPath: &api.EksHostPath{Path: new("/")}},
		{Name: new("secret"), Secret: &api.EksSecret{SecretName: new("s")}},
	}}}
	task.Containers = []batch.Container{{Name: "b", Image: "image", GPUs: 1, MilliVCPU: 1000, MemoryMiB: 4, Kubernetes: k}}
	rest := []string{"--gpus", "1", "--volume", "/of/batch-local-x-pvc-n.c/sub:/claim", "--volume", "/of/batch-local-x-disk-" + d12(sha256.Sum256([]byte("e"))) + ":/node:ro",
		"--mount", "type=volume,target=/disk,volume-nocopy", "--tmpfs", "/memory:rw,exec,mode=1777,size=4096", "image"}
	around := []string{"--pull", "never", "--network", "host"}
	limits := []string{"--memory", "4m", "--memory-swap", "4m", "--cpu-shares", "1024"}
	notes := []string{
		"Container b: by hand it lacks the files of its service account, in /var/run/secrets/kubernetes.io/serviceaccount.",
		"Container b: its group is 7, which docker run takes only with a user: add --user USER:7.",
		"Container b: runAsNonRoot keeps it from starting as root; by hand nothing does.",
		"Container b: its image is pulled with imagePullSecrets; by hand docker login comes before.",
		"Container b: everybody may write to /disk; by hand only root may.",
		"Container b: the secret s is not mounted at /secret.",
	}
	check("a pod", slices.Concat(around, limits, rest), notes)
	k.SecurityContext.RunAsUser = new(int64(5))
	check("a pod with a user", slices.Concat(around, []string{"--user", "5:7"}, limits, rest), slices.Delete(notes, 1, 3))

	task.Containers[0].Image = "--volume=/:/host"
	if got, err := d.Reproduce(task); err == nil {
		t.Errorf("an option for an image: %q", got)
	}
	several := batch.Task{Platform: batch.EC2, PIDMode: "task", IPCMode: "task", Containers: []batch.Container{{Name: "r", Firelens: &api.FirelensConfiguration{}}, writesToRouter(one("a", true))}}
	if diff := cmp.Diff([]string{
		"Container r: it takes the output of the others, and by hand has neither its configuration nor their output.",
		"Container a: its output goes to the task's router; by hand it goes where the engine puts it.",
		"The containers see each other's processes; by hand they do not.", "The containers share memory; by hand they do not.",
	}, d.Unsaid(several)); diff != "" {
		t.Errorf("what is lacking of several (-want +got):\n%s", diff)
	}
}

// A diskEngine has every volume, and in none of them is anything.
type diskEngine struct{}

// RoundTrip implements http.RoundTripper.
func (e *diskEngine) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body any) (*http.Response, error) {
		data, err := json.Marshal(body)
		return &http.Response{StatusCode: status, Request: r, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(data))}, err
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/volumes/create"):
		var asked struct{ Name string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return nil, err
		}
		return answer(http.StatusCreated, map[string]string{"Name": asked.Name, "Mountpoint": "/of/" + asked.Name})
	case strings.HasSuffix(path, "/containers/create"):
		return answer(http.StatusCreated, map[string]string{"Id": "looker"})
	case strings.HasSuffix(path, "/json"):
		return answer(http.StatusOK, map[string]string{"Id": "image"})
	}
	return answer(http.StatusNotFound, map[string]string{"message": "not there"})
}

func (e *diskEngine) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost("tcp://engine"), client.WithHTTPClient(&http.Client{Transport: e}), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return c
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

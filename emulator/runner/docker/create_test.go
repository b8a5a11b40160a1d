package docker

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-units"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// TestTranslate is runtime.md 2, 2.1 and 2.2: what the engine is asked for.
func TestTranslate(t *testing.T) {
	logs := container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "100g", "max-file": "1"}}
	for _, test := range []struct {
		name     string
		platform batch.Platform
		milli    int64
		memory   int64
		given    api.ContainerProperties
		want     container.HostConfig
	}{
		{"EC2: shares, and no swap", batch.EC2, 2000, 128, api.ContainerProperties{},
			container.HostConfig{Resources: container.Resources{Memory: 128 << 20, MemorySwap: 128 << 20, CPUShares: 2048}, LogConfig: logs}},
		{"EC2: shares that the kernel does not take are clamped", batch.EC2, 500_000, 4, api.ContainerProperties{},
			container.HostConfig{Resources: container.Resources{Memory: 4 << 20, MemorySwap: 4 << 20, CPUShares: 262144}, LogConfig: logs}},
		{"Fargate: a quota, and its limit of files", batch.Fargate, 250, 512, api.ContainerProperties{},
			container.HostConfig{Resources: container.Resources{Memory: 512 << 20, MemorySwap: 512 << 20, CPUPeriod: 100_000, CPUQuota: 25_000, Ulimits: []*units.Ulimit{{Name: "nofile", Soft: 65535, Hard: 65535}}}, LogConfig: logs}},
		{"swap as asked for", batch.EC2, 1000, 64, api.ContainerProperties{LinuxParameters: &api.LinuxParameters{MaxSwap: new(int32(32)), Swappiness: new(int32(10)), InitProcessEnabled: new(true), SharedMemorySize: new(int32(8)),
			Tmpfs: []api.Tmpfs{{ContainerPath: new("/t"), Size: new(int32(5)), MountOptions: []string{"noexec"}}}}},
			container.HostConfig{Resources: container.Resources{Memory: 64 << 20, MemorySwap: 96 << 20, MemorySwappiness: new(int64(10)), CPUShares: 1024}, Init: new(true), ShmSize: 8 << 20, Tmpfs: map[string]string{"/t": "noexec,size=5m"}, LogConfig: logs}},
		{"limits and a root that is read only", batch.EC2, 1000, 64, api.ContainerProperties{ReadonlyRootFilesystem: new(true), Ulimits: []api.Ulimit{{Name: new("core"), SoftLimit: new(int32(1)), HardLimit: new(int32(2))}}},
			container.HostConfig{Resources: container.Resources{Memory: 64 << 20, MemorySwap: 64 << 20, CPUShares: 1024, Ulimits: []*units.Ulimit{{Name: "core", Soft: 1, Hard: 2}}}, ReadonlyRootfs: true, LogConfig: logs}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &Driver{options: Options{Instance: "x"}}
			_, host, err := d.translate(batch.Task{Platform: test.platform}, batch.Container{MilliVCPU: test.milli, MemoryMiB: test.memory, Properties: &test.given})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, host); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefused: what is not done is a failure that names it.
func TestRefused(t *testing.T) {
	d := &Driver{}
	for want, given := range map[string]api.ContainerProperties{
		"--allow-privileged":      {Privileged: new(true)},
		"linuxParameters.devices": {LinuxParameters: &api.LinuxParameters{Devices: []api.Device{{}}}},
	} {
		_, _, err := d.translate(batch.Task{}, batch.Container{Properties: &given})
		var f *failure
		if !errors.As(err, &f) || f.name != cannotCreate || !strings.Contains(f.text, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestConfigAndLabels(t *testing.T) {
	d := &Driver{options: Options{Instance: "x"}}
	kv := func(k, v string) api.KeyValuePair { return api.KeyValuePair{Name: &k, Value: &v} }
	task := batch.Task{Attempt: batch.AttemptID{Job: "01234567-89ab", Number: 2}, Scope: batch.Scope{Account: "1", Region: "r"}, ID: "t", Family: "f", Revision: 3, Cluster: "c"}
	config, _, err := d.translate(task, batch.Container{Name: "default", Image: "i", Command: []string{"a"}, Environment: []api.KeyValuePair{kv("A", "1"), kv("B", "2"), kv("A", "3")}, Properties: &api.ContainerProperties{User: new("u")}})
	if err != nil {
		t.Fatal(err)
	}
	want := &container.Config{Image: "i", Cmd: []string{"a"}, Env: []string{"A=3", "B=2"}, User: "u", AttachStdout: true, AttachStderr: true, Labels: map[string]string{
		"batch-local.instance": "x", "batch-local.account": "1", "batch-local.region": "r", "batch-local.job": "01234567-89ab", "batch-local.attempt": "2", "batch-local.container": "default",
		"com.amazonaws.ecs.cluster": "c", "com.amazonaws.ecs.container-name": "default", "com.amazonaws.ecs.task-arn": "arn:aws:ecs:r:1:task/c/t", "com.amazonaws.ecs.task-definition-family": "f", "com.amazonaws.ecs.task-definition-version": "3"}}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if id, ok := attemptOf(config.Labels); !ok || id != task.Attempt {
		t.Errorf("read back: %v %t", id, ok)
	}
	one, several := make([]batch.Container, 1), []batch.Container{{Name: "main"}, {Name: "a/b"}}
	for _, test := range []struct {
		task batch.Task
		want []string
	}{
		{batch.Task{Attempt: batch.AttemptID{Job: "01234567-89ab", Number: 2}, Containers: one}, []string{"batch-local-01234567-2"}},
		{batch.Task{Attempt: batch.AttemptID{Job: "01234567-89ab:7", Number: 1}, Containers: one}, []string{"batch-local-01234567-7-1"}},
		{batch.Task{Attempt: batch.AttemptID{Job: "01234567-89ab", Number: 1}, Containers: several}, []string{"batch-local-01234567-1-main", "batch-local-01234567-1-a-b-1"}},
	} {
		for i, want := range test.want {
			if got := containerName(test.task, i); got != want {
				t.Errorf("name of container %d of %s: %s, want %s", i, test.task.Attempt, got, want)
			}
		}
	}
}

// TestTexts is runtime.md 9: what the engine said, in ECS's words.
func TestTexts(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("Error response from daemon: Minimum memory limit allowed is 6MB"), "CannotCreateContainerError: Error response from daemon: Minimum memory limit allowed is 6MB"},
		{errors.New("No such image: a:b"), "CannotCreateContainerError: Error response from daemon: No such image: a:b"},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), "DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s"},
		{errors.New(strings.Repeat("ä", 300)), "CannotCreateContainerError: Error response from daemon: " + strings.Repeat("ä", 255-56)},
	} {
		var f *failure
		if err := fail(cannotCreate, "created", "4m0s", test.err); !errors.As(err, &f) || f.reason() != test.want {
			t.Errorf("%v: %v, want %s", test.err, err, test.want)
		}
	}
	for _, err := range []error{context.Canceled, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, io.ErrUnexpectedEOF} {
		var f *failure
		if errors.As(fail(cannotCreate, "created", "4m0s", err), &f) {
			t.Errorf("%v says nothing of the attempt", err)
		}
	}
	for _, test := range []struct {
		oom         bool
		state, want string
	}{{false, "", ""}, {true, "x", "OutOfMemoryError: Container killed due to memory usage"}, {false, "x", "DockerStateError: x"}} {
		if got := exitReason(test.oom, test.state); got != test.want {
			t.Errorf("oom %t, error %q: %q", test.oom, test.state, got)
		}
	}
}

// TestPauseProgram: both are whole ELF executables of their machine, and small.
func TestPauseProgram(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program, err := pauseProgram(arch)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil || f.Machine != machine || f.Type != elf.ET_EXEC || len(f.Progs) != 1 || f.Entry != f.Progs[0].Vaddr+120 || f.Progs[0].Filesz != uint64(len(program)) || len(program) > 512 {
			t.Errorf("%s: %v, %+v, %d bytes", arch, err, f, len(program))
		}
	}
	if _, err := pauseProgram("mips"); err == nil {
		t.Error("there is one for mips")
	}
}

// TestRegistryAuth is runtime.md 2.7: a helper of the registry, what docker login wrote, or nothing.
func TestRegistryAuth(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", dir)
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if got := registryAuth(t.Context(), "private.example/a"); got != "" {
		t.Errorf("without settings: %s", got)
	}
	write("docker-credential-test", "#!/bin/sh\nread registry\necho '{\"Username\":\"u\",\"Secret\":\"from '$registry'\"}'\n", 0o755)
	write("config.json", `{"auths":{"https://index.docker.io/v1/":{"auth":"`+base64.StdEncoding.EncodeToString([]byte("me:secret"))+`"}},"credHelpers":{"private.example":"test"}}`, 0o600)
	for image, want := range map[string]string{
		"busybox":            `{"password":"secret","serveraddress":"https://index.docker.io/v1/","username":"me"}`,
		"docker.io/a/b":      `{"password":"secret","serveraddress":"https://index.docker.io/v1/","username":"me"}`,
		"private.example/a":  `{"password":"from private.example","serveraddress":"private.example","username":"u"}`,
		"localhost:5000/a:1": ``,
	} {
		got, err := base64.URLEncoding.DecodeString(registryAuth(t.Context(), image))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", image, got, err, want)
		}
	}
}

// TestContext: the endpoint of the docker command's current context, unless DOCKER_HOST says another.
func TestContext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONTEXT", "")
	if got := contextHost(); got != "" {
		t.Errorf("without settings: %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"currentContext":"colima"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "contexts", "meta", "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "meta.json"), []byte(`{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///colima.sock"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := contextHost(); got != "unix:///colima.sock" {
		t.Errorf("the context's: %q", got)
	}
	t.Setenv("DOCKER_HOST", "tcp://x")
	if got := contextHost(); got != "" {
		t.Errorf("beside DOCKER_HOST: %q", got)
	}
}

// TestRecording is runtime.md 12: frames are joined to lines, and those that the log has are left out.
func TestRecording(t *testing.T) {
	frame := func(std byte, text string) string {
		const at = "2026-01-01T00:00:00.123456789Z "
		n := len(at) + len(text)
		return string([]byte{std, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + at + text
	}
	stream := frame(1, "have it\n") + frame(2, "err one\n") + frame(1, "long "+strings.Repeat("x", 16000)) + frame(2, "err two\n") + frame(1, " end\n") + frame(1, "\n") + frame(1, "rest")
	for _, last := range []bool{false, true} {
		log := &lines{}
		f := frames{log: log, skip: [2]int64{1, 0}}
		if err := f.copy(strings.NewReader(stream), last); err != nil {
			t.Fatal(err)
		}
		want := []string{"1 err one", "1 err two", "0 long " + strings.Repeat("x", 16000) + " end", "0 "}
		added := [2]int64{2, 2}
		if last {
			want, added = append(want, "0 rest"), [2]int64{3, 2}
		}
		if diff := cmp.Diff(want, log.got); diff != "" {
			t.Errorf("last %t (-want +got):\n%s", last, diff)
		}
		if f.added != added {
			t.Errorf("last %t: added %v, want %v", last, f.added, added)
		}
	}
	if err := (&frames{log: &lines{}}).copy(strings.NewReader(stream[:20]), true); err == nil {
		t.Error("a stream that breaks off in a frame is no error")
	}
}

// lines is a log of whole lines.
type lines struct {
	runner.DiscardLog
	got []string
}

func (l *lines) Append(std runner.Std, _ time.Time, line []byte) error {
	l.got = append(l.got, fmt.Sprint(int(std), " ", string(line)))
	return nil
}

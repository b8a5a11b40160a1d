package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestFailures causes each failure of a single container for real, and looks how it is told (runtime.md 9, 10, 11).
func TestFailures(t *testing.T) {
	t.Parallel()
	secrets := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(secrets, []byte("registry: '{\"username\":\"ann\",\"password\":\"secret\"}'\nwrong: '{\"username\":\"ann\",\"password\":\"guess\"}'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newField(t, "--job-network", "compat-failures", "--secrets", secrets, "--image-map", "000000000000.dkr.ecr.*.amazonaws.com/workload="+workload)
	t.Run("refusals", f.refusals)
	t.Run("starts", f.starts)
	t.Run("gpus", f.gpus)
	t.Run("images", f.images)
	t.Run("ends", f.ends)
	t.Run("terminated while it starts", f.terminatedWhileStarting)
	f.close(t)
}

// refusals are what needs leave (decisions, behaviour 6).
func (f *field) refusals(t *testing.T) {
	const flag = "--allow-privileged"
	for name, change := range map[string]func(*types.ContainerProperties){
		"privileged": func(c *types.ContainerProperties) { c.Privileged = aws.Bool(true) },
		"devices": func(c *types.ContainerProperties) {
			c.LinuxParameters = &types.LinuxParameters{Devices: []types.Device{{HostPath: aws.String("/dev/null"), ContainerPath: aws.String("/dev/x")}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: change}, "CannotCreateContainerError: ", flag)
		})
	}
	for name, task := range map[string]func(*types.EcsTaskProperties){
		"pidMode host": func(p *types.EcsTaskProperties) { p.PidMode = aws.String("host") },
		"ipcMode host": func(p *types.EcsTaskProperties) { p.IpcMode = aws.String("host") },
	} {
		t.Run(name, func(t *testing.T) {
			f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, task: task}, "CannotCreateContainerError: ", flag)
		})
	}
}

// starts is runtime.md 9: what keeps a container from starting.
func (f *field) starts(t *testing.T) {
	const create, start = "CannotCreateContainerError: Error response from daemon: ", "CannotStartContainerError: Error response from daemon: "
	bare := strings.Replace(workload, ":test", ":bare", 1)
	if bare == workload {
		bare = strings.Replace(workload, ":", ":bare-", 1)
	}
	files := picture(t, map[string]string{"not-executable": "x"}, "FROM "+bare)
	of := func(image string) func(*types.ContainerProperties) {
		return func(c *types.ContainerProperties) { c.Image = &image }
	}
	for _, test := range []struct {
		name, begins, word string
		command            []string
		change             func(*types.ContainerProperties)
	}{
		{"command not in PATH", start, `exec: "no-such": executable file not found in $PATH`, []string{"no-such"}, of(bare)},
		{"path that is missing", start, `exec: "/no/such": stat /no/such: no such file or directory`, []string{"/no/such"}, of(bare)},
		{"file that is not executable", start, `exec: "/not-executable": permission denied`, []string{"/not-executable"}, of(files)},
		{"folder", start, `exec: "/tmp": `, []string{"/tmp"}, of(files)},
		{"no command at all", create, "No command specified", nil, of(bare)},
		{"unknown user", start, "unable to find user nobody-here: no matching entries in passwd file", []string{"exit", "0"}, func(c *types.ContainerProperties) { c.User = aws.String("nobody-here") }},
		{"memory below 6 MiB", create, "inimum memory limit allowed is 6MB", []string{"exit", "0"}, func(c *types.ContainerProperties) { needs(c, types.ResourceTypeMemory, "4") }},
		{"image name that is none", "Cannot", "invalid reference format", []string{"exit", "0"}, of("Not A Name")},
	} {
		t.Run("9 "+test.name, func(t *testing.T) {
			f.fails(t, spec{queue: f.ec2, command: test.command, change: test.change}, test.begins, test.word)
		})
	}
}

// gpus is runtime.md 2 and 9: GPUs on an engine that has none.
func (f *field) gpus(t *testing.T) {
	if strings.Contains(engine(t, "info", "--format", "{{json .Runtimes}}"), "nvidia") {
		t.Skip("this engine may have GPUs")
	}
	name := "gpus"
	if _, err := f.c.CreateComputeEnvironment(t.Context(), &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: &name, Type: types.CETypeManaged, ComputeResources: &types.ComputeResource{
		Type: types.CRTypeEc2, MinvCpus: aws.Int32(0), MaxvCpus: aws.Int32(64), InstanceTypes: []string{"p3.2xlarge"}, InstanceRole: aws.String("ecsInstanceRole"), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.c.CreateJobQueue(t.Context(), &batch.CreateJobQueueInput{JobQueueName: &name, Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}}}); err != nil {
		t.Fatal(err)
	}
	f.fails(t, spec{queue: name, command: []string{"exit", "0"}, change: func(c *types.ContainerProperties) { needs(c, types.ResourceTypeGpu, "1") }},
		"CannotStartContainerError: Error response from daemon: ", `could not select device driver "" with capabilities: [[gpu]] OR failed to discover GPU vendor from CDI`)
}

// images is runtime.md 2.7, 2.9, 9, 11.
func (f *field) images(t *testing.T) {
	r := newRegistry(t, false)
	of := func(image string) func(*types.ContainerProperties) {
		return func(c *types.ContainerProperties) { c.Image = &image }
	}
	exit := []string{"echo", "ran"}
	t.Run("11.1 an image is pulled when it is missing, and once", func(t *testing.T) {
		image := r.put(t, "some/image:1", runtime.GOARCH)
		same(t, "EC2", f.see(t, spec{queue: f.ec2, command: exit, change: of(image)}), "ran")
		same(t, "Fargate", f.see(t, spec{queue: f.fargate, command: exit, change: of(image)}), "ran")
		if n := r.pulled("some/image:1"); n != 1 && n != 2 { // an engine may ask for the manifest's head first
			t.Errorf("pulled %d times", n)
		}
	})
	t.Run("9 a manifest that is missing", func(t *testing.T) {
		r.put(t, "some/image:1", runtime.GOARCH)
		f.fails(t, spec{queue: f.ec2, command: exit, change: of(r.host + "/some/image:2")}, "CannotPullContainerError: Error response from daemon: ", "manifest unknown OR /some/image:2: not found")
		f.fails(t, spec{queue: f.fargate, command: exit, change: of(r.host + "/some/image:2")}, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "+r.host+"/some/image:2: ")
	})
	t.Run("9 a registry that is not there", func(t *testing.T) {
		f.fails(t, spec{queue: f.ec2, command: exit, change: of("127.0.0.1:1/x:1")}, "CannotPullContainerError: Error response from daemon: ", "connection refused")
		f.fails(t, spec{queue: f.fargate, command: exit, change: of("127.0.0.1:1/x:1")}, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 127.0.0.1:1/x:1: ")
	})
	t.Run("2.7 a private registry", func(t *testing.T) {
		r := newRegistry(t, true)
		image := r.put(t, "private/image:1", runtime.GOARCH)
		with := func(secret string) func(*types.ContainerProperties) {
			return all(of(image), func(c *types.ContainerProperties) {
				c.RepositoryCredentials = &types.RepositoryCredentials{CredentialsParameter: &secret}
				c.ExecutionRoleArn = aws.String("arn:aws:iam::000000000000:role/execution")
			})
		}
		f.fails(t, spec{queue: f.ec2, command: exit, change: of(image)}, "CannotPullContainerError: Error response from daemon: ", "")
		f.fails(t, spec{queue: f.ec2, command: exit, change: with("wrong")}, "CannotPullContainerError: Error response from daemon: ")
		f.fails(t, spec{queue: f.fargate, command: exit, change: with("nowhere")}, "ResourceInitializationError: unable to pull secrets or registry auth: ", "nowhere")
		same(t, "with the right ones", f.see(t, spec{queue: f.ec2, command: exit, change: with("registry")}), "ran")
	})
	t.Run("11.3 a name that is mapped", func(t *testing.T) {
		const name = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/workload"
		e := f.end(t, f.submit(t, spec{queue: f.ec2, command: []string{"ask", "$ECS_CONTAINER_METADATA_URI_V4"}, change: of(name)}))
		if e.status != types.JobStatusSucceeded || aws.ToString(e.detail.Container.Image) != name || len(e.lines) != 1 || !strings.Contains(e.lines[0], `"Image":"`+name+`"`) {
			t.Errorf("%s (%s / %s), image %s, %q", e.status, e.why, e.reason, aws.ToString(e.detail.Container.Image), e.lines)
		}
	})
	t.Run("2.9 another architecture", func(t *testing.T) {
		platform := func(os, arch string) func(*types.ContainerProperties) {
			return func(c *types.ContainerProperties) {
				c.RuntimePlatform = &types.RuntimePlatform{CpuArchitecture: &arch, OperatingSystemFamily: &os}
			}
		}
		other, ours := "arm64", "X86_64"
		if runtime.GOARCH == "arm64" {
			other, ours = "amd64", "ARM64"
		}
		word := map[string]string{"arm64": "ARM64", "amd64": "X86_64"}[other]
		same(t, "ours", f.see(t, spec{queue: f.fargate, command: exit, change: platform("LINUX", ours)}), "ran")
		f.fails(t, spec{queue: f.fargate, command: exit, change: all(platform("LINUX", word), of("127.0.0.1:1/x:1"))}, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 127.0.0.1:1/x:1: ")
		image := r.put(t, "other/image:1", other)
		e := f.end(t, f.submit(t, spec{queue: f.fargate, command: exit, change: all(platform("LINUX", word), of(image))}))
		if e.status != types.JobStatusSucceeded && !strings.Contains(strings.Join(e.lines, " ")+e.reason, "exec format error") { // it has the workload of our own architecture inside
			t.Errorf("%s (%s / %s), %q", e.status, e.why, e.reason, e.lines)
		}
		f.fails(t, spec{queue: f.fargate, command: exit, change: func(c *types.ContainerProperties) {
			platform("WINDOWS_SERVER_2019_CORE", "X86_64")(c)
			needs(c, types.ResourceTypeMemory, "2048")
		}}, "CannotPullContainerError: ", "no matching manifest for windows/amd64")
	})
	t.Run("11.1 never and always", func(t *testing.T) {
		image := r.put(t, "some/policy:1", runtime.GOARCH)
		never := newField(t, "--pull", "never", "--job-network", "compat-never")
		never.fails(t, spec{queue: never.ec2, command: exit, change: of(image)}, "CannotPullContainerError: Error response from daemon: No such image: "+image, "images are never pulled here")
		same(t, "one that is there", never.see(t, spec{queue: never.ec2, command: exit}), "ran")
		never.close(t)
		always := newField(t, "--pull", "always", "--job-network", "compat-always")
		before := r.pulled("some/policy:1")
		for range 2 {
			same(t, "always", always.see(t, spec{queue: always.ec2, command: exit, change: of(image)}), "ran")
		}
		if n := r.pulled("some/policy:1") - before; n < 2 {
			t.Errorf("asked for %d times", n)
		}
		gone := r.host + "/some/gone:1"
		engine(t, "tag", workload, gone)
		defer engine(t, "rmi", gone)
		always.fails(t, spec{queue: always.ec2, command: exit, change: of(gone)}, "CannotPullContainerError: Error response from daemon: ")
		always.close(t)
	})
}

// ends is runtime.md 10: how containers stop, and 9: what happens to one that runs.
func (f *field) ends(t *testing.T) {
	runs := func(t *testing.T, j spec) (id, container string) {
		t.Helper()
		id = f.submit(t, j)
		s := f.s.in(t)
		s.await(id, "RUNNING")
		if slices.Contains(j.command, "up") {
			s.hasPrinted(t.Context(), id, "up")
		}
		all := s.containers(id)
		if len(all) != 1 {
			t.Fatalf("containers of the job: %q", all)
		}
		return id, all[0]
	}
	ended := func(t *testing.T, id, code_, why, reason string) {
		t.Helper()
		if e := f.end(t, id); e.status != types.JobStatusFailed || code(e.code) != code_ || e.why != why || e.reason != reason {
			t.Errorf("%s (%s / %s), exit code %s; want FAILED (%s / %s), %s", e.status, e.why, e.reason, code(e.code), why, reason, code_)
		}
	}
	const essential = "Essential container in task exited"
	stops := []string{"trap", "7", "bye", "then", "echo", "up", "then", "sleep", "1h"}
	t.Run("10 a handler's code", func(t *testing.T) {
		for _, platform := range []string{f.ec2, f.fargate} {
			id, _ := runs(t, spec{queue: platform, command: stops})
			f.terminate(t, id)
			ended(t, id, "7", "enough", "")
			same(t, "its last words count", f.end(t, id).lines, "up", "bye")
		}
	})
	t.Run("10 the image's own signal", func(t *testing.T) {
		image := "batch-local/compat:stops-" + strconv.Itoa(os.Getpid())
		build := exec.Command("docker", "build", "-q", "-t", image, "-")
		build.Env, build.Stdin = append(os.Environ(), "DOCKER_BUILDKIT=0"), strings.NewReader("FROM "+workload+"\nSTOPSIGNAL SIGKILL\n") // commit has no such change
		if out, err := build.CombinedOutput(); err != nil {
			t.Skipf("this docker command cannot build: %s", out)
		}
		defer engine(t, "rmi", "-f", image)
		id, _ := runs(t, spec{queue: f.ec2, command: stops, change: func(c *types.ContainerProperties) { c.Image = &image }})
		f.terminate(t, id)
		ended(t, id, "137", "enough", "")
	})
	t.Run("10 RUNNING while it stops, and killed when it does not", func(t *testing.T) {
		id, container := runs(t, spec{queue: f.ec2, command: []string{"ignore", "then", "echo", "up", "then", "sleep", "1h"}})
		f.terminate(t, id)
		if j := describe(t.Context(), t, f.c, id); j.Status != types.JobStatusRunning {
			t.Errorf("it is %s", j.Status)
		}
		time.Sleep(time.Second) // 30 s are too long for a test: what the engine was told is seen by its not being over
		if got := engine(t, "inspect", "--format", "{{.State.Status}}", container); got != "running" {
			t.Errorf("after a second it is %s", got)
		}
		engine(t, "kill", container)
		ended(t, id, "137", "enough", "")
	})
	t.Run("10 docker stop, docker kill", func(t *testing.T) {
		id, container := runs(t, spec{queue: f.ec2, command: stops})
		engine(t, "stop", container)
		ended(t, id, "7", essential, "")
		id, container = runs(t, spec{queue: f.ec2, command: stops})
		engine(t, "kill", container)
		ended(t, id, "137", essential, "")
	})
	t.Run("9 docker rm -f", func(t *testing.T) {
		id, container := runs(t, spec{queue: f.ec2, command: stops})
		engine(t, "rm", "-f", container)
		e := f.end(t, id)
		if e.status != types.JobStatusFailed || code(e.code) != "none" && code(e.code) != "137" || code(e.code) == "none" && e.reason != "ContainerVanishedError: No container matching saved ID found" {
			t.Errorf("%s (%s / %s), exit code %s", e.status, e.why, e.reason, code(e.code))
		}
	})
	t.Run("10 the low eight bits of a code", func(t *testing.T) {
		id := f.submit(t, spec{queue: f.ec2, command: []string{"exit", "300"}})
		ended(t, id, "44", essential, "")
	})
	t.Run("2.10 enableExecuteCommand", func(t *testing.T) {
		e := f.end(t, f.submit(t, spec{queue: f.fargate, command: []string{"cat", "/proc/1/comm"}, change: func(c *types.ContainerProperties) { c.EnableExecuteCommand = aws.Bool(true) }}))
		same(t, "process 1", e.lines, "workload")
		if !aws.ToBool(e.detail.Container.EnableExecuteCommand) {
			t.Error("it is not echoed")
		}
	})
}

// terminatedWhileStarting: nothing may be left, at whatever step the stop comes.
func (f *field) terminatedWhileStarting(t *testing.T) {
	var ids []string
	for i := range 24 {
		platform := f.ec2
		if i%2 == 1 {
			platform = f.fargate
		}
		id := f.submit(t, spec{queue: platform, command: []string{"trap", "0", "then", "sleep", "1h"}, change: mount("own", "/own", types.Volume{})})
		ids = append(ids, id)
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
		f.terminate(t, id)
	}
	for _, id := range ids {
		if e := f.end(t, id); e.status != types.JobStatusFailed || e.why != "enough" {
			t.Errorf("%s (%s / %s), exit code %s", e.status, e.why, e.reason, code(e.code))
		}
		f.gone(t, id)
	}
}

// TestKilledInStarts kills the server in the middle of many starts and starts it again: every job ends once, and nothing is left.
func TestKilledInStarts(t *testing.T) {
	t.Parallel()
	f := newField(t, "--job-network", "compat-killed", "--data-dir", t.TempDir(), "--on-exit", "stop")
	var ids []string
	definitions := map[string]string{}
	for _, platform := range []string{f.ec2, f.fargate} {
		t.Run("of "+platform, func(t *testing.T) {
			arn, err := f.register(t, spec{queue: platform, command: []string{"write", "/own/x", "y", "then", "echo", "once"}, change: mount("own", "/own", types.Volume{})})
			if err != nil {
				t.Fatal(err)
			}
			definitions[platform] = arn
		})
	}
	for round, pause := range []time.Duration{60 * time.Millisecond, 250 * time.Millisecond, 700 * time.Millisecond} {
		for i := range 8 {
			platform := []string{f.ec2, f.fargate}[i%2]
			ids = append(ids, f.again(t, platform, definitions[platform], fmt.Sprint("round-", round)))
		}
		time.Sleep(pause) // a kill comes at any time
		f.s.kill()
		f.s.start()
		f.c = f.s.batch()
	}
	for _, id := range ids {
		e := f.end(t, id)
		// One whose start was cut off may have lost its container: then it says so, and has no code.
		if e.status != types.JobStatusSucceeded || !slices.Equal(e.lines, []string{"once"}) || e.attempts != 1 {
			t.Errorf("%s (%s / %s), exit code %s, %d attempts, printed %q", e.status, e.why, e.reason, code(e.code), e.attempts, e.lines)
		}
		f.gone(t, id)
	}
	f.close(t)
}

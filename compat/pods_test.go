package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// podImage makes an image of the workload with a command, a variable and a user of its own, for one test.
func podImage(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("batch-local/pods:%d", os.Getpid())
	build := exec.Command("docker", "build", "-q", "-t", name, "-")
	build.Stdin = strings.NewReader("FROM " + workload + "\nENV COLOUR=image\nUSER 1000:2000\nCMD [\"args\", \"the image's\"]\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command("docker", "image", "rm", name).Run() })
	return name
}

// TestPods is jobs of eksProperties (runtime.md 5), looked at from the inside and through the API. Their containers are kept: nothing else has what
// they print.
func TestPods(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(secrets, []byte("pod: {user: app, port: 5432}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCrew(t, "--keep-containers", "always", "--secrets", secrets)
	t.Cleanup(func() { removeKept(t, c.s) })
	image := podImage(t)
	type cells = []types.EksContainer
	own := func(c *types.EksContainer) { c.Image = &image }
	secure := func(s types.EksContainerSecurityContext) func(*types.EksContainer) {
		return func(c *types.EksContainer) { c.SecurityContext = &s }
	}
	policy := func(word string) func(*types.EksContainer) {
		return func(c *types.EksContainer) { c.ImagePullPolicy = &word }
	}
	command := func(words ...string) func(*types.EksContainer) {
		return func(c *types.EksContainer) { c.Command = words }
	}
	env := func(pairs ...string) func(*types.EksContainer) {
		return func(c *types.EksContainer) {
			for i := 0; i < len(pairs); i += 2 {
				c.Env = append(c.Env, types.EksContainerEnvironmentVariable{Name: &pairs[i], Value: &pairs[i+1]})
			}
		}
	}
	mount := func(at string, change ...func(*types.EksContainerVolumeMount)) func(*types.EksContainer) {
		return func(c *types.EksContainer) {
			m := types.EksContainerVolumeMount{Name: aws.String("v"), MountPath: &at}
			for _, f := range change {
				f(&m)
			}
			c.VolumeMounts = append(c.VolumeMounts, m)
		}
	}
	readOnly := func(m *types.EksContainerVolumeMount) { m.ReadOnly = aws.Bool(true) }
	subPath := func(path string) func(*types.EksContainerVolumeMount) {
		return func(m *types.EksContainerVolumeMount) { m.SubPath = &path }
	}
	size := func(limits, requests map[string]string) func(*types.EksContainer) {
		return func(c *types.EksContainer) {
			c.Resources = &types.EksContainerResourceRequirements{Limits: limits, Requests: requests}
		}
	}
	disk := []types.EksVolume{{Name: aws.String("v"), EmptyDir: &types.EksEmptyDir{}}}
	memory := []types.EksVolume{{Name: aws.String("v"), EmptyDir: &types.EksEmptyDir{Medium: aws.String("Memory"), SizeLimit: aws.String("4Mi")}}}
	claim := []types.EksVolume{{Name: aws.String("v"), PersistentVolumeClaim: &types.EksPersistentVolumeClaim{ClaimName: aws.String("claim")}}}
	secret := func(name string) []types.EksVolume {
		return []types.EksVolume{{Name: aws.String("v"), Secret: &types.EksSecret{SecretName: &name}}}
	}
	host := func(path string) []types.EksVolume {
		return []types.EksVolume{{Name: aws.String("v"), HostPath: &types.EksHostPath{Path: &path}}}
	}
	const account = "/var/run/secrets/kubernetes.io/serviceaccount"
	no := aws.Bool(false)
	ok := "a 0 Completed"

	t.Run("ends", func(t *testing.T) {
		for name, test := range map[string]struct {
			pod    types.EksPodProperties
			status string // SUCCEEDED if it is empty
			ends   []string
			lines  map[string][]string
		}{
			"5.1: IPC is the pod's: System V and POSIX": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("shm", "78", "then", "cat", "/dev/shm/p", "then", "echo")), cell("b", do("write", "/dev/shm/p", "POSIX", "then", "shm", "78", "System V", "then", "sleep", "2s"))}},
				ends: do(ok, "b 0 Completed"), lines: map[string][]string{"a": {"System V", "POSIX"}},
			},
			"5.1: processes are each container's own": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("orphan", "then", "sleep", "300ms", "then", "zombies", "then", "ps"))}},
				ends: do(ok), lines: map[string][]string{"a": {"1", "1 * /workload orphan then sleep 300ms then zombies then ps", "* Z "}},
			},
			"5.1: shareProcessNamespace, where the pause process reaps": {
				pod: types.EksPodProperties{ShareProcessNamespace: aws.Bool(true), Containers: cells{
					cell("a", do("beside", "sleep 3s", "then", "orphan", "then", "sleep", "300ms", "then", "zombies", "then", "ps")), cell("b", do("sleep", "3s"))}},
				ends: do(ok, "b 0 Completed"), lines: map[string][]string{"a": {"0", "1 S /pause", "*", "*"}},
			},
			"5.1: shareProcessNamespace with a network of its own": {
				pod: types.EksPodProperties{ShareProcessNamespace: aws.Bool(true), HostNetwork: no, Containers: cells{
					cell("a", do("beside", "sleep 3s", "then", "orphan", "then", "sleep", "300ms", "then", "zombies", "then", "ps")), cell("b", do("sleep", "3s"))}},
				ends: do(ok, "b 0 Completed"), lines: map[string][]string{"a": {"0", "1 S /pause*", "*", "*"}},
			},
			"5.1: shareProcessNamespace of one container": {
				pod:  types.EksPodProperties{ShareProcessNamespace: aws.Bool(true), Containers: cells{cell("a", do("orphan", "then", "sleep", "300ms", "then", "zombies"))}},
				ends: do(ok), lines: map[string][]string{"a": {"0"}},
			},
			"5.1: a container named pause": {
				pod:  types.EksPodProperties{Volumes: memory, Containers: cells{cell("pause", do("shm", "79"), mount("/m")), cell("b", do("shm", "79", "System V", "then", "sleep", "2s"), mount("/m"))}},
				ends: do("pause 0 Completed", "b 0 Completed"), lines: map[string][]string{"pause": {"System V"}},
			},
			"5.1: files of the service account": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("cat", account+"/namespace", "then", "echo", "then", "ls", account, "then", "try", "write", account+"/x", "y"))}},
				ends: do(ok), lines: map[string][]string{"a": {"suite", "ca.crt", "namespace", "token", "open " + account + "/x: read-only file system"}},
			},
			"5.1: variables: Batch's, and none of ECS": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("env", "ECS_CONTAINER_METADATA_URI_V4", "then", "env", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "then", "env", "AWS_EXECUTION_ENV", "then",
					"env", "AWS_BATCH_JOB_ATTEMPT", "then", "env", "AWS_BATCH_JQ_NAME", "then", "env", "AWS_BATCH_JOB_KUBERNETES_NODE_UID"))}},
				ends: do(ok), lines: map[string][]string{"a": {"(not set)", "(not set)", "(not set)", "1", "compat-eks", "*-"}},
			},
			"5.2: command and args absent: the image's own": {
				pod: types.EksPodProperties{Containers: cells{cell("a", nil, own)}}, ends: do(ok), lines: map[string][]string{"a": {`"the image's"`}},
			},
			"5.2: args replace the image's CMD": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("args", "mine"), own)}}, ends: do(ok), lines: map[string][]string{"a": {`"mine"`}},
			},
			"5.2: command replaces ENTRYPOINT, and CMD is ignored": {
				pod: types.EksPodProperties{Containers: cells{cell("a", nil, own, command("/workload", "args", "of the command"))}}, ends: do(ok), lines: map[string][]string{"a": {`"of the command"`}},
			},
			"5.2: command and args": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("mine"), own, command("/workload", "args"))}}, ends: do(ok), lines: map[string][]string{"a": {`"mine"`}},
			},
			"5.2: $(VAR) in command, args and env": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("$(A)", "$(B)", "$$(A)", "$(NOPE)", "$(AWS_BATCH_JQ_NAME)", "x$(A)y$"), own, command("/workload", "$(VERB)"), env("VERB", "args", "A", "1", "B", "$(A)2"))}},
				ends: do(ok), lines: map[string][]string{"a": {`"1"`, `"12"`, `"$(A)"`, `"$(NOPE)"`, `"compat-eks"`, `"x1y$"`}},
			},
			"5.2: the image's variables are below, and are not expanded": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("env", "COLOUR", "then", "args", "$(COLOUR)"), own)}}, ends: do(ok), lines: map[string][]string{"a": {"image", `"$(COLOUR)"`}},
			},
			"5.2: imagePullPolicy Never and IfNotPresent use what is there": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("echo", "x"), policy("Never")), cell("b", do("echo", "x"), policy("IfNotPresent"))}}, ends: do(ok, "b 0 Completed"),
			},
			"5.2: imagePullPolicy Always does not": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("echo", "x"), policy("Always"))}}, status: "FAILED: Pod failed: container a: ErrImagePull*", ends: do("a ErrImagePull"),
			},
			"5.2: imagePullPolicy Never of an image that is not there": {
				pod: types.EksPodProperties{Containers: cells{cell("a", nil, policy("Never"), func(c *types.EksContainer) { c.Image = aws.String("batch-local/nosuch:1") })}}, status: "FAILED: Pod failed: container a: ErrImageNeverPull*", ends: do("a ErrImageNeverPull"),
			},
			"5.2: limits": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("cgroup", "memory/memory.limit_in_bytes", "memory.max", "then", "cgroup", "cpu/cpu.cfs_quota_us", "cpu.max", "then", "cgroup", "cpu/cpu.shares", "cpu.weight"),
					size(map[string]string{"memory": "40Mi", "cpu": "0.5"}, nil))}},
				ends: do(ok), lines: map[string][]string{"a": {fmt.Sprint(40 << 20), "50000*", "*"}},
			},
			"5.2: requests": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("cgroup", "memory/memory.limit_in_bytes", "memory.max", "then", "cgroup", "cpu/cpu.cfs_quota_us", "cpu.max", "then", "cgroup", "cpu/cpu.shares", "then", "echo"),
					size(map[string]string{"memory": "40Mi"}, map[string]string{"memory": "40Mi", "cpu": "0.5"}))}},
				ends: do(ok), lines: map[string][]string{"a": {fmt.Sprint(40 << 20), "-1", "512", ""}},
			},
			"5.2: requests and limits": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("cgroup", "cpu/cpu.cfs_quota_us", "then", "cgroup", "cpu/cpu.shares"), size(map[string]string{"memory": "40Mi", "cpu": "1.5"}, map[string]string{"cpu": "0.25"}))}},
				ends: do(ok), lines: map[string][]string{"a": {"150000", "256"}},
			},
			"5.2: runAsUser and runAsGroup": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("id"), secure(types.EksContainerSecurityContext{RunAsUser: aws.Int64(11), RunAsGroup: aws.Int64(22)})),
					cell("b", do("id"), secure(types.EksContainerSecurityContext{RunAsUser: aws.Int64(11)})),
					cell("c", do("id"), own, secure(types.EksContainerSecurityContext{RunAsGroup: aws.Int64(22)})), cell("d", do("id"), own)}},
				ends: do(ok, "b 0 Completed", "c 0 Completed", "d 0 Completed"), lines: map[string][]string{"a": {"11:22"}, "b": {"11:0"}, "c": {"1000:22"}, "d": {"1000:2000"}},
			},
			"5.2: runAsNonRoot": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("id"), own, secure(types.EksContainerSecurityContext{RunAsNonRoot: aws.Bool(true)})),
					cell("b", do("id"), secure(types.EksContainerSecurityContext{RunAsNonRoot: aws.Bool(true)})),
					cell("c", do("id"), own, secure(types.EksContainerSecurityContext{RunAsNonRoot: aws.Bool(true), RunAsUser: aws.Int64(0)})),
					cell("d", do("id"), secure(types.EksContainerSecurityContext{RunAsNonRoot: aws.Bool(true), RunAsUser: aws.Int64(5)}))}},
				status: "FAILED: Pod failed: container b: CreateContainerConfigError: container has runAsNonRoot and image will run as root",
				ends:   do(ok, "b CreateContainerConfigError", "c CreateContainerConfigError", "d 0 Completed"), lines: map[string][]string{"a": {"1000:2000"}, "d": {"5:0"}},
			},
			"5.2: readOnlyRootFilesystem": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("try", "write", "/x", "y", "then", "write", "/v/x", "y"), mount("/v"), secure(types.EksContainerSecurityContext{ReadOnlyRootFilesystem: aws.Bool(true)}))}, Volumes: disk},
				ends: do(ok), lines: map[string][]string{"a": {"open /x: read-only file system"}},
			},
			"5.2: allowPrivilegeEscalation": {
				pod:  types.EksPodProperties{Containers: cells{cell("a", do("self", "NoNewPrivs"), secure(types.EksContainerSecurityContext{AllowPrivilegeEscalation: no})), cell("b", do("self", "NoNewPrivs"))}},
				ends: do(ok, "b 0 Completed"), lines: map[string][]string{"a": {"1"}, "b": {"0"}},
			},
			"5.2: privileged needs leave": {
				pod:    types.EksPodProperties{Containers: cells{cell("a", do("id"), secure(types.EksContainerSecurityContext{Privileged: aws.Bool(true)}))}},
				status: "FAILED: *--allow-privileged", ends: do("a CreateContainerError"),
			},
			"5.2: an emptyDir on disk, from an init container to the others, whoever they are": {
				pod: types.EksPodProperties{Volumes: disk, InitContainers: cells{cell("i", do("write", "/v/f", "from init\n"), mount("/v"))},
					Containers: cells{cell("a", do("cat", "/w/f", "then", "write", "/w/g", "x", "then", "stat", "/w"), mount("/w"), own), cell("b", do("await", "/v/g", "then", "ls", "/v", "then", "try", "write", "/v/h", "x"), mount("/v", readOnly))}},
				ends: do("i 0 Completed", ok, "b 0 Completed"), lines: map[string][]string{"a": {"from init", "drwxrwxrwx 0:0 4096"}, "b": {"f", "g", "open /v/h: read-only file system"}},
			},
			"5.2: an emptyDir in memory, from an init container to the others, with its size": {
				pod: types.EksPodProperties{Volumes: memory, InitContainers: cells{cell("i", do("write", "/v/f", "from init\n"), mount("/v"))},
					Containers: cells{cell("a", do("cat", "/mem/f", "then", "mounts", "/mem", "then", "try", "fill", "/mem/g", "8"), mount("/mem"), own)}},
				ends: do("i 0 Completed", ok), lines: map[string][]string{"a": {"from init", "/mem tmpfs *size=4096k", "write /mem/g: no space left on device"}},
			},
			"5.2: an emptyDir in memory of one container": {
				pod:  types.EksPodProperties{Volumes: memory, Containers: cells{cell("a", do("mounts", "/mem", "then", "try", "fill", "/mem/g", "8"), mount("/mem"))}},
				ends: do(ok), lines: map[string][]string{"a": {"/mem tmpfs *size=4096k", "write /mem/g: no space left on device"}},
			},
			"5.2: a subPath of an emptyDir in memory of one container": {
				pod:  types.EksPodProperties{Volumes: memory, Containers: cells{cell("a", do("mounts", "/deep", "then", "write", "/deep/f", "deep\n", "then", "cat", "/m/x/f", "then", "try", "fill", "/deep/g", "8"), mount("/deep", subPath("x")), mount("/m"))}},
				ends: do(ok), lines: map[string][]string{"a": {"/deep tmpfs *size=4096k", "deep", "write /deep/g: no space left on device"}},
			},
			"5.2: a subPath alone of an emptyDir in memory of one container": {
				pod:  types.EksPodProperties{Volumes: memory, HostNetwork: no, Containers: cells{cell("a", do("mounts", "/deep", "then", "try", "fill", "/deep/g", "8"), mount("/deep", subPath("x/y")))}},
				ends: do(ok), lines: map[string][]string{"a": {"/deep tmpfs *size=4096k", "write /deep/g: no space left on device"}},
			},
			"5.2: a subPath of an emptyDir in memory that an init container left": {
				pod: types.EksPodProperties{Volumes: memory, InitContainers: cells{cell("i", do("mkdir", "/v/sub", "then", "write", "/v/sub/f", "deep\n", "then", "symlink", "/", "/v/out"), mount("/v"))},
					Containers: cells{cell("a", do("mounts", "/deep", "then", "cat", "/deep/f"), mount("/deep", subPath("sub"))), cell("b", do("ls", "/deep"), mount("/deep", subPath("out")))}},
				status: "FAILED: Pod failed: container b: FailedMount*", ends: do("i 0 Completed", ok, "b FailedMount"), lines: map[string][]string{"a": {"/deep tmpfs *size=4096k", "deep"}},
			},
			"5.2: a subPath of an emptyDir that is made is everybody's, on disk": {
				pod: types.EksPodProperties{Volumes: disk, InitContainers: cells{cell("i", do("mkdir", "/v/old"), mount("/v"))},
					Containers: cells{cell("a", do("write", "/s/f", "x", "then", "stat", "/s", "then", "stat", "/d", "then", "write", "/d/f", "x", "then", "stat", "/o"), own, mount("/s", subPath("q")), mount("/d", subPath("old/q/r")), mount("/o", subPath("old")))}},
				ends: do("i 0 Completed", ok), lines: map[string][]string{"a": {"drwxrwxrwx 0:0 4096", "drwxrwxrwx 0:0 4096", "drwxr-xr-x 0:0 4096"}},
			},
			"5.2: a subPath of an emptyDir that is made is everybody's, in memory": {
				pod:  types.EksPodProperties{Volumes: memory, Containers: cells{cell("a", do("write", "/s/f", "x", "then", "write", "/d/f", "x"), own, mount("/s", subPath("q")), mount("/d", subPath("d/e")))}},
				ends: do(ok), lines: map[string][]string{"a": nil},
			},
			"5.2: subPath": {
				pod: types.EksPodProperties{Volumes: disk, InitContainers: cells{cell("i", do("mkdir", "/v/sub", "then", "write", "/v/sub/f", "deep\n"), mount("/v"))},
					Containers: cells{cell("a", do("ls", "/s", "then", "cat", "/s/f", "then", "ls", "/n"), mount("/s", subPath("sub")), mount("/n", subPath("new")))}},
				ends: do("i 0 Completed", ok), lines: map[string][]string{"a": {"f", "deep"}},
			},
			"5.2: a secret: a file for each key, read only, whoever reads": {
				pod:  types.EksPodProperties{Volumes: secret("pod"), Containers: cells{cell("a", do("ls", "/v", "then", "cat", "/v/user", "then", "echo", "", "then", "cat", "/v/port", "then", "echo", "", "then", "stat", "/v/user", "then", "try", "write", "/v/x", "y"), mount("/v"), own)}},
				ends: do(ok), lines: map[string][]string{"a": {"port", "user", "app", "5432", "-rw-r--r-- 0:0 3", "open /v/x: read-only file system"}},
			},
			"5.2: one key of a secret": {
				pod:  types.EksPodProperties{Volumes: secret("pod"), Containers: cells{cell("a", do("cat", "/etc/user"), mount("/etc/user", subPath("user")))}},
				ends: do(ok), lines: map[string][]string{"a": {"app"}},
			},
			"5.3: init containers in order, each with what the one before left": {
				pod: types.EksPodProperties{Volumes: disk, InitContainers: cells{cell("i", do("sleep", "300ms", "then", "append", "/v/f", "1"), mount("/v")), cell("j", do("append", "/v/f", "2"), mount("/v")), cell("k", do("append", "/v/f", "3"), mount("/v"))},
					Containers: cells{cell("a", do("cat", "/v/f"), mount("/v"))}},
				ends: do("i 0 Completed", "j 0 Completed", "k 0 Completed", ok), lines: map[string][]string{"a": {"1", "2", "3"}},
			},
			"5.3: an init container that fails": {
				pod:    types.EksPodProperties{InitContainers: cells{cell("i", do("exit", "0")), cell("j", do("exit", "3")), cell("k", do("exit", "0"))}, Containers: cells{cell("a", do("exit", "0"))}},
				status: "FAILED: Pod failed: init container j: Error, exit code 3", ends: do("i 0 Completed", "j 3 Error", "k", "a"),
			},
			"5.3: one that fails stops no other": {
				pod:    types.EksPodProperties{Containers: cells{cell("a", do("sleep", "1500ms", "then", "echo", "end")), cell("b", do("exit", "9"))}},
				status: "FAILED: Pod failed: container b: Error, exit code 9", ends: do(ok, "b 9 Error"), lines: map[string][]string{"a": {"end"}},
			},
			"5.4: OOMKilled": {
				pod: types.EksPodProperties{Containers: cells{cell("a", do("alloc", "100"))}}, status: "FAILED: Pod failed: container a: OOMKilled, exit code 137", ends: do("a 137 OOMKilled"),
			},
			"5.4: StartError": {
				pod: types.EksPodProperties{Containers: cells{cell("a", nil, command("/nothing")), cell("b", do("echo", "x"))}}, status: "FAILED: Pod failed: container a: StartError*", ends: do("a 128 StartError", "b 0 Completed"),
			},
			"5.4: ErrImagePull": {
				pod:    types.EksPodProperties{Containers: cells{cell("a", do("echo", "x"), func(c *types.EksContainer) { c.Image = aws.String("batch-local/nosuch:1") }), cell("b", do("echo", "x"))}},
				status: "FAILED: Pod failed: container a: ErrImagePull*", ends: do("a ErrImagePull", "b 0 Completed"),
			},
			"5.4: one alone, without a name": {
				pod: types.EksPodProperties{Containers: cells{cell("", do("exit", "4"))}}, status: "FAILED: Pod failed: container Default: Error, exit code 4", ends: do("* 4 Error"),
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := c.podEnd(t, c.pod(t, test.pod))
				if test.status == "" {
					test.status = "SUCCEEDED: "
				}
				wants(t, "status", test.status, starred(f.status(), test.status))
				wants(t, "ends", test.ends, likeAll(f.ends, test.ends))
				for name, want := range test.lines {
					wants(t, "output of "+name, want, likeAll(f.lines[name], want))
				}
			})
		}
	})

	t.Run("5.1: hostNetwork true: the node's name, and its ports are everybody's", func(t *testing.T) {
		server := c.pod(t, types.EksPodProperties{Containers: cells{cell("a", do("host", "then", "listen", "127.0.0.1:7301"))}})
		c.in(t).await(server, "RUNNING")
		client := c.podEnd(t, c.pod(t, types.EksPodProperties{Containers: cells{cell("a", do("host", "then", "connect", "127.0.0.1:7301", "hello"))}}))
		f := c.podEnd(t, server)
		wants(t, "ends", do(ok, ok), append(f.ends, client.ends...))
		wants(t, "host name", aws.ToString(f.EksProperties.PodProperties.NodeName), f.lines["a"][0])
		if f.lines["a"][0] != client.lines["a"][0] {
			t.Fatalf("the pods are on %s and %s", f.lines["a"][0], client.lines["a"][0])
		}
		wants(t, "answer", "hello", client.lines["a"][len(client.lines["a"])-1])
	})

	t.Run("5.1: hostNetwork false: the pod's name, and the same ports in two pods", func(t *testing.T) {
		both := func(text string) string {
			return c.pod(t, types.EksPodProperties{HostNetwork: no, Containers: cells{cell("a", do("host", "then", "sleep", "1s", "then", "connect", "127.0.0.1:7302", text)), cell("b", do("listen", ":7302"))}})
		}
		ids := do(both("one"), both("two"))
		for i, text := range do("one", "two") {
			f := c.podEnd(t, ids[i])
			wants(t, "ends", do(ok, "b 0 Completed"), f.ends)
			wants(t, "host name", aws.ToString(f.EksProperties.PodProperties.PodName), f.lines["a"][0])
			wants(t, "answer", text, f.lines["a"][len(f.lines["a"])-1])
		}
	})

	t.Run("5.1: labels and annotations", func(t *testing.T) {
		id := c.pod(t, types.EksPodProperties{Metadata: &types.EksMetadata{Labels: map[string]string{"team": "blue"}, Annotations: map[string]string{"note": "x y"}}, Containers: cells{cell("a", do("exit", "0"))}})
		c.podEnd(t, id)
		labels := inside(t, id, "a", "inspect", "--format", `{{index .Config.Labels "team"}} {{index .Config.Labels "note"}} {{index .Config.Labels "batch.amazonaws.com/job-id"}} {{index .Config.Labels "com.amazonaws.ecs.cluster"}}`, "ID")
		wants(t, "labels", "blue x y "+id, labels)
	})

	t.Run("5.1: nobody gives himself our labels: what wears them is taken away", func(t *testing.T) {
		ours := map[string]string{"batch-local.looker": "/x", "batch-local.sandbox": "task", "batch-local.endpoint": "x", "batch-local.instance": "x"}
		name := fmt.Sprintf("batch-local/labels:%d", os.Getpid())
		build := exec.Command("docker", "build", "-q", "-t", name, "-")
		build.Stdin = strings.NewReader("FROM " + workload + "\nLABEL batch-local.looker=/x batch-local.sandbox=task batch-local.endpoint=x\n")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("docker build: %v\n%s", err, out)
		}
		t.Cleanup(func() { exec.Command("docker", "image", "rm", "-f", name).Run() })
		id := c.pod(t, types.EksPodProperties{Metadata: &types.EksMetadata{Labels: ours, Annotations: ours}, Containers: cells{cell("a", do("exit", "0"), func(c *types.EksContainer) { c.Image = &name })}})
		wants(t, "ends", do(ok), c.podEnd(t, id).ends)
		labels := inside(t, id, "a", "inspect", "--format", `{{index .Config.Labels "batch-local.looker"}}|{{index .Config.Labels "batch-local.sandbox"}}|{{index .Config.Labels "batch-local.endpoint"}}|{{index .Config.Labels "batch-local.instance"}}`, "ID")
		wants(t, "labels", "|||"+c.s.instance, labels)
	})

	for name, volumes := range map[string][]types.EksVolume{"5.2: a persistentVolumeClaim is kept across jobs": claim, "5.2: a hostPath is its node's": host("/data/x")} {
		t.Run(name, func(t *testing.T) {
			wants(t, "the first", do("a 0 Completed"), c.podEnd(t, c.pod(t, types.EksPodProperties{Volumes: volumes, Containers: cells{cell("a", do("write", "/v/f", "kept\n"), mount("/v"))}})).ends)
			f := c.podEnd(t, c.pod(t, types.EksPodProperties{Volumes: volumes, Containers: cells{cell("a", do("cat", "/v/f", "then", "try", "write", "/v/g", "x"), mount("/v", readOnly))}}))
			wants(t, "what the second read", do("kept", "open /v/g: read-only file system"), f.lines["a"])
		})
	}

	for name, volumes := range map[string][]types.EksVolume{"5.2: a subPath of a new persistentVolumeClaim": {{Name: aws.String("v"), PersistentVolumeClaim: &types.EksPersistentVolumeClaim{ClaimName: aws.String("fresh")}}},
		"5.2: a subPath of a new hostPath": host("/fresh/h")} {
		t.Run(name, func(t *testing.T) {
			see := func(words []string, change ...func(*types.EksContainer)) finish {
				return c.podEnd(t, c.pod(t, types.EksPodProperties{Volumes: volumes, Containers: cells{cell("a", words, change...)}}))
			}
			wants(t, "the first", do(ok), see(do("write", "/s/f", "deep\n"), mount("/s", subPath("q/r"))).ends)
			wants(t, "what the second read", do("deep"), see(do("cat", "/v/q/r/f", "then", "symlink", "/", "/v/out"), mount("/v")).lines["a"])
			for path, word := range map[string]string{"out": "FailedMount", "out/etc": "FailedMount", "q/../out": "CreateContainerConfigError"} {
				wants(t, path, do("a "+word), see(do("ls", "/s"), mount("/s", subPath(path))).ends)
			}
		})
	}

	t.Run("5.2: paths with colons are none", func(t *testing.T) {
		at := func(path string, volumes []types.EksVolume, change ...func(*types.EksContainerVolumeMount)) []string {
			return c.podEnd(t, c.pod(t, types.EksPodProperties{Volumes: volumes, Containers: cells{cell("a", do("ls", "/v"), mount(path, change...))}})).ends
		}
		wants(t, "a link is left", do(ok), c.podEnd(t, c.pod(t, types.EksPodProperties{Volumes: claim, Containers: cells{cell("a", do("symlink", "/", "/v/colon"), mount("/v"))}})).ends)
		wants(t, "a subPath", do("a CreateContainerError"), at("rw", claim, subPath("colon:/v")))
		wants(t, "a subPath of the pod's own", do("a CreateContainerError"), at("rw", disk, subPath("colon:/v")))
		wants(t, "a hostPath", do("a CreateContainerError"), at("rw", host("/data:/v")))
		wants(t, "a mountPath", do("a CreateContainerError"), at("/v:rshared", claim))
	})

	t.Run("5.3: retried by the exit code of any container", func(t *testing.T) {
		f := c.podEnd(t, c.pod(t, types.EksPodProperties{Containers: cells{cell("a", do("exit", "0")), cell("b", do("exit", "1")), cell("d", do("exit", "75"))}}, func(in *batch.SubmitJobInput) {
			in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{{OnExitCode: aws.String("75"), Action: types.RetryActionRetry}, {OnExitCode: aws.String("*"), Action: types.RetryActionExit}}}
		}))
		if len(f.EksAttempts) != 2 || aws.ToString(f.EksAttempts[0].PodName) == aws.ToString(f.EksAttempts[1].PodName) {
			t.Errorf("attempts: %+v", f.EksAttempts)
		}
		wants(t, "ends", do(ok, "b 1 Error", "d 75 Error"), f.ends)
	})

	t.Run("10: terminated with time to end", func(t *testing.T) {
		id := c.pod(t, types.EksPodProperties{Containers: cells{cell("a", do("trap", "7", "bye", "then", "echo", "up", "then", "sleep", "10m")), cell("b", do("trap", "0", "then", "echo", "up", "then", "sleep", "10m"))}})
		c.in(t).await(id, "RUNNING")
		c.in(t).sees(id, "a", "up")
		c.in(t).sees(id, "b", "up")
		terminate(t, c.s, id)
		f := c.podEnd(t, id)
		wants(t, "status", "FAILED: enough", f.status())
		wants(t, "ends", do("a 7 Error", "b 0 Completed"), f.ends)
		wants(t, "output", do("up", "bye"), f.lines["a"])
	})

	t.Run("terminated while an init container runs", func(t *testing.T) {
		id := c.pod(t, types.EksPodProperties{InitContainers: cells{cell("i", do("trap", "0", "then", "echo", "up", "then", "sleep", "10m"))}, Containers: cells{cell("a", do("echo", "x"))}})
		c.in(t).awaitContainer(id, "i")
		c.in(t).sees(id, "i", "up")
		if j := describe(t.Context(), t, c.s.batch(), id); j.Status != types.JobStatusStarting {
			t.Errorf("it is %s", j.Status)
		}
		terminate(t, c.s, id)
		f := c.podEnd(t, id)
		wants(t, "status", "FAILED: enough", f.status())
		wants(t, "ends", do("i 0 Completed", "a"), f.ends)
	})

	t.Run("5.2: a secret that comes later", func(t *testing.T) {
		id := c.pod(t, types.EksPodProperties{Volumes: secret("later"), Containers: cells{cell("a", do("cat", "/v/k", "then", "echo"), mount("/v"))}})
		c.in(t).await(id, "STARTING")
		if err := os.WriteFile(secrets, []byte("pod: {user: app, port: 5432}\nlater: {k: here}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f := c.podEnd(t, id)
		wants(t, "ends", do(ok), f.ends)
		wants(t, "output", do("here"), f.lines["a"])
	})

	t.Run("pods that wait for a secret keep nobody else from starting", func(t *testing.T) {
		var waiting []string
		for range 20 { // more than are brought up at a time
			waiting = append(waiting, c.pod(t, types.EksPodProperties{Volumes: []types.EksVolume{{Name: aws.String("v"), Secret: &types.EksSecret{SecretName: aws.String("nosuch")}}}, Containers: cells{cell("a", do("exit", "0"), mount("/v"))}}))
		}
		for _, id := range waiting {
			c.in(t).await(id, "STARTING")
		}
		f := c.podEnd(t, c.pod(t, types.EksPodProperties{Volumes: []types.EksVolume{{Name: aws.String("v"), Secret: &types.EksSecret{SecretName: aws.String("nosuch"), Optional: aws.Bool(true)}}}, Containers: cells{cell("a", do("ls", "/v", "then", "echo", "end"), mount("/v"))}}))
		wants(t, "output", do("end"), f.lines["a"])
		eventually(t, "nobody says why they wait", func() bool {
			is := c.s.why(waiting[0])
			return len(is.Obstacles) == 1 && is.Obstacles[0].Kind == "secret" && is.Obstacles[0].Where == "nosuch" && strings.Contains(is.Reason, "the secret nosuch of its cluster")
		})
		for _, id := range waiting {
			terminate(t, c.s, id)
		}
		for _, id := range waiting {
			wants(t, "ends", do("a"), c.podEnd(t, id).ends)
		}
	})
}

// starred answers the pattern if a text fits it: a star stands for anything, and what follows it must be somewhere behind.
func starred(text, pattern string) string {
	rest := text
	for i, part := range strings.Split(pattern, "*") {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at > 0 {
			return text
		}
		rest = rest[at+len(part):]
	}
	if rest != "" && !strings.Contains(pattern, "*") {
		return text
	}
	return pattern
}

func likeAll(texts, patterns []string) []string {
	all := slices.Clone(texts)
	for i := range all {
		if i < len(patterns) {
			all[i] = starred(all[i], patterns[i])
		}
	}
	return all
}

// removeKept takes away the containers and volumes that a server has kept, once it has ended.
func removeKept(t *testing.T, s *server) {
	t.Helper()
	s.stop()
	for _, kind := range [][]string{{"ps", "-aq"}, {"volume", "ls", "-q"}} {
		out, err := exec.Command("docker", append(kind, "--filter", "label=batch-local.instance="+s.instance)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if ids := strings.Fields(string(out)); len(ids) > 0 {
			remove := []string{"rm", "-f"}
			if kind[0] == "volume" {
				remove = []string{"volume", "rm"}
			}
			if out, err := exec.Command("docker", append(remove, ids...)...).CombinedOutput(); err != nil {
				t.Errorf("docker %v: %v\n%s", remove, err, out)
			}
		}
	}
	nothingLeft(t, s)
}

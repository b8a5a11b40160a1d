package compat

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// TestContainer looks from the inside at what a job's container is (runtime.md 2).
func TestContainer(t *testing.T) {
	t.Parallel()
	f := newField(t, "--allow-privileged", "--job-network", "compat-container",
		"--job-env", "FROM=the emulator", "--job-env", "AWS_BATCH_JQ_NAME=nonsense", "--job-env", "GIVEN=to every job")
	t.Run("limits", f.limits)
	t.Run("linux", f.linux)
	t.Run("environment", f.environment)
	t.Run("network", f.network)
	t.Run("log drivers", f.logDrivers)
	t.Run("memory kill", f.memoryKill)
	f.close(t)
}

// limits is runtime.md 2 and 2.1: CPU, memory, swap, ulimits.
func (f *field) limits(t *testing.T) {
	v2 := unified(t)
	swapFile, quotaFile := "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"
	files := map[string]string{"memory": "/sys/fs/cgroup/memory/memory.limit_in_bytes", "swap": swapFile, "swappiness": "/sys/fs/cgroup/memory/memory.swappiness",
		"shares": "/sys/fs/cgroup/cpu/cpu.shares", "quota": quotaFile, "period": "/sys/fs/cgroup/cpu/cpu.cfs_period_us"}
	if v2 {
		files = map[string]string{"memory": "/sys/fs/cgroup/memory.max", "swap": "/sys/fs/cgroup/memory.swap.max", "shares": "/sys/fs/cgroup/cpu.weight", "quota": "/sys/fs/cgroup/cpu.max"}
	}
	var names, command []string
	for _, name := range []string{"memory", "swap", "swappiness", "shares", "quota", "period"} {
		if file, ok := files[name]; ok {
			names = append(names, name)
			command = append(command, "try", "cat", file, "then")
		}
	}
	// look answers the values of the files by their names.
	look := func(t *testing.T, queue string, change func(*types.ContainerProperties)) map[string]string {
		t.Helper()
		lines := f.see(t, spec{queue: queue, command: command, change: change})
		if len(lines) != len(names) {
			t.Fatalf("it printed %q for %q", lines, names)
		}
		all := map[string]string{}
		for i, name := range names {
			all[name] = lines[i]
		}
		return all
	}
	const m, mib = 32 << 20, 1 << 20
	swap := func(bytes int) string { // v1 counts memory and swap, v2 swap alone
		if v2 {
			return strconv.Itoa(bytes)
		}
		return strconv.Itoa(m + bytes)
	}
	linux := func(l types.LinuxParameters) func(*types.ContainerProperties) {
		return func(c *types.ContainerProperties) { c.LinuxParameters = &l }
	}
	swapCounts := engine(t, "info", "--format", "{{.SwapLimit}}") == "true"
	for _, test := range []struct {
		name             string
		change           func(*types.ContainerProperties)
		swap, swappiness string
	}{
		{"neither", nil, swap(0), "60"},
		{"maxSwap 0", linux(types.LinuxParameters{MaxSwap: aws.Int32(0), Swappiness: aws.Int32(20)}), swap(0), "20"},
		{"maxSwap 16 and swappiness 10", linux(types.LinuxParameters{MaxSwap: aws.Int32(16), Swappiness: aws.Int32(10)}), swap(16 * mib), "10"},
		{"swappiness alone is ignored", linux(types.LinuxParameters{Swappiness: aws.Int32(10)}), swap(0), "60"},
	} {
		t.Run("2.1 EC2 memory and swap, "+test.name, func(t *testing.T) {
			if !swapCounts {
				t.Skip("this engine does not count swap")
			}
			got := look(t, f.ec2, test.change)
			if got["memory"] != strconv.Itoa(m) || got["swap"] != test.swap || !v2 && got["swappiness"] != test.swappiness {
				t.Errorf("%v; want memory %d, swap %s, swappiness %s", got, m, test.swap, test.swappiness)
			}
		})
	}
	t.Run("2 EC2 CPU is shares, without a quota", func(t *testing.T) {
		got := look(t, f.ec2, func(c *types.ContainerProperties) { needs(c, types.ResourceTypeVcpu, "2") })
		shares, quota := "2048", "-1"
		if v2 {
			shares, quota = "79", "max 100000"
			if got["shares"] == "174" { // newer runtimes have another curve
				shares = "174"
			}
		}
		if got["shares"] != shares || got["quota"] != quota {
			t.Errorf("%v", got)
		}
	})
	t.Run("2 Fargate CPU is a quota, its memory has no swap", func(t *testing.T) {
		got := look(t, f.fargate, func(c *types.ContainerProperties) {
			needs(c, types.ResourceTypeVcpu, "0.25")
			needs(c, types.ResourceTypeMemory, "512")
		})
		want := map[string]string{"memory": "536870912", "swap": "536870912", "quota": "25000", "period": "100000"}
		if v2 {
			want = map[string]string{"memory": "536870912", "swap": "0", "quota": "25000 100000"}
		}
		for name, v := range want {
			if got[name] != v && (name != "swap" || swapCounts) {
				t.Errorf("%s is %s, want %s", name, got[name], v)
			}
		}
	})
	t.Run("2 EC2 ulimits", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"limits"}, change: func(c *types.ContainerProperties) {
			for _, u := range []struct {
				name       string
				soft, hard int32
			}{{"nofile", 1000, 2000}, {"core", 0, 0}, {"nproc", 500, 600}, {"memlock", 65536, 131072}, {"stack", 1 << 20, 2 << 20}} {
				c.Ulimits = append(c.Ulimits, types.Ulimit{Name: &u.name, SoftLimit: &u.soft, HardLimit: &u.hard})
			}
		}})
		for name, want := range map[string]string{"open-files": "1000 2000", "core-file-size": "0 0", "processes": "500 600", "locked-memory": "65536 131072", "stack-size": "1048576 2097152"} {
			if got := value(lines, name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
	t.Run("2 Fargate sets nofile to 65535", func(t *testing.T) {
		daemon := engine(t, "run", "--rm", workload, "limits")
		if hard := strings.Fields(value(strings.Split(daemon, "\n"), "open-files")); len(hard) == 2 {
			if n, err := strconv.Atoi(hard[1]); err == nil && n < 65535 && !canRaise(t) {
				t.Skipf("the engine itself has no more than %d files", n)
			}
		}
		if got := value(f.see(t, spec{queue: f.fargate, command: []string{"limits"}}), "open-files"); got != "65535 65535" {
			t.Errorf("open files: %s", got)
		}
	})
	t.Run("2 EC2 a soft limit above the hard one fails at the start", func(t *testing.T) {
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: func(c *types.ContainerProperties) {
			c.Ulimits = []types.Ulimit{{Name: aws.String("nofile"), SoftLimit: aws.Int32(2000), HardLimit: aws.Int32(1000)}}
		}}, "CannotStartContainerError: ", "rlimit")
	})
}

// canRaise says whether the engine gives a container 65535 files.
func canRaise(t *testing.T) bool {
	t.Helper()
	return exitOf("run", "--rm", "--ulimit", "nofile=65535:65535", workload, "exit", "0") == 0
}

// linux is runtime.md 2.2 and what else the kernel shows.
func (f *field) linux(t *testing.T) {
	t.Run("2.2 sharedMemorySize", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"mounts", "/dev/shm"}, change: func(c *types.ContainerProperties) {
			c.LinuxParameters = &types.LinuxParameters{SharedMemorySize: aws.Int32(8)}
		}})
		same(t, "/dev/shm", lines, "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=8192k")
	})
	t.Run("2.2 without sharedMemorySize it is 64 MiB", func(t *testing.T) {
		same(t, "/dev/shm", f.see(t, spec{queue: f.ec2, command: []string{"mounts", "/dev/shm"}}), "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k")
	})
	t.Run("2.2 tmpfs", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"mounts", "/scratch", "then", "try", "write", "/scratch/b/x", "y"}, change: func(c *types.ContainerProperties) {
			c.LinuxParameters = &types.LinuxParameters{Tmpfs: []types.Tmpfs{
				{ContainerPath: aws.String("/scratch/a"), Size: aws.Int32(4)},
				{ContainerPath: aws.String("/scratch/b"), Size: aws.Int32(2), MountOptions: []string{"ro", "exec", "noatime", "mode=0700"}}}}
		}})
		slices.Sort(lines[:min(2, len(lines))])
		same(t, "tmpfs", lines, "/scratch/a tmpfs rw,nosuid,nodev,noexec,relatime,size=4096k", "/scratch/b tmpfs ro,nosuid,nodev,noatime,size=2048k,mode=700",
			"open /scratch/b/x: read-only file system")
	})
	t.Run("2.2 tmpfs takes defaults, atime and nr_inodes, and not bind", func(t *testing.T) {
		with := func(options ...string) func(*types.ContainerProperties) {
			return func(c *types.ContainerProperties) {
				c.LinuxParameters = &types.LinuxParameters{Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/scratch"), Size: aws.Int32(1), MountOptions: options}}}
			}
		}
		lines := f.see(t, spec{queue: f.ec2, command: []string{"mounts", "/scratch"}, change: with("defaults", "atime", "nr_inodes=100")})
		if len(lines) != 1 || !strings.Contains(lines[0], "nr_inodes=100") || !strings.Contains(lines[0], "size=1024k") {
			t.Errorf("%q", lines)
		}
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: with("bind")}, "Cannot")
	})
	t.Run("2.2 initProcessEnabled", func(t *testing.T) {
		for _, platform := range []string{f.ec2, f.fargate} {
			id := f.submit(t, spec{queue: platform, command: []string{"cat", "/proc/1/comm", "then", "sleep", "1h"}, change: func(c *types.ContainerProperties) {
				c.LinuxParameters = &types.LinuxParameters{InitProcessEnabled: aws.Bool(true)}
			}})
			s := f.s.in(t)
			s.await(id, "RUNNING")
			s.hasPrinted(t.Context(), id, "docker-init")
			f.terminate(t, id)
			if e := f.end(t, id); code(e.code) != "143" || e.why != "enough" {
				t.Errorf("%s: exit code %s, %s", platform, code(e.code), e.why)
			}
		}
		same(t, "without it, process 1", f.see(t, spec{queue: f.ec2, command: []string{"cat", "/proc/1/comm"}}), "workload")
	})
	t.Run("2.2 devices", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"stat", "/dev/nothing", "then", "stat", "/dev/full", "then", "try", "write", "/dev/ro", "x", "then", "write", "/dev/nothing", "x"}, change: func(c *types.ContainerProperties) {
			c.LinuxParameters = &types.LinuxParameters{Devices: []types.Device{
				{HostPath: aws.String("/dev/null"), ContainerPath: aws.String("/dev/nothing")},
				{HostPath: aws.String("/dev/loop-control")},
				{HostPath: aws.String("/dev/kmsg"), ContainerPath: aws.String("/dev/ro"), Permissions: []types.DeviceCgroupPermission{types.DeviceCgroupPermissionRead}}}}
		}})
		same(t, "devices", lines, "Dcrw-rw-rw- 0:0 0", "Dcrw-rw-rw- 0:0 0", "open /dev/ro: operation not permitted")
	})
	t.Run("2 readonlyRootFilesystem", func(t *testing.T) {
		for _, platform := range []string{f.ec2, f.fargate} {
			lines := f.see(t, spec{queue: platform, command: []string{"try", "write", "/x", "y"}, change: func(c *types.ContainerProperties) { c.ReadonlyRootFilesystem = aws.Bool(true) }})
			same(t, platform, lines, "open /x: read-only file system")
		}
	})
	t.Run("2 user", func(t *testing.T) {
		people := picture(t, map[string]string{"etc/passwd": "root:x:0:0::/:/x\nann:x:1234:567::/home/ann:/x\n", "etc/group": "root:x:0:\nann:x:567:\nstaff:x:50:\n"}, "USER 77:88")
		for user, want := range map[string]string{"": "77:88", "1000": "1000:0", "1000:2000": "1000:2000", "ann": "1234:567", "ann:staff": "1234:50", "root": "0:0"} {
			lines := f.see(t, spec{queue: f.ec2, command: []string{"id"}, change: func(c *types.ContainerProperties) {
				c.Image = &people
				if user != "" {
					c.User = &user
				}
			}})
			same(t, "user "+user, lines, want)
		}
	})
	t.Run("2 privileged", func(t *testing.T) {
		if exitOf("run", "--rm", "--privileged", workload, "exit", "0") != 0 {
			t.Skip("this engine itself lacks the capabilities that a privileged container gets")
		}
		for privileged, few := range map[bool]bool{true: false, false: true} {
			lines := f.see(t, spec{queue: f.ec2, command: []string{"cat", "/proc/self/status"}, change: func(c *types.ContainerProperties) { c.Privileged = &privileged }})
			i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "CapEff:") })
			if i < 0 {
				t.Fatalf("%q", lines)
			}
			if got := strings.TrimPrefix(lines[i], "CapEff:\t"); (got == "00000000a80425fb") != few { // Docker's 14
				t.Errorf("privileged %t: capabilities %s", privileged, got)
			}
		}
	})
	t.Run("4.4 pidMode and ipcMode host", func(t *testing.T) {
		our := map[string]string{}
		for _, kind := range []string{"pid", "ipc"} {
			link, err := os.Readlink("/proc/self/ns/" + kind)
			if err != nil {
				t.Skip("this machine has no /proc to compare with")
			}
			our[kind] = link
		}
		if exitOf("run", "--rm", "--pid", "host", workload, "only", "HOME", "/nowhere") != 0 || engine(t, "run", "--rm", "--pid=host", workload, "link", "/proc/self/ns/pid") != our["pid"] {
			t.Skip("the engine is on another machine, or in a container")
		}
		lines := f.see(t, spec{queue: f.ec2, command: []string{"link", "/proc/self/ns/pid", "then", "link", "/proc/self/ns/ipc"}, task: func(p *types.EcsTaskProperties) {
			p.PidMode, p.IpcMode = aws.String("host"), aws.String("host")
		}})
		same(t, "host", lines, our["pid"], our["ipc"])
		lines = f.see(t, spec{queue: f.ec2, command: []string{"link", "/proc/self/ns/pid", "then", "link", "/proc/self/ns/ipc"}})
		if len(lines) != 2 || lines[0] == our["pid"] || lines[1] == our["ipc"] {
			t.Errorf("without the modes: %q", lines)
		}
	})
	t.Run("2 stdin is empty, the outputs are pipes", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"cat", "/dev/stdin", "then", "link", "/proc/self/fd/0", "then", "link", "/proc/self/fd/1", "then", "link", "/proc/self/fd/2"}})
		if len(lines) != 3 || lines[0] != "/dev/null" || !strings.HasPrefix(lines[1], "pipe:") || !strings.HasPrefix(lines[2], "pipe:") || lines[1] == lines[2] {
			t.Errorf("%q", lines)
		}
	})
	t.Run("2 the image's entrypoint stays, and its command if none is given", func(t *testing.T) {
		image := picture(t, nil, `ENTRYPOINT ["/workload","echo","started","then"]`, `CMD ["echo","by the image"]`, "WORKDIR /tmp")
		for _, platform := range []string{f.ec2, f.fargate} {
			change := func(c *types.ContainerProperties) { c.Image = &image }
			same(t, platform+" without a command", f.see(t, spec{queue: platform, change: change}), "started", "by the image")
			same(t, platform+" with an empty one", f.see(t, spec{queue: platform, command: []string{}, change: change}), "started", "by the image")
			same(t, platform+" with one", f.see(t, spec{queue: platform, command: []string{"echo", "by the definition"}, change: change}), "started", "by the definition")
			same(t, platform+" with another", f.see(t, spec{queue: platform, command: []string{"echo", "by the definition"}, change: change,
				overrides: types.ContainerOverrides{Command: []string{"link", "/proc/self/cwd"}}}), "started", "/tmp")
		}
	})
	t.Run("2 the default user", func(t *testing.T) {
		same(t, "it is", f.see(t, spec{queue: f.fargate, command: []string{"id"}}), "0:0")
	})
}

// environment is runtime.md 2.11 and jobs.md 9.
func (f *field) environment(t *testing.T) {
	image := picture(t, nil, "ENV FROM=image LOW=image NONE= AWS_BATCH_JOB_ATTEMPT=9 ECS_AGENT_URI=image")
	placed := picture(t, nil, "ENV AWS_REGION=xx-image-1")
	for _, platform := range []string{f.ec2, f.fargate} {
		name := map[string]string{f.ec2: "EC2", f.fargate: "Fargate"}[platform]
		t.Run("2.11 "+name+" who wins", func(t *testing.T) {
			e := f.end(t, f.submit(t, spec{queue: platform, command: []string{"env"}, change: func(c *types.ContainerProperties) {
				c.Image = &image
				c.Environment = set("DEFINED", "by definition", "OVER", "definition", "EMPTY", "", "ECS_CONTAINER_METADATA_URI_V4", "http://user", "AWS_EXECUTION_ENV", "user", "HOSTNAME", "user")
			}, overrides: types.ContainerOverrides{Environment: set("OVER", "override", "FROM", "override", "ECS_CONTAINER_METADATA_URI", "http://user")}}))
			if e.status != types.JobStatusSucceeded {
				t.Fatalf("%+v", e)
			}
			for variable, want := range map[string]string{
				"GIVEN": "to every job", "DEFINED": "by definition", "OVER": "override", "FROM": "override", "LOW": "image", "NONE": "", "EMPTY": "(not there)", // jobs.md 8.3
				"AWS_BATCH_JOB_ID": e.id, "AWS_BATCH_JOB_ATTEMPT": "1", "AWS_BATCH_JQ_NAME": platform, "AWS_BATCH_CE_NAME": platform, "AWS_EXECUTION_ENV": "AWS_ECS_" + strings.ToUpper(name),
				"HOSTNAME": "user", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "(not there)",
			} {
				if got := value(e.lines, variable); got != want {
					t.Errorf("%s is %q, want %q", variable, got, want)
				}
			}
			for variable, begins := range map[string]string{"ECS_CONTAINER_METADATA_URI": "http://169.254.170.2/v3/", "ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/", "ECS_AGENT_URI": "http://169.254.170.2/api/"} {
				if got := value(e.lines, variable); !strings.HasPrefix(got, begins) {
					t.Errorf("%s is %q, want %s...", variable, got, begins)
				}
				if n := len(slices.DeleteFunc(slices.Clone(e.lines), func(l string) bool { return !strings.HasPrefix(l, variable+"=") })); n != 1 {
					t.Errorf("%s is there %d times", variable, n)
				}
			}
		})
		t.Run("2.11 "+name+" AWS_REGION of the image", func(t *testing.T) {
			lines := f.see(t, spec{queue: platform, command: []string{"env"}, change: func(c *types.ContainerProperties) { c.Image = &placed }})
			region, other := "xx-image-1", "(not there)"
			if platform == f.fargate {
				region, other = "us-east-1", "us-east-1"
			}
			if value(lines, "AWS_REGION") != region || value(lines, "AWS_DEFAULT_REGION") != other {
				t.Errorf("AWS_REGION %s, AWS_DEFAULT_REGION %s", value(lines, "AWS_REGION"), value(lines, "AWS_DEFAULT_REGION"))
			}
		})
		t.Run("2.11 "+name+" AWS_DEFAULT_REGION of the request", func(t *testing.T) {
			lines := f.see(t, spec{queue: platform, command: []string{"env"}, overrides: types.ContainerOverrides{Environment: set("AWS_DEFAULT_REGION", "xx-user-1")}})
			region, other := "(not there)", "xx-user-1"
			if platform == f.fargate {
				region, other = "us-east-1", "us-east-1"
			}
			if value(lines, "AWS_REGION") != region || value(lines, "AWS_DEFAULT_REGION") != other {
				t.Errorf("AWS_REGION %s, AWS_DEFAULT_REGION %s", value(lines, "AWS_REGION"), value(lines, "AWS_DEFAULT_REGION"))
			}
		})
	}
	t.Run("jobs.md 9 nothing else is there", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"env"}})
		var names []string
		for _, l := range lines {
			name, _, _ := strings.Cut(l, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		same(t, "names", names, "AWS_BATCH_CE_NAME", "AWS_BATCH_JOB_ATTEMPT", "AWS_BATCH_JOB_ID", "AWS_BATCH_JQ_NAME", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_REGION",
			"ECS_AGENT_URI", "ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4", "FROM", "GIVEN", "HOME", "HOSTNAME", "PATH")
	})
}

// network is runtime.md 2.8.
func (f *field) network(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the developer's") }))
	port := l.Addr().(*net.TCPAddr).Port
	here := beside(t)
	names := map[string]string{f.ec2: `ip-\d+-\d+-\d+-\d+`, f.fargate: `ip-\d+-\d+-\d+-\d+\.ec2\.internal`} // us-east-1 has no name of its own in it
	for _, platform := range []string{f.ec2, f.fargate} {
		t.Run("2.8 "+platform+" host name, and the way to this machine", func(t *testing.T) {
			lines := f.see(t, spec{queue: platform, command: []string{"env", "HOSTNAME", "then", "lookup", "$HOSTNAME", "then", "host", "then", "try", "ask", fmt.Sprintf("http://host.docker.internal:%d/", port)}})
			if len(lines) < 4 {
				t.Fatalf("%q", lines)
			}
			if !matches(names[platform], lines[0]) || lines[0] != lines[2] {
				t.Errorf("HOSTNAME %s, host name %s", lines[0], lines[2])
			}
			if last := lines[len(lines)-1]; here && (!strings.HasPrefix(last, "200 ") || !strings.HasSuffix(last, "the developer's")) {
				t.Errorf("host.docker.internal: %s", last)
			}
			if !slices.ContainsFunc(lines[3:], func(l string) bool { return strings.HasPrefix(l, lines[1]+"/") }) {
				t.Errorf("its own name leads to %s, it has %q", lines[1], lines[3:])
			}
		})
	}
	t.Run("2.8 jobs of one instance share 127.0.0.1 and its ports", func(t *testing.T) {
		hears := f.submit(t, spec{queue: f.ec2, command: []string{"listen", "127.0.0.1:7123"}})
		f.s.in(t).await(hears, "RUNNING")
		same(t, "heard", f.see(t, spec{queue: f.ec2, command: []string{"connect", "127.0.0.1:7123", "from the neighbour"}}), "from the neighbour")
		f.end(t, hears)
		hears = f.submit(t, spec{queue: f.ec2, command: []string{"echo", "up", "then", "listen", "127.0.0.1:7123"}})
		f.s.in(t).hasPrinted(t.Context(), hears, "up")
		time.Sleep(50 * time.Millisecond) // it says that before it listens
		lines := f.see(t, spec{queue: f.ec2, command: []string{"try", "listen", "127.0.0.1:7123", "then", "connect", "127.0.0.1:7123", "bye"}})
		if len(lines) != 2 || !strings.Contains(lines[0], "address already in use") {
			t.Errorf("a second one on that port: %q", lines)
		}
		f.end(t, hears)
	})
	t.Run("2.8 Fargate tasks have each their own", func(t *testing.T) {
		first := f.submit(t, spec{queue: f.fargate, command: []string{"trap", "0", "then", "listen", ":7124", "then", "sleep", "1h"}})
		f.s.in(t).await(first, "RUNNING")
		lines := f.see(t, spec{queue: f.fargate, command: []string{"try", "get", "http://127.0.0.1:7124/", "then", "host"}})
		if len(lines) == 0 || !strings.Contains(lines[0], "connection refused") {
			t.Errorf("%q", lines)
		}
		name := f.inside(t, first, "host")
		if len(lines) > 1 && strings.HasPrefix(name, lines[1]+"\n") {
			t.Errorf("two tasks have one name, %s", lines[1])
		}
		f.terminate(t, first)
		f.end(t, first)
	})
	t.Run("2.8 not this machine's own 127.0.0.1", func(t *testing.T) {
		lines := f.see(t, spec{queue: f.ec2, command: []string{"try", "get", fmt.Sprintf("http://127.0.0.1:%d/", port)}})
		if len(lines) != 1 || !strings.Contains(lines[0], "connection refused") {
			t.Errorf("%q", lines)
		}
	})
}

// logDrivers is runtime.md 2.5.
func (f *field) logDrivers(t *testing.T) {
	log := func(driver types.LogDriver, options map[string]string) func(*types.ContainerProperties) {
		return func(c *types.ContainerProperties) {
			c.LogConfiguration = &types.LogConfiguration{LogDriver: driver, Options: options}
		}
	}
	t.Run("2.5 json-file with options", func(t *testing.T) {
		id := f.submit(t, spec{queue: f.ec2, command: []string{"echo", "hello", "then", "trap", "0", "then", "sleep", "1h"}, change: log(types.LogDriverJsonFile, map[string]string{"max-size": "5m", "labels": "x"})})
		s := f.s.in(t)
		s.await(id, "RUNNING")
		containers := s.containers(id)
		if len(containers) != 1 {
			t.Fatalf("containers: %q", containers)
		}
		if got := engine(t, "inspect", "--format", `{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}} {{index .HostConfig.LogConfig.Config "labels"}}`, containers[0]); got != "json-file 5m x" {
			t.Errorf("the engine has %s", got)
		}
		f.terminate(t, id)
		if e := f.end(t, id); e.stream != nil || code(e.code) != "0" {
			t.Errorf("stream %v, exit code %s", aws.ToString(e.stream), code(e.code))
		}
	})
	t.Run("2.5 syslog gets the lines", func(t *testing.T) {
		needBeside(t)
		heard, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer heard.Close()
		e := f.end(t, f.submit(t, spec{queue: f.ec2, command: []string{"echo", "to the syslog"}, change: log(types.LogDriverSyslog,
			map[string]string{"syslog-address": "udp://" + heard.LocalAddr().String(), "tag": "compat"})}))
		if e.status != types.JobStatusSucceeded || e.stream != nil {
			t.Errorf("%s (%s / %s), stream %v", e.status, e.why, e.reason, aws.ToString(e.stream))
		}
		heard.SetReadDeadline(time.Now().Add(5 * time.Second))
		line := make([]byte, 1024)
		n, _, err := heard.ReadFrom(line)
		if text := string(line[:n]); err != nil || !strings.Contains(text, "compat") || !strings.Contains(text, "to the syslog") {
			t.Errorf("heard %q, %v", text, err)
		}
	})
	t.Run("2.5 options of a driver that are none", func(t *testing.T) {
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: log(types.LogDriverJsonFile, map[string]string{"no-such-option": "1"})}, "CannotCreateContainerError: Error response from daemon: ", "no-such-option")
	})
	t.Run("2.5 a group that is missing", func(t *testing.T) {
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: log(types.LogDriverAwslogs, map[string]string{"awslogs-group": "no-such-group"})},
			"CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.")
		f.fails(t, spec{queue: f.fargate, command: []string{"exit", "0"}, change: log(types.LogDriverAwslogs, map[string]string{"awslogs-group": "no-such-group"})},
			"ResourceInitializationError: failed to validate logger args: ")
	})
	t.Run("2.5 awslogs-create-group, region, prefix", func(t *testing.T) {
		id := f.submit(t, spec{queue: f.ec2, command: []string{"echo", "in a group of its own"}, change: log(types.LogDriverAwslogs, map[string]string{
			"awslogs-group": "/compat/new", "awslogs-create-group": "true", "awslogs-stream-prefix": "pre/fix"})})
		f.s.in(t).await(id, "")
		j := describe(t.Context(), t, f.c, id)
		stream := aws.ToString(j.Container.LogStreamName)
		if !strings.HasPrefix(stream, "pre/fix/default/") {
			t.Errorf("stream %q (%s / %s)", stream, aws.ToString(j.StatusReason), aws.ToString(j.Container.Reason))
		}
		out, err := f.s.logs().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/compat/new"), LogStreamName: &stream})
		if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "in a group of its own" {
			t.Errorf("%v, %v", out, err)
		}
	})
}

// memoryKill is runtime.md 3: who is killed for memory, and how it ends.
func (f *field) memoryKill(t *testing.T) {
	for _, test := range []struct {
		name, code string
		status     types.JobStatus
		command    []string
	}{
		{"the process itself", "137", types.JobStatusFailed, []string{"alloc", "100"}},
		{"a child, and the job ends with 3", "3", types.JobStatusFailed, []string{"fork", "alloc", "100", "then", "exit", "3"}},
		{"a child, and the job ends with 0", "0", types.JobStatusSucceeded, []string{"fork", "alloc", "100", "then", "exit", "0"}},
	} {
		t.Run("3 "+test.name, func(t *testing.T) {
			e := f.end(t, f.submit(t, spec{queue: f.ec2, command: test.command}))
			if e.status != test.status || code(e.code) != test.code || e.reason != "OutOfMemoryError: Container killed due to memory usage" || e.why != "Essential container in task exited" {
				t.Errorf("%s (%s / %s), exit code %s, printed %q", e.status, e.why, e.reason, code(e.code), e.lines)
			}
		})
	}
}

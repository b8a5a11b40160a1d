package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// Engine and Instance are what package docker knows of a container engine.
type (
	Engine   = docker.Facts
	Instance = docker.Instance
)

const (
	engineTime  = 10 * time.Second
	littleSpace = 5 << 30 // bytes; below it images fail to unpack
)

// engine looks at the container engine: the server's, if one runs.
func engine(ctx context.Context, p Patient, info *emulator.Info) []Finding {
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	endpoint := ""
	if info != nil {
		endpoint = info.Engine.Endpoint
		if info.Engine.State == "absent" && info.Engine.Reason != "" {
			return []Finding{{Problem, "engine", "the server says: " + info.Engine.Reason, ""}}
		}
	}
	e, err := p.Inspect(ctx, endpoint)
	switch {
	case err != nil && info != nil && info.Engine.State == "ready":
		// The server is elsewhere, or may do what we may not.
		return []Finding{
			{Well, "engine", fmt.Sprintf("the server runs jobs on Docker %s at %s", info.Engine.Version, info.Engine.Endpoint), ""},
			{Note, "engine", "it cannot be looked at from here: " + err.Error(), ""},
		}
	case err != nil:
		return []Finding{{Problem, "engine", err.Error(), engineFix(err)}}
	}
	findings := []Finding{version(e)}
	findings = append(findings, platform(e)...)
	findings = append(findings, limits(e)...)
	findings = append(findings, machine(e, info))
	findings = append(findings, space(e)...)
	return append(findings, leftovers(e, info)...)
}

// engineFix is what helps against an engine that does not answer.
func engineFix(err error) string {
	switch text := strings.ToLower(err.Error()); {
	case errors.Is(err, fs.ErrPermission) || strings.Contains(text, "permission denied"):
		name := "$USER"
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
		return "let " + name + " use it: sudo usermod -aG docker " + name + ", then log in again"
	case os.Getenv("DOCKER_HOST") != "":
		return "correct or unset DOCKER_HOST (" + os.Getenv("DOCKER_HOST") + ")"
	}
	return "start it: scripts/ensure-docker on Debian and Ubuntu, sudo systemctl start docker, or Docker Desktop; or do without: batch-local serve --driver simulated"
}

func version(e Engine) Finding {
	text := fmt.Sprintf("Docker %s answers at %s: %d CPUs, %s of memory", e.Version, e.Endpoint, e.CPUs, gibibytes(e.Memory))
	if major, minor, ok := numbers(e.Version); ok && (major < 20 || major == 20 && minor < 10) {
		return Finding{Problem, "engine", text, "it is too old: install Docker 20.10 or newer"}
	}
	return Finding{Well, "engine", text, ""}
}

// numbers are the first two of a version.
func numbers(version string) (major, minor int, ok bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}

func platform(e Engine) []Finding {
	if e.OS != "linux" {
		return []Finding{{Problem, "platform", "the engine runs containers of " + e.OS, "switch it to Linux containers"}}
	}
	findings := []Finding{{Well, "platform", "linux " + e.Architecture, ""}}
	if e.Architecture == "aarch64" || e.Architecture == "arm64" {
		findings[0] = Finding{Note, "platform", "linux " + e.Architecture + "; images for x86-64 alone run slowly or not at all", "use images that are built for linux/arm64 too"}
	}
	return findings
}

func limits(e Engine) []Finding {
	findings := []Finding{{Well, "limits", "memory and CPU limits are enforced (cgroups " + e.Cgroups + ")", ""}}
	lacks := func(level Level, text, fix string) {
		if findings[0].Level == Well {
			findings = nil
		}
		findings = append(findings, Finding{level, "limits", text, fix})
	}
	if e.LimitsMemory && e.LimitsSwap && e.LimitsCPU && e.Cgroups == "1" {
		lacks(Note, "memory and CPU limits are enforced, with cgroups 1", "")
	}
	if !e.LimitsMemory {
		lacks(Warning, "memory limits are not enforced: a job that takes too much is not killed", "boot with cgroup_enable=memory on the kernel's command line; a rootless engine needs cgroups 2 and delegation")
	}
	if e.LimitsMemory && !e.LimitsSwap {
		lacks(Warning, "swap is not limited: a job may take more than its memory before it is killed", "boot with swapaccount=1 on the kernel's command line, or turn swap off")
	}
	if !e.LimitsCPU {
		lacks(Warning, "CPU limits are not enforced: a job may take more than its vCPUs", "use a kernel with CONFIG_CFS_BANDWIDTH; a rootless engine needs the cpu controller delegated")
	}
	return findings
}

// machine says how much all jobs together get of the engine's machine.
func machine(e Engine, info *emulator.Info) Finding {
	milli, mib := emulator.Config{}.Bound(e.CPUs, e.Memory>>20)
	vcpus := float64(milli) / 1000
	if info != nil && info.Limits.MemoryMiB > 0 {
		vcpus, mib = info.Limits.VCPUs, info.Limits.MemoryMiB
	}
	return Finding{Well, "machine", fmt.Sprintf("jobs that run at once get %d MiB and %g vCPUs together; further ones wait (--memory-budget, --cpu-overcommit)", mib, vcpus), ""}
}

// space looks at the disk of an engine on this host.
func space(e Engine) []Finding {
	if !strings.HasPrefix(e.Endpoint, "unix://") {
		return nil
	}
	free, err := freeBytes(e.Folder)
	if err != nil { // a virtual machine's folder, as with Docker Desktop
		return nil
	}
	text := gibibytes(int64(free)) + " are free at " + e.Folder
	if free < littleSpace {
		return []Finding{{Warning, "disk", text, "docker system prune removes what nothing uses"}}
	}
	return []Finding{{Well, "disk", text, ""}}
}

// leftovers are things of instances that are not the server that was asked. Their removal is only spoken of where it was seen that their server is no more.
func leftovers(e Engine, info *emulator.Info) []Finding {
	var others, findings []Finding
	for _, i := range e.Instances {
		if info != nil && i.Name == info.Instance {
			continue
		}
		has := strings.Join(things(i), ", ")
		switch i.Server {
		case docker.Lives:
			others = append(others, Finding{Note, "others", fmt.Sprintf("instance %s is another batch-local that runs: %s", i.Name, has), ""})
		case docker.Gone:
			findings = append(findings, Finding{
				Warning, "leftovers", fmt.Sprintf("instance %s left %s; its server has gone", i.Name, has),
				"unless it is to start again with its --data-dir and go on: " + strings.Join(commands(i, "docker rm -f $(", "docker network rm $(", "docker volume rm $(", " -q", ")"), "; "),
			})
		default:
			findings = append(findings, Finding{
				Note, "leftovers", fmt.Sprintf("instance %s has %s; whether its server runs, or is to start again with its --data-dir, cannot be seen", i.Name, has),
				"to see what they are: " + strings.Join(commands(i, "", "", "", "", ""), "; "),
			})
		}
	}
	if findings == nil {
		findings = []Finding{{Well, "leftovers", "none on the engine", ""}}
	}
	return append(others, findings...)
}

// commands list what an instance has, each kind within others.
func commands(i Instance, containers, networks, volumes, quiet, end string) (list []string) {
	label := quiet + " --filter label=batch-local.instance=" + i.Name + end
	if i.Containers > 0 {
		list = append(list, containers+"docker ps -a"+label)
	}
	if i.Networks > 0 {
		list = append(list, networks+"docker network ls"+label)
	}
	if i.Volumes > 0 {
		list = append(list, volumes+"docker volume ls"+label)
	}
	return list
}

func things(l Instance) []string {
	var things []string
	count := func(n int, one string) {
		if n == 1 {
			things = append(things, "1 "+one)
		} else if n > 1 {
			things = append(things, fmt.Sprintf("%d %ss", n, one))
		}
	}
	count(l.Containers, "container")
	if l.Running > 0 {
		things[0] += fmt.Sprintf(" (%d running)", l.Running)
	}
	count(l.Networks, "network")
	count(l.Volumes, "volume")
	return things
}

func gibibytes(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/(1<<30), 'f', 1, 64) + " GiB"
}

package docker

import (
	"slices"
	"strings"
	"testing"
)

// What the kernel prints of a memory kill (Linux 6.1), as engines name their cgroups.
func TestWhoseProcessTheKernelKilled(t *testing.T) {
	ours, other := strings.Repeat("0123456789abcdef", 4), strings.Repeat("f", 64)
	for name, c := range map[string]struct {
		record string
		want   []string
	}{
		"cgroups 1": {"4,4123,11237425592,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=" + ours + ",mems_allowed=0,oom_memcg=/docker/" + ours +
			",task_memcg=/docker/" + ours + ",task=exe,pid=29804,uid=0\n", []string{ours}},
		"systemd": {"4,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=docker-" + ours + ".scope,mems_allowed=0,oom_memcg=/system.slice/docker-" + ours +
			".scope,task_memcg=/system.slice/docker-" + ours + ".scope,task=exe,pid=1,uid=0\n", []string{ours}},
		"a group within the container's": {"4,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/docker/" + ours +
			",task_memcg=/docker/" + ours + "/inner,task=exe,pid=1,uid=0\n", []string{ours}},
		"the machine's memory, wanted by another": {"4,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=" + other + ",mems_allowed=0,global_oom,task_memcg=/docker/" +
			ours + ",task=exe,pid=1,uid=0\n", []string{ours}},
		"an engine within a container": {"4,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=" + ours + ",mems_allowed=0,oom_memcg=/docker/" + other + "/docker/" + ours +
			",task_memcg=/docker/" + other + "/docker/" + ours + ",task=exe,pid=1,uid=0\n", []string{other, ours}},
		"an engine within a pod": {"4,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/x,task_memcg=/kubepods.slice/kubepods-pod0a1b_2c.slice/cri-containerd-" +
			other + ".scope/docker/" + ours + ",task=exe,pid=1,uid=0\n", []string{other, ours}},
		"no container's":    {"4,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=" + other + ",mems_allowed=0,global_oom,task_memcg=/user.slice,task=exe,pid=1,uid=0\n", nil},
		"a name too short":  {"4,1,2,-;oom-kill:cpuset=/,task_memcg=/docker/" + ours[1:] + ",task=exe,pid=1,uid=0\n", nil},
		"of something else": {"6,4122,11237425590,-;veth440766e (unregistering): left promiscuous mode " + ours + "\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := killedIn([]byte(c.record)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func BenchmarkAskTheKernel(b *testing.B) {
	var k kernelLog
	defer k.close()
	k.hasKilled("")
	for b.Loop() {
		k.hasKilled("")
	}
}

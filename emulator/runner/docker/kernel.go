package docker

import (
	"bytes"
	"sync"
)

// A kernelLog follows what the kernel says of memory kills. It is asked because engines with cgroups 1 lose such a kill when the machine is busy and the
// container's cgroup goes before they have looked. It knows of nothing where the log may not be read, or where the engine is on another machine.
//
// Only what is new is read each time, so that every container's end can ask.
type kernelLog struct {
	mu     sync.Mutex
	source kernelSource
	killed map[string]bool // containers in which something was killed and which nobody asked for
}

// most is how many containers that are not ours a kernelLog remembers.
const most = 1 << 12

// hasKilled says whether something was killed in a container, once.
func (k *kernelLog) hasKilled(container string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.source.each(func(record []byte) {
		id := killedIn(record)
		if id == "" {
			return
		}
		if k.killed == nil || len(k.killed) >= most {
			k.killed = map[string]bool{}
		}
		k.killed[id] = true
	})
	is := k.killed[container]
	delete(k.killed, container)
	return is
}

func (k *kernelLog) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.source.close()
}

// killedIn is the container whose process a record says was killed, if it is such a record. The other cgroups that it names are that of whoever wanted the
// memory and that whose limit it was.
func killedIn(record []byte) string {
	const group = ",task_memcg="
	if !bytes.Contains(record, []byte("oom-kill:")) {
		return ""
	}
	_, path, found := bytes.Cut(record, []byte(group))
	if !found {
		return ""
	}
	path, _, _ = bytes.Cut(path, []byte(","))
	const length = 64
	run := 0
	for i, c := range path { // "/docker/<id>", "/system.slice/docker-<id>.scope"
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' {
			run++
		} else {
			run = 0
		}
		if run == length {
			return string(path[i+1-length : i+1])
		}
	}
	return ""
}

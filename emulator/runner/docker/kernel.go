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
		for _, id := range killedIn(record) {
			if k.killed == nil || len(k.killed) >= most {
				k.killed = map[string]bool{}
			}
			k.killed[id] = true
		}
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

// killedIn are the containers that the process was in which a record says was killed, if it is such a record: that of its engine, and those around it where
// that engine is itself in a container. The other cgroups that the record names are that of whoever wanted the memory and that whose limit it was.
func killedIn(record []byte) (ids []string) {
	if !bytes.Contains(record, []byte("oom-kill:")) {
		return nil
	}
	_, path, _ := bytes.Cut(record, []byte(",task_memcg="))
	path, _, _ = bytes.Cut(path, []byte(","))
	noDigit := func(c rune) bool { return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') }
	for id := range bytes.FieldsFuncSeq(path, noDigit) { // "/docker/<id>", "/system.slice/docker-<id>.scope"
		if len(id) == idLength {
			ids = append(ids, string(id))
		}
	}
	return ids
}

// idLength is how many hexadecimal digits the id of a container has.
const idLength = 64

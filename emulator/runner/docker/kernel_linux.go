package docker

import (
	"bytes"
	"errors"
	"syscall"
)

// kernelKilled says whether the kernel's log tells of a memory kill in a container. It asks the kernel itself because engines with cgroups 1 lose
// such a kill when the machine is busy. False where the log may not be read, or where the engine is on another machine.
func kernelKilled(container string) bool {
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	record := make([]byte, 8<<10)
	for {
		n, err := syscall.Read(fd, record) // one record each
		switch {
		case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EINTR): // overwritten meanwhile: the next is there
			continue
		case err != nil || n == 0: // the end
			return false
		case bytes.Contains(record[:n], []byte("oom-kill:")) && bytes.Contains(record[:n], []byte(container)):
			return true
		}
	}
}

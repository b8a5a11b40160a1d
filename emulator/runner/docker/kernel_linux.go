package docker

import (
	"errors"
	"syscall"
)

// A kernelSource reads the kernel's log from where it ended before, or from its beginning: an adopted container may have been killed before we were there.
type kernelSource struct {
	file   int
	record []byte // nil before the first reading
	closed bool
}

func (s *kernelSource) each(tell func(record []byte)) {
	if s.closed {
		return
	}
	if s.record == nil {
		file, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err != nil {
			s.closed = true
			return
		}
		s.file, s.record = file, make([]byte, 8<<10) // more than the kernel's largest record
	}
	for {
		n, err := syscall.Read(s.file, s.record) // one record each
		switch {
		case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EINTR): // overwritten meanwhile: the next is there
			continue
		case err != nil || n == 0: // the end
			return
		}
		tell(s.record[:n])
	}
}

func (s *kernelSource) close() {
	if s.record != nil && !s.closed {
		syscall.Close(s.file)
	}
	s.closed = true
}

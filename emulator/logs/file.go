package logs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// file is an append-only file of frames.
type file struct {
	mu   sync.Mutex
	f    *os.File
	size int64
}

// Kinds of frames.
const (
	frameStream  = 's' // JSON: a stream is made
	frameGroup   = 'g' // JSON: a group is made, changed or removed with its streams
	frameExtent  = 'x' // number of the stream, index of the first record, records
	frameRemoved = 'd' // number of a stream that is removed
)

const (
	frameMark = 0xb1
	frameHead = 1 + 1 + 4 + 4
	// longestFrame bounds what a damaged length makes us read.
	longestFrame = 64 << 20
)

// openFile opens the file in a folder; without one, a nameless file is made when it is first written.
func openFile(dir string) (*file, error) {
	if dir == "" {
		return &file{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "events.log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{f: f}, nil
}

// append writes one frame and answers where its content begins.
func (f *file) append(kind byte, parts ...[]byte) (offset int64, err error) {
	size := 0
	sum := crc32.NewIEEE()
	for _, p := range parts {
		size += len(p)
		sum.Write(p)
	}
	frame := make([]byte, 0, frameHead+size)
	frame = append(frame, frameMark, kind)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(size))
	frame = binary.LittleEndian.AppendUint32(frame, sum.Sum32())
	for _, p := range parts {
		frame = append(frame, p...)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		if f.f, err = nameless(); err != nil {
			return 0, err
		}
	}
	if _, err := f.f.WriteAt(frame, f.size); err != nil {
		return 0, fmt.Errorf("write the log file: %w", err)
	}
	offset = f.size + frameHead
	f.size += int64(len(frame))
	return offset, nil
}

// nameless is a temporary file that nothing is left of, however the process ends.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "batch-local-logs-*")
	if err != nil {
		return nil, fmt.Errorf("make a file for logs: %w", err)
	}
	return f, os.Remove(f.Name())
}

func (f *file) read(offset int64, size int) ([]byte, error) {
	b := make([]byte, size)
	if _, err := f.f.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("read the log file: %w", err)
	}
	return b, nil
}

// load gives every frame, with the place of its content, and cuts off what is not whole.
func (f *file) load(give func(kind byte, offset int64, content []byte) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(f.f, 0, 1<<62), 1<<20)
	var head [frameHead]byte
	var content []byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return f.cut(err)
		}
		size := binary.LittleEndian.Uint32(head[2:])
		if head[0] != frameMark || size > longestFrame {
			return f.cut(nil)
		}
		if cap(content) < int(size) {
			content = make([]byte, size)
		}
		content = content[:size]
		if _, err := io.ReadFull(in, content); err != nil {
			return f.cut(err)
		}
		if crc32.ChecksumIEEE(content) != binary.LittleEndian.Uint32(head[6:]) {
			return f.cut(nil)
		}
		if err := give(head[1], f.size+frameHead, content); err != nil {
			return err
		}
		f.size += frameHead + int64(size)
	}
}

func (f *file) cut(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the log file: %w", err)
	}
	return f.f.Truncate(f.size)
}

func (f *file) clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = 0
	if f.f == nil {
		return nil
	}
	return f.f.Truncate(0)
}

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}

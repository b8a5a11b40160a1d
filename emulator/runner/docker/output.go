package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/batch-local/batch-local/emulator/runner"
)

// attached copies what a container prints as it comes. It returns when the container's outputs are closed.
func attached(reader io.Reader, log runner.Log) error {
	_, err := stdcopy.StdCopy(log.Writer(runner.Stdout), log.Writer(runner.Stderr), reader)
	return err
}

// A recording is what the engine kept of a container's outputs, for containers that an earlier process attached to. Lines that the
// log has already are left out.
type recording struct {
	driver *Driver
	id     string
	log    runner.Log
	seen   [2]int64 // lines that are in the log
	begun  [2]int64 // bytes of the line behind them that are
}

func (d *Driver) recording(id string, log runner.Log) *recording {
	r := &recording{driver: d, id: id, log: log}
	r.seen[runner.Stdout], r.seen[runner.Stderr] = log.Lines()
	return r
}

// follow copies whole lines, those that are there and those that come, until the container ends or ctx is done.
func (r *recording) follow(ctx context.Context) error { return r.read(ctx, true) }

// finish copies the rest when the container has ended. Following misses a last line without newline.
func (r *recording) finish(ctx context.Context) error { return r.read(ctx, false) }

// read copies lines. The end of a container is not told before the rest is copied, so that may not stand still for longer than lookTime, however much it is.
func (r *recording) read(ctx context.Context, follow bool) (err error) {
	moves := func() {}
	if !follow {
		limited, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		still := time.AfterFunc(lookTime, func() { cancel(errStill) })
		defer still.Stop()
		defer func() {
			if err != nil && context.Cause(limited) == errStill {
				err = errStill
			}
		}()
		ctx, moves = limited, func() { still.Reset(lookTime) }
	}
	stream, err := r.driver.client.ContainerLogs(ctx, r.id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow, Timestamps: true})
	if err != nil {
		return err
	}
	defer stream.Close()
	f := frames{log: r.log, skip: r.seen, begun: r.begun}
	err = f.copy(moving{stream, moves}, !follow)
	for std := range f.added {
		r.seen[std] += f.added[std]
	}
	r.begun = f.begun
	return err
}

// errStill is why the rest of a container's output is not read to its end.
var errStill = errors.New("the engine sends no more of it")

// A moving reader tells of each piece that it has read.
type moving struct {
	io.Reader
	moves func()
}

func (m moving) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.moves()
	return n, err
}

// frames reads the engine's record: a header of eight bytes with the output and the size, then a time stamp, a space and at most 16 KiB
// of a line. Only the last frame of a line ends with a newline (runtime.md 12).
type frames struct {
	log   runner.Log
	skip  [2]int64 // lines to be left out
	begun [2]int64 // bytes of the line behind them that are in the log
	added [2]int64 // lines
	line  [2]bytes.Buffer
	taken [2]int64 // bytes of the line that were flushed before those in the buffer
	at    [2]time.Time
}

// longestLine is how much of a line without end is kept in memory; a longer one goes to the log in parts, with the times at which they are read.
const longestLine = 256 << 10

// copy reads to the end; last says whether a line without newline there is one.
func (r *frames) copy(stream io.Reader, last bool) error {
	in := bufio.NewReaderSize(stream, 64<<10)
	var header [8]byte
	var frame []byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			if errors.Is(err, io.EOF) && last {
				return r.rest()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		size := int(binary.BigEndian.Uint32(header[4:]))
		if cap(frame) < size {
			frame = make([]byte, size)
		}
		frame = frame[:size]
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		std := runner.Stdout
		if header[0] == byte(stdcopy.Stderr) {
			std = runner.Stderr
		}
		if err := r.frame(std, frame); err != nil {
			return err
		}
	}
}

func (r *frames) frame(std runner.Std, frame []byte) error {
	stamp, text, found := bytes.Cut(frame, []byte(" "))
	if !found {
		text = nil
	}
	if r.line[std].Len() == 0 {
		if at, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil {
			r.at[std] = at
		}
	}
	text, whole := bytes.CutSuffix(text, []byte("\n"))
	r.line[std].Write(text)
	if whole || r.line[std].Len() > longestLine {
		return r.flush(std, whole)
	}
	return nil
}

// flush takes a line from its buffer, or a part of one if it is not whole. Only whole lines are counted, as the log counts them.
func (r *frames) flush(std runner.Std, whole bool) error {
	b := &r.line[std]
	defer b.Reset()
	if r.skip[std] > 0 {
		if whole {
			r.skip[std]--
		}
		return nil
	}
	if whole {
		r.added[std]++
	}
	if whole && r.begun[std] == 0 {
		return r.log.Append(std, r.at[std], b.Bytes())
	}
	size := int64(b.Len())
	rest := b.Bytes()[min(max(0, r.begun[std]-r.taken[std]), size):]
	if whole {
		rest = append(rest, '\n')
		r.taken[std], r.begun[std] = 0, 0
	} else {
		r.taken[std] += size
		r.begun[std] = max(r.begun[std], r.taken[std])
	}
	_, err := r.log.Writer(std).Write(rest)
	return err
}

func (r *frames) rest() error {
	var errs []error
	for _, std := range []runner.Std{runner.Stdout, runner.Stderr} {
		if r.line[std].Len() > 0 || r.taken[std] > 0 {
			errs = append(errs, r.flush(std, true))
		}
	}
	return errors.Join(errs...)
}

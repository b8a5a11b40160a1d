package logs

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// maxEvent is how much of a line is one event; CloudWatch's driver splits longer ones (runtime.md 12).
const maxEvent = 262144 - 26

// A Writer writes one stream: bytes of the two outputs as they come, or whole lines. Both outputs may be written at the same time.
type Writer struct {
	stream *Stream
	join   *joiner // nil: every line is an event

	mu      sync.Mutex
	partial [2]bytes.Buffer // a line that has not ended
	split   [2]bool         // parts of it are stored already
	err     error
	earlier [2]int64
}

func newWriter(s *Stream) *Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Writer{stream: s, earlier: s.lines}
}

// Lines is how many lines of each output were there when the writer was opened, empty ones included.
func (w *Writer) Lines() (stdout, stderr int64) { return w.earlier[Stdout], w.earlier[Stderr] }

// Output takes the bytes of one output. Each line is an event with the time when its end came.
func (w *Writer) Output(std Std) io.Writer { return output{w, std} }

type output struct {
	w   *Writer
	std Std
}

// Write never fails: an error of the disk must not stop a container. Close tells it.
func (o output) Write(p []byte) (int, error) {
	w, size := o.w, len(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.stream.store.now().UnixMilli()
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		p = rest
		if ended && w.partial[o.std].Len() == 0 {
			w.line(o.std, now, line)
			continue
		}
		w.partial[o.std].Write(line)
		if ended {
			w.end(o.std, now)
		} else {
			w.shorten(o.std, now)
		}
	}
	return size, nil
}

// end makes a line of what was collected.
func (w *Writer) end(std Std, at int64) {
	b := &w.partial[std]
	w.line(std, at, b.Bytes())
	b.Reset()
	if b.Cap() > flushSize {
		*b = bytes.Buffer{}
	}
}

// shorten stores the beginning of a line that is longer than an event, so that no line is held in memory whole.
func (w *Writer) shorten(std Std, at int64) {
	b := &w.partial[std]
	for b.Len() > maxEvent+utf8.UTFMax {
		n := boundary(b.Bytes(), maxEvent)
		w.add(std, at, b.Next(n), flagPart)
		w.split[std] = true
	}
}

// boundary is the end of the last whole rune within the first n bytes.
func boundary(b []byte, n int) int {
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(b[i]) {
			return i
		}
	}
	return n
}

// line stores a whole line, or the rest of one, as one event or several. The lock is held.
func (w *Writer) line(std Std, at int64, text []byte) {
	for len(text) > maxEvent {
		n := boundary(text, maxEvent)
		w.add(std, at, text[:n], flagPart)
		text = text[n:]
		w.split[std] = true
	}
	flags := byte(0)
	if len(text) == 0 {
		flags = flagSilent // an empty line, or nothing after the last part
	}
	w.add(std, at, text, flags)
	w.split[std] = false
}

func (w *Writer) add(std Std, at int64, text []byte, flags byte) {
	if w.join != nil {
		w.join.add(std, at, text, flags&flagPart != 0)
		return
	}
	w.store(&record{at: at, flags: flags | flagOf(std), text: text})
}

func (w *Writer) store(r *record) {
	if !utf8.Valid(r.text) {
		r.text = []byte(strings.ToValidUTF8(string(r.text), "\uFFFD"))
	}
	if err := w.stream.add(r); err != nil && w.err == nil {
		w.err = err
	}
}

// Append stores a whole line that was printed at a known time.
func (w *Writer) Append(std Std, at time.Time, line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line(std, at.UnixMilli(), line)
	return w.err
}

// Close stores last lines without an end, and answers the first error of all that was written.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.stream.store.now().UnixMilli()
	for std := range w.partial {
		if w.partial[std].Len() > 0 || w.split[std] {
			w.end(Std(std), now)
		}
	}
	if w.join != nil {
		w.join.flush()
	}
	return w.finish()
}

// Abandon is Close without the last lines that have no end, and the last event that has none: whoever goes on with the stream writes them whole.
func (w *Writer) Abandon() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finish()
}

func (w *Writer) finish() error {
	if w.join != nil {
		w.join.end()
	}
	if err := w.stream.settle(); err != nil && w.err == nil {
		w.err = err
	}
	return w.err
}

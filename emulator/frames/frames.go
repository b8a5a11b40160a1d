// Package frames carries the input and the outputs of a command over one connection, for /_emulator/exec and its callers.
//
// A frame is its kind (one byte), the length of what follows (four bytes, the highest first, at most [Most]), and that. To the server go input, its
// end, and sizes of the terminal; to the caller both outputs, and at last the exit code or a failure. Numbers are written as the length is.
//
// A caller may have [Window] bytes of input on the way that the server did not say were taken: so the server never has to stop reading to wait for a
// command that does not read, and always notices when the caller goes away.
package frames

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// Kind says what is in a frame.
type Kind byte

const (
	Stdin  Kind = 'i' // to the server: input
	End    Kind = 'z' // to the server: end of the input; empty
	Resize Kind = 'r' // to the server: rows and columns of the terminal, two bytes each

	Stdout  Kind = 'o'
	Stderr  Kind = 'e'
	Taken   Kind = 't' // how many bytes of input were taken, four bytes
	Exit    Kind = 'x' // the last one: the exit code, four bytes
	Failure Kind = 'f' // the last one: why there is no exit code, as text
)

const (
	// Most is how long the content of a frame may be.
	Most = 32 << 10
	// Window is how many bytes of input may be on the way.
	Window = 256 << 10
)

const head = 5

// Read reads one frame. At the end of the connection it answers io.EOF.
func Read(r io.Reader) (Kind, []byte, error) {
	var start [head]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(start[1:])
	if length > Most {
		return 0, nil, fmt.Errorf("a frame of %d bytes, which is more than %d", length, Most)
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(r, content); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return Kind(start[0]), content, nil
}

// A Writer writes frames. It may be used by several goroutines.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter makes one.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes one frame; content is at most Most bytes.
func (w *Writer) Write(kind Kind, content []byte) error {
	frame := append(binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(len(content))), content...)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.w.Write(frame)
	return err
}

// Number writes a frame with a number.
func (w *Writer) Number(kind Kind, n int) error {
	return w.Write(kind, binary.BigEndian.AppendUint32(nil, uint32(int32(n))))
}

// Resize writes the size of a terminal.
func (w *Writer) Resize(rows, columns uint16) error {
	return w.Write(Resize, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, rows), columns))
}

// Stream is a writer of one kind; it takes any length.
func (w *Writer) Stream(kind Kind) io.Writer { return stream{w, kind} }

type stream struct {
	w    *Writer
	kind Kind
}

func (s stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), Most)]
		if err := s.w.Write(s.kind, part); err != nil {
			return n, err
		}
		n, p = n+len(part), p[len(part):]
	}
	return n, nil
}

// Number reads the content of a frame with a number.
func Number(content []byte) (int, error) {
	if len(content) != 4 {
		return 0, fmt.Errorf("a number of %d bytes", len(content))
	}
	return int(int32(binary.BigEndian.Uint32(content))), nil
}

// Size reads the content of a Resize.
func Size(content []byte) (rows, columns uint16, err error) {
	if len(content) != 4 {
		return 0, 0, fmt.Errorf("a size of %d bytes", len(content))
	}
	return binary.BigEndian.Uint16(content), binary.BigEndian.Uint16(content[2:]), nil
}

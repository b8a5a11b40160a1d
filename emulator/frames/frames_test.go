package frames

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestThereAndBack: every kind of content arrives as it was, long output in several frames.
func TestThereAndBack(t *testing.T) {
	var wire bytes.Buffer
	w := NewWriter(&wire)
	long := strings.Repeat("x", 2*Most+1)
	n, err := io.WriteString(w.Stream(Stdout), long)
	if n != len(long) || err != nil {
		t.Fatal(n, err)
	}
	if err := errors.Join(w.Number(Exit, -1), w.Resize(24, 65535), w.Write(End, nil)); err != nil {
		t.Fatal(err)
	}
	next := func(want Kind) []byte {
		t.Helper()
		kind, content, err := Read(&wire)
		if kind != want || err != nil {
			t.Fatalf("%c %v, want %c", kind, err, want)
		}
		return content
	}
	got := ""
	for range 3 {
		got += string(next(Stdout))
	}
	if got != long {
		t.Errorf("%d bytes, want %d", len(got), len(long))
	}
	if n, err := Number(next(Exit)); n != -1 || err != nil {
		t.Error(n, err)
	}
	if rows, columns, err := Size(next(Resize)); rows != 24 || columns != 65535 || err != nil {
		t.Error(rows, columns, err)
	}
	if len(next(End)) != 0 {
		t.Error("an end with content")
	}
	if _, _, err := Read(&wire); err != io.EOF {
		t.Errorf("after the last one: %v", err)
	}
}

func TestBadFrames(t *testing.T) {
	for name, wire := range map[string]string{"too long": "o\xff\xff\xff\xff", "cut off": "o\x00\x00\x00\x02x", "cut off in its head": "o\x00"} {
		if _, _, err := Read(strings.NewReader(wire)); err == nil || err == io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Number([]byte{1}); err == nil {
		t.Error("a number of one byte was taken")
	}
	if _, _, err := Size(nil); err == nil {
		t.Error("a size of nothing was taken")
	}
}

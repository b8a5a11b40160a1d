package logs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/logs"
)

// TestNoFile: a container that prints much does not wait because there is nowhere to keep it; that is told at the end.
func TestNoFile(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	s, err := logs.Open(logs.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := s.Create(logs.Key{Account: "000000000000", Region: "us-east-1", Group: "g", Stream: "s"})
	if err != nil {
		t.Fatal(err)
	}
	began, line := time.Now(), []byte(strings.Repeat("x", 99)+"\n")
	for range 100_000 {
		if _, err := w.Output(logs.Stdout).Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 10*time.Second { // with the square of what it printed
		t.Errorf("10 MB took %s", took)
	}
	if err := w.Close(); err == nil {
		t.Error("nothing is said")
	}
}

// TestFileAfterAll: what a file refused for long is kept in memory and goes there when it can, in pieces of which each is a frame.
func TestFileAfterAll(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	s := open(t, logs.Options{Now: time.Now})
	w := create(t, s, "s")
	var want []string
	for i := range 40_000 {
		line := fmt.Sprint(i, strings.Repeat("x", 99))
		want = append(want, "0 "+line)
		if i == 35_000 {
			t.Setenv("TMPDIR", t.TempDir())
		}
		if err := w.Append(logs.Stdout, time.Time{}, []byte(line)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if got := all(t, s, "s"); !slices.Equal(got, want) {
		t.Errorf("%d events, want %d; the last is %q", len(got), len(want), got[len(got)-1])
	}
}

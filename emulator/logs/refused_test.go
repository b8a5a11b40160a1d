package logs_test

import (
	"path/filepath"
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

package docker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// TestLongLines: a line that is longer than what is held of one goes to the log in parts, and is one line all the same: to what counts those that are
// added, to the log, and to whoever leaves it out later.
func TestLongLines(t *testing.T) {
	const at = "2026-01-01T00:00:00.123456789Z "
	var stream strings.Builder
	frame := func(text string) {
		n := len(at) + len(text)
		stream.WriteString(string([]byte{1, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + at + text)
	}
	print := func(line string) {
		for ; len(line) > 16<<10; line = line[16<<10:] {
			frame(line[:16<<10])
		}
		frame(line)
	}
	long := func(letter string) string { return strings.Repeat(letter, 640<<10) }
	print(long("a") + "\n")
	print("b\n")
	print(long("c") + "\n")
	print("d\n")
	print(long("e")) // without an end
	all := []string{long("a"), "b", long("c"), "d", long("e")}

	for seen := range all {
		log := runnertest.NewLog()
		// As follow, which breaks off or ends before the last line, and finish do.
		f := frames{log: log, skip: [2]int64{int64(seen)}}
		if err := f.copy(strings.NewReader(stream.String()), false); err != nil {
			t.Fatal(err)
		}
		rest := frames{log: log, skip: [2]int64{int64(seen) + f.added[runner.Stdout]}, begun: f.begun}
		if err := rest.copy(strings.NewReader(stream.String()), true); err != nil {
			t.Fatal(err)
		}
		if f.added[runner.Stdout]+rest.added[runner.Stdout] != int64(len(all)-seen) {
			t.Errorf("with %d seen: %v and %v lines are added", seen, f.added, rest.added)
		}
		if err := errors.Join(log.Close(), log.Misuse()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(lengths(all[seen:]), lengths(log.Text(runner.Stdout))); diff != "" {
			t.Errorf("with %d seen (-want +got):\n%s", seen, diff)
		}
		log.Reopen()
		if lines, _ := log.Lines(); lines != int64(len(all)-seen) {
			t.Errorf("with %d seen: the log counts %d lines", seen, lines)
		}
		for _, e := range log.Events() {
			if len(e.Text) == 1 && e.At != time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.UTC) {
				t.Errorf("%s has the time %v", e.Text, e.At)
			}
		}
	}
}

// lengths is lines that can be shown.
func lengths(lines []string) (short []string) {
	for _, line := range lines {
		first := line[:1]
		short = append(short, fmt.Sprint(strings.Count(line, first), " ", first, strings.Trim(line, first)))
	}
	return short
}

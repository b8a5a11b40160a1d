package compat

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestFlood: a job that prints much costs no memory, and none of it is lost.
func TestFlood(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t)
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	const lines, width = 300_000, 99
	id := submit(ctx, t, c, q, "lines", strconv.Itoa(lines), strconv.Itoa(width))
	s.await(id, "")
	if kib := resident(t, s); kib > 100<<10 {
		t.Errorf("the server has %d MiB in memory after a job that printed %d MiB", kib>>10, lines*(width+1)>>20)
	}
	n := 0
	for _, line := range s.printed(ctx, describe(ctx, t, c, id).Container.LogStreamName) {
		if want := fmt.Sprintf("%-*d", width, n); line != want {
			t.Fatalf("line %d is %q", n, line)
		}
		n++
	}
	if n != lines {
		t.Errorf("%d lines of %d are in the log", n, lines)
	}
}

// resident is what the server has in memory, in KiB.
func resident(t *testing.T, s *server) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

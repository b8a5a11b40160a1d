package emulator

import (
	"context"
	"testing"
)

// TestWhyItFailed: the statusReason of a container that did not start says nothing; what the container says does.
func TestWhyItFailed(t *testing.T) {
	s := perform(t, nil)
	for outcome, want := range map[string]string{
		`{"startError":"CannotPullContainerError: pull access denied"}`: "Task failed to start: CannotPullContainerError: pull access denied",
		`{"exitCode":1}`: "Essential container in task exited",
		`{"exitCode":137,"reason":"OutOfMemoryError: Container killed due to memory usage"}`: "Essential container in task exited: OutOfMemoryError: Container killed due to memory usage",
		`{"reason":"odd"}`: "Essential container in task exited",
	} {
		why, err := s.Why(context.Background(), s.job(outcome, ""))
		if err != nil || why.Reason != want || len(why.Obstacles) != 0 {
			t.Errorf("%s: %+v, %v; want %q", outcome, why, err, want)
		}
	}
}

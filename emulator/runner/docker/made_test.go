package docker

import (
	"slices"
	"testing"

	"github.com/batch-local/batch-local/emulator/batch"
)

// TestGPUs is runtime.md 2: jobs do not share a GPU, and one that is given back is used again.
func TestGPUs(t *testing.T) {
	var m made
	a, b, c := batch.AttemptID{Job: "a", Number: 1}, batch.AttemptID{Job: "b", Number: 1}, batch.AttemptID{Job: "c", Number: 1}
	for _, step := range []struct {
		id        batch.AttemptID
		container string
		n         int
		want      []int
	}{
		{a, "one", 2, []int{0, 1}},
		{a, "two", 1, []int{2}},
		{a, "one", 2, []int{0, 1}}, // once more: the same
		{b, "one", 1, []int{3}},
	} {
		if got := m.devices(step.id, step.container, step.n); !slices.Equal(got, step.want) {
			t.Errorf("%s %s gets %v, want %v", step.id, step.container, got, step.want)
		}
	}
	m.take(a)
	if got := m.devices(c, "one", 4); !slices.Equal(got, []int{0, 1, 2, 4}) {
		t.Errorf("after a has ended, c gets %v", got)
	}
}

package docker

import (
	"io"
	"net/http"
	"slices"
	"strings"
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

// TestRemoveWhileTheEngineIsAway: what an attempt may have is not forgotten then, and its GPUs are nobody else's.
func TestRemoveWhileTheEngineIsAway(t *testing.T) {
	var removed []string
	d := engineOf(func(r *http.Request) (*http.Response, error) {
		body := `{}`
		switch path := strings.TrimPrefix(r.URL.Path, "/v1.41"); {
		case path == "/containers/json":
			body = `[{"Id":"late"}]`
		case r.Method == http.MethodDelete:
			removed = append(removed, path)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}).driver(t, Options{Instance: "x"})
	id := batch.AttemptID{Job: "a", Number: 1}
	d.made.devices(id, "default", 1)
	d.made.unsure(id)
	if err := d.Remove(t.Context(), id, true); err == nil {
		t.Error("nothing is said")
	}
	if got := d.made.devices(batch.AttemptID{Job: "b", Number: 1}, "default", 1); !slices.Equal(got, []int{1}) {
		t.Errorf("another attempt gets %v", got)
	}
	d.engine.is.Ready = true
	if err := d.Remove(t.Context(), id, true); err != nil {
		t.Error(err)
	}
	if !slices.Equal(removed, []string{"/containers/late"}) {
		t.Errorf("removed: %q", removed)
	}
}

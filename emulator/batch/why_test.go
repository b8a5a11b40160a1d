package batch

import "testing"

// TestContainerReasons: of several containers each that has something to say does, with its name; of an attempt that is not what the job failed with none does.
func TestContainerReasons(t *testing.T) {
	pull := "CannotPullContainerError: denied"
	for name, c := range map[string]struct {
		status Status
		is     Attempt
		want   string
	}{
		"one":            {Failed, Attempt{StatusReason: ReasonNotStarted, Reason: pull}, "Task failed to start: " + pull},
		"several":        {Failed, Attempt{StatusReason: ReasonNotStarted, Reason: pull, Containers: []ContainerEnd{{Name: "a"}, {Name: "b", Reason: pull}, {Name: "c", Reason: "x"}}}, "Task failed to start: container b: " + pull + "; container c: x"},
		"silent":         {Failed, Attempt{StatusReason: ReasonNotStarted, Containers: []ContainerEnd{{Name: "a"}}}, "Task failed to start"},
		"of another try": {Failed, Attempt{StatusReason: ReasonExited, Reason: pull}, "Task failed to start"},
		"well":           {Succeeded, Attempt{StatusReason: ReasonNotStarted, Reason: pull}, "Task failed to start"},
	} {
		j := &Job{Status: c.status, StatusReason: ReasonNotStarted, Attempts: []*Attempt{&c.is}}
		if got := NewState().Why(j, 0).Reason; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

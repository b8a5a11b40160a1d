package docker

import (
	"net/http"
	"testing"
)

// TestEndpointThatIsThere is taken over as it is, started once, and goes only if it has no use: sandboxes have routes to it, and an engine that is asked to remove
// what it is about to start may lose count of its network.
func TestEndpointThatIsThere(t *testing.T) {
	const start, remove = "POST/containers/batch-local-x-endpoint/start", "DELETE/containers/"
	for name, test := range map[string]struct {
		start     int // what the engine answers
		noAddress bool
		removed   string
		creates   int
		fails     bool
	}{
		"as it should be":           {creates: 1},
		"while the engine is busy":  {start: http.StatusInternalServerError, creates: 1, fails: true},
		"and is on its way out":     {start: http.StatusConflict, creates: 1, fails: true},
		"on a network that is gone": {start: http.StatusNotFound, creates: 2, removed: "batch-local-x-endpoint"},
		"and has no address at all": {noAddress: true, creates: 1, removed: "ep", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := &leadingEngine{noAddress: test.noAddress, answer: func(_ *http.Request, call string, n int) int {
				switch {
				case call == "POST/containers/create?endpoint" && n == 1:
					return http.StatusConflict
				case call == start:
					return test.start
				}
				return 0
			}}
			d := e.driver(t)
			_, ipv4, err := d.boxes.relay.make(t.Context(), "n", "i")
			if (err != nil) != test.fails || err == nil && ipv4.String() != "172.18.0.2" {
				t.Errorf("it is at %v, %v", ipv4, err)
			}
			for call, want := range map[string]int{"POST/containers/create?endpoint": test.creates, start: 1, remove + "ep": 0, remove + "batch-local-x-endpoint": 0} {
				if test.removed != "" && call == remove+test.removed {
					want = 1
				}
				if got := e.times(call); got != want {
					t.Errorf("%s: %d times, not %d; the engine was asked for %q", call, got, want, e.calls)
				}
			}
		})
	}
}

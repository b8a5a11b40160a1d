package docker

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/client"
)

// TestEnsureNetwork: who begins at the same moment gets the same network, and goes on when it is the only one of its name.
func TestEnsureNetwork(t *testing.T) {
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		_, err = c.ServerVersion(t.Context()) // negotiates, which several at the same moment must not
	}
	if err != nil {
		if os.Getenv("BATCH_LOCAL_TEST_DOCKER") == "required" {
			t.Fatalf("no container engine: %v", err)
		}
		t.Skipf("no container engine (scripts/ensure-docker starts one): %v", err)
	}
	defer c.Close()
	drivers := make([]*Driver, 4)
	for i := range drivers {
		drivers[i] = &Driver{client: c, log: slog.New(slog.DiscardHandler), options: Options{Instance: "test-network", Network: "test-network-of-several"}}
	}
	for range 4 {
		ids := make([]string, len(drivers))
		var all sync.WaitGroup
		for i, d := range drivers {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 20 * time.Millisecond)
				id, err := d.ensureNetwork(t.Context())
				there, _ := d.networks(t.Context())
				if err != nil || len(there) != 1 || there[0].ID != id {
					t.Errorf("%q, %v, while there are %d", id, err, len(there))
				}
				ids[i] = id
			})
		}
		all.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("they are on %q", ids)
				break
			}
		}
		if err := drivers[0].removeNetwork(t.Context(), true); err != nil {
			t.Error(err)
		}
	}
	if left, err := drivers[0].networks(t.Context()); len(left) > 0 || err != nil {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

// TestNetworkThatIsLeft: Close says so when the engine does not remove a network that nothing is on, but not when somebody else is on it.
func TestNetworkThatIsLeft(t *testing.T) {
	const ours, other, nobody = `{"c":{"Name":"batch-local-x-i-1"}}`, `{"c":{"Name":"web"}}`, `{}`
	for name, test := range map[string]struct {
		on      []string // who is on it, whenever it is looked at; the last again and again
		owner   string
		refused int // how often the engine refuses
		left    bool
		removed bool
	}{
		"no":                                 {on: []string{nobody}, owner: "y", removed: true},
		"the user made it":                   {on: []string{nobody}},
		"another emulator is on it":          {on: []string{other}, owner: "y"},
		"somebody joins it":                  {on: []string{nobody, other}, owner: "y", refused: 1000},
		"the engine takes its time":          {on: []string{ours, ours, nobody}, owner: "x", refused: 3, removed: true},
		"the engine has lost count":          {on: []string{nobody}, owner: "x", refused: 1000, left: true},
		"the engine does not let go of ours": {on: []string{ours}, owner: "x", left: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looks, removals := 0, 0
				d := engineOf(func(r *http.Request) (*http.Response, error) {
					status, body := http.StatusOK, `[{"Name":"batch-local","Id":"n"}]`
					switch {
					case r.Method == http.MethodDelete:
						if removals++; removals <= test.refused {
							status, body = http.StatusForbidden, `{"message":"error while removing network: network batch-local id n has active endpoints"}`
						}
					case strings.HasSuffix(r.URL.Path, "/networks/n"):
						labels := ""
						if test.owner != "" {
							labels = `"batch-local.instance":"` + test.owner + `"`
						}
						body = `{"Id":"n","Labels":{` + labels + `},"Containers":` + test.on[min(looks, len(test.on)-1)] + `}`
						looks++
					case strings.HasSuffix(r.URL.Path, "/containers/json"):
						body = `[]`
					}
					return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
				}).driver(t, Options{Instance: "x", Network: "batch-local"})
				began := time.Now()
				if err := d.boxes.close(t.Context(), false, true); (err != nil) != test.left || time.Since(began) > leaveTime+time.Second {
					t.Errorf("after %v Close says %v", time.Since(began), err)
				}
				if got := removals > test.refused; got != test.removed {
					t.Errorf("removed: %t, after %d tries", got, removals)
				}
			})
		})
	}
}

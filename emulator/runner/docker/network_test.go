package docker

import (
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// TestEnsureNetwork: who begins at the same moment gets the same network, and goes on when it is the only one of its name.
func TestEnsureNetwork(t *testing.T) {
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err == nil {
		_, err = c.Ping(t.Context())
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
		drivers[0].removeNetwork(t.Context(), true)
	}
	if left, err := drivers[0].networks(t.Context()); len(left) > 0 || err != nil {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

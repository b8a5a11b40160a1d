package docker_test

import (
	"bytes"
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// TestRelayThatTalksNonsense: a session that ends before its connection does leaves nobody behind who waits to copy the rest.
func TestRelayThatTalksNonsense(t *testing.T) {
	d := newDouble(t)
	d.answers("/networks", []map[string]string{{"Name": "batch-local", "Id": "n"}})
	d.answers("/containers/"+doubleID+"/json", map[string]any{"Id": doubleID, "Config": map[string]any{}, "NetworkSettings": map[string]any{"Networks": map[string]any{"n": map[string]string{"IPAddress": "172.18.0.2"}}}})
	d.answers("/containers/"+doubleID+"/archive", nil)
	d.answers("/containers/"+doubleID+"/exec", map[string]string{"Id": "e"})
	d.answer["/exec/e/start"] = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		d.attach(w, true, slices.Repeat(frame(strings.Repeat("nonsense", 1<<10)), 64))
		return true
	}
	driver, err := docker.New(docker.Options{Instance: "double", Client: d.client, Endpoint: endpoint.New(endpoint.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	d.await("/exec/e/start", 5)
	if err := driver.Close(context.Background(), true); err != nil {
		t.Error(err)
	}
	copying := func() int {
		stacks := make([]byte, 1<<20)
		return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("stdcopy.StdCopy("))
	}
	for range 100 {
		if copying() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d are left copying", copying())
}

package command

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestRunWithoutAnEngine: on a server of its own, run gives up; nobody would notice that it waits.
func TestRunWithoutAnEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
	t.Setenv("AWS_ENDPOINT_URL_BATCH", "")
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("HOME", t.TempDir())
	p := &program{
		environ: []string{"BATCH_LOCAL_LISTEN=127.0.0.1:9"}, out: io.Discard, err: io.Discard,
		interrupt: &interrupt{context: t.Context(), insisted: make(chan struct{})}, engineTime: 10 * time.Millisecond,
	}
	err := p.submitAndFollow(t.Context(), "", request{image: "image", name: "job", vcpus: 1, memory: 64})
	var lacks *engineError
	if !errors.As(err, &lacks) || !strings.Contains(err.Error(), "without a container engine. No container engine answers at unix:///nowhere/engine.sock") {
		t.Errorf("it ended with %v", err)
	}
}

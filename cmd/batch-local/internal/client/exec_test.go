package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/frames"
)

// An actor is the part of an emulator that runs commands.
type actor struct {
	control.Emulator
	act control.Start
}

func (a actor) Exec(_ context.Context, job, container string) (control.Start, error) {
	if job != "job" {
		return nil, fmt.Errorf("%w: nobody", control.ErrUnknown)
	}
	return a.act, nil
}

func performing(t *testing.T, act control.Start) *Client {
	t.Helper()
	server := httptest.NewServer(control.New(actor{act: act}))
	c := New(Endpoint{URL: server.URL}, Identity{})
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

// TestExec: what goes in and comes out is the same, however much.
func TestExec(t *testing.T) {
	c := performing(t, func(_ context.Context, e control.Exec) (int, error) {
		fmt.Fprintf(e.Stderr, "%s %q %t %t", e.Container, e.Command, e.TTY, e.Stdin != nil)
		if e.Stdin != nil {
			io.Copy(e.Stdout, e.Stdin)
		} else if e.TTY {
			fmt.Fprint(e.Stdout, <-e.Resize)
		}
		return 300, nil
	})
	much := strings.Repeat("0123456789", frames.Window)
	for _, test := range []struct {
		asked    Exec
		out, err string
	}{
		{Exec{Container: "c", Command: []string{"a", "b c"}, Stdin: strings.NewReader(much)}, much, `c ["a" "b c"] false true`},
		{Exec{Command: []string{"a"}}, "", ` ["a"] false false`},
		{Exec{Command: []string{"a"}, TTY: true, Sizes: make1(Size{3, 4})}, "{3 4}", ` ["a"] true false`},
	} {
		var out, failed bytes.Buffer
		test.asked.Stdout, test.asked.Stderr = &out, &failed
		code, err := c.Exec(t.Context(), "job", test.asked)
		if code != 300 || err != nil || out.String() != test.out || failed.String() != test.err {
			t.Errorf("%q: %d, %v; %d bytes, %q", test.asked.Command, code, err, out.Len(), &failed)
		}
	}
	if _, err := c.Exec(t.Context(), "other", Exec{Command: []string{"a"}}); err == nil || err.Error() != "unknown: nobody" {
		t.Errorf("of another job: %v", err)
	}
}

func make1(s Size) <-chan Size {
	c := make(chan Size, 1)
	c <- s
	return c
}

// TestExecUnread: input that the command never reads holds nothing up.
func TestExecUnread(t *testing.T) {
	c := performing(t, func(context.Context, control.Exec) (int, error) { return 0, nil })
	code, err := c.Exec(t.Context(), "job", Exec{Command: []string{"true"}, Stdin: strings.NewReader(strings.Repeat("x", 4*frames.Window))})
	if code != 0 || err != nil {
		t.Error(code, err)
	}
}

// TestExecAbandoned: when we go away, or our reader does, the command is told.
func TestExecAbandoned(t *testing.T) {
	over := make(chan error, 1)
	c := performing(t, func(ctx context.Context, e control.Exec) (int, error) {
		io.WriteString(e.Stdout, "up")
		<-ctx.Done()
		over <- ctx.Err()
		return 0, ctx.Err()
	})
	broken := errors.New("broken")
	ctx, leave := context.WithCancel(t.Context())
	for name, test := range map[string]struct {
		out  func([]byte) (int, error)
		want error
	}{
		"Ctrl-C":   {func(p []byte) (int, error) { leave(); return len(p), nil }, context.Canceled},
		"a reader": {func([]byte) (int, error) { return 0, broken }, broken},
	} {
		at := ctx
		if test.want == broken {
			at = t.Context()
		}
		if _, err := c.Exec(at, "job", Exec{Command: []string{"sh"}, Stdout: writer(test.out), Stderr: io.Discard}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-over:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the command goes on", name)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestExecFails: why there is no exit code is an error.
func TestExecFails(t *testing.T) {
	c := performing(t, func(context.Context, control.Exec) (int, error) { return 0, errors.New("the engine is gone") })
	if _, err := c.Exec(t.Context(), "job", Exec{Command: []string{"sh"}}); err == nil || err.Error() != "the engine is gone" {
		t.Error(err)
	}
}

package docker

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/volume"
)

// TestConnectionThatFails: what becomes of a connection on its way is no failure of the job, whatever the words for it; what the engine answers is.
func TestConnectionThatFails(t *testing.T) {
	says := func(status int, body io.Reader) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body)}, nil
		}
	}
	breaks := func(err error) func() (*http.Response, error) {
		return func() (*http.Response, error) { return nil, err }
	}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for name, c := range map[string]struct {
		answer func() (*http.Response, error)
		failed bool
	}{
		"no route":                      {breaks(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}), false},
		"refused":                       {breaks(&net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}), false},
		"closed by us":                  {breaks(&net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}), false},
		"closed while it was idle":      {breaks(errors.New("http: server closed idle connection")), false},
		"reset":                         {breaks(reset), false},
		"reset in the answer":           {says(http.StatusCreated, io.MultiReader(strings.NewReader(`{"Na`), failing{reset})), false},
		"cut in the answer":             {says(http.StatusCreated, strings.NewReader(`{"Na`)), false},
		"no answer":                     {says(http.StatusCreated, strings.NewReader("")), false},
		"the engine refuses":            {says(http.StatusBadRequest, strings.NewReader(`{"message":"invalid mode"}`)), true},
		"the engine cannot reach":       {says(http.StatusInternalServerError, strings.NewReader(`{"message":"dial tcp 10.0.0.1:24224: connect: connection refused"}`)), true},
		"the engine cannot reach, long": {says(http.StatusInternalServerError, strings.NewReader(`{"message":"Get \"https://registry.example/v2/\": unexpected EOF"}`)), true},
	} {
		t.Run(name, func(t *testing.T) {
			d := engineOf(func(*http.Request) (*http.Response, error) { return c.answer() }).driver(t, Options{})
			_, err := d.client.VolumeCreate(t.Context(), volume.CreateOptions{})
			var f *failure
			failed := errors.As(fail(cannotVolume, "created", "4m0s", err), &f)
			if err == nil || failed != c.failed || unanswered(err) == c.failed {
				t.Errorf("failure of the job: %v; may have been done: %v; %v", failed, unanswered(err), err)
			}
		})
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

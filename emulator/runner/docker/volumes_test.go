package docker

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// TestBind: of what a job calls its folders, the engine reads nothing but the folder that was looked at, and a target (decisions, behaviours 5 and 6).
func TestBind(t *testing.T) {
	for _, test := range []struct {
		source, target string
		readOnly       bool
		want           string // empty is refused
	}{
		{"/disk/data", "/data", false, "/disk/data:/data"},
		{"/disk/data", "/data", true, "/disk/data:/data:ro"},
		{"/disk/a b,c", "/d=e", false, "/disk/a b,c:/d=e"},
		{"/disk/a:/host", "rw", false, ""},
		{"/disk/a:/host", "ro", true, ""},
		{"/disk/a:/host", "/x", false, ""},
		{"/disk/a:", "/x", false, ""},
		{"/disk/a", "/x:rshared", false, ""},
		{"/disk/a", "/x:z", false, ""},
		{"/disk/a", "/x:rw", true, ""},
		{"/disk/a", ":", false, ""},
		{"/disk/a", "rw", false, ""},
		{"/disk/a", "x", false, ""},
		{"/disk/a", "", false, ""},
		{"disk", "/x", false, ""}, // the engine's name for a volume of its own
	} {
		host := &container.HostConfig{}
		err := bind(host, test.source, test.target, test.readOnly)
		f := (*failure)(nil)
		switch {
		case test.want != "" && (err != nil || !slices.Equal(host.Binds, []string{test.want})):
			t.Errorf("%s on %s: %q, %v", test.source, test.target, host.Binds, err)
		case test.want == "" && (len(host.Binds) > 0 || !errors.As(err, &f) || !strings.HasPrefix(f.reason(), "CannotCreateContainerError: Error response from daemon: invalid volume specification: '"+test.source+":"+test.target)):
			t.Errorf("%s on %s: %q, %v, want none of it", test.source, test.target, host.Binds, err)
		}
	}
}

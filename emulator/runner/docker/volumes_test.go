package docker

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
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

// TestClaimsOfNamespaces: no two claims are one volume, however their names are cut (spec/runtime.md 5.2).
func TestClaimsOfNamespaces(t *testing.T) {
	made := map[string]bool{}
	d := engineOf(func(r *http.Request) (*http.Response, error) {
		var asked volume.CreateOptions
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return nil, err
		}
		made[asked.Name] = true
		return &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader(`{"Mountpoint":"/of/v"}`)), Request: r}, nil
	}).driver(t, Options{Instance: "x"})
	pairs := [][2]string{{"a", "b-c"}, {"a-b", "c"}, {"a", "b.c"}}
	for _, p := range pairs {
		v := api.EksVolume{PersistentVolumeClaim: &api.EksPersistentVolumeClaim{ClaimName: new(p[1])}}
		err := d.mountKept(t.Context(), batch.Task{Pod: &batch.Pod{Namespace: p[0]}}, v, api.EksContainerVolumeMount{MountPath: new("/v")}, &container.HostConfig{})
		if err != nil {
			t.Errorf("%s of %s: %v", p[1], p[0], err)
		}
	}
	if len(made) != len(pairs) {
		t.Errorf("%d claims are the volumes %v", len(pairs), slices.Sorted(maps.Keys(made)))
	}
}

// TestSubPathOfHostPath: what is looked at is the whole path, from a folder that is there for sure (spec/runtime.md 5.2).
func TestSubPathOfHostPath(t *testing.T) {
	for _, test := range []struct{ given, sub, looker, want string }{
		{"/new", "q/r", "/of/v", "/of/v/new/q/r:/s"},
		{"/new", "", "/of/v", "/of/v/new:/s"},
		{"/mapped/new", "q", "/real", "/real/new/q:/s"},
		{"/mapped", "q", "/real", "/real/q:/s"},
		{"/mapped", "other", "/real", "/real/other:/s"}, // as where the volume is mounted whole
		{"/mapped/new", "../q", "", ""},
	} {
		looked := ""
		d := engineOf(func(r *http.Request) (*http.Response, error) {
			status, body := http.StatusOK, "{}"
			switch {
			case strings.HasSuffix(r.URL.Path, "/volumes/create"):
				body = `{"Mountpoint":"/of/v"}`
			case strings.HasSuffix(r.URL.Path, "/containers/create"):
				var asked struct{ HostConfig container.HostConfig }
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
					return nil, err
				}
				looked, body = asked.HostConfig.Mounts[0].Source, `{"Id":"looker"}`
			case strings.HasSuffix(r.URL.Path, "/archive"):
				status, body = http.StatusNotFound, `{"message":"nothing is there"}`
			}
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}).driver(t, Options{HostPaths: []Mapping{{"/mapped", "/real"}, {"/mapped/other", "/elsewhere"}}})
		d.boxes.arch = "amd64"
		host := &container.HostConfig{}
		v, m := api.EksVolume{HostPath: &api.EksHostPath{Path: &test.given}}, api.EksContainerVolumeMount{MountPath: new("/s"), SubPath: &test.sub}
		err := d.mountKept(t.Context(), batch.Task{Pod: &batch.Pod{}}, v, m, host)
		if got := strings.Join(host.Binds, " "); got != test.want || looked != test.looker || (err == nil) != (test.want != "") {
			t.Errorf("%s and %q: %q by a look at %q, %v; want %q by a look at %q", test.given, test.sub, got, looked, err, test.want, test.looker)
		}
	}
}

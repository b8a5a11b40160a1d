package emulator

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestMappingsThatMayNotBe: what takes over the machine is in no job, whatever name it is called by (decisions, behaviour 5).
func TestMappingsThatMayNotBe(t *testing.T) {
	box := resolved(t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(box, "ours", "data")
	must(os.MkdirAll(data, 0o755))
	must(os.MkdirAll(filepath.Join(box, "free"), 0o755))
	must(os.MkdirAll(filepath.Join(box, "engine"), 0o755))
	for link, to := range map[string]string{"root": "/", "config": "/etc", "here": data} {
		must(os.Symlink(to, filepath.Join(box, link)))
	}
	socket, err := net.Listen("unix", filepath.Join(box, "engine", "docker.sock"))
	must(err)
	defer socket.Close()
	for to, want := range map[string]string{
		"/":                      "must not map to the whole machine",
		"/home/..":               "must not map to the whole machine",
		"/proc/1":                "must not map to /proc",
		"/var/run/docker.sock":   "must not map to /run",
		"home":                   "must map to a whole path",
		"BOX/free:/etc":          "must not map to a path with a colon, at which the engine takes paths apart",
		"BOX/root":               "must not map to the whole machine",
		"BOX/root/etc":           "must not map to /etc",
		"BOX/config/not-there":   "must not map to /etc",
		"BOX/ours/data":          "must not map to the data folder",
		"BOX/ours/data/logs":     "must not map to the data folder",
		"BOX/ours":               "must not map to the data folder",
		"BOX":                    "must not map to the data folder",
		"BOX/here":               "must not map to the data folder",
		"BOX/engine":             "must not map to the engine's socket",
		"BOX/engine/docker.sock": "must not map to the engine's socket",
		"BOX/free":               "",
		"BOX/ours/data-of-jobs":  "",
		"BOX/not/there":          "",
		"/etcetera":              "",
	} {
		if len(to) >= 3 && to[:3] == "BOX" {
			to = box + to[3:]
		}
		for _, c := range []Config{
			{DataDir: data, HostPaths: []Mapping{{"/data", to}}},
			{DataDir: data, FileSystems: []Mapping{{"fs-1", to}}},
		} {
			got := ""
			if refused := (*ConfigError)(nil); errors.As(c.Validate(), &refused) {
				got = refused.Problem
			}
			if got != want && !(want == "must not map to /run" && got == "must not map to /var/run") {
				t.Errorf("%s: %q, want %q", to, got, want)
			}
		}
	}
}

// TestMappedFoldersThatAreNotThere: each is named, with its flag.
func TestMappedFoldersThatAreNotThere(t *testing.T) {
	box := t.TempDir()
	c := Config{
		HostPaths:   []Mapping{{"/here", box}, {"/data", box + "/nope"}},
		FileSystems: []Mapping{{"fs-1", box}, {"fs-2", box + "/no"}},
	}
	want := []string{"--map-host-path /data=" + box + "/nope", "--map-efs fs-2=" + box + "/no"}
	if got := c.absent(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

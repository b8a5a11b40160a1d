package emulator

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// A Mapping says what stands in for something of AWS: for a path or a file system a folder, for an image's name another.
type Mapping struct{ From, To string }

func (m Mapping) String() string { return m.From + "=" + m.To }

// fileSystemID is that of an EFS file system. AWS's are 8 or 17 digits; shorter ones read better.
var fileSystemID = regexp.MustCompile(`^fs-[0-9a-f]+$`)

// checkMappings finds the first mapping that may not be.
func (c Config) checkMappings() error {
	for _, m := range c.HostPaths {
		problem := c.unmappable(m.To)
		if !path.IsAbs(m.From) {
			problem = "must map a whole path of an instance, such as /data"
		}
		if problem != "" {
			return &ConfigError{"HostPaths", m.String(), problem}
		}
	}
	for _, m := range c.FileSystems {
		problem := c.unmappable(m.To)
		if !fileSystemID.MatchString(m.From) {
			problem = "must map the id of a file system, such as fs-12345678"
		}
		if problem != "" {
			return &ConfigError{"FileSystems", m.String(), problem}
		}
	}
	for _, m := range c.ImageMap {
		if problem := unnameable(m); problem != "" {
			return &ConfigError{"ImageMap", m.String(), problem}
		}
	}
	return nil
}

// missing are the mapped folders that are not there, each with the flag that names it. From within a container the engine's machine cannot be seen, and
// none is missing.
func (c Config) missing() (flags []string) {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} { // Docker's and Podman's
		if _, err := os.Stat(mark); err == nil {
			return nil
		}
	}
	return c.absent()
}

func (c Config) absent() (flags []string) {
	for _, of := range []struct {
		flag     string
		mappings []Mapping
	}{{"--map-host-path", c.HostPaths}, {"--map-efs", c.FileSystems}} {
		for _, m := range of.mappings {
			if _, err := os.Stat(m.To); errors.Is(err, fs.ErrNotExist) {
				flags = append(flags, of.flag+" "+m.String())
			}
		}
	}
	return flags
}

// unnameable says why a mapping cannot be one of images; empty is that it can.
func unnameable(m Mapping) string {
	switch {
	case m.From == "":
		return "must map the beginning of an image's name"
	case strings.Contains(m.From+m.To, "://"):
		return "must map names of images, which have no scheme"
	case strings.ContainsAny(m.From+m.To, " \t\n"):
		return "must map names of images, which have no spaces"
	case strings.Contains(m.To, "*"):
		return "must not have a star in what it maps to"
	}
	return ""
}

// unmappable says why no job may have a folder, whatever the user maps (decisions, behaviour 5); empty is that one may.
//
// The folder is one of the engine's machine. Where that is this one, symbolic links do not lead around the rules; where it is not, they are rules
// about names, and refuse rather too much.
func (c Config) unmappable(folder string) string {
	if !path.IsAbs(folder) {
		return "must map to a whole path"
	}
	if strings.Contains(folder, ":") {
		return "must not map to a path with a colon, at which the engine takes paths apart"
	}
	data := ""
	if c.DataDir != "" {
		data = resolved(c.DataDir)
	}
	for _, at := range []string{filepath.Clean(folder), resolved(folder)} {
		if at == "/" {
			return "must not map to the whole machine"
		}
		for _, never := range []string{"/proc", "/sys", "/etc", "/dev", "/boot", "/run", "/var/run"} { // through each of them the machine could be taken over
			if inside(at, never) {
				return "must not map to " + never
			}
		}
		for _, engines := range []string{"/var/lib/docker", "/var/lib/containerd"} {
			if inside(at, engines) || inside(engines, at) {
				return "must not map to what is the container engine's own, " + engines
			}
		}
		if data != "" && (inside(at, data) || inside(data, at)) {
			return "must not map to the data folder"
		}
	}
	return socketIn(folder)
}

// socketIn looks for the engine's socket by what is there: a socket, or a folder with one of the usual name.
func socketIn(folder string) string {
	for _, name := range []string{"", "docker.sock", "podman.sock"} {
		if is, err := os.Stat(filepath.Join(folder, name)); err == nil && is.Mode().Type() == fs.ModeSocket {
			return "must not map to the engine's socket"
		}
	}
	return ""
}

// resolved is a whole path without symbolic links, as far as it exists here.
func resolved(text string) string {
	whole, err := filepath.Abs(text)
	if err != nil { // without a working folder
		return filepath.Clean(text)
	}
	for there, rest := whole, ""; ; there, rest = filepath.Dir(there), filepath.Join(filepath.Base(there), rest) {
		if found, err := filepath.EvalSymlinks(there); err == nil {
			return filepath.Join(found, rest)
		}
		if there == filepath.Dir(there) {
			return whole
		}
	}
}

// inside says whether a path is a folder or in it.
func inside(at, folder string) bool {
	return at == folder || strings.HasPrefix(at, strings.TrimSuffix(folder, "/")+"/")
}

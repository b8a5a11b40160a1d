package settings

import (
	"path/filepath"
	"strings"

	"github.com/batch-local/batch-local/emulator"
)

// engineSocket is the path of the container engine's socket, if DOCKER_HOST names one.
func engineSocket(environ []string) string {
	host, _ := lookup(environ)("DOCKER_HOST")
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok || path == "" {
		return ""
	}
	return filepath.Clean(path)
}

// keepFrom refuses to map the engine's socket, or the folder that it is in, into jobs: who has it has the machine. emulator.Config.Validate
// does so for what it finds on the disk; that a socket is somewhere else, and perhaps not yet there, only the environment says.
func keepFrom(c emulator.Config, socket string) error {
	if socket == "" {
		return nil
	}
	for field, list := range map[string][]emulator.Mapping{"HostPaths": c.HostPaths, "FileSystems": c.FileSystems} {
		for _, m := range list {
			if to := filepath.Clean(m.To); to == socket || to == filepath.Dir(socket) || resolved(to) == resolved(socket) || resolved(to) == resolved(filepath.Dir(socket)) {
				return &emulator.ConfigError{Field: field, Value: m.String(), Problem: "must not map to the engine's socket"}
			}
		}
	}
	return nil
}

// resolved is a path without symbolic links, if it exists.
func resolved(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	return path
}

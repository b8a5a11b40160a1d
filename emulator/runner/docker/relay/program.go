package relay

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// ErrNoProgram says that this process's executable cannot be the relay on an engine of that kind.
var ErrNoProgram = errors.New("this executable does not run on the engine")

// Runs says whether there is a relay for an engine of an architecture, as Go names it.
func Runs(arch string) bool {
	if itself(arch) {
		return true
	}
	program, _, ok := carried(arch)
	if ok {
		program.Close()
	}
	return ok
}

// itself says whether this process's executable is one.
func itself(arch string) bool { return runtime.GOOS == "linux" && runtime.GOARCH == arch }

// Write writes a tar of what the relay's container needs: the executable of this process and, if it is linked dynamically, the libraries that it loads
// here; or, where that does not run on the engine, the program that is carried along.
func Write(w io.Writer, arch string) error {
	t := tar.NewWriter(w)
	if !itself(arch) {
		program, size, ok := carried(arch)
		if !ok {
			return fmt.Errorf("%w: it is for %s/%s, the engine is linux/%s, and scripts/build has put no relay into it", ErrNoProgram, runtime.GOOS, runtime.GOARCH, arch)
		}
		defer program.Close()
		return errors.Join(put(t, program, size, Program), t.Close())
	}
	self := fmt.Sprintf("/proc/%d/exe", os.Getpid()) // also when the file was replaced or removed meanwhile, and for the loader
	if err := add(t, self, Program); err != nil {
		return err
	}
	libraries, err := needed(self)
	if err != nil {
		return err
	}
	for _, path := range libraries {
		if err := add(t, path, path); err != nil {
			return err
		}
	}
	return t.Close()
}

func add(t *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	is, err := f.Stat()
	if err != nil {
		return err
	}
	return put(t, f, is.Size(), name)
}

func put(t *tar.Writer, content io.Reader, size int64, name string) error {
	if err := t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: 0o755, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(t, content)
	return err
}

// needed are the files that a dynamically linked program loads, its loader first. A static one needs none.
func needed(program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		text, err := io.ReadAll(p.Open())
		if err != nil {
			return nil, err
		}
		loader := strings.TrimRight(string(text), "\x00")
		// The loader itself knows best what it would load; ldd asks it too.
		out, err := exec.Command(loader, "--list", program).Output()
		if err != nil {
			return nil, fmt.Errorf("ask %s what this program loads: %w", loader, err)
		}
		return append([]string{loader}, listed(string(out))...), nil
	}
	return nil, nil
}

// listed reads lines such as "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f12)".
func listed(text string) (paths []string) {
	for line := range strings.Lines(text) {
		if _, after, ok := strings.Cut(line, "=>"); ok {
			if path, _, _ := strings.Cut(strings.TrimSpace(after), " "); strings.HasPrefix(path, "/") {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

package docker

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// Host names of sandboxes (runtime.md 2.8). Those that are made of an address can be replaced, so no two that live have the same; those of pods and of
// training jobs are what they are.

// addressName is a name that AWS makes of an address.
var addressName = regexp.MustCompile(`^(ip-\d+-\d+)-\d+-\d+(\..+)?$`)

// anotherName is that of another address of the same network and region, by chance.
func anotherName(name string) string {
	m := addressName.FindStringSubmatch(name)
	if m == nil {
		return name
	}
	return fmt.Sprintf("%s-%d-%d%s", m[1], rand.IntN(256), rand.IntN(256), m[2])
}

// domainOf is what names of the same region end with.
func domainOf(name string) string {
	_, domain, _ := strings.Cut(name, ".")
	return domain
}

// claim takes a name for a sandbox to come, or if a task's own is taken already, another. Release it when the sandbox is gone.
func (s *sandboxes) claim(of, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of == "task" && s.names[name] > 0 && addressName.MatchString(name) {
		name = anotherName(name)
	}
	s.names[name]++
	return name
}

// release gives a name back. The lock is held.
func (s *sandboxes) release(name string) {
	if s.names[name]--; s.names[name] <= 0 {
		delete(s.names, name)
	}
}

package docker

import (
	"archive/tar"
	"context"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// hostAlias is the name under which containers find the engine's machine.
const hostAlias = "host.docker.internal"

// byAddress has what the user gives to every job name an S3 on the engine's machine by its address. SDKs put the bucket of a call to S3 before a
// name ("bucket.host.docker.internal"), which nobody finds; before an address they do not. With https the name stays: a certificate may be for it.
func (d *Driver) byAddress(env []string) {
	d.boxes.mu.Lock()
	machine := d.boxes.machine
	d.boxes.mu.Unlock()
	for i, entry := range env {
		if machine != "" && onMachine(entry) && slices.Contains(d.options.Environment, entry) { // a job's own stays as it is
			env[i] = strings.Replace(entry, hostAlias, machine, 1)
		}
	}
}

// onMachine says whether a variable is the URL of a service on the engine's machine, and S3's.
func onMachine(entry string) bool {
	name, value, _ := strings.Cut(entry, "=")
	u, err := url.Parse(value)
	return (name == "AWS_ENDPOINT_URL" || name == "AWS_ENDPOINT_URL_S3") && err == nil && u.Scheme == "http" && u.User == nil && u.Hostname() == hostAlias
}

// findMachine learns the address of the engine's machine, which only the engine knows, from what it wrote into a sandbox; once, and if a job needs it.
func (s *sandboxes) findMachine(ctx context.Context, id string) {
	s.mu.Lock()
	known := s.machine != ""
	s.mu.Unlock()
	if known || !slices.ContainsFunc(s.driver.options.Environment, onMachine) {
		return
	}
	content, _, err := s.driver.client.CopyFromContainer(ctx, id, "/etc/hosts")
	if err != nil {
		s.driver.log.Warn("jobs know this machine by its name only", "error", err)
		return
	}
	defer content.Close()
	files := tar.NewReader(content)
	if _, err := files.Next(); err != nil {
		s.driver.log.Warn("jobs know this machine by its name only", "error", err)
		return
	}
	machine := addressIn(files, hostAlias)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machine = machine
}

// addressIn is the IPv4 address that an /etc/hosts has for a name.
func addressIn(hosts io.Reader, name string) string {
	text, _ := io.ReadAll(io.LimitReader(hosts, 1<<20))
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || !slices.Contains(words[1:], name) {
			continue
		}
		if ip, err := netip.ParseAddr(words[0]); err == nil && ip.Is4() {
			return words[0]
		}
	}
	return ""
}

package emulator

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/endpoint"
)

// variableName is what shells and SDKs read, and the few signs more that programs use.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (c Config) checkJobEnv() error {
	for _, entry := range c.JobEnv {
		if name, _, ok := strings.Cut(entry, "="); !ok || !variableName.MatchString(name) {
			return &ConfigError{"JobEnv", entry, "must be NAME=VALUE"}
		}
	}
	return nil
}

// hostAlias is the name under which a container finds this machine.
const hostAlias = "host.docker.internal"

// jobEnv are the variables that every job gets, "NAME=VALUE", each name once: the last one counts.
//
// Addresses of services beside us are written as this machine calls them. In a container the loopback is the job itself, so there they
// become those of this machine.
func (c Config) jobEnv() []string {
	at := make(map[string]int, len(c.JobEnv))
	var env []string
	for _, entry := range c.JobEnv {
		name, value, _ := strings.Cut(entry, "=")
		if c.translates(name) {
			entry = name + "=" + c.fromContainer(value)
		}
		if i, again := at[name]; again {
			env[i] = entry
			continue
		}
		at[name] = len(env)
		env = append(env, entry)
	}
	return env
}

// translates says whether a variable holds an address that is another one in a container.
func (c Config) translates(name string) bool {
	return strings.HasPrefix(name, "AWS_ENDPOINT_URL") && c.JobNetwork != "host"
}

// fromContainer is a URL as a container calls it. What is no URL of the loopback stays as it is.
func (c Config) fromContainer(text string) string {
	u, err := url.Parse(text)
	if err != nil || !isLoopback(u.Hostname()) {
		return text
	}
	switch port := u.Port(); {
	case c.isOwn(u):
		u.Host = endpoint.Address
	case port == "":
		u.Host = hostAlias
	default:
		u.Host = hostAlias + ":" + port
	}
	return u.String()
}

// isOwn says whether a URL of the loopback is ours. We mostly listen on the loopback alone, which containers do not reach; what they do reach is the
// endpoint of ECS tasks, and that is us. It needs Linux; elsewhere it is Docker Desktop, which lets containers call the loopback by the machine's name.
func (c Config) isOwn(u *url.URL) bool {
	return runtime.GOOS == "linux" && u.Scheme == "http" && slices.ContainsFunc(c.Listen, func(address string) bool {
		host, port, err := net.SplitHostPort(address)
		ip, _ := netip.ParseAddr(host)
		return err == nil && (host == "" || isLoopback(host) || ip.IsUnspecified()) && port != "0" && port == cmp.Or(u.Port(), "80")
	})
}

// sendsJobsHere says whether jobs are told to call this emulator at their endpoint.
func (c Config) sendsJobsHere() bool {
	return slices.ContainsFunc(c.JobEnv, func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		u, err := url.Parse(value)
		return c.translates(name) && err == nil && (u.Hostname() == endpoint.Address || isLoopback(u.Hostname()) && c.isOwn(u))
	})
}

func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

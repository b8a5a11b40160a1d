package emulator

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
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
		if strings.HasPrefix(name, "AWS_ENDPOINT_URL") && c.JobNetwork != "host" {
			entry = name + "=" + fromContainer(value)
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

// fromContainer is a URL as a container calls it. What is no URL of the loopback stays as it is.
func fromContainer(text string) string {
	u, err := url.Parse(text)
	if err != nil || !isLoopback(u.Hostname()) {
		return text
	}
	host := hostAlias
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return u.String()
}

func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

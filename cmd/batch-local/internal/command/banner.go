package command

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/emulator"
)

// banner tells a person where the server is and what to do next. Its last line is what Testcontainers modules for LocalStack wait for.
func (p *program) banner(info emulator.Info) {
	var b strings.Builder
	fmt.Fprintf(&b, "\nbatch-local %s: AWS Batch on this machine\n\n", info.Version)
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s  "+format+"\n", append([]any{name}, args...)...)
	}
	for i, address := range info.Addresses {
		name := "address"
		if i > 0 {
			name = ""
		}
		fact(name, "%s%s", address, exposed(address))
	}
	fact("jobs", "%s", engine(info))
	if info.DataDir == "" {
		fact("state", "in memory, gone at the end; --data-dir DIR keeps it")
	} else {
		fact("state", "%s", info.DataDir)
	}
	here := emulator.BaseURL(strings.TrimPrefix(info.Addresses[0], "http://"))
	b.WriteString("\nIn another shell:\n\n")
	for line := range strings.Lines(sh(variables(here, client.Identity{AccessKey: "test", Region: info.Region}))) {
		b.WriteString("  " + line)
	}
	b.WriteString("\n  batch-local run busybox -- echo hello\n\nReady.\n")
	fmt.Fprint(p.out, b.String())
}

// engine says what runs jobs.
func engine(info emulator.Info) string {
	switch {
	case info.Driver == "simulated":
		return "simulated: no containers, each ends as its BATCH_LOCAL_OUTCOME says"
	case info.Engine.State == "ready":
		return fmt.Sprintf("containers on Docker %s at %s", info.Engine.Version, info.Engine.Endpoint)
	case info.Engine.Reason != "":
		return "wait for a container engine: " + info.Engine.Reason + " (batch-local doctor says more)"
	}
	return "containers on Docker, as soon as it answers"
}

// exposed warns of an address that others can reach: who reaches it can run any container here.
func exposed(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && !ip.IsLoopback() {
		return "  (other machines may reach it, and run containers here)"
	}
	return ""
}

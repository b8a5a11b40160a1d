// Package doctor looks at everything that jobs need, and says of each thing that is not as it should be how to mend it.
//
// Each check is a function from what is known to findings; [Examine] runs them in the order in which things depend on each other.
package doctor

import (
	"context"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator"
)

// Level says how bad a finding is.
type Level string

// Levels. Only a Problem keeps jobs from running.
const (
	Well    Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Problem Level = "problem"
)

// A Finding is one thing that was looked at.
type Finding struct {
	Level Level
	Check string // what was looked at, in a word or two
	Text  string
	Fix   string // what to do; "" if there is nothing to do
}

// A Patient is what is looked at.
type Patient struct {
	Version  string   // of this program
	Environ  []string // as os.Environ gives it
	Settings settings.Settings
	Client   *client.Client
	// Inspect asks a container engine: the one at an endpoint, or with "" the one that jobs would run on.
	Inspect func(ctx context.Context, endpoint string) (Engine, error)
	// Resolve finds the addresses of a name, as net.Resolver.LookupHost does.
	Resolve func(ctx context.Context, host string) ([]string, error)
}

// Examine answers what it finds, the most important first. Each check has its own time limit.
func Examine(ctx context.Context, p Patient) []Finding {
	findings := variables(p.Environ)
	info, found := server(ctx, p)
	findings = append(findings, found...)
	if driver(p, info) == "simulated" {
		findings = append(findings, Finding{Note, "engine", "none is needed: the driver is simulated", ""})
	} else {
		findings = append(findings, engine(ctx, p, info)...)
	}
	return append(findings, tools(p), hostName(ctx, p))
}

// Sick says that something keeps jobs from running.
func Sick(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Problem {
			return true
		}
	}
	return false
}

// driver is the running server's, else the one that a server would have with these settings.
func driver(p Patient, info *emulator.Info) string {
	if info != nil {
		return info.Driver
	}
	return p.Settings.Emulator.Driver
}

// variables are the settings in the environment and in the file that it names.
func variables(environ []string) []Finding {
	_, err := settings.Load(&settings.Flags{}, environ)
	if err == nil {
		return nil // nothing to say about what was never touched
	}
	var findings []Finding
	wrong, _ := err.(*settings.Error)
	for _, fault := range wrong.Unwrap() {
		findings = append(findings, Finding{Problem, "settings", fault.Error(), "batch-local serve --help lists the settings; unset or correct this one"})
	}
	return findings
}

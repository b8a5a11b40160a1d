// Package settings is everything about batch-local serve that a user can set.
//
// There is one table (table.go). Each row is a flag, an environment variable and a key of the file of --config at once, in this
// order of precedence, and ends in one field of [Settings]:
//
//	--keep-containers failed
//	BATCH_LOCAL_KEEP_CONTAINERS=failed
//	keep-containers: failed
//
// A value that is not understood, and a key or a BATCH_LOCAL_* variable that is not known, are errors that name the value and
// where it was found, all of them at once.
//
// Adding a setting: one row in the table.
package settings

import (
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator"
)

// Settings is what serve is told.
type Settings struct {
	Emulator  emulator.Config // without Version and Log
	LogLevel  slog.Level
	LogFormat string // "text", "json"; "" is text on a terminal and json elsewhere
	Config    string // path of the file that was read, "" for none

	given map[string]bool
}

// Given says whether anybody set the setting of this name; else it has its default.
func (s Settings) Given(name string) bool { return s.given[name] }

// Load resolves every setting from flags, the environment (as os.Environ gives it) and the file that these name. Its error is
// an [*Error]. Commands other than serve have no flags (nil) and do not mind variables that nobody knows.
func Load(flags *Flags, environ []string) (Settings, error) {
	var (
		settings = Settings{given: make(map[string]bool)}
		sources  = sources{flags: flags, variables: variables(environ)}
		wrong    []error
	)
	for _, row := range table() {
		if row.name == configName {
			sources.file, wrong = readFile(sources.find(row))
		}
	}
	if flags != nil {
		wrong = append(wrong, unknown(environ)...)
	}
	for _, row := range table() {
		found := sources.find(row)
		texts := slices.Clone(found.texts)
		for i, text := range texts {
			err := row.check(text)
			if err == nil && row.complete != nil {
				texts[i], err = row.complete(text, lookup(environ))
			}
			if err != nil {
				wrong = append(wrong, found.wrong(i, err))
			}
		}
		if len(wrong) == 0 {
			row.assign(row.field(&settings), texts)
			settings.given[row.name] = found.given
		}
	}
	if len(wrong) > 0 {
		return Settings{}, &Error{wrong}
	}
	err := settings.Emulator.Validate()
	if err == nil {
		err = keepFrom(settings.Emulator, engineSocket(environ))
	}
	if err != nil {
		return Settings{}, &Error{[]error{sources.blame(&settings, err)}}
	}
	return settings, nil
}

// lookup reads an environment.
func lookup(environ []string) func(name string) (value string, ok bool) {
	return func(name string) (value string, ok bool) {
		for _, entry := range environ {
			if n, v, _ := strings.Cut(entry, "="); n == name {
				value, ok = v, true // as in a shell, the last one counts
			}
		}
		return value, ok
	}
}

// unknown names the BATCH_LOCAL_* variables that are nobody's settings: most likely misspelt.
func unknown(environ []string) (wrong []error) {
	known := make(map[string]bool)
	for _, row := range table() {
		known[row.variable()] = true
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && !known[name] && !foreign(name) {
			wrong = append(wrong, fault{name + "=" + quoted(value), errors.New("there is no such setting" + hint(name, known))})
		}
	}
	return wrong
}

// foreign says that a BATCH_LOCAL_* variable belongs to somebody else: the outcome of a simulated job, which a program under
// test may well have in its own environment, and the switches of our tests.
func foreign(variable string) bool {
	return variable == "BATCH_LOCAL_OUTCOME" || strings.HasPrefix(variable, "BATCH_LOCAL_TEST_")
}

// Error is everything that is wrong with the settings, one line each.
type Error struct{ faults []error }

func (e *Error) Error() string {
	return errors.Join(e.faults...).Error()
}

// Unwrap answers the faults one by one.
func (e *Error) Unwrap() []error { return e.faults }

// A fault is one value that is wrong, and where it was found.
type fault struct {
	source string // "--driver podman", "BATCH_LOCAL_DRIVER=podman", "config.yaml:2: driver: podman"
	reason error
}

func (f fault) Error() string { return f.source + ": " + f.reason.Error() }

func (f fault) Unwrap() error { return f.reason }

package settings

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator"
)

// sources are the places where a setting may be found, strongest first.
type sources struct {
	flags     *Flags
	variables map[string]string
	file      file
}

// found is what a setting is, as text, and where it was said.
type found struct {
	given bool // by somebody; else it is the default
	texts []string
	wrong func(i int, reason error) error
}

func (s sources) find(row setting) found {
	if texts, ok := s.flags.given(row.name); ok {
		return found{true, texts, func(i int, reason error) error {
			return fault{"--" + row.name + " " + quoted(texts[i]), reason}
		}}
	}
	// Compose files hand variables on as empty ones (${NAME:-}), so an empty variable says nothing.
	if text := s.variables[row.variable()]; text != "" {
		texts := []string{text}
		if row.repeatable() {
			texts = row.list(text, false)
		}
		return found{true, texts, func(i int, reason error) error {
			return fault{row.variable() + "=" + quoted(texts[i]), reason}
		}}
	}
	if entry, ok := s.file.entries[row.name]; ok {
		return found{true, entry.texts, func(i int, reason error) error {
			return fault{s.file.at(entry.lines[i]) + ": " + row.name + ": " + quoted(entry.texts[i]), reason}
		}}
	}
	texts := []string{row.fallback}
	if row.repeatable() && row.fallback == "" {
		texts = nil
	}
	return found{false, texts, func(_ int, reason error) error {
		return fault{"the default of --" + row.name, reason}
	}}
}

// blame says where the value was found that emulator.Config refuses.
func (s sources) blame(settings *Settings, err error) error {
	var refused *emulator.ConfigError
	if !errors.As(err, &refused) {
		return err
	}
	field := reflect.ValueOf(&settings.Emulator).Elem().FieldByName(refused.Field)
	if !field.IsValid() {
		return err
	}
	for _, row := range table() {
		if row.field(settings) == field.Addr().Interface() {
			found := s.find(row)
			return found.wrong(max(0, slices.Index(found.texts, refused.Value)), errors.New("it "+refused.Problem))
		}
	}
	return err
}

// variables are those of the environment that are not empty.
func variables(environ []string) map[string]string {
	set := make(map[string]string)
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) {
			set[name] = value
		}
	}
	return set
}

// split takes a list apart.
func split(text, at string) []string {
	parts := strings.Split(text, at)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// quoted is the value as it was given where that can be read, else in quotes.
func quoted(value string) string {
	if q := strconv.Quote(value); value == "" || q != `"`+value+`"` || strings.ContainsAny(value, " \t") {
		return q
	}
	return value
}

package batch

import (
	"regexp"
	"strings"
)

var reference = regexp.MustCompile(`Ref::([A-Za-z0-9_-]+)`)

// substitute replaces Ref::name in a command (jobs.md 8.1).
//
// Guess: also inside a longer element, which the documentation neither shows nor forbids.
func substitute(command []string, values, defaults map[string]string) ([]string, error) {
	found := false
	for _, element := range command {
		found = found || strings.Contains(element, "Ref::")
	}
	if !found {
		return command, nil
	}
	var err error
	result := make([]string, len(command))
	for i, element := range command {
		result[i] = reference.ReplaceAllStringFunc(element, func(ref string) string {
			name := ref[len("Ref::"):]
			if v, ok := values[name]; ok {
				return v
			}
			if v, ok := defaults[name]; ok {
				return v
			}
			if err == nil {
				err = refused("Unable to substitute value. No parameter found for reference %s", name)
			}
			return ref
		})
	}
	return result, err
}

// Parameters are the definition's, overlaid by those of the submission.
func (s *State) Parameters(j *Job) map[string]string {
	var defaults map[string]string
	if d := s.definitions[j.Definition]; d != nil {
		defaults = d.Detail.Parameters
	}
	given := s.requestOf(j).Parameters
	if len(given) == 0 {
		return defaults
	}
	return edited(defaults, func(all map[string]string) {
		for k, v := range given {
			all[k] = v
		}
	})
}

package batch

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	known := map[string]string{"A": "1", "B": "$(A)", "": "nameless", "E": ""}
	for text, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$(A)":           "1",
		"a$(A)b$(A)":     "a1b1",
		"$(B)":           "$(A)", // what is put in is not read again
		"$(E)":           "",
		"$(NOBODY)":      "$(NOBODY)",
		"$(NOBODY)$(A)":  "$(NOBODY)1",
		"$$(A)":          "$(A)",
		"$$$(A)":         "$1",
		"$$$$(A)":        "$$(A)",
		"$$":             "$",
		"$":              "$",
		"cost $5 $(A)":   "cost $5 1",
		"$A":             "$A",
		"${A}":           "${A}",
		"$()":            "nameless",
		"$(A":            "$(A",
		"$(A $(A)":       "$(A $(A)", // the name is "A $(A", which nobody has
		"$((A))":         "$((A))",
		"\xff$(A)\xff":   "\xff1\xff",
		"$(A)\n$(A)":     "1\n1",
		"echo $(date) $": "echo $(date) $",
	} {
		if got := expand(text, known); got != want {
			t.Errorf("%q becomes %q; want %q", text, got, want)
		}
	}
}

// reading is the same rule in other words.
var reading = regexp.MustCompile(`(?s)\$\$|\$\([^)]*\)`)

// FuzzExpand holds expand to a second reading of the rule.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "$(A)", "$$(A)", "$(A", "$()", "$$$(A)$", "x$(B)y$(NOBODY)", "$($(A))"} {
		f.Add(seed)
	}
	known := map[string]string{"A": "one", "B": "$$(A)"}
	f.Fuzz(func(t *testing.T, text string) {
		want := reading.ReplaceAllStringFunc(text, func(found string) string {
			if found == "$$" {
				return "$"
			}
			if value, is := known[found[2:len(found)-1]]; is {
				return value
			}
			return found
		})
		got := expand(text, known)
		if got != want {
			t.Errorf("%q becomes %q; want %q", text, got, want)
		}
		if !strings.Contains(text, "$") && got != text {
			t.Errorf("%q has nothing to replace and becomes %q", text, got)
		}
		if again := expandAll([]string{text, "$(A)"}, known); !slices.Equal(again, []string{got, "one"}) {
			t.Errorf("in a list %q becomes %q", text, again)
		}
	})
}

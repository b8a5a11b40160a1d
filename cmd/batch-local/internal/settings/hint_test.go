package settings

import (
	"slices"
	"testing"
)

// TestNearest: two letters in the wrong order are one slip, so rnu is nearer to run than to env.
func TestNearest(t *testing.T) {
	known := []string{"env", "healthcheck", "jobs", "run", "serve", "wait", "why"}
	for word, want := range map[string]string{"rnu": "run", "serv": "serve", "evn": "env", "josb": "jobs", "wiat": "wait", "brew": "", "healthchekc": "healthcheck", "": ""} {
		if got := Nearest(word, slices.Values(known)); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

package emulator

import "fmt"

// A refusal is an error of package control in words that need no more before them.
type refusal struct {
	kind error // of control
	text string
}

func refused(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

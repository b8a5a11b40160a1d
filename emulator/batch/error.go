package batch

import "fmt"

// A Kind says how an error is to be told to the caller.
type Kind int

const (
	// Invalid is a mistake in the arguments; AWS wraps its text (jobs.md 1.1).
	Invalid Kind = iota
	// Refused is a conflict with what exists; AWS gives the text bare.
	Refused
	// Exists is a name that is in use; AWS answers 409.
	Exists
	// Missing is something that does not exist.
	Missing
)

// An Error is a refusal whose message is part of the API.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return e.Message }

func invalid(format string, args ...any) error {
	return &Error{Kind: Invalid, Message: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return &Error{Kind: Refused, Message: fmt.Sprintf(format, args...)}
}

func missing(format string, args ...any) error {
	return &Error{Kind: Missing, Message: fmt.Sprintf(format, args...)}
}

// exists is the text that CloudFormation and Terraform match (resources.md 0.3).
func exists() error {
	return &Error{Kind: Exists, Message: "Object already exists"}
}

package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// An Error is an answer of the service that says no.
type Error struct {
	Code    string // "ClientException"
	Status  int    // of HTTP
	Message string
	// Wrapped says that the message goes out as "Error executing request, Exception : <message>, RequestId: <id>": AWS does so
	// for mistakes in arguments (jobs.md 1.1, resources.md 0.2).
	Wrapped bool
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ClientError is a refusal because of what exists, in the bare style.
func ClientError(format string, args ...any) *Error {
	return &Error{Code: "ClientException", Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// Invalid is a refusal because of the arguments themselves, in the wrapped style.
func Invalid(format string, args ...any) *Error {
	e := ClientError(format, args...)
	e.Wrapped = true
	return e
}

// SerializationError is a body that cannot be read.
func SerializationError(format string, args ...any) *Error {
	return &Error{Code: "SerializationException", Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// ServerError is a fault of ours. Clients retry it, so it is never the answer to a caller's mistake.
func ServerError() *Error {
	return &Error{Code: "ServerException", Status: http.StatusInternalServerError, Message: "The service failed to answer; its log says why."}
}

func notYet(operation string) error {
	return ClientError("%s is not available in batch-local yet.", operation)
}

// required is the answer to a missing member.
//
// Guess: the service names the member; its sentence was not seen.
func required(at, member string) error {
	return Invalid("%s is required.", at+member)
}

// known refuses a value that an enumeration does not have.
//
// Guess: the sentence is that of the values for which it was seen (jobs.md 10.6, capabilities).
func known[E interface {
	~string
	Values() []E
}](at, member string, value E) error {
	if value == "" || slices.Contains(value.Values(), value) {
		return nil
	}
	var all []string
	for _, v := range value.Values() {
		all = append(all, string(v))
	}
	return Invalid("%s %s is not valid. Valid values: [%s]", at+member, value, strings.Join(all, ", "))
}

// Value is what p points to, or the zero value.
func Value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

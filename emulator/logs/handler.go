package logs

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// HandlerOptions of NewHandler.
type HandlerOptions struct {
	// Caller says whose logs a request is about; its error is answered as UnrecognizedClientException.
	Caller func(*http.Request) (account, region string, err error)
	// Log takes what went wrong on our side; nil discards it.
	Log *slog.Logger
}

// TargetPrefix begins the X-Amz-Target of a CloudWatch Logs call.
const TargetPrefix = "Logs_20140328."

const maxBody = 4 << 20

type handler struct {
	store      *Store
	options    HandlerOptions
	operations map[string]func(caller, []byte) (any, error)
}

// caller is whose logs a request is about.
type caller struct{ account, region string }

func (c caller) arn(group string) string {
	partition := "aws"
	switch {
	case strings.HasPrefix(c.region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(c.region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", partition, c.region, c.account, group)
}

// NewHandler answers the operations of CloudWatch Logs that read, and those that make and remove groups and streams: POST / with X-Amz-Target,
// awsJson 1.1.
func NewHandler(s *Store, o HandlerOptions) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{store: s, options: o}
	h.operations = map[string]func(caller, []byte) (any, error){
		"GetLogEvents":                  typed(h.getLogEvents),
		"FilterLogEvents":               typed(h.filterLogEvents),
		"DescribeLogStreams":            typed(h.describeLogStreams),
		"DescribeLogGroups":             typed(h.describeLogGroups),
		"CreateLogGroup":                silent(h.createLogGroup),
		"DeleteLogGroup":                silent(h.deleteLogGroup),
		"PutLogGroupDeletionProtection": silent(h.putLogGroupDeletionProtection),
		"PutRetentionPolicy":            silent(h.putRetentionPolicy),
		"DeleteRetentionPolicy":         silent(h.deleteRetentionPolicy),
		"CreateLogStream":               silent(h.createLogStream),
		"DeleteLogStream":               silent(h.deleteLogStream),
		"TagResource":                   silent(h.tagResource),
		"UntagResource":                 silent(h.untagResource),
		"ListTagsForResource":           typed(h.listTagsForResource),
		"TagLogGroup":                   silent(h.tagLogGroup),
		"UntagLogGroup":                 silent(h.untagLogGroup),
		"ListTagsLogGroup":              typed(h.listTagsLogGroup),
	}
	return h
}

// typed decodes the body for an operation.
func typed[In, Out any](f func(caller, In) (*Out, error)) func(caller, []byte) (any, error) {
	return func(c caller, body []byte) (any, error) {
		var in In
		if len(strings.TrimSpace(string(body))) > 0 {
			if err := json.Unmarshal(body, &in); err != nil {
				return nil, &Error{"SerializationException", "The body is not as the operation wants it: " + strings.TrimPrefix(err.Error(), "json: ")}
			}
		}
		out, err := f(c, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// silent is typed for an operation that answers nothing.
func silent[In any](f func(caller, In) error) func(caller, []byte) (any, error) {
	decoded := typed(func(c caller, in In) (*struct{}, error) { return nil, f(c, in) })
	return func(c caller, body []byte) (any, error) {
		_, err := decoded(c, body)
		return nil, err
	}
}

// An Error is an answer of the service that says no; always 400.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errors with the texts that were recorded (events-logs-schedules.md 2.7).
var (
	errNoGroup   = &Error{"ResourceNotFoundException", "The specified log group does not exist."}
	errNoStream  = &Error{"ResourceNotFoundException", "The specified log stream does not exist."}
	errToken     = &Error{"InvalidParameterException", "The specified nextToken is invalid."}
	errTwoGroups = &Error{"ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."}
)

func invalid(format string, args ...any) error {
	return &Error{"InvalidParameterException", fmt.Sprintf(format, args...)}
}

// within checks a limit; absent is the given default.
func within(member string, value *int, least, most, otherwise int) (int, error) {
	switch {
	case value == nil:
		return otherwise, nil
	case *value < least:
		return 0, invalid("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to %d", *value, member, least)
	case *value > most:
		return 0, invalid("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value less than or equal to %d", *value, member, most)
	}
	return *value, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := "application/x-amz-json-1.1"
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.0") {
		kind = "application/x-amz-json-1.0"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	out, err := h.call(r)
	var refusal *Error
	switch {
	case err == nil && out == nil:
		w.WriteHeader(http.StatusOK) // an empty body, not an empty object (events-logs-schedules.md 2.3)
	case err == nil:
		h.write(w, http.StatusOK, out)
	case errors.As(err, &refusal):
		h.write(w, http.StatusBadRequest, map[string]string{"__type": refusal.Code, "message": refusal.Message})
	default:
		h.options.Log.Error("a request for logs failed", "target", r.Header.Get("X-Amz-Target"), "error", err)
		h.write(w, http.StatusInternalServerError, map[string]string{"__type": "ServiceUnavailableException", "message": "The logs could not be read; the emulator's own log says why."})
	}
}

func (h *handler) write(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // an answer of ours that cannot be encoded is a mistake of ours
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away is its own affair
}

func (h *handler) call(r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), TargetPrefix)
	if !ok {
		return nil, &Error{"UnknownOperationException", "The target is not one of CloudWatch Logs."}
	}
	account, region, err := h.options.Caller(r)
	if err != nil {
		return nil, &Error{"UnrecognizedClientException", err.Error()}
	}
	operation := h.operations[name]
	if operation == nil {
		return nil, &Error{"UnknownOperationException", name + " is not available in batch-local yet."}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return operation(caller{account, region}, body)
}

func readBody(r *http.Request) ([]byte, error) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, &Error{"SerializationException", "The body is not gzip."}
		}
		defer z.Close()
		in = z
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	switch {
	case err != nil:
		return nil, &Error{"SerializationException", "The body could not be read."}
	case len(body) > maxBody:
		return nil, &Error{"InvalidParameterException", "The request is too large."}
	}
	return body, nil
}

// findGroup finds a group by one of the two members that may name it.
func (s *Store) findGroup(c caller, name, identifier *string) (*group, error) {
	switch {
	case name != nil && identifier != nil:
		return nil, errTwoGroups
	case name == nil && identifier == nil:
		return nil, invalid("1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	case name == nil:
		n := *identifier
		if _, rest, isARN := strings.Cut(n, ":log-group:"); isARN {
			n = strings.TrimSuffix(rest, ":*")
		}
		name = &n
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if g, ok := s.groups.Get(groupKey(c.account, c.region, *name)); ok {
		return g, nil
	}
	return nil, errNoGroup
}

package simulated

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// An Outcome says what becomes of a job (interface.md 2). The zero value ends at once with exit code 0 and prints nothing.
//
// What is a list has a value for each attempt, the first for attempt 1; the last repeats. Empty is the member's zero value for every attempt.
// Where several of them say how an attempt ends, StartError comes before HostLost, that before OOM, that before ExitCode.
type Outcome struct {
	// Duration is the time from RUNNING to the end, StartDelay that in STARTING; neither is negative.
	Duration, StartDelay time.Duration
	// ExitCode is 0 to 255.
	ExitCode []int32
	// Reason is container.reason of an attempt that ends as planned. A memory kill and a start error have their own.
	Reason []string
	// OOM ends the attempt as a memory kill.
	OOM []bool
	// StartError is the reason for which the container never starts; "" starts it.
	StartError []string
	// HostLost ends the attempt as a lost EC2 instance, or on Fargate as an interrupted Spot task.
	HostLost []bool
	// Logs are lines for stdout. The first is written at the start, the others follow evenly over Duration.
	Logs []string
	// IgnoreStop does not react to SIGTERM.
	IgnoreStop bool
	// StopExitCode is the exit code after SIGTERM; nil is 143.
	StopExitCode *int32
}

// of is the value of a list for an attempt, whose number starts at 1.
func of[T any](list []T, attempt int) T {
	if len(list) == 0 {
		var zero T
		return zero
	}
	return list[max(min(attempt, len(list)), 1)-1]
}

// UnmarshalJSON reads an outcome and is strict: it refuses unknown and repeated members, values of a wrong type (null too), negative
// durations and exit codes outside of 0 to 255. Errors name the member.
func (o *Outcome) UnmarshalJSON(data []byte) error {
	read := Outcome{}
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil {
		return notJSON(err)
	} else if start != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return notJSON(err)
		}
		name := key.(string) // the decoder lets nothing else stand here
		if seen[name] {
			return fmt.Errorf("%.40s is there twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return notJSON(err)
		}
		if err := read.member(name, value); err != nil {
			return fmt.Errorf("%.40s %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	*o = read
	return nil
}

func notJSON(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("it is not JSON: %w", err)
}

// ParseOutcome reads the value of the environment variable.
func ParseOutcome(text string) (*Outcome, error) {
	var o Outcome
	// Not json.Unmarshal: it would look at the text twice, and words its errors for programmers.
	if err := o.UnmarshalJSON([]byte(text)); err != nil {
		return nil, err
	}
	return &o, nil
}

// member takes one member. Names are spelled exactly so; encoding/json itself would take any letter case.
func (o *Outcome) member(name string, v json.RawMessage) error {
	switch name {
	case "duration":
		return set(&o.Duration, v, duration)
	case "startDelay":
		return set(&o.StartDelay, v, duration)
	case "exitCode":
		return set(&o.ExitCode, v, perAttempt(exitCode))
	case "reason":
		return set(&o.Reason, v, perAttempt(text))
	case "oom":
		return set(&o.OOM, v, perAttempt(boolean))
	case "startError":
		return set(&o.StartError, v, perAttempt(text))
	case "hostLost":
		return set(&o.HostLost, v, perAttempt(boolean))
	case "logs":
		return set(&o.Logs, v, lines)
	case "ignoreStop":
		return set(&o.IgnoreStop, v, boolean)
	case "stopExitCode":
		return set(&o.StopExitCode, v, pointer(exitCode))
	}
	return errUnknown
}

// errUnknown is of a member that there is not.
var errUnknown = errors.New("is no member of an outcome; there are duration, exitCode, hostLost, ignoreStop, logs, oom, reason, startDelay, startError, stopExitCode")

func set[T any](to *T, v json.RawMessage, decode func(json.RawMessage) (T, error)) error {
	value, err := decode(v)
	if err == nil {
		*to = value
	}
	return err
}

// shown is a value in an error message, which has to fit into a reason.
func shown(v json.RawMessage) string {
	if r := []rune(string(v)); len(r) > 40 {
		return string(r[:37]) + "..."
	}
	return string(v)
}

func text(v json.RawMessage) (string, error) {
	var s string
	if v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return "", fmt.Errorf("is %s, not a text", shown(v))
	}
	return s, nil
}

func boolean(v json.RawMessage) (bool, error) {
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("is %s, not true or false", shown(v))
}

func exitCode(v json.RawMessage) (int32, error) {
	n, err := strconv.ParseInt(string(v), 10, 32)
	if err != nil || n < 0 || n > 255 {
		return 0, fmt.Errorf("is %s, not an exit code from 0 to 255", shown(v))
	}
	return int32(n), nil
}

func duration(v json.RawMessage) (time.Duration, error) {
	s, err := text(v)
	if err != nil {
		return 0, fmt.Errorf(`is %s, not a text such as "1m30s"`, shown(v))
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`is %s, not a duration such as "1m30s"`, shown(v))
	case d < 0:
		return 0, fmt.Errorf("is %s; it cannot be negative", shown(v))
	}
	return d, nil
}

func list[T any](v json.RawMessage, one func(json.RawMessage) (T, error)) ([]T, error) {
	var raw []json.RawMessage
	if v[0] != '[' || json.Unmarshal(v, &raw) != nil {
		return nil, fmt.Errorf("is %s, not a list", shown(v))
	}
	values := make([]T, len(raw))
	for i, r := range raw {
		value, err := one(r)
		if err != nil {
			return nil, fmt.Errorf("number %d %w", i+1, err)
		}
		values[i] = value
	}
	return values, nil
}

// perAttempt is one value or a list of them.
func perAttempt[T any](one func(json.RawMessage) (T, error)) func(json.RawMessage) ([]T, error) {
	return func(v json.RawMessage) ([]T, error) {
		if v[0] != '[' {
			value, err := one(v)
			return []T{value}, err
		}
		values, err := list(v, one)
		if err == nil && len(values) == 0 {
			err = errors.New("is an empty list; its last value could not repeat")
		}
		return values, err
	}
}

// lines takes a text with newlines in it for the lines that a program would print with it.
func lines(v json.RawMessage) ([]string, error) {
	texts, err := list(v, text)
	if err != nil {
		return nil, err
	}
	all := texts[:0:0]
	for _, t := range texts {
		all = append(all, strings.Split(strings.TrimSuffix(t, "\n"), "\n")...)
	}
	return all, nil
}

func pointer[T any](one func(json.RawMessage) (T, error)) func(json.RawMessage) (*T, error) {
	return func(v json.RawMessage) (*T, error) {
		value, err := one(v)
		return &value, err
	}
}

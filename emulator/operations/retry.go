package operations

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batch-local/batch-local/emulator/api"
)

// Limits of a retry strategy and of a timeout (jobs.md 3.1, 4).
const (
	maxAttempts    = 10
	maxConditions  = 5
	maxPattern     = 512
	minTimeoutSecs = 60
)

// Patterns of evaluateOnExit: a literal with an optional trailing star (jobs.md 3.1).
var (
	exitCodePattern = regexp.MustCompile(`^[0-9]*\*?$`)
	reasonPattern   = regexp.MustCompile(`^[A-Za-z0-9.:\s]*\*?$`)
)

// checkRetry holds the rules of jobs.md 3.1; they are those of RegisterJobDefinition and of SubmitJob.
func checkRetry(r *api.RetryStrategy) error {
	if r == nil {
		return nil
	}
	switch {
	case r.Attempts == nil:
		return api.Invalid("RetryAttempts must be provided with retry strategy.")
	case *r.Attempts < 1 || *r.Attempts > maxAttempts:
		return api.Invalid("RetryAttempts must be between 1 and %d.", maxAttempts)
	case len(r.EvaluateOnExit) > maxConditions:
		// Guess: the limit is documented; the text was not seen.
		return api.Invalid("EvaluateOnExit can have at most %d conditions.", maxConditions)
	}
	for _, e := range r.EvaluateOnExit {
		if err := checkCondition(e); err != nil {
			return err
		}
	}
	return nil
}

func checkCondition(e api.EvaluateOnExit) error {
	code, reason, status := api.Value(e.OnExitCode), api.Value(e.OnReason), api.Value(e.OnStatusReason)
	switch {
	case code == "" && reason == "" && status == "":
		return api.Invalid("EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason")
	case max(utf8.RuneCountInString(code), utf8.RuneCountInString(reason), utf8.RuneCountInString(status)) > maxPattern:
		return api.Invalid("Evaluate on exit condition cannot exceed %d characters.", maxPattern)
	case !exitCodePattern.MatchString(code) || !reasonPattern.MatchString(reason) || !reasonPattern.MatchString(status):
		return api.Invalid("Evaluate on exit condition contains restricted characters.")
	case e.Action == "":
		// Guess: the model requires it; the text was not seen.
		return api.Invalid("action is required.")
	}
	// Guess: any letter case is taken; the text for other words was not seen.
	return oneOf("action", api.RetryAction(strings.ToUpper(string(e.Action))))
}

// storedRetry is a strategy as the service shows it: actions in lower case, and a list that is always there (jobs.md 3.1, 10.5).
func storedRetry(r *api.RetryStrategy) *api.RetryStrategy {
	if r == nil {
		return nil
	}
	stored := *r
	stored.EvaluateOnExit = list(slices.Clone(r.EvaluateOnExit))
	for i := range stored.EvaluateOnExit {
		e := &stored.EvaluateOnExit[i]
		e.Action = api.RetryAction(strings.ToLower(string(e.Action)))
	}
	return &stored
}

// checkTimeout holds the one rule of jobs.md 4.
func checkTimeout(t *api.JobTimeout) error {
	if t != nil && t.AttemptDurationSeconds != nil && *t.AttemptDurationSeconds < minTimeoutSecs {
		return api.Invalid("AttemptDurationSeconds in Timeout must be at least %d seconds.", minTimeoutSecs)
	}
	return nil
}

package batch

import (
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// RetryStrategy is the one that counts for a job: that of SubmitJob replaces the definition's as a whole. Nil is one attempt.
func (s *State) RetryStrategy(j *Job) *api.RetryStrategy {
	if j.Service != nil {
		return j.Service.retry()
	}
	if r := s.requestOf(j).Retry; r != nil {
		return r
	}
	if d := s.definitions[j.Definition]; d != nil {
		return d.Detail.RetryStrategy
	}
	return nil
}

func (s *State) attemptsOf(j *Job) int {
	if r := s.RetryStrategy(j); r != nil {
		return max(1, int(api.Value(r.Attempts)))
	}
	return 1
}

// retries says whether an attempt that failed is followed by another, if there are any left: the first entry of
// evaluateOnExit that matches decides, and none means yes (jobs.md 3.2).
func (s *State) retries(j *Job, a *Attempt) bool {
	r := s.RetryStrategy(j)
	if r == nil {
		return false
	}
	exits := a.exits(s.isPod(j))
	for _, e := range r.EvaluateOnExit {
		if matches(e.OnStatusReason, a.StatusReason) && slices.ContainsFunc(exits, func(x exit) bool { return x.fits(e) }) {
			return strings.EqualFold(string(e.Action), "RETRY")
		}
	}
	return true
}

func (x exit) fits(e api.EvaluateOnExit) bool {
	code := ""
	if x.code != nil {
		code = strconv.Itoa(int(*x.code))
	}
	return matches(e.OnExitCode, code) && matches(e.OnReason, x.reason)
}

// matches compares with a literal, or with a prefix before one trailing star. An omitted pattern matches anything, and so
// does a lone star: a plain exit has no reason, and AWS's documented catch-all catches it.
//
// Guess: upper and lower case differ, and a missing exit code matches only the star (jobs.md 3.2).
func matches(pattern *string, text string) bool {
	if pattern == nil {
		return true
	}
	if prefix, star := strings.CutSuffix(*pattern, "*"); star {
		return strings.HasPrefix(text, prefix)
	}
	return text == *pattern
}

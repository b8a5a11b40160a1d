package batch

import (
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// A Match picks jobs: each member that is given must fit. Texts are globs, in which * stands for anything (interface.md 3).
type Match struct {
	JobName       string `json:"jobName,omitempty"`
	JobQueue      string `json:"jobQueue,omitempty"`      // name or ARN
	JobDefinition string `json:"jobDefinition,omitempty"` // name, name:revision or ARN
	Image         string `json:"image,omitempty"`
	ArrayIndex    *int32 `json:"arrayIndex,omitempty"`
	NodeIndex     *int32 `json:"nodeIndex,omitempty"`
	Attempt       *int   `json:"attempt,omitempty"` // of the attempt that is, or would be, run
}

// A Hold keeps jobs in a status. It delays the way forward only: who cancels or terminates, and a timeout, act on a held job as on any other.
type Hold struct {
	Match Match  `json:"match"`
	State Status `json:"state"`
}

// A Traits is what a Match looks at.
type Traits struct {
	ID         JobID
	Name       string
	Queue      ARN
	Definition ARN
	Images     []string
	Attempt    int
}

// Fits says whether all that a Match asks for is so.
func (m Match) Fits(t Traits) bool {
	mark := t.ID.Mark()
	switch {
	case m.JobName != "" && !Glob(m.JobName, t.Name):
	case m.JobQueue != "" && !globARN(m.JobQueue, t.Queue):
	case m.JobDefinition != "" && !globARN(m.JobDefinition, t.Definition):
	case m.Image != "" && !slices.ContainsFunc(t.Images, func(image string) bool { return Glob(m.Image, image) }):
	case m.ArrayIndex != nil && (mark != MarkChild || t.ID.index() != *m.ArrayIndex):
	case m.NodeIndex != nil && (mark != MarkNode || t.ID.index() != *m.NodeIndex):
	case m.Attempt != nil && t.Attempt != *m.Attempt:
	default:
		return true
	}
	return false
}

// globARN compares with the ARN, with the name in it, and with that name without a revision.
func globARN(pattern string, arn ARN) bool {
	_, _, name, _ := arn.Parts()
	base, _, _ := strings.Cut(name, ":")
	return Glob(pattern, string(arn)) || Glob(pattern, name) || Glob(pattern, base)
}

// Glob says whether a text has the form of a pattern, in which * stands for any text, and nothing else is special.
func Glob(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	for ok {
		first, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(text, first)
		}
		_, text, ok = strings.Cut(text, first)
	}
	return false
}

// Holds are those that are in force.
func (s *State) Holds() []Hold { return s.holds }

// SetHolds replaces the holds. Jobs that none keeps any more move on.
func (tx *Tx) SetHolds(holds []Hold) {
	tx.holds = holds
	kept := make([]*Job, 0, len(tx.held))
	for id := range tx.held {
		kept = append(kept, tx.jobs[id])
	}
	slices.SortFunc(kept, bySubmission)
	for _, j := range kept {
		if !tx.holdsBack(j) {
			tx.moveOn(tx.change(j, func(j *Job) { j.Held = false }))
		}
	}
}

// moveOn does what a hold has kept from happening.
func (tx *Tx) moveOn(j *Job) {
	switch {
	case j.Status == Submitted:
		tx.enter(j)
	case j.Status == Pending && j.Array != nil:
		tx.tally(j)
		tx.ready(tx.jobs[j.ID])
	case j.Status == Pending:
		tx.ready(j)
	case j.Status == Runnable:
		tx.look(j.Queue)
	case j.Live() != nil:
		kept := j.Live().Kept
		tx.changeAttempt(j, false, func(a *Attempt) { a.Kept = nil })
		for _, r := range kept {
			r.At = 0 // it happens now
			tx.Report(r)
		}
	}
}

// hold says whether a hold keeps a job in its status, and notes it.
func (tx *Tx) hold(j *Job) bool {
	if !tx.holdsBack(j) {
		return false
	}
	if !j.Held {
		tx.change(j, func(j *Job) { j.Held = true })
	}
	return true
}

func (s *State) holdsBack(j *Job) bool {
	if len(s.holds) == 0 {
		return false
	}
	t := s.traits(j)
	return slices.ContainsFunc(s.holds, func(h Hold) bool { return h.State == j.Status && h.Match.Fits(t) })
}

func (s *State) traits(j *Job) Traits {
	t := Traits{ID: j.ID, Name: j.Name, Queue: j.Queue, Definition: j.Definition, Attempt: len(j.Attempts)}
	if j.Live() == nil {
		t.Attempt++
	}
	b := s.Blueprint(j)
	for c := range b.containers() {
		t.Images = append(t.Images, api.Value(c.Image))
	}
	return t
}

// Traits of a task, as those of its job.
func (t Task) Traits() Traits {
	traits := Traits{ID: t.Attempt.Job, Name: t.JobName, Queue: t.Queue, Definition: t.Scope.ARN("job-definition", t.Family+":"+strconv.Itoa(t.Revision)), Attempt: t.Attempt.Number}
	for _, c := range t.Containers {
		traits.Images = append(traits.Images, c.Image)
	}
	return traits
}

package batch

import (
	"cmp"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// A Submission is a SubmitJob whose shape is right. Queue and Definition are as the caller gave them.
type Submission struct {
	Scope      Scope
	Name       string
	Queue      string
	Definition string
	Request    Request
	Tags       map[string]string
	Size       int32 // of an array; 0 for others
	Share      string
	Priority   *int32
}

// Submit adds a job and moves it on as far as it gets: to PENDING if it has to wait, else to RUNNABLE, and if there is room to
// STARTING. Checks are in the order of jobs.md 11: queue, definition, platform, parameters, resources, dependencies.
func (tx *Tx) Submit(s Submission) (*Job, error) {
	q := tx.Queue(s.Scope, s.Queue)
	if err := tx.open(q, s.Queue); err != nil {
		return nil, err
	}
	if q.Service != "" {
		// Guess: the text was not seen.
		return nil, refused("Jobs cannot be submitted to a job queue of type SAGEMAKER_TRAINING. Use SubmitServiceJob.")
	}
	d, err := tx.ResolveDefinition(s.Scope, s.Definition)
	if err != nil {
		return nil, err
	}
	if p := tx.platformOf(q); p != "" && p != d.Platform {
		return nil, refused("Job Queue is attached to Compute Environment that can not run Jobs with capability %s.", d.Platform)
	}
	j := &Job{
		ID:         JobID(tx.chance.UUID()),
		Scope:      q.Scope,
		Name:       s.Name,
		Queue:      q.ARN,
		Definition: d.ARN,
		Tags:       s.Tags,
		Status:     Submitted,
		CreatedAt:  tx.now,
	}
	if err := tx.share(j, q, d, &s); err != nil {
		return nil, err
	}
	if !s.Request.empty() {
		j.Request = &s.Request
	}
	if err := tx.size(j, d, &s); err != nil {
		return nil, err
	}
	if err := tx.checkDependencies(s.Scope, s.Size, s.Request.DependsOn); err != nil {
		return nil, err
	}
	tx.waitOn(j, s.Request.DependsOn)
	j.Number = tx.nextNumber()
	tx.put(nil, j)
	if list := tx.consumes(j); len(list) > 0 {
		j = tx.change(j, func(j *Job) { j.Consumes = list })
	}
	tx.tell(j, "")
	return tx.enter(j), nil
}

// open says whether a queue takes jobs.
func (s *State) open(q *Queue, given string) error {
	switch {
	case q == nil:
		return refused("JobQueue %s not found.", given)
	case !q.Enabled():
		// Guess: AWS refuses, its text was not seen (jobs.md 18).
		return refused("Job queue %s is DISABLED", given)
	case q.Detail.Status == statusCreating, q.Detail.Status == statusDeleting:
		// Guess: by analogy.
		return refused("Job queue %s is not VALID", given)
	}
	return nil
}

// share says which part of a fair-share queue a job belongs to, and its place in it (jobs.md 11, resources.md 4.3).
func (tx *Tx) share(j *Job, q *Queue, d *Definition, s *Submission) error {
	if !tx.FairShare(q) {
		if s.Share != "" || s.Priority != nil {
			return refused("Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.")
		}
		return nil
	}
	if err := tx.checkShare(q, s.Share); err != nil {
		return err
	}
	j.Share = s.Share
	if p := cmp.Or(s.Priority, d.Detail.SchedulingPriority); p != nil {
		j.Priority, j.Prioritized = *p, true
	}
	return nil
}

// checkShare wants a share identifier exactly where there are shares, and no more of them than there may be.
func (tx *Tx) checkShare(q *Queue, name string) error {
	fair := tx.FairShare(q)
	switch {
	case fair && name == "":
		return refused("shareIdentifier must be specified.")
	case !fair && name != "":
		return refused("Job with shareIdentifier or schedulingPriority can onlybe submitted to job queue with fair share scheduling policy.")
	case !fair || !tx.options.Quotas:
		return nil
	}
	if sh := tx.shareOf(q.ARN, name); sh == nil || !sh.active(tx.now, tx.fairnessOf(q).window) {
		count, _ := tx.activeShares(q, tx.fairnessOf(q), tx.now)
		return tx.quota(count, maxShareIdentifiers, "Active share identifier")
	}
	return nil
}

// size says what kind of job it is and what it takes.
func (tx *Tx) size(j *Job, d *Definition, s *Submission) error {
	b, err := blueprint(d, &s.Request)
	if err != nil {
		return err
	}
	if b.Nodes != nil {
		if s.Size > 0 {
			// Guess: not allowed; the text was not seen (jobs.md 6).
			return refused("arrayProperties is not applicable for multi-node parallel jobs.")
		}
		j.Nodes = &Nodes{Count: api.Value(b.Nodes.NumNodes), Main: api.Value(b.Nodes.MainNode)}
		for i := range j.Nodes.Count {
			n, err := b.node(i).needs(d.Platform)
			if err != nil {
				return err
			}
			j.MilliVCPU, j.MemoryMiB, j.GPUs = j.MilliVCPU+n.milli, j.MemoryMiB+n.mib, j.GPUs+n.gpus
		}
		return nil
	}
	if s.Size > 0 {
		j.Array = &Array{Size: s.Size}
	}
	n, err := b.needs(d.Platform)
	j.MilliVCPU, j.MemoryMiB, j.GPUs = n.milli, n.mib, n.gpus
	return err
}

// enter moves a SUBMITTED job on.
func (tx *Tx) enter(j *Job) *Job {
	switch {
	case tx.hold(j):
	case j.Array == nil && len(tx.DependsOn(j)) == 0:
		tx.setStatus(j, Runnable, "", nil)
	default:
		tx.ready(tx.setStatus(j, Pending, "", nil))
	}
	return tx.jobs[j.ID]
}

// platformOf is what a queue's environments run; empty if it has none.
func (s *State) platformOf(q *Queue) Platform {
	for _, arn := range q.Environments {
		if e := s.environments.all[arn]; e != nil {
			return e.Platform
		}
	}
	return ""
}

// namePattern is AWS's own, as its messages print it.
const namePattern = "[a-zA-Z_0-9-]{1,128}"

// LegalName says whether text can be the name of a resource: whether it has namePattern. A hundred ids are checked for one DescribeJobs,
// so it is no regular expression.
func LegalName(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return text != "" && len(text) <= 128
}

// UnsupportedName is how Batch refuses a text that cannot be a name, in lookups (jobs.md 10.3, 12).
func UnsupportedName(text string) error {
	return refused("Provided name %s is not supported pattern%s", text, namePattern)
}

// ResolveDefinition finds the revision that a name, name:revision or ARN stands for; it must be ACTIVE (jobs.md 10.3).
func (s *State) ResolveDefinition(scope Scope, text string) (*Definition, error) {
	rest := text
	if strings.HasPrefix(text, "arn:") {
		at, kind, name, ok := ARN(text).Parts()
		switch {
		case !ok || kind != "job-definition":
			return nil, UnsupportedName(text)
		case at != scope:
			return nil, refused("JobDefinition %s not found.", text)
		}
		rest = name
	}
	name, revision, exact := revisionOf(rest)
	if !exact && !LegalName(rest) || exact && !LegalName(name) {
		return nil, UnsupportedName(text)
	}
	for d := range s.DefinitionsFrom(scope, name, revision) {
		if d.Name != name || exact && d.Revision != revision {
			break
		}
		if d.Active() {
			return d, nil
		}
	}
	if rest != text {
		return nil, refused("JobDefinition %s not found.", text)
	}
	return nil, refused("JobDefinition name %s does not exist or is not in ACTIVE status", text)
}

// NewestActive is the newest ACTIVE revision of a name; nil if there is none.
func (s *State) NewestActive(scope Scope, name string) *Definition {
	d, err := s.ResolveDefinition(scope, name)
	if err != nil {
		return nil
	}
	return d
}

package batch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// Dependencies (jobs.md 5). A job waits as PENDING for the jobs in WaitsFor. Each that succeeds is taken from the list; the
// first that fails empties it and leaves the reason. Who waits for whom is an index, so an end costs as much as it has dependents.

// checkDependencies says whether a submission may wait for what it names.
func (s *State) checkDependencies(scope Scope, size int32, list []api.JobDependency) error {
	for _, d := range list {
		id := JobID(api.Value(d.JobId))
		switch {
		case id == "" && d.Type == api.ArrayJobDependencySequential && size > 0:
			continue
		case id == "" && d.Type == api.ArrayJobDependencySequential:
			// Guess: only children can come one after the other; the text was not seen.
			return refused("SEQUENTIAL dependency without jobId is only allowed for array jobs.")
		case id == "":
			// Guess: the text was not seen.
			return invalid("jobId of a dependency is required.")
		}
		other := s.Job(scope, id)
		if other == nil && s.parentToBe(scope, id) == nil {
			// Guess: refused, and by these words (jobs.md 5, 18).
			return refused("Job %s in dependsOn does not exist.", id)
		}
		if d.Type == api.ArrayJobDependencyNToN {
			// Guess: the rule is documented, the text was not seen.
			if size == 0 || other == nil || other.Array == nil || other.Array.Size != size {
				return refused("N_TO_N dependency requires array jobs of the same size: job %s.", id)
			}
		}
	}
	return nil
}

// parentToBe is the array whose child has an id and was not spawned; nil if there is no such array.
func (s *State) parentToBe(scope Scope, id JobID) *Job {
	parent := s.Job(scope, id.Parent())
	if id.Mark() != MarkChild || parent == nil || parent.Array == nil || id.index() >= parent.Array.Size || id != parent.ID.Child(id.index()) {
		return nil
	}
	return parent
}

// waitOn sets what a new job, or an array as a whole, waits for.
func (tx *Tx) waitOn(j *Job, list []api.JobDependency) {
	for _, d := range list {
		if id := JobID(api.Value(d.JobId)); id != "" && d.Type != api.ArrayJobDependencyNToN {
			tx.waitFor(j, id)
		}
	}
}

// waitAs sets what a new child waits for beside its parent.
func (tx *Tx) waitAs(j, parent *Job) {
	if parent.StopReason != "" {
		j.StopReason, j.Cancelled, j.Terminated = parent.StopReason, parent.Cancelled, parent.Terminated
		return
	}
	for _, d := range tx.DependsOn(parent) {
		id, index := JobID(api.Value(d.JobId)), j.ID.index()
		switch {
		case d.Type == api.ArrayJobDependencyNToN:
			tx.waitFor(j, id.Child(index))
		case d.Type == api.ArrayJobDependencySequential && id == "" && index > 0:
			tx.waitFor(j, parent.ID.Child(index-1))
		}
	}
}

// waitFor adds one job to those that a new one waits for. One that has ended already counts as if it ended now; so does a child
// whose array ended before it was spawned, or that was forgotten meanwhile.
func (tx *Tx) waitFor(j *Job, id JobID) {
	other := tx.jobs[id]
	if other == nil {
		other = tx.parentToBe(j.Scope, id)
	}
	switch {
	case j.StopReason != "" || slices.Contains(j.WaitsFor, id):
	case other == nil || other.Status == Failed:
		j.StopReason, j.WaitsFor = ReasonDependency, nil
	case other.Status != Succeeded:
		j.WaitsFor = append(j.WaitsFor, id)
	}
}

// follow lets every end in the transaction have its consequences, and these theirs.
func (tx *Tx) follow() {
	for len(tx.over) > 0 {
		j := tx.jobs[tx.over[0]]
		tx.over = tx.over[1:]
		if j == nil || !Ended(j.Status) {
			continue
		}
		tx.release(j.ID, j.Status)
		if j.Array != nil { // what waits for children that never came waits in vain
			for i := j.Array.Spawned; i < j.Array.Size; i++ {
				tx.release(j.ID.Child(i), Failed)
			}
		}
		if j.ID.Mark() == MarkChild {
			tx.tally(tx.jobs[j.ID.Parent()])
		}
	}
}

// release tells those that wait for a job how it ended.
func (tx *Tx) release(id JobID, as Status) {
	for _, d := range tx.waitersFor(id) {
		tx.released(d, id, as)
	}
}

// waitersFor are the jobs that wait for one, in the order of their submission.
func (s *State) waitersFor(id JobID) []*Job {
	if len(s.dependents[id]) == 0 {
		return nil
	}
	list := make([]*Job, 0, len(s.dependents[id]))
	for waiter := range s.dependents[id] {
		list = append(list, s.jobs[waiter])
	}
	slices.SortFunc(list, bySubmission)
	return list
}

// bySubmission orders jobs, a parent before its children or nodes.
func bySubmission(a, b *Job) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID.index(), b.ID.index()), strings.Compare(string(a.ID), string(b.ID)))
}

// released is for one that waits: a job that it waits for has ended.
func (tx *Tx) released(j *Job, ended JobID, as Status) {
	j = tx.change(j, func(j *Job) {
		if as == Succeeded {
			j.WaitsFor = slices.DeleteFunc(slices.Clone(j.WaitsFor), func(id JobID) bool { return id == ended })
			return
		}
		j.WaitsFor = nil
		if j.StopReason == "" {
			j.StopReason = ReasonDependency
		}
	})
	tx.ready(j)
}

// ready moves a PENDING job on that waits for nothing any more. An array goes on by spawning its children.
func (tx *Tx) ready(j *Job) {
	switch {
	case j.Status != Pending || len(j.WaitsFor) > 0:
	case j.Array != nil && (j.StopReason == "" || j.Array.Spawned > 0):
		// Its children are what is left: see Work.
	case tx.hold(j):
	case j.StopReason != "":
		tx.setStatus(j, Failed, j.StopReason, nil)
	default:
		tx.setStatus(j, Runnable, "", nil)
	}
}

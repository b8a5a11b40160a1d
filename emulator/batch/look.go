package batch

import (
	"iter"
	"math"
	"strconv"
	"strings"
)

// Job finds a job of the scope that is no service job; nil if there is none.
func (s *State) Job(scope Scope, id JobID) *Job {
	if j := s.jobs[id]; j != nil && j.Scope == scope && j.Service == nil {
		return j
	}
	return nil
}

// ServiceJob finds a service job of the scope; nil if there is none.
func (s *State) ServiceJob(scope Scope, id JobID) *Job {
	if j := s.jobs[id]; j != nil && j.Scope == scope && j.Service != nil {
		return j
	}
	return nil
}

// Policies yields the scope's scheduling policies in order of creation, those with a number above after.
func (s *State) PoliciesAfter(scope Scope, after uint64) iter.Seq[*Policy] {
	return s.policies.after(scope, after)
}

// AnyJob finds a job of any scope; nil if there is none.
func (s *State) AnyJob(id JobID) *Job { return s.jobs[id] }

// Queue finds a queue by name or ARN; nil if the scope has none.
func (s *State) Queue(scope Scope, nameOrARN string) *Queue {
	return s.queues.all[resolve(scope, "job-queue", nameOrARN)]
}

// Environment finds a compute environment by name or ARN; nil if the scope has none.
func (s *State) Environment(scope Scope, nameOrARN string) *Environment {
	return s.environments.all[resolve(scope, "compute-environment", nameOrARN)]
}

// Definition finds a revision by its whole ARN; nil if there is none.
func (s *State) Definition(arn ARN) *Definition { return s.definitions[arn] }

// Host is whether attempts can be started.
func (s *State) Host() Host { return s.host }

// Used is how many thousandths of a vCPU the attempts in an environment hold.
func (s *State) Used(environment ARN) int64 { return s.used[capacity{of: environment}] }

// resolve makes the ARN of a name; an ARN of another scope or kind becomes one that nothing has.
func resolve(scope Scope, kind, nameOrARN string) ARN {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return scope.ARN(kind, nameOrARN)
	}
	at, is, _, ok := ARN(nameOrARN).Parts()
	if !ok || at != scope || is != kind {
		return ""
	}
	return ARN(nameOrARN)
}

// Resolve is the ARN that a name or an ARN stands for in the scope; empty if it is an ARN of elsewhere.
func Resolve(scope Scope, kind, nameOrARN string) ARN { return resolve(scope, kind, nameOrARN) }

// EnvironmentsAfter yields the scope's environments in order of creation, those with a number above after.
func (s *State) EnvironmentsAfter(scope Scope, after uint64) iter.Seq[*Environment] {
	return s.environments.after(scope, after)
}

// QueuesAfter yields the scope's queues in order of creation, those with a number above after.
func (s *State) QueuesAfter(scope Scope, after uint64) iter.Seq[*Queue] {
	return s.queues.after(scope, after)
}

// newest is above every revision.
const newest = int(^uint(0) >> 1)

// DefinitionsFrom yields the scope's revisions grouped by name, newest first, beginning with the name and revision given
// (revision 0: with the newest of that name).
func (s *State) DefinitionsFrom(scope Scope, name string, revision int) iter.Seq[*Definition] {
	if revision == 0 {
		revision = newest
	}
	return func(yield func(*Definition) bool) {
		s.definitionOrder.Ascend(&Definition{Scope: scope, Name: name, Revision: revision}, func(d *Definition) bool {
			return d.Scope == scope && yield(d)
		})
	}
}

func (s *State) newestRevision(scope Scope, name string) *Definition {
	for d := range s.DefinitionsFrom(scope, name, 0) {
		if d.Name == name {
			return d
		}
		break
	}
	return nil
}

// JobsOf yields the jobs of a queue in one status, oldest first.
func (s *State) JobsOf(queue ARN, status Status) iter.Seq[*Job] {
	return func(yield func(*Job) bool) {
		if order := s.jobOrder[place{queue, status}]; order != nil {
			order.Scan(func(e entry) bool { return yield(s.jobs[e.id]) })
		}
	}
}

// JobsBefore yields the jobs of a queue in one status, newest first, those with a number below before (0: all).
func (s *State) JobsBefore(queue ARN, status Status, before uint64) iter.Seq[*Job] {
	if before == 0 {
		before = ^uint64(0)
	}
	return func(yield func(*Job) bool) {
		if order := s.jobOrder[place{queue, status}]; order != nil {
			order.Descend(entry{number: before - 1, index: math.MaxInt32}, func(e entry) bool { return yield(s.jobs[e.id]) })
		}
	}
}

// LiveAttempts yields every job whose attempt is placed or runs: what a new process has to look at.
func (s *State) LiveAttempts() iter.Seq[*Job] {
	return func(yield func(*Job) bool) {
		for _, j := range s.jobs {
			if j.Live() != nil && j.Nodes == nil && !yield(j) {
				return
			}
		}
	}
}

// Members yields the children of an array or the nodes of a multi-node job in order, beginning with an index.
func (s *State) Members(parent *Job, from int32) iter.Seq[*Job] {
	count, id := int32(0), parent.ID.Child
	switch {
	case parent.Array != nil:
		count = parent.Array.Spawned
	case parent.Nodes != nil:
		count, id = parent.Nodes.Count, parent.ID.Node
	}
	return func(yield func(*Job) bool) {
		for i := from; i < count; i++ {
			if j := s.jobs[id(i)]; j != nil && !yield(j) {
				return
			}
		}
	}
}

// MembersIn is how many children or nodes a parent has in one of the statuses.
func (s *State) MembersIn(parent JobID, statuses []Status) (n int) {
	f := s.familyOf(parent)
	for _, status := range statuses {
		n += int(f.in[Rank(status)])
	}
	return n
}

// revisionOf splits "name:3"; false if there is no revision.
func revisionOf(text string) (name string, revision int, ok bool) {
	name, number, found := cutLast(text, ":")
	if !found {
		return text, 0, false
	}
	revision, err := strconv.Atoi(number)
	return name, revision, err == nil && revision > 0 && strconv.Itoa(revision) == number
}

func cutLast(text, separator string) (head, tail string, ok bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// JobsOfAnyBefore yields the jobs of a queue in any of the statuses, newest first, those with a number below before (0: all).
func (s *State) JobsOfAnyBefore(queue ARN, statuses []Status, before uint64) iter.Seq[*Job] {
	if len(statuses) == 1 {
		return s.JobsBefore(queue, statuses[0], before)
	}
	return func(yield func(*Job) bool) {
		type source struct {
			next func() (*Job, bool)
			head *Job
		}
		var sources []source
		for _, status := range statuses {
			next, stop := iter.Pull(s.JobsBefore(queue, status, before))
			defer stop()
			if head, ok := next(); ok {
				sources = append(sources, source{next, head})
			}
		}
		for len(sources) > 0 {
			top := 0
			for i := range sources {
				if sources[i].head.Number > sources[top].head.Number {
					top = i
				}
			}
			if !yield(sources[top].head) {
				return
			}
			var more bool
			if sources[top].head, more = sources[top].next(); !more {
				sources = append(sources[:top], sources[top+1:]...)
			}
		}
	}
}

package batch

import (
	"slices"
	"strings"
)

// Chance makes the ids of a transaction: UUIDs in lower case. The engine gives random ones, tests count.
type Chance interface {
	UUID() string
}

// A Tx is one transition of a State: all of it happens or none. It reads through the State that it embeds.
type Tx struct {
	*State
	now    int64
	chance Chance

	before map[Key]Record // what the records that were touched had been; nil: not there
	order  []Key          // in order of the first touch

	wanted   map[ARN]bool // queues whose waiting jobs may have found a place
	attempts map[AttemptID]bool
	over     []JobID // jobs that ended, and others care
	events   []Event
	wasHost  Host
	wasHolds []Hold
}

// An Event is a job's change of status. The first SUBMITTED is one too.
type Event struct {
	Job    JobID
	From   Status // empty at the submission
	To     Status
	Reason string
	At     int64 // Unix milliseconds
	// Was is the job as it was then; nil unless State.Snapshots was called.
	Was *Job
}

// A Commit is what came of a transaction.
type Commit struct {
	Changes []Change
	// Attempts are those that somebody has to look at: new, to be stopped, or ended.
	Attempts []AttemptID
	Events   []Event
}

// Begin starts a transaction at a time in Unix milliseconds. Exactly one of Commit and Rollback ends it, before the next begins.
func (s *State) Begin(now int64, chance Chance) *Tx {
	return &Tx{State: s, now: now, chance: chance, before: map[Key]Record{}, wanted: map[ARN]bool{}, attempts: map[AttemptID]bool{}, wasHost: s.host, wasHolds: s.holds}
}

// Now is the transaction's time in Unix milliseconds.
func (tx *Tx) Now() int64 { return tx.now }

// Commit places what can be placed and ends the transaction.
func (tx *Tx) Commit() Commit {
	for more := true; more; more = len(tx.over) > 0 { // one that fails where it would be placed has ended too
		tx.follow()
		tx.settle()
	}
	c := Commit{Events: tx.events, Changes: make([]Change, 0, len(tx.order))}
	for _, key := range tx.order {
		is := tx.record(key)
		if is == nil && tx.before[key] == nil {
			continue // came and went
		}
		c.Changes = append(c.Changes, Change{Key: key, Record: is})
	}
	for id := range tx.attempts {
		c.Attempts = append(c.Attempts, id)
	}
	slices.SortFunc(c.Attempts, func(a, b AttemptID) int {
		if a.Job != b.Job {
			return strings.Compare(string(a.Job), string(b.Job))
		}
		return a.Number - b.Number
	})
	return c
}

// Rollback ends the transaction as if it had never been.
func (tx *Tx) Rollback() {
	for _, key := range slices.Backward(tx.order) {
		tx.apply(tx.record(key), tx.before[key])
	}
	tx.host, tx.holds = tx.wasHost, tx.wasHolds
}

// put replaces a record; nil for none. The old value stays as it is for those who hold it.
func (tx *Tx) put(old, new Record) {
	key := keyOf(old, new)
	if _, touched := tx.before[key]; !touched {
		tx.before[key] = old
		tx.order = append(tx.order, key)
	}
	tx.apply(old, new)
	switch r := new.(type) {
	case *Environment:
		tx.lookAround(r.ARN)
	case *ServiceEnvironment:
		tx.lookAround(r.ARN)
	case *Queue:
		tx.look(r.ARN)
	}
}

func keyOf(old, new Record) Key {
	if new != nil {
		return new.Key()
	}
	return old.Key()
}

// change edits a job and answers its new value. Slices and maps inside must be replaced, not written to. A job that this
// transaction has cloned already is edited in place: nobody else has seen it.
//
// It is the present value that is edited, whatever earlier one the caller still holds.
func (tx *Tx) change(j *Job, edit func(*Job)) *Job {
	j = tx.jobs[j.ID]
	if _, mine := tx.before[j.Key()]; mine {
		was := *j
		edit(j)
		tx.reindexJob(&was, j)
		return j
	}
	is := *j
	edit(&is)
	tx.put(j, &is)
	return &is
}

// changeAttempt edits the newest attempt of a job and marks it to be looked at if look is true.
func (tx *Tx) changeAttempt(j *Job, look bool, edit func(*Attempt)) *Job {
	j = tx.change(j, func(j *Job) {
		j.Attempts = slices.Clone(j.Attempts)
		a := *j.Attempt()
		edit(&a)
		j.Attempts[len(j.Attempts)-1] = &a
	})
	if look {
		tx.attempts[AttemptID{j.ID, j.Attempt().Number}] = true
	}
	return j
}

// setStatus moves a job on and tells it. An empty reason takes an old one away.
func (tx *Tx) setStatus(j *Job, to Status, reason string, edit func(*Job)) *Job {
	from := j.Status
	j = tx.change(j, func(j *Job) {
		j.Status, j.StatusReason, j.Waits, j.Held, j.Lacks = to, reason, nil, false, 0
		if Ended(to) {
			j.StoppedAt = max(tx.now, j.CreatedAt, j.StartedAt)
		}
		if edit != nil {
			edit(j)
		}
	})
	tx.tell(j, from)
	if to == Runnable || from == Runnable {
		tx.look(j.Queue)
	}
	if Ended(to) && (len(tx.dependents[j.ID]) > 0 || j.ID.Mark() == MarkChild || j.Array != nil && j.Array.Spawned < j.Array.Size) {
		tx.over = append(tx.over, j.ID)
	}
	return j
}

// tell notes that a job came to its status from another, or from nothing.
func (tx *Tx) tell(j *Job, from Status) {
	e := Event{Job: j.ID, From: from, To: j.Status, Reason: j.StatusReason, At: tx.now}
	if tx.snapshots {
		was := *j
		e.Was = &was
	}
	tx.events = append(tx.events, e)
}

// look asks for another try to place the jobs of a queue when the transaction ends.
func (tx *Tx) look(queue ARN) { tx.wanted[queue] = true }

// lookAround asks it for every queue that uses an environment.
func (tx *Tx) lookAround(environment ARN) {
	for q := range tx.queuesOf[environment] {
		tx.look(q)
	}
}

// nextNumber orders what is created. A number that a rollback leaves unused is never given again.
func (tx *Tx) nextNumber() uint64 {
	tx.number++
	return tx.number
}

// SetHost says whether attempts can be started.
func (tx *Tx) SetHost(h Host) {
	if tx.host == h {
		return
	}
	tx.host = h
	for arn := range tx.queues.all {
		tx.look(arn)
	}
}

// Clear removes every record of the scopes for which all says so. Attempts that were live are marked to be looked at.
func (tx *Tx) Clear(all func(Scope) bool) {
	var records []Record
	for r := range tx.Records() {
		if all(scopeOf(r)) {
			records = append(records, r)
		}
	}
	for _, r := range records {
		if j, ok := r.(*Job); ok {
			if a := j.Live(); a != nil && j.Nodes == nil {
				tx.attempts[AttemptID{j.ID, a.Number}] = true
			}
		}
		tx.put(r, nil)
	}
}

func scopeOf(r Record) Scope {
	switch r := r.(type) {
	case *Definition:
		return r.Scope
	case *Job:
		return r.Scope
	case *Instance:
		return r.Scope
	case resource:
		return r.place().scope
	}
	return Scope{}
}

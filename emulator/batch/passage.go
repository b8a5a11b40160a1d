package batch

// Resources pass through CREATING, UPDATING and DELETING (resources.md 1.7, 3.4, 6.3). They settle at once, so that nobody sees it, unless the
// state is lifelike: then they take about as long as AWS does, on the emulator's clock, and refuse changes meanwhile.

// Statuses that all resources have. Each kind has a type of its own for them in the API.
const (
	statusCreating = "CREATING"
	statusUpdating = "UPDATING"
	statusDeleting = "DELETING"
	statusValid    = "VALID"
)

// Delays of a lifelike state, in milliseconds (resources.md 6.3).
const (
	delayEnvironmentCreate = 10_000
	delayEnvironmentUpdate = 15_000
	delayEnvironmentDelete = 45_000
	delayQueueChange       = 5_000
	delayQueueDelete       = 30_000
	delayInstance          = 90_000 // from the launch of an instance to its first job
)

// settlesAt is when a change that begins now is over; 0 is at once.
func (tx *Tx) settlesAt(delay int64) int64 {
	if !tx.options.Lifelike {
		return 0
	}
	return tx.now + delay
}

// beingModified refuses a change of what is in the middle of one.
func beingModified(verb string, settles int64) error {
	if settles == 0 {
		return nil
	}
	// Seen for deletes; an update's text has the same end (resources.md 0.3).
	return refused("Cannot %s, resource is being modified", verb)
}

// Settle ends the passage of every resource now.
func (tx *Tx) Settle() {
	var passing []Record
	tx.deadlines.Scan(func(d deadline) bool {
		if d.key.Kind != KindJob && d.key.Kind != KindInstance {
			passing = append(passing, tx.record(d.key))
		}
		return true
	})
	for _, r := range passing {
		tx.settled(r)
	}
}

// settled ends the passage of a resource.
func (tx *Tx) settled(r Record) {
	switch r := r.(type) {
	case *Environment:
		e := *r
		if e.Detail.Status == statusDeleting {
			tx.dropEnvironment(r)
			return
		}
		tx.validEnvironment(&e)
		tx.put(r, &e)
	case *ServiceEnvironment:
		e, detail := *r, *r.Detail
		if detail.Status == statusDeleting {
			tx.put(r, nil)
			return
		}
		detail.Status, e.Settles, e.Detail = statusValid, 0, &detail
		tx.put(r, &e)
	case *Queue:
		q := *r
		if q.Detail.Status == statusDeleting {
			tx.put(r, nil)
			return
		}
		validQueue(&q)
		tx.put(r, &q)
	case *QuotaShare:
		q, detail := *r, *r.Detail
		if detail.Status == statusDeleting {
			tx.put(r, nil)
			return
		}
		detail.Status, q.Settles, q.Detail = statusValid, 0, &detail
		tx.put(r, &q)
	}
}

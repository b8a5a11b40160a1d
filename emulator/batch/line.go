package batch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/btree"
)

// The order in which the waiting jobs of a queue are taken (resources.md 4).
//
// A queue has lines. A FIFO queue has one; one with fair share has one for each share identifier, one with quota shares one for each of these.
// In a line come jobs of higher scheduling priority first (0 for all in a FIFO queue), then those that were submitted earlier, then, of an
// array, those of lower index. A job that is tried again keeps its place.
//
// Of the lines of a fair-share queue comes first the one with the lowest usage times weight (share.go); then that whose jobs hold less right
// now, times weight, so that what is placed in one moment is shared too; then that whose first job was submitted earlier.
//
// The job that comes first is the head. If it cannot be placed nothing behind it is.

// lines are those of one queue, or what is out of them for want of a consumable resource.
type lines struct {
	of   map[lineKey]*line
	jobs int
}

// line is one of them. It is never empty.
type line struct {
	order *btree.BTreeG[entry]
	first entry
	// share is what its share has used; nil until the line was looked at. It lives at least as long as jobs wait in the line.
	share *share
}

// lineKey names a line by its share, or quota share; "" in a FIFO queue.
type lineKey struct {
	queue ARN
	line  string
}

// lineOf names the line in which a job waits.
func (j *Job) lineOf() string {
	if j.Service != nil && j.Service.QuotaShare != "" {
		return j.Service.QuotaShare
	}
	return j.Share
}

// lineKey is where a job that waits can be the head: quota shares have one each.
func (j *Job) lineKey() lineKey {
	if j.Service != nil {
		return lineKey{j.Queue, j.Service.QuotaShare}
	}
	return lineKey{queue: j.Queue}
}

// line adds a job to its line, or takes it away.
func (s *State) line(j *Job, sign int64) {
	enter(s.waiting, j.Queue, lineKey{j.Queue, j.lineOf()}, j, sign)
}

// enter adds a job to a line of those that are somebody's, or takes it away.
func enter(all map[ARN]*lines, of ARN, at lineKey, j *Job, sign int64) {
	l := all[of]
	if l == nil {
		l = &lines{of: map[lineKey]*line{}}
		all[of] = l
	}
	is := l.of[at]
	if is == nil {
		is = &line{order: newOrder()}
		l.of[at] = is
	}
	set(is.order, entryInLine(j), sign)
	if first, ok := is.order.Min(); ok {
		is.first = first
	} else {
		delete(l.of, at)
	}
	if l.jobs += int(sign); l.jobs == 0 {
		delete(all, of)
	}
}

// rank orders lines.
type rank struct {
	usage, held float64
	first       entry
}

func compareRanks(a, b rank) int {
	return cmp.Or(cmp.Compare(a.usage, b.usage), cmp.Compare(a.held, b.held), cmp.Compare(a.first.number, b.first.number), cmp.Compare(a.first.index, b.first.index))
}

// rankOf is that of a line; extra is what is thought to be held besides.
func (s *State) rankOf(f *fairness, at lineKey, is *line, first entry, extra, now int64) rank {
	r := rank{first: first}
	if f == nil {
		return r
	}
	sh := is.share
	if sh == nil {
		sh = s.shareOf(at.queue, at.line)
	}
	if sh != nil {
		w := f.weight(at.line)
		r.usage, r.held = float64(sh.usage(now, f.window))*w, float64(sh.held+extra)*w
	}
	return r
}

// head is the job that is to be placed next; nil if none waits. Of a queue with quota shares it is not asked.
func (tx *Tx) head(q *Queue) *Job {
	for tx.parkFirsts(q) {
	}
	l := tx.waiting[q.ARN]
	if l == nil {
		return nil
	}
	f := tx.fairnessOf(q)
	if f != nil {
		for at, is := range l.of {
			if is.share == nil {
				is.share = tx.shareOf(q.ARN, at.line)
			}
			is.share.advance(tx.now, f.window)
		}
	}
	return tx.State.headAt(q, tx.now)
}

// headAt is head for who may not write.
func (s *State) headAt(q *Queue, now int64) *Job {
	l := s.waiting[q.ARN]
	if l == nil {
		return nil
	}
	f := s.fairnessOf(q)
	var best rank
	for at, is := range l.of {
		if r := s.rankOf(f, at, is, is.first, 0, now); best.first.id == "" || compareRanks(r, best) < 0 {
			best = r
		}
	}
	return s.jobs[best.first.id]
}

// Front are the first jobs of a queue that wait, in the order in which they are taken if nothing else happens; at most n. Jobs that wait for
// a consumable resource are passed over by the others and come last.
func (s *State) Front(q *Queue, now int64, n int) []*Job {
	type cursor struct {
		at    lineKey
		is    *line
		rest  []entry
		extra int64
		rank  rank
	}
	f := s.fairnessOf(q)
	var cursors []*cursor
	if l := s.waiting[q.ARN]; l != nil {
		for at, is := range l.of {
			c := &cursor{at: at, is: is}
			is.order.Scan(func(e entry) bool {
				c.rest = append(c.rest, e)
				return len(c.rest) < n
			})
			c.rank = s.rankOf(f, c.at, c.is, c.rest[0], 0, now)
			cursors = append(cursors, c)
		}
	}
	var front []*Job
	for len(front) < n && len(cursors) > 0 {
		c := slices.MinFunc(cursors, func(a, b *cursor) int { return compareRanks(a.rank, b.rank) })
		j := s.jobs[c.rest[0].id]
		front = append(front, j)
		c.extra += j.MilliVCPU
		if c.rest = c.rest[1:]; len(c.rest) > 0 {
			c.rank = s.rankOf(f, c.at, c.is, c.rest[0], c.extra, now)
		} else {
			cursors = slices.DeleteFunc(cursors, func(other *cursor) bool { return other == c })
		}
	}
	return append(front, s.parked(q, n-len(front))...)
}

// parked are jobs of a queue that wait for consumable resources.
func (s *State) parked(q *Queue, n int) (list []*Job) {
	if n <= 0 {
		return nil
	}
	for _, l := range s.lacking {
		for at, is := range l.of {
			if at.queue != q.ARN {
				continue
			}
			left := n
			is.order.Scan(func(e entry) bool {
				list, left = append(list, s.jobs[e.id]), left-1
				return left > 0
			})
		}
	}
	slices.SortFunc(list, bySubmission)
	return list[:min(n, len(list))]
}

// QuotaFront is the first job that waits of each quota share of a queue.
func (s *State) QuotaFront(q *Queue) map[string]*Job {
	heads := map[string]*Job{}
	if l := s.waiting[q.ARN]; l != nil {
		for at, is := range l.of {
			heads[at.line] = s.jobs[is.first.id]
		}
	}
	return heads
}

// A ShareUse is what the running jobs of a share hold.
type ShareUse struct {
	Share     string
	MilliVCPU int64
}

// ActiveShares counts the active shares of a queue, and answers those that hold most, at most n.
func (s *State) ActiveShares(q *Queue, now int64, n int) (count int, top []ShareUse) {
	f := s.fairnessOf(q)
	if f == nil {
		return 0, nil
	}
	count, _ = s.activeShares(q, f, now)
	for name, sh := range s.shares[q.ARN] {
		if sh.held > 0 {
			top = append(top, ShareUse{name, sh.held})
		}
	}
	slices.SortFunc(top, func(a, b ShareUse) int {
		return cmp.Or(cmp.Compare(b.MilliVCPU, a.MilliVCPU), strings.Compare(a.Share, b.Share))
	})
	return count, top[:min(n, len(top))]
}

// A Use is an amount of capacity: vCPUs if Unit is empty, else instances of a type.
type Use struct {
	Unit     string
	Quantity float64
}

// QueueUse is what the attempts of a queue's jobs hold; nothing of what is held by none.
func (s *State) QueueUse(q *Queue) []Use {
	if q.Service == "" {
		if milli := s.heldBy[q.ARN]; milli > 0 {
			return []Use{{Quantity: float64(milli) / 1000}}
		}
		return nil
	}
	sums := map[string]int64{}
	for _, status := range []Status{Scheduled, Starting, RunningOn} {
		for j := range s.JobsOf(q.ARN, status) {
			sums[j.Service.InstanceType] += j.Service.Count
		}
	}
	return uses(sums)
}

// QuotaUse is what the attempts of a quota share's jobs hold.
func (s *State) QuotaUse(q *QuotaShare) []Use {
	sums := map[string]int64{}
	for unit := range q.limits() {
		if n := s.used[capacity{q.ARN, unit}]; n > 0 {
			sums[unit] = n
		}
	}
	return uses(sums)
}

func uses(sums map[string]int64) (list []Use) {
	for _, unit := range sortedUnits(sums) {
		list = append(list, Use{unit, float64(sums[unit])})
	}
	return list
}

// QuotaManaged says whether a queue's capacity is divided among quota shares.
func (s *State) QuotaManaged(q *Queue) bool { return s.quotaManaged(q) }

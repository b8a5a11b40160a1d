package batch

import (
	"math"

	"github.com/tidwall/btree"
)

// What a share of a fair-share queue has used (resources.md 4.3).
//
// Each attempt of a share holds vCPUs from its placement to its end. A moment that lies x in the past counts 1 - x/W, where W is the policy's
// window, and not at all when x is W or more; the sum of that over time is the share's usage.
//
// Guess: AWS says that usage fades within the window, not along which curve.
//
// It is kept as the moments at which the held vCPUs change. A change of d at time t adds d * (x - x*x/2W), x = now - t, or d * W/2 when t is
// out of the window; so three sums over the changes inside say it all for any moment, and a look costs what has left the window since the last.
// The sums are of whole numbers that may overflow: only their difference counts, which does not.

// A share is one share identifier of one queue.
type share struct {
	jobs    int   // that have not ended
	held    int64 // thousandths of a vCPU that attempts hold now
	changes *btree.BTreeG[change]
	last    int64 // time of the newest change

	// Of the window that was looked at last, in units of milliseconds each.
	window, unit int64
	since        int64 // changes at or before this are out of the window
	s0, s1, s2   int64 // sums of d, d*t and d*t*t over changes in the window
	before       int64 // sum of d over those out of it
}

type change struct {
	at    int64 // Unix milliseconds
	milli int64
	n     int64 // how many attempts changed it; one that began and ended in the same moment is a sign of life too
}

// most is the largest number of units in a window: sums over more would not fit.
const most = 1 << 18

func (s *State) indexShare(j *Job, sign int64) {
	sh := s.shareOf(j.Queue, j.Share)
	if sh == nil {
		sh = &share{changes: btree.NewBTreeGOptions(func(a, b change) bool { return a.at < b.at }, btree.Options{NoLocks: true, Degree: 16}), since: math.MinInt64}
		if s.shares[j.Queue] == nil {
			s.shares[j.Queue] = map[string]*share{}
		}
		s.shares[j.Queue][j.Share] = sh
	}
	if !Ended(j.Status) {
		sh.jobs += int(sign)
	}
	for _, a := range j.Attempts {
		sh.change(a.PlacedAt, sign*j.MilliVCPU, sign)
		if a.State == Exited {
			sh.change(a.StoppedAt, -sign*j.MilliVCPU, sign)
		} else {
			sh.held += sign * j.MilliVCPU
		}
	}
	if sh.jobs == 0 && sh.changes.Len() == 0 {
		if delete(s.shares[j.Queue], j.Share); len(s.shares[j.Queue]) == 0 {
			delete(s.shares, j.Queue)
		}
	}
}

// shareOf is nil if nothing is known of the share.
func (s *State) shareOf(queue ARN, name string) *share { return s.shares[queue][name] }

func (sh *share) change(at, milli, n int64) {
	c, _ := sh.changes.Get(change{at: at})
	c.at, c.milli, c.n = at, c.milli+milli, c.n+n
	if c.n == 0 {
		sh.changes.Delete(c)
	} else {
		sh.changes.Set(c)
	}
	sh.last = 0
	if latest, ok := sh.changes.Max(); ok {
		sh.last = latest.at
	}
	if at <= sh.since {
		sh.before += milli
	} else if sh.unit != 0 {
		sh.count(at, milli)
	}
}

func (sh *share) count(at, milli int64) {
	t := at / sh.unit
	sh.s0, sh.s1, sh.s2 = sh.s0+milli, sh.s1+milli*t, sh.s2+milli*t*t
}

// advance moves the window up to now.
func (sh *share) advance(now, window int64) {
	if window != sh.window {
		*sh = share{jobs: sh.jobs, held: sh.held, changes: sh.changes, last: sh.last, window: window, unit: 1 + window/most, since: math.MinInt64}
		sh.changes.Scan(func(c change) bool {
			sh.count(c.at, c.milli)
			return true
		})
	}
	until := now - window
	if until <= sh.since {
		return
	}
	sh.changes.Ascend(change{at: max(sh.since, math.MinInt64+1)}, func(c change) bool {
		if c.at > until {
			return false
		}
		if c.at > sh.since {
			sh.count(c.at, -c.milli)
			sh.before += c.milli
		}
		return true
	})
	sh.since = until
}

// usage is what the share has used, in units of its own that are the same for all shares of a queue.
func (sh *share) usage(now, window int64) int64 {
	if window != sh.window || now-window > sh.since { // for who may not write
		is := *sh
		is.advance(now, window)
		return is.usage(now, window)
	}
	n, w := now/sh.unit, window/sh.unit
	return (2*w*n-n*n)*sh.s0 + (2*n-2*w)*sh.s1 - sh.s2 + w*w*sh.before
}

// active says whether the share counts for the reservation: it has jobs, or had some within the window.
func (sh *share) active(now, window int64) bool {
	return sh.jobs > 0 || sh.last > now-window
}

// activeShares is how many shares of a queue are active, and when the first of them ceases to be; 0 is not by itself.
func (s *State) activeShares(q *Queue, f *fairness, now int64) (count int, until int64) {
	for _, sh := range s.shares[q.ARN] {
		if !sh.active(now, f.window) {
			continue
		}
		count++
		if end := sh.last + f.window; sh.jobs == 0 && (until == 0 || end < until) {
			until = end
		}
	}
	return count, until
}

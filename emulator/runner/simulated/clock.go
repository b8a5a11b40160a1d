package simulated

import "time"

// A Clock is where the driver's time comes from.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once when d has passed, unless stop answered true before. f may take the clock's lock, and is never
	// called from within AfterFunc. When f returns, all that was due of that attempt by Now has been reported: a clock that is moved by
	// hand calls one f after the other, each with Now at the instant for which it was set, and has then made
	// everything happen in order.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// real is the time of the machine.
type real struct{}

func (real) Now() time.Time { return time.Now() }

func (real) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// toMillisecond cuts a time to what the API can tell, so that planned times differ by exactly the durations asked for. Unlike
// Truncate it keeps the monotonic reading.
func toMillisecond(t time.Time) time.Time {
	return t.Add(-time.Duration(t.Nanosecond() % int(time.Millisecond)))
}

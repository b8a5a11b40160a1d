package endpoint

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// renewBefore is how long before their end credentials are renewed at the latest: clients begin to ask for new ones then.
	renewBefore = 15 * time.Minute
	// fetchTime is for one fetch, patience for a caller who waits for it: JavaScript's client gives up after a second.
	fetchTime = 5 * time.Second
	patience  = 900 * time.Millisecond
)

// A lease keeps the credentials of one task fresh. Nothing happens unless somebody asks: those whom it matters to ask well before the end.
type lease struct {
	fetch   func(context.Context) (Credentials, error)
	log     *slog.Logger
	limiter *rate.Limiter
	ctx     context.Context // ends with the session
	close   context.CancelFunc

	mu     sync.Mutex
	has    Credentials
	since  time.Time     // zero: nothing was ever there
	flight chan struct{} // closed when the fetch under way has ended; nil: none is
}

func newLease(limiter *rate.Limiter, fetch func(context.Context) (Credentials, error), log *slog.Logger) *lease {
	l := &lease{fetch: fetch, log: log, limiter: limiter}
	l.ctx, l.close = context.WithCancel(context.Background())
	return l
}

// get answers credentials that have not expired; false if there are none, and whether there ever were.
func (l *lease) get() (c Credentials, ok, ever bool) {
	if flight := l.renew(); flight != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-flight:
		case <-timer.C:
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.has, time.Now().Before(l.has.Expiration), !l.since.IsZero()
}

// renew begins a fetch if it is time for one and none is under way. It answers what is closed at its end; nil if it is not time.
func (l *lease) renew() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh() {
		return nil
	}
	if l.flight == nil {
		flight := make(chan struct{})
		l.flight = flight
		go func() {
			defer close(flight)
			l.land()
		}()
	}
	return l.flight
}

// fresh says that more is left than a quarter of the life, and than renewBefore.
func (l *lease) fresh() bool {
	return time.Until(l.has.Expiration) >= max(renewBefore, l.has.Expiration.Sub(l.since)/4)
}

func (l *lease) land() {
	ctx, cancel := context.WithTimeout(l.ctx, fetchTime)
	defer cancel()
	c, err := l.fetch(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flight = nil
	if err != nil {
		if l.ctx.Err() == nil {
			l.log.Warn("no credentials for a job's role", "error", err)
		}
		return
	}
	l.has, l.since = c, time.Now()
}

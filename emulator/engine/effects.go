package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/batch-local/batch-local/emulator/batch"
)

// effects is what follows from commits, held back until they are durable.
type effects struct {
	mu      sync.Mutex
	touched map[batch.AttemptID]bool
	wake    chan struct{}

	watchers map[batch.JobID]map[chan struct{}]bool

	held    []held
	flushed uint64        // the last transaction that is durable
	moved   chan struct{} // closed when flushed moves on
	err     error
}

type held struct {
	number uint64
	commit batch.Commit
}

func (f *effects) init() {
	f.touched = map[batch.AttemptID]bool{}
	f.wake = make(chan struct{}, 1)
	f.watchers = map[batch.JobID]map[chan struct{}]bool{}
	f.moved = make(chan struct{})
}

// hold keeps what follows from transaction n until it is durable.
func (f *effects) hold(n uint64, c batch.Commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = append(f.held, held{n, c})
}

// durable takes that transactions up to n are durable or, with an error, that those which were to be up to n are not.
func (f *effects) durable(n uint64, err error, observe func([]batch.Event)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.err = fmt.Errorf("the journal cannot be written, so nothing can be changed: %w", err)
		f.held = nil
	} else {
		for len(f.held) > 0 && f.held[0].number <= n {
			f.release(f.held[0].commit, observe)
			f.held[0] = held{}
			f.held = f.held[1:]
		}
		f.flushed = max(f.flushed, n)
	}
	close(f.moved)
	f.moved = make(chan struct{})
}

// wait returns when transaction n is durable.
func (f *effects) wait(ctx context.Context, n uint64) error {
	for {
		f.mu.Lock()
		flushed, moved, err := f.flushed, f.moved, f.err
		f.mu.Unlock()
		switch {
		case flushed >= n:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f *effects) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// publish lets what follows from a commit happen at once.
func (f *effects) publish(c batch.Commit, observe func([]batch.Event)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.release(c, observe)
}

func (f *effects) release(c batch.Commit, observe func([]batch.Event)) {
	f.add(c.Attempts)
	ended := false
	for _, change := range c.Changes {
		if change.Key.Kind != batch.KindJob {
			continue
		}
		f.tell(batch.JobID(change.Key.ID))
		j, _ := change.Record.(*batch.Job)
		ended = ended || j == nil || batch.Ended(j.Status)
	}
	if ended {
		f.tell("")
	}
	if observe != nil && len(c.Events) > 0 {
		observe(c.Events)
	}
}

func (f *effects) touch(ids []batch.AttemptID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(ids)
}

func (f *effects) add(ids []batch.AttemptID) {
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		f.touched[id] = true
	}
	select {
	case f.wake <- struct{}{}:
	default: // it is told already
	}
}

func (f *effects) quiet() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.touched) == 0
}

func (f *effects) take() []batch.AttemptID {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := make([]batch.AttemptID, 0, len(f.touched))
	for id := range f.touched {
		ids = append(ids, id)
	}
	clear(f.touched)
	return ids
}

// watch answers a channel that is closed at the next change of the job.
func (f *effects) watch(id batch.JobID) (changed <-chan struct{}, forget func()) {
	c := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers[id] == nil {
		f.watchers[id] = map[chan struct{}]bool{}
	}
	f.watchers[id][c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers[id], c)
		if len(f.watchers[id]) == 0 {
			delete(f.watchers, id)
		}
	}
}

func (f *effects) tell(id batch.JobID) {
	for c := range f.watchers[id] {
		close(c)
	}
	delete(f.watchers, id)
}

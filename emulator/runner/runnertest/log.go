package runnertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// An Event is one line in a Log.
type Event struct {
	Std runner.Std
	// At is the time that Append was given, or that of arrival.
	At   time.Time
	Text string
}

// A Log is a runner.Log that keeps everything in memory. What is left in a writer without a newline becomes a line at Close.
type Log struct {
	mu      sync.Mutex
	events  []Event
	rest    [2][]byte
	lines   [2]int64 // whole lines, empty ones too
	earlier [2]int64 // lines when it was opened last
	open    bool
	// changed is closed and replaced after each change.
	changed chan struct{}
	misuse  []error
}

var _ runner.Log = (*Log)(nil)

// NewLog makes an empty log that is open.
func NewLog() *Log {
	return &Log{open: true, changed: make(chan struct{})}
}

// errClosed is the answer to whoever writes to a log after Close.
var errClosed = errors.New("the log is closed")

type writer struct {
	log *Log
	std runner.Std
}

// Writer implements runner.Log.
func (l *Log) Writer(std runner.Std) io.Writer { return writer{l, std} }

func (w writer) Write(p []byte) (int, error) {
	l := w.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.mayWrite("Write", p); err != nil {
		return 0, err
	}
	rest := append(l.rest[w.std], p...)
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		l.add(w.std, time.Now(), line)
		rest = after
	}
	l.rest[w.std] = rest
	return len(p), nil
}

// Append implements runner.Log.
func (l *Log) Append(std runner.Std, at time.Time, line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.mayWrite("Append", line); err != nil {
		return err
	}
	l.add(std, at, line)
	return nil
}

// mayWrite and the others below want the lock to be held.
func (l *Log) mayWrite(how string, p []byte) error {
	if l.open {
		return nil
	}
	err := fmt.Errorf("%s of %.40q: %w", how, p, errClosed)
	l.misuse = append(l.misuse, err)
	return err
}

func (l *Log) add(std runner.Std, at time.Time, line []byte) {
	l.lines[std]++
	if len(line) > 0 {
		l.events = append(l.events, Event{Std: std, At: at, Text: string(line)})
	}
	l.tell()
}

func (l *Log) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Lines implements runner.Log.
func (l *Log) Lines() (stdout, stderr int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.earlier[runner.Stdout], l.earlier[runner.Stderr]
}

// Close implements runner.Log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		err := fmt.Errorf("Close: %w", errClosed)
		l.misuse = append(l.misuse, err)
		return err
	}
	for std, rest := range l.rest {
		if len(rest) > 0 {
			l.add(runner.Std(std), time.Now(), rest)
		}
	}
	l.rest, l.open = [2][]byte{}, false
	l.tell()
	return nil
}

// Abandon implements runner.Log.
func (l *Log) Abandon() error {
	l.mu.Lock()
	l.rest = [2][]byte{}
	l.mu.Unlock()
	return l.Close()
}

// Reopen opens a closed log again, as the next process would: it goes on, and Lines counts what is there.
func (l *Log) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open {
		l.misuse = append(l.misuse, errors.New("opened again before it was closed"))
	}
	l.open, l.earlier = true, l.lines
}

// Closed says whether nobody writes to it now.
func (l *Log) Closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.open
}

// Events are the lines so far, in order of arrival; empty lines make none.
func (l *Log) Events() []Event {
	if l == nil { // it was never opened, which its test has told
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}

// Text is the lines of one output so far.
func (l *Log) Text(std runner.Std) []string {
	var lines []string
	for _, e := range l.Events() {
		if e.Std == std {
			lines = append(lines, e.Text)
		}
	}
	return lines
}

// Misuse is what was done to the log that may not be: written or closed when it was closed, opened when it was open.
func (l *Log) Misuse() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.misuse...)
}

// Await returns when a line is in the log.
func (l *Log) Await(ctx context.Context, text string) error {
	for {
		l.mu.Lock()
		changed, there := l.changed, false
		for _, e := range l.events {
			there = there || e.Text == text
		}
		l.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("no line %q in the log: %w", text, context.Cause(ctx))
		}
	}
}

// Logs are logs by the name of their stream. The zero value is ready for use.
type Logs struct {
	mu     sync.Mutex
	stream map[string]*entry
}

type entry struct {
	log    *Log
	opened chan struct{}
	times  int
}

func (l *Logs) entry(stream string) *entry {
	if l.stream == nil {
		l.stream = map[string]*entry{}
	}
	e := l.stream[stream]
	if e == nil {
		e = &entry{opened: make(chan struct{})}
		l.stream[stream] = e
	}
	return e
}

// Open is for runner.Attempt.OpenLog. A stream that was open before goes on.
func (l *Logs) Open(c batch.Container) (runner.Log, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(c.LogStream)
	if e.times++; e.times > 1 {
		e.log.Reopen()
		return e.log, nil
	}
	e.log = NewLog()
	close(e.opened)
	return e.log, nil
}

// Of is the log of a stream; nil if it was never opened.
func (l *Logs) Of(stream string) *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entry(stream).log
}

// Await returns when a line is in the log of a stream, which may not have been opened yet.
func (l *Logs) Await(ctx context.Context, stream, text string) error {
	l.mu.Lock()
	e := l.entry(stream)
	l.mu.Unlock()
	select {
	case <-e.opened:
	case <-ctx.Done():
		return fmt.Errorf("the log of %s was not opened: %w", stream, context.Cause(ctx))
	}
	return l.Of(stream).Await(ctx, text)
}

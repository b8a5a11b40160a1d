package logs

import (
	"regexp"
	"time"
)

// joinTime is how old an event may get before it is shown as it is: Docker's awslogs driver sends what it has each five seconds, if it is that
// old. So there a line that comes after five to ten seconds may still be joined; here it never is, so that the same lines make the same events.
const joinTime = 5 * time.Second

// A joiner makes one event of a line that matches and the lines behind it that do not (runtime.md 2.5). Both outputs are one stream to it, in the
// order in which lines come. Every line keeps its end, the last too, as in Docker's driver.
//
// Lines of an event that has not ended are in memory alone and count as never written: whoever goes on with the stream after a crash reads them
// again from the container engine. They are stored with the number of lines they are, in one record.
type joiner struct {
	writer *Writer // its lock is ours
	starts *regexp.Regexp

	text  []byte   // the event that has not ended; empty is none
	lines [2]int64 // how many lines of each output it has
	std   Std      // the output of its first line
	since int64    // when that came

	// at is the time of the event. Of lines that come too late for theirs it is still that of the last line that matched: so it is in Docker's driver.
	at int64

	begun uint64 // events
	timer *time.Timer
	armed uint64 // the event that the timer was set for; 0 is none
	ended bool
}

// Join has lines joined: an event begins with a line that matches, and nil is every line. Call it before anything is written.
func (w *Writer) Join(starts *regexp.Regexp) {
	if starts != nil {
		w.join = &joiner{writer: w, starts: starts}
	}
}

// add takes a line, or a part of one that is longer than an event. The lock is held.
func (j *joiner) add(std Std, at int64, text []byte, part bool) {
	begins := j.starts.Match(text) || len(j.text)+len(text) > maxEvent
	if begins || at-j.since >= joinTime.Milliseconds() {
		j.flush()
	}
	if begins || j.at == 0 {
		j.at = at
	}
	if len(j.text) == 0 {
		j.std, j.since = std, at
		j.begun++
		j.arm()
	}
	j.text = append(j.text, text...)
	if part {
		return
	}
	j.lines[std]++
	if len(text) < maxEvent { // else the end would be an event of its own
		j.text = append(j.text, '\n')
	}
}

// flush stores the event. The lock is held.
func (j *joiner) flush() {
	text := j.text
	if len(text) == 0 {
		return
	}
	r := record{at: j.at, flags: flagPart | flagOf(j.std)}
	for len(text) > maxEvent {
		n := boundary(text, maxEvent)
		r.text, text = text[:n], text[n:]
		j.writer.store(&r)
	}
	r.flags, r.lines, r.text = flagJoined|flagOf(j.std), j.lines, text
	j.writer.store(&r)
	j.text, j.lines = j.text[:0], [2]int64{}
	if cap(j.text) > flushSize {
		j.text = nil
	}
}

// arm sets the timer for the event that has begun. One that is set already stays: it looks again if it finds a later event, so that
// many events are one timer, and an event waits for at most twice the time, as in Docker's driver.
func (j *joiner) arm() {
	switch {
	case j.armed != 0 || j.ended:
		return
	case j.timer == nil:
		j.timer = time.AfterFunc(joinTime, j.tick)
	default:
		j.timer.Reset(joinTime)
	}
	j.armed = j.begun
}

func (j *joiner) tick() {
	j.writer.mu.Lock()
	defer j.writer.mu.Unlock()
	if j.ended {
		return
	}
	if j.armed == j.begun {
		j.flush()
	}
	j.armed = 0
	if len(j.text) > 0 {
		j.arm()
	}
}

// end stops the timer; what is not stored never is. The lock is held.
func (j *joiner) end() {
	j.ended = true
	if j.timer != nil {
		j.timer.Stop()
	}
}

package logs

import (
	"container/heap"
	"math"
	"strings"
)

const (
	maxStreamNames = 100
	maxPattern     = 1024
)

type filterLogEventsInput struct {
	LogGroupName        *string  `json:"logGroupName"`
	LogGroupIdentifier  *string  `json:"logGroupIdentifier"`
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix *string  `json:"logStreamNamePrefix"`
	StartTime           *int64   `json:"startTime"`
	EndTime             *int64   `json:"endTime"`
	FilterPattern       *string  `json:"filterPattern"`
	NextToken           *string  `json:"nextToken"`
	Limit               *int     `json:"limit"`
	StartFromHead       *bool    `json:"startFromHead"`
}

type filteredEvent struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

type filterLogEventsOutput struct {
	Events             []filteredEvent `json:"events"`
	SearchedLogStreams []struct{}      `json:"searchedLogStreams"`
	NextToken          string          `json:"nextToken,omitzero"`
}

// headOnly is the first time for which startFromHead may be false (events-logs-schedules.md 2.5): 2024-01-01.
const headOnly = 1704067200000

// filterLogEvents is events-logs-schedules.md 2.5: the events of many streams in the order of their time. Streams are merged
// as they are read, so a page costs what it returns and skips.
func (h *handler) filterLogEvents(c caller, in filterLogEventsInput) (*filterLogEventsOutput, error) {
	g, err := h.store.findGroup(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	limit, err := within("limit", in.Limit, 1, maxEvents, maxEvents)
	if err != nil {
		return nil, err
	}
	match, err := compile(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	newest := in.StartFromHead != nil && !*in.StartFromHead
	if newest && value(in.StartTime, 0) < headOnly {
		return nil, invalid("startFromHead can be false only with a startTime on or after 2024-01-01.")
	}
	streams, err := h.streamsOf(c, g, in)
	if err != nil {
		return nil, err
	}
	m := merge{start: max(0, value(in.StartTime, 0)), end: value(in.EndTime, math.MaxInt64), newest: newest}
	if in.NextToken != nil && *in.NextToken != "" {
		id, ok := ParseEventID(*in.NextToken)
		if !ok {
			return nil, errToken
		}
		m.beyond = &id
	}
	out := &filterLogEventsOutput{Events: []filteredEvent{}, SearchedLogStreams: []struct{}{}}
	bytes := 0
	err = m.read(streams, func(st *Stream, e Event) bool {
		if !match(e.Text) {
			return true
		}
		bytes += len(e.Text) + eventOverhead
		if n := len(out.Events); n == limit || n > 0 && bytes > maxPageBytes {
			out.NextToken = out.Events[n-1].EventID
			return false
		}
		out.Events = append(out.Events, filteredEvent{st.key.Stream, e.Time, e.Text, e.Ingested, e.ID.String()})
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// streamsOf are the streams that a request is about.
func (h *handler) streamsOf(c caller, g *group, in filterLogEventsInput) ([]*Stream, error) {
	switch {
	case in.LogStreamNames != nil && in.LogStreamNamePrefix != nil:
		return nil, invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
	case in.LogStreamNames != nil && (len(in.LogStreamNames) == 0 || len(in.LogStreamNames) > maxStreamNames):
		return nil, invalid("1 validation error detected: Value '[%s]' at 'logStreamNames' failed to satisfy constraint: Member must have length between 1 and %d", strings.Join(in.LogStreamNames, ", "), maxStreamNames)
	}
	var streams []*Stream
	seen := map[string]bool{}
	for _, name := range in.LogStreamNames {
		st, ok := h.store.Stream(Key{c.account, c.region, g.Name, name})
		if !ok {
			return nil, errNoStream
		}
		if !seen[name] {
			seen[name] = true
			streams = append(streams, st)
		}
	}
	if in.LogStreamNames != nil {
		return streams, nil
	}
	prefix := ""
	if in.LogStreamNamePrefix != nil {
		prefix = *in.LogStreamNamePrefix
	}
	h.store.mu.RLock()
	defer h.store.mu.RUnlock()
	g.streams.Ascend(prefix, func(name string, st *Stream) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		streams = append(streams, st)
		return true
	})
	return streams, nil
}

// merge reads several streams as one, in the order of ids; newest turns the order round.
type merge struct {
	start, end int64 // both inclusive
	newest     bool
	beyond     *EventID // begin behind this one
	cursors    []*cursor
}

// cursor is a stream and the part of it that was read last.
type cursor struct {
	stream *Stream
	ready  []Event
	done   bool
}

// mergeBatch is how many events are read of a stream at a time.
const mergeBatch = 256

func (m *merge) read(streams []*Stream, give func(*Stream, Event) bool) error {
	for _, st := range streams {
		if d := st.Describe(); d.First == 0 || d.Last < m.start || d.First > m.end {
			continue
		}
		c := &cursor{stream: st}
		if err := m.fill(c, m.beyond); err != nil {
			return err
		}
		if len(c.ready) > 0 {
			m.cursors = append(m.cursors, c)
		}
	}
	heap.Init(m)
	for len(m.cursors) > 0 {
		c := m.cursors[0]
		e := c.ready[0]
		if !give(c.stream, e) {
			return nil
		}
		c.ready = c.ready[1:]
		if len(c.ready) == 0 && !c.done {
			if err := m.fill(c, &e.ID); err != nil {
				return err
			}
		}
		if len(c.ready) == 0 {
			heap.Pop(m)
		} else {
			heap.Fix(m, 0)
		}
	}
	return nil
}

// fill reads the next events of a stream behind one.
func (m *merge) fill(c *cursor, beyond *EventID) error {
	c.done = true
	take := func(e Event) bool {
		c.ready = append(c.ready, e)
		c.done = len(c.ready) < mergeBatch
		return c.done
	}
	if m.newest {
		before := EventID{Time: m.end}
		if m.end < math.MaxInt64 {
			before.Time++
		}
		if beyond != nil {
			before = *beyond
		}
		return c.stream.Backward(before, func(e Event) bool { return e.Time >= m.start && take(e) })
	}
	from := EventID{Time: m.start}
	if beyond != nil {
		from = *beyond
	}
	return c.stream.Forward(from, func(e Event) bool {
		switch {
		case e.Time > m.end:
			return false
		case beyond != nil && !beyond.Less(e.ID):
			return true
		}
		return take(e)
	})
}

func (m *merge) Len() int { return len(m.cursors) }
func (m *merge) Less(i, j int) bool {
	a, b := m.cursors[i].ready[0].ID, m.cursors[j].ready[0].ID
	if m.newest {
		a, b = b, a
	}
	return a.Less(b)
}
func (m *merge) Swap(i, j int) { m.cursors[i], m.cursors[j] = m.cursors[j], m.cursors[i] }
func (m *merge) Push(any)      {} // nothing is added once it runs
func (m *merge) Pop() any {
	last := len(m.cursors) - 1
	m.cursors = m.cursors[:last]
	return nil
}

package logs

import (
	"math"
	"slices"
	"strings"
)

// Limits of a page of events (events-logs-schedules.md 2.2).
const (
	maxEvents    = 10_000
	maxPageBytes = 1 << 20
	// eventOverhead is what CloudWatch counts for an event besides its text.
	eventOverhead = 26
)

type getLogEventsInput struct {
	LogGroupName       *string `json:"logGroupName"`
	LogGroupIdentifier *string `json:"logGroupIdentifier"`
	LogStreamName      *string `json:"logStreamName"`
	StartTime          *int64  `json:"startTime"`
	EndTime            *int64  `json:"endTime"`
	NextToken          *string `json:"nextToken"`
	Limit              *int    `json:"limit"`
	StartFromHead      bool    `json:"startFromHead"`
}

type outputEvent struct {
	Timestamp     int64  `json:"timestamp"`
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
}

type getLogEventsOutput struct {
	Events            []outputEvent `json:"events"`
	NextForwardToken  string        `json:"nextForwardToken"`
	NextBackwardToken string        `json:"nextBackwardToken"`
}

// getLogEvents is events-logs-schedules.md 2.4. A token names an event: f/ID continues after it, b/ID before it.
func (h *handler) getLogEvents(c caller, in getLogEventsInput) (*getLogEventsOutput, error) {
	g, err := h.store.findGroup(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if in.LogStreamName == nil {
		return nil, invalid("1 validation error detected: Value null at 'logStreamName' failed to satisfy constraint: Member must not be null")
	}
	st, ok := h.store.Stream(Key{c.account, c.region, g.Name, *in.LogStreamName})
	if !ok {
		return nil, errNoStream
	}
	limit, err := within("limit", in.Limit, 1, maxEvents, maxEvents)
	if err != nil {
		return nil, err
	}
	p := page{limit: limit, start: value(in.StartTime, math.MinInt64), end: value(in.EndTime, math.MaxInt64)}
	forward := in.StartFromHead
	var token EventID
	if in.NextToken != nil && *in.NextToken != "" {
		if forward, token, ok = parseToken(*in.NextToken); !ok {
			return nil, errToken
		}
		if forward {
			p.after = &token
		} else {
			p.before = &token
		}
	}
	events, err := p.read(st, forward)
	if err != nil {
		return nil, err
	}
	out := &getLogEventsOutput{Events: make([]outputEvent, 0, len(events))}
	for _, e := range events {
		out.Events = append(out.Events, outputEvent{e.Time, e.Text, e.Ingested})
	}
	first, last := token, token // at the end the token comes back as it was
	switch {
	case len(events) > 0:
		first, last = events[0].ID, events[len(events)-1].ID
	case in.NextToken == nil:
		first = EventID{Time: max(0, min(h.store.now().UnixMilli(), p.end-1))}
		last = first
	}
	out.NextForwardToken, out.NextBackwardToken = "f/"+last.String()+"/s", "b/"+first.String()+"/s"
	return out, nil
}

func value(p *int64, otherwise int64) int64 {
	if p == nil {
		return otherwise
	}
	return *p
}

func parseToken(text string) (forward bool, id EventID, ok bool) {
	direction, rest, _ := strings.Cut(text, "/")
	digits, _ := strings.CutSuffix(rest, "/s")
	id, ok = ParseEventID(digits)
	return direction == "f", id, ok && (direction == "f" || direction == "b")
}

// page is a part of a stream: times from start up to and without end, after one event or before another.
type page struct {
	limit         int
	start, end    int64
	after, before *EventID
}

func (p page) read(st *Stream, forward bool) ([]Event, error) {
	var events []Event
	bytes := 0
	take := func(e Event) bool {
		bytes += len(e.Text) + eventOverhead
		if len(events) > 0 && bytes > maxPageBytes {
			return false
		}
		events = append(events, e)
		return len(events) < p.limit
	}
	if forward {
		from := EventID{Time: max(p.start, 0)}
		if p.after != nil && from.Less(*p.after) {
			from = *p.after
		}
		err := st.Forward(from, func(e Event) bool {
			switch {
			case e.Time >= p.end:
				return false
			case p.after != nil && !p.after.Less(e.ID):
				return true
			}
			return take(e)
		})
		return events, err
	}
	before := EventID{Time: max(p.end, 0)}
	if p.before != nil && p.before.Less(before) {
		before = *p.before
	}
	err := st.Backward(before, func(e Event) bool { return e.Time >= p.start && take(e) })
	slices.Reverse(events)
	return events, err
}

package logs

import "sort"

// An Event is one event of a stream.
type Event struct {
	ID       EventID
	Time     int64 // Unix milliseconds
	Ingested int64
	Std      Std
	Text     string
}

// view is a stream as it was at one moment: records in the file, then those in memory.
type view struct {
	stream  *Stream
	extents []extent
	tail    []byte
	tailed  uint64
	count   uint64
}

// view takes a picture. What is shown of a kept stream must survive, so it goes to the file first.
func (s *Stream) view() (view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store.durable {
		if err := s.flush(); err != nil {
			return view{}, err
		}
	}
	return view{stream: s, extents: s.extents, tail: s.tail, tailed: s.tailed, count: s.count}, nil
}

// blocks is how many extents there are, the tail being the last.
func (v view) blocks() int {
	if len(v.tail) > 0 {
		return len(v.extents) + 1
	}
	return len(v.extents)
}

// block reads the events of one extent.
func (v view) block(n int) ([]Event, error) {
	data, index := v.tail, v.tailed
	if n < len(v.extents) {
		e := v.extents[n]
		var err error
		if data, err = v.stream.store.file.read(e.offset, e.size); err != nil {
			return nil, err
		}
		index = e.index
	}
	var events []Event
	for {
		r, rest, ok := next(data)
		if !ok {
			return events, nil
		}
		if r.flags&flagSilent == 0 {
			std := Stdout
			if r.flags&flagStderr != 0 {
				std = Stderr
			}
			events = append(events, Event{ID: EventID{r.at, v.stream.number, index}, Time: r.at, Ingested: r.ingested, Std: std, Text: string(r.text)})
		}
		index++
		data = rest
	}
}

// firstTime is the time of the first record of a block.
func (v view) firstTime(n int) int64 {
	if n < len(v.extents) {
		return v.extents[n].first
	}
	r, _, _ := next(v.tail)
	return r.at
}

// blockAt is the first block that can hold an event with an id of at least the given one: the last that begins before its time.
func (v view) blockAt(id EventID) int {
	n := sort.Search(v.blocks(), func(i int) bool { return v.firstTime(i) >= id.Time })
	return max(0, n-1)
}

// Forward gives events in order, those with an id of at least from, until give says no.
func (s *Stream) Forward(from EventID, give func(Event) bool) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	for n := v.blockAt(from); n < v.blocks(); n++ {
		events, err := v.block(n)
		if err != nil {
			return err
		}
		for _, e := range events {
			if !e.ID.Less(from) && !give(e) {
				return nil
			}
		}
	}
	return nil
}

// Backward gives events from the newest down, those with an id below before, until give says no.
func (s *Stream) Backward(before EventID, give func(Event) bool) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	last := sort.Search(v.blocks(), func(i int) bool { return v.firstTime(i) > before.Time })
	for n := last - 1; n >= 0; n-- {
		events, err := v.block(n)
		if err != nil {
			return err
		}
		for i := len(events) - 1; i >= 0; i-- {
			if events[i].ID.Less(before) && !give(events[i]) {
				return nil
			}
		}
	}
	return nil
}

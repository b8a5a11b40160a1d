package logs

import (
	"encoding/binary"
	"slices"
	"sync"
)

// A Stream is what one container printed.
type Stream struct {
	store   *Store
	key     Key
	number  uint64
	created int64

	mu      sync.Mutex
	extents []extent
	tail    []byte // records that are not in the file; never overwritten, so readers may hold it
	refused int    // how long the tail has to be before the file is tried again
	tailed  uint64 // records before the tail
	count   uint64 // records
	events  uint64
	lines   [2]int64 // whole lines of each output

	first, last, ingested int64 // times of events; 0 without one
	lastRecord            int64
	dropped               bool
}

// An extent is records in the file.
type extent struct {
	offset int64 // of the first record
	size   int
	index  uint64 // number of the first record
	first  int64  // its time
}

const (
	extentHead = 8 + 8
	// flushSize is how much of a stream is kept in memory before it goes to the file.
	flushSize = 32 << 10
)

// load takes an extent from the file, at opening.
func (s *Stream) load(offset int64, content []byte) {
	e := extent{offset: offset + extentHead, size: len(content) - extentHead, index: binary.LittleEndian.Uint64(content[8:])}
	if e.index != s.count {
		return // of a stream of that number before it was reset
	}
	for rest := content[extentHead:]; ; {
		r, after, ok := next(rest)
		if !ok {
			break
		}
		if e.first == 0 {
			e.first = r.at
		}
		s.note(&r)
		rest = after
	}
	s.extents = append(s.extents, e)
	s.tailed = s.count
}

// note counts a record. The lock is held.
func (s *Stream) note(r *record) {
	s.count++
	s.lastRecord = r.at
	switch {
	case r.flags&flagJoined != 0:
		s.lines[Stdout] += r.lines[Stdout]
		s.lines[Stderr] += r.lines[Stderr]
	case r.flags&flagPart != 0:
	case r.flags&flagStderr != 0:
		s.lines[Stderr]++
	default:
		s.lines[Stdout]++
	}
	if r.flags&flagSilent != 0 {
		return
	}
	s.events++
	if s.first == 0 {
		s.first = r.at
	}
	s.last, s.ingested = r.at, r.ingested
}

// add stores a record and answers an error of the file. Times never go back within a stream.
func (s *Stream) add(r *record) error {
	r.ingested = s.store.now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped {
		return nil // its owner was reset while it ran
	}
	r.at = max(r.at, s.lastRecord)
	s.tail = appendRecord(s.tail, r)
	s.note(r)
	if len(s.tail) < max(flushSize, s.refused) {
		return nil
	}
	err := s.flush()
	s.refused = 0
	if err != nil { // with each line again, the container would wait longer and longer
		s.refused = 2 * len(s.tail)
	}
	return err
}

// flush moves the tail into the file. The lock is held. A tail that the file refused for long may have grown to more than a frame can hold, so it goes piece
// by piece; what is in the file when that refuses again is not in the tail any more.
func (s *Stream) flush() error {
	for len(s.tail) > 0 {
		piece, records := head(s.tail)
		if len(piece) == len(s.tail) {
			records = s.count - s.tailed
		}
		at := binary.LittleEndian.AppendUint64(nil, s.number)
		at = binary.LittleEndian.AppendUint64(at, s.tailed)
		offset, err := s.store.file.append(frameExtent, at, piece)
		if err != nil {
			return err
		}
		r, _, _ := next(piece)
		s.extents = append(s.extents, extent{offset: offset + extentHead, size: len(piece), index: s.tailed, first: r.at})
		s.tail, s.tailed = s.tail[len(piece):], s.tailed+records
	}
	s.tail = nil
	return nil
}

// longestPiece is how much of a tail goes into one frame, if one record alone is not longer.
const longestPiece = 1 << 20

// head is the beginning of a tail that goes into one frame: whole records. Of a tail that does so as it is they are not counted.
func head(tail []byte) (piece []byte, records uint64) {
	if len(tail) <= longestPiece {
		return tail, 0
	}
	for rest := tail; ; records++ {
		_, after, ok := next(rest)
		if size := len(tail) - len(after); !ok || records > 0 && size > longestPiece {
			return tail[:len(tail)-len(rest)], records
		}
		rest = after
	}
}

// settle is called when writing ends: a folder has all of it then, and memory no more than it needs.
func (s *Stream) settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store.durable {
		return s.flush()
	}
	s.tail, s.extents = slices.Clip(slices.Clone(s.tail)), slices.Clip(s.extents)
	return nil
}

// drop lets nothing more be written.
func (s *Stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = true
}

// Description is what is known of a stream without reading it. Times are Unix milliseconds, 0 without events.
type Description struct {
	Key
	Created, First, Last, Ingested int64
}

// Describe answers it.
func (s *Stream) Describe() Description {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Description{Key: s.key, Created: s.created, First: s.first, Last: s.last, Ingested: s.ingested}
}

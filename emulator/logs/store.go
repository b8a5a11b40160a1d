package logs

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/tidwall/btree"
)

// Options of Open.
type Options struct {
	// Dir is where streams are kept; empty is in memory and in a file without a name.
	Dir string
	// Now is the time of creation and ingestion; nil is time.Now.
	Now func() time.Time
}

// A Store holds streams.
type Store struct {
	file    *file
	durable bool
	now     func() time.Time

	mu      sync.RWMutex
	groups  btree.Map[string, *group] // by account, region and name
	streams map[uint64]*Stream        // by number
	number  uint64                    // the last one given
}

// A Key names a stream.
type Key struct{ Account, Region, Group, Stream string }

// Open opens a store.
func Open(o Options) (*Store, error) {
	f, err := openFile(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	s := &Store{file: f, durable: o.Dir != "", now: o.Now, streams: map[uint64]*Stream{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.durable {
		if err := f.load(s.loadFrame); err != nil {
			f.close()
			return nil, err
		}
	}
	return s, nil
}

// streamFrame is the content of a frame that makes a stream.
type streamFrame struct {
	Number  uint64
	Key     Key
	Created int64
}

func (s *Store) loadFrame(kind byte, offset int64, content []byte) error {
	switch kind {
	case frameStream:
		var f streamFrame
		if err := json.Unmarshal(content, &f); err != nil {
			return fmt.Errorf("read the log file: %w", err)
		}
		s.insert(&Stream{store: s, key: f.Key, number: f.Number, created: f.Created})
	case frameExtent:
		if len(content) < extentHead {
			return nil
		}
		if st := s.streams[binary.LittleEndian.Uint64(content)]; st != nil {
			st.load(offset, content)
		}
	case frameRemoved:
		if len(content) == 8 {
			s.take(s.streams[binary.LittleEndian.Uint64(content)])
		}
	case frameGroup:
		return s.loadGroup(content)
	}
	return nil
}

// insert puts a stream into its group, which is made if it is missing.
func (s *Store) insert(st *Stream) {
	id := groupKey(st.key.Account, st.key.Region, st.key.Group)
	g, ok := s.groups.Get(id)
	if !ok {
		g = &group{groupRecord: groupRecord{Account: st.key.Account, Region: st.key.Region, Name: st.key.Group, Created: st.created}}
		s.groups.Set(id, g)
	}
	g.streams.Set(st.key.Stream, st)
	s.streams[st.number] = st
	s.number = max(s.number, st.number)
}

// take is the opposite of insert.
func (s *Store) take(st *Stream) {
	if st == nil {
		return
	}
	delete(s.streams, st.number)
	if g, ok := s.groups.Get(groupKey(st.key.Account, st.key.Region, st.key.Group)); ok {
		g.streams.Delete(st.key.Stream)
	}
}

// Create opens a stream for writing, and makes it, and its group, if they are missing. Writing goes on after what is there. Close the writer.
func (s *Store) Create(key Key) (*Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.groups.Get(groupKey(key.Account, key.Region, key.Group)); ok {
		if st, ok := g.streams.Get(key.Stream); ok {
			return newWriter(st), nil
		}
	}
	st, err := s.createStream(key)
	if err != nil {
		return nil, err
	}
	return newWriter(st), nil
}

// createStream makes a stream that is not there, and its group if that is missing. The lock is held.
func (s *Store) createStream(key Key) (*Stream, error) {
	st := &Stream{store: s, key: key, number: s.number + 1, created: s.now().UnixMilli()}
	if s.durable {
		content, err := json.Marshal(streamFrame{st.number, key, st.created})
		if err != nil {
			return nil, err
		}
		if _, err := s.file.append(frameStream, content); err != nil {
			return nil, err
		}
	}
	s.insert(st)
	return st, nil
}

// addStream makes a stream that must not be there in a group that must.
func (s *Store) addStream(key Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups.Get(groupKey(key.Account, key.Region, key.Group))
	if !ok {
		return errNoGroup
	}
	if _, ok := g.streams.Get(key.Stream); ok {
		return errStreamExists
	}
	_, err := s.createStream(key)
	return err
}

// deleteStream removes a stream. What is still written to it is lost.
func (s *Store) deleteStream(key Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups.Get(groupKey(key.Account, key.Region, key.Group))
	if !ok {
		return errNoGroup
	}
	st, ok := g.streams.Get(key.Stream)
	if !ok {
		return errNoStream
	}
	if s.durable {
		if _, err := s.file.append(frameRemoved, binary.LittleEndian.AppendUint64(nil, st.number)); err != nil {
			return err
		}
	}
	st.drop()
	s.take(st)
	return nil
}

// Stream finds a stream; false if there is none.
func (s *Store) Stream(key Key) (*Stream, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, ok := s.groups.Get(groupKey(key.Account, key.Region, key.Group))
	if !ok {
		return nil, false
	}
	return g.streams.Get(key.Stream)
}

// Reset removes every stream and group of the accounts and regions for which all says so.
func (s *Store) Reset(all func(account, region string) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []*group
	s.groups.Scan(func(_ string, g *group) bool {
		if all(g.Account, g.Region) {
			gone = append(gone, g)
		}
		return true
	})
	if len(gone) == s.groups.Len() {
		for _, g := range gone {
			s.forget(g)
		}
		return s.file.clear()
	}
	for _, g := range gone {
		if err := s.removeGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the store. Writers must have been closed.
func (s *Store) Close() error { return s.file.close() }

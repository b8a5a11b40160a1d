package logs

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/tidwall/btree"
)

// group is a log group. Its settings and streams are written under the store's lock.
type group struct {
	groupRecord
	streams btree.Map[string, *Stream]
}

// groupRecord is what is kept of a group besides its streams; the content of a frame, the last one of a group counts. A group of which nobody
// said more than the name of a stream in it has no frame.
type groupRecord struct {
	Account, Region, Name string
	Created               int64
	groupSettings
	// Gone says that the group was removed, and its streams with it.
	Gone bool `json:",omitzero"`
}

// groupSettings are what can be changed.
type groupSettings struct {
	Class     string            `json:",omitzero"`  // empty is STANDARD
	Key       string            `json:",omitzero"`  // of KMS; nothing is encrypted with it
	Retention int               `json:",omitzero"`  // in days; 0 is for ever
	Protected bool              `json:",omitzero"`  // cannot be deleted
	Tags      map[string]string `json:",omitempty"` // never changed, but replaced
}

func (r groupRecord) id() string { return groupKey(r.Account, r.Region, r.Name) }

func groupKey(account, region, name string) string {
	return account + "\x00" + region + "\x00" + name
}

// HasGroup says whether there is a group.
func (s *Store) HasGroup(account, region, name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.groups.Get(groupKey(account, region, name))
	return ok
}

// createGroup makes a group without streams.
func (s *Store) createGroup(r groupRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.groups.Get(r.id()); ok {
		return errGroupExists
	}
	r.Created = s.now().UnixMilli()
	if err := s.keep(r); err != nil {
		return err
	}
	s.groups.Set(r.id(), &group{groupRecord: r})
	return nil
}

// changeGroup has a function change the settings of a group.
func (s *Store) changeGroup(c caller, name string, change func(*groupSettings) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups.Get(groupKey(c.account, c.region, name))
	if !ok {
		return errNoGroup
	}
	r := g.groupRecord
	r.Tags = maps.Clone(r.Tags)
	if err := change(&r.groupSettings); err != nil {
		return err
	}
	if err := s.keep(r); err != nil {
		return err
	}
	g.groupSettings = r.groupSettings
	return nil
}

// deleteGroup removes a group and its streams. What is still written to them is lost.
func (s *Store) deleteGroup(c caller, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups.Get(groupKey(c.account, c.region, name))
	switch {
	case !ok:
		return errNoGroup
	case g.Protected:
		return errProtected
	}
	return s.removeGroup(g)
}

// removeGroup removes a group, in the file first. The lock is held.
func (s *Store) removeGroup(g *group) error {
	if err := s.keep(groupRecord{Account: g.Account, Region: g.Region, Name: g.Name, Gone: true}); err != nil {
		return err
	}
	s.forget(g)
	return nil
}

// forget removes a group from memory. The lock is held.
func (s *Store) forget(g *group) {
	g.streams.Scan(func(_ string, st *Stream) bool {
		st.drop()
		delete(s.streams, st.number)
		return true
	})
	s.groups.Delete(g.id())
}

// keep writes a group to the file, if there is one to come back to.
func (s *Store) keep(r groupRecord) error {
	if !s.durable {
		return nil
	}
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = s.file.append(frameGroup, content)
	return err
}

// loadGroup takes a group from the file, at opening.
func (s *Store) loadGroup(content []byte) error {
	var r groupRecord
	if err := json.Unmarshal(content, &r); err != nil {
		return fmt.Errorf("read the log file: %w", err)
	}
	g, ok := s.groups.Get(r.id())
	switch {
	case ok && r.Gone:
		s.forget(g)
	case ok:
		g.groupRecord = r
	case !r.Gone:
		s.groups.Set(r.id(), &group{groupRecord: r})
	}
	return nil
}

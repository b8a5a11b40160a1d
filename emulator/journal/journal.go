package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/batch-local/batch-local/emulator/batch"
)

// fileVersion is the version of the file's layout. A higher one is refused.
const fileVersion = "1"

var (
	metaBucket  = []byte("meta")
	versionKey  = []byte("version")
	instanceKey = []byte("instance")
	clockKey    = []byte("clock")
	driverKey   = []byte("driver")
)

// lockTime is how long to wait for another process that uses the folder.
const lockTime = time.Second

// A Journal implements engine.Journal on a file.
type Journal struct {
	db       *bbolt.DB
	instance string

	mu      sync.Mutex
	waiting []batch.Change
	number  uint64 // of the last transaction that waits
	closed  bool
	work    chan struct{} // has a value when something waits
	quit    chan struct{}
	done    chan struct{} // closed when nobody writes any more; nil before Start
}

// Open opens the journal of a folder, and makes both if they are missing. It fails at once when another process has it.
func Open(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(dir, "state.db")
	err := check(path)
	var db *bbolt.DB
	if err == nil {
		db, err = openFile(path, bbolt.Options{})
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("the data folder %s is in use by another batch-local; stop it, or choose another folder", dir)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w (if it is damaged, move it away to start empty)", path, err)
	}
	j := &Journal{db: db, work: make(chan struct{}, 1), quit: make(chan struct{})}
	if err := db.Update(j.prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return j, nil
}

// prepare makes the buckets, checks the version, and gives the folder its instance.
func (j *Journal) prepare(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	switch v := meta.Get(versionKey); {
	case v == nil:
		id := make([]byte, 6)
		rand.Read(id) // never fails
		err = errors.Join(meta.Put(versionKey, []byte(fileVersion)), meta.Put(instanceKey, []byte(hex.EncodeToString(id))))
	case string(v) != fileVersion:
		err = fmt.Errorf("it has version %s, and this program reads version %s", v, fileVersion)
	}
	for _, kind := range batch.RecordKinds() {
		_, failed := tx.CreateBucketIfNotExists([]byte(kind))
		err = errors.Join(err, failed)
	}
	j.instance = string(meta.Get(instanceKey))
	return err
}

// Instance names what the emulators of this folder make on an engine.
func (j *Journal) Instance() string { return j.instance }

// Clock is what KeepClock kept; nil if nothing was.
func (j *Journal) Clock() []byte { return j.meta(clockKey) }

// KeepClock keeps how the clock stands. It is there when KeepClock answers.
func (j *Journal) KeepClock(text []byte) error {
	if err := j.keep(clockKey, text); err != nil {
		return fmt.Errorf("keep the clock: %w", err)
	}
	return nil
}

// Driver is what KeepDriver kept; empty if nothing was, as in folders of older versions.
func (j *Journal) Driver() string { return string(j.meta(driverKey)) }

// KeepDriver keeps the name of what runs the attempts of this folder.
func (j *Journal) KeepDriver(name string) error {
	if err := j.keep(driverKey, []byte(name)); err != nil {
		return fmt.Errorf("keep the driver: %w", err)
	}
	return nil
}

func (j *Journal) meta(key []byte) (value []byte) {
	_ = j.db.View(func(tx *bbolt.Tx) error { // which says nothing that can fail
		value = bytes.Clone(tx.Bucket(metaBucket).Get(key))
		return nil
	})
	return value
}

func (j *Journal) keep(key, value []byte) error {
	return j.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(key, value) })
}

// Load implements engine.Journal. Open has seen that all of it can be read.
func (j *Journal) Load(yield func(batch.Record) error) error {
	return j.db.View(func(tx *bbolt.Tx) error {
		for _, kind := range batch.RecordKinds() {
			err := tx.Bucket([]byte(kind)).ForEach(func(_, value []byte) error {
				r, err := batch.Decode(kind, value)
				if err != nil {
					return err
				}
				return yield(r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Start implements engine.Journal.
func (j *Journal) Start(durable func(n uint64, err error)) {
	j.done = make(chan struct{})
	go func() {
		defer close(j.done)
		for open := true; open; {
			select {
			case <-j.work:
			case <-j.quit:
				open = false
			}
			if changes, n := j.take(); n > 0 {
				err := j.write(changes)
				durable(n, err)
				if err != nil {
					return
				}
			}
		}
	}()
}

// Append implements engine.Journal. Records are encoded later, by whoever writes them: they do not change any more.
func (j *Journal) Append(n uint64, changes []batch.Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting, j.number = append(j.waiting, changes...), n
	select {
	case j.work <- struct{}{}:
	default: // it is told already
	}
}

func (j *Journal) take() (changes []batch.Change, n uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	changes, n = j.waiting, j.number
	j.waiting, j.number = nil, 0
	return changes, n
}

// write makes changes durable; of several to one record only the last is written.
func (j *Journal) write(changes []batch.Change) error {
	last := make(map[batch.Key]int, len(changes))
	for i, c := range changes {
		last[c.Key] = i
	}
	return j.db.Update(func(tx *bbolt.Tx) error {
		for i, c := range changes {
			if last[c.Key] != i {
				continue
			}
			bucket := tx.Bucket([]byte(c.Key.Kind))
			if c.Record == nil {
				if err := bucket.Delete([]byte(c.Key.ID)); err != nil {
					return err
				}
				continue
			}
			data, err := batch.Encode(c.Record)
			if err != nil {
				return err
			}
			if err := bucket.Put([]byte(c.Key.ID), data); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close writes what waits and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed {
		return nil
	}
	close(j.quit)
	if j.done != nil {
		<-j.done
	}
	return j.db.Close()
}

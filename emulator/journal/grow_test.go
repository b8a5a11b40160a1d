package journal_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/batch-local/batch-local/emulator/journal"
)

// TestGrowsWhileItIsWaitedFor: an earlier process that is ending makes the file longer while the next one waits for its lock, which is no damage.
func TestGrowsWhileItIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	open := func() {
		t.Helper()
		j, err := journal.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	open()
	earlier, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() {
		defer earlier.Close()
		if err := earlier.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("x"), make([]byte, 300<<10)) }); err != nil {
			t.Error(err)
		}
	})
	open()
}

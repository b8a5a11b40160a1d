package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// check reads all of the file's pages before anything is written: opening it to write would already change one that is damaged. A file that is not there,
// or has nothing in it yet, is well.
func check(path string) error {
	is, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && is.Size() == 0:
		return nil
	case err != nil:
		return err
	}
	db, err := openFile(path, bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	err = guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			is, err := os.Stat(path) // again: whoever had the lock may have made it longer
			if err != nil {
				return err
			}
			return readable(tx, is.Size())
		})
	})
	return errors.Join(err, db.Close())
}

// readable goes through all pages of a transaction that has records.
func readable(tx *bbolt.Tx, size int64) error {
	if size < tx.Size() {
		return fmt.Errorf("invalid database: it ends after %d of %d bytes", size, tx.Size())
	}
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(_, _ []byte) error { return nil })
	})
}

// openFile is bbolt's Open, which leaves a damaged file open when it panics.
func openFile(path string, o bbolt.Options) (db *bbolt.DB, err error) {
	var file *os.File
	o.Timeout, o.FreelistType = lockTime, bbolt.FreelistMapType
	o.OpenFile = func(name string, flag int, mode os.FileMode) (opened *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	panicked := true
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &o)
		panicked = false
		return err
	})
	if panicked && file != nil {
		file.Close() // and with it the lock; what it was opened for has failed already
	}
	return db, err
}

// guard makes an error of a panic: that is how bbolt tells of pages that are not what they should be. One that is not in the file at all is a fault of the
// memory, which would end the process.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("invalid database: %v", p)
		}
	}()
	return f()
}

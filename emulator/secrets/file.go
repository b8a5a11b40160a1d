package secrets

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// A file keeps what is in a YAML file, and reads it again when it has changed.
type file struct {
	path string

	mu       sync.Mutex
	modified time.Time
	size     int64
	entries  map[string]entry
}

// An entry is a value. Its fields are there if it was written as a mapping.
type entry struct {
	text   string
	fields map[string]string
}

// A FileError is a file that cannot be read, or not understood. It says where, and never what is there.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string {
	return "read the file of secrets " + e.Path + ": " + e.Err.Error()
}

func (e *FileError) Unwrap() error { return e.Err }

// failed is an error of the file without its path, which a FileError says.
func (f *file) failed(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return &FileError{f.path, err}
}

// current is what the file says now. A file that cannot be read is an error, and not what it said before: a job would start with old values.
func (f *file) current() (map[string]entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, f.failed(err)
	}
	if f.entries != nil && info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return f.entries, nil
	}
	f.entries = nil
	content, err := os.ReadFile(f.path)
	if err != nil {
		return nil, f.failed(err)
	}
	entries, err := decode(bytes.NewReader(content))
	if err != nil {
		return nil, f.failed(err)
	}
	f.entries, f.modified, f.size = entries, info.ModTime(), info.Size()
	return entries, nil
}

// find looks for a reference. What is written for exactly its text is its value; else the value's key is still to be taken out.
func find(entries map[string]entry, r reference) (text string, whole, ok bool) {
	if e, ok := entries[r.text]; ok && r.text != r.id {
		return e.text, true, true
	}
	if !r.current() {
		return "", false, false
	}
	names := r.names()
	if !r.secret {
		names = append([]string{r.text}, names...)
		if r.text == r.name { // the file may have the ARN where the job has the name
			names = append(names, "arn:"+r.at.Partition()+":ssm:"+r.at.Region+":"+r.at.Account+":parameter/"+strings.TrimPrefix(r.name, "/"))
		}
	}
	for _, name := range names {
		if e, ok := entries[name]; ok {
			return e.text, false, true
		}
	}
	return "", false, false
}

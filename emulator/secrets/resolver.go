package secrets

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Options say where values come from. Without either, everything that is asked for is an error.
type Options struct {
	// File is the path of a YAML file.
	File string
	// Endpoint is the URL of a Secrets Manager and Systems Manager, which is asked for what the file lacks.
	Endpoint string
	// Client is what it is asked with; nil is one with some patience.
	Client *http.Client
	// Log takes what nobody else is told; nil discards it.
	Log *slog.Logger
}

// A Resolver is safe for concurrent use.
type Resolver struct {
	file   *file   // nil: none
	remote *remote // nil: none
	log    *slog.Logger
}

// ErrNoSource is what is asked for when there is nowhere to look.
var ErrNoSource = errors.New("no source of secrets is configured: start batch-local with --secrets FILE or --secrets-endpoint URL")

// New reads the file, if there is one.
func New(o Options) (*Resolver, error) {
	r := &Resolver{log: o.Log}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if o.File != "" {
		r.file = &file{path: o.File}
		if _, err := r.file.current(); err != nil {
			return nil, err
		}
	}
	if o.Endpoint != "" {
		r.remote = &remote{url: o.Endpoint, client: o.Client}
		if o.Client == nil {
			r.remote.client = &http.Client{Timeout: remotePatience}
		}
	}
	return r, nil
}

// Resolve finds the values of references (valueFrom), in their order. All that could not be found are told in one error, in that order too.
func (r *Resolver) Resolve(ctx context.Context, job batch.Scope, references []string) ([]string, error) {
	if len(references) == 0 {
		return nil, nil
	}
	entries, err := r.entries()
	if err != nil {
		return nil, err
	}
	list := make([]*wanted, len(references))
	for i, valueFrom := range references {
		list[i] = look(entries, valueFrom, job)
	}
	r.ask(ctx, list)
	values, failed := make([]string, len(list)), failures{}
	for i, w := range list {
		if values[i], err = w.value(); err != nil {
			failed.add(err)
		}
	}
	if len(failed) > 0 {
		return nil, failed
	}
	return values, nil
}

// entries is the file's; nil if there is none.
func (r *Resolver) entries() (map[string]entry, error) {
	switch {
	case r.file != nil:
		return r.file.current()
	case r.remote == nil:
		return nil, ErrNoSource
	}
	return nil, nil
}

// failures are told together, each once.
type failures []error

func (f *failures) add(err error) {
	for _, one := range *f {
		if one.Error() == err.Error() {
			return
		}
	}
	*f = append(*f, err)
}

func (f failures) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, ";")
}

func (f failures) Unwrap() []error { return f }

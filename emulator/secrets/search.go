package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/batch-local/batch-local/emulator/batch"
)

// wanted is a reference on the way to its value.
type wanted struct {
	ref  reference
	text string
	err  error
	// whole says that the text is the value, and no key is to be taken out; done that there is no more to ask.
	whole, done bool
}

// look tries the file.
func look(entries map[string]entry, valueFrom string, job batch.Scope) *wanted {
	ref, err := parse(valueFrom, job)
	if err != nil {
		return &wanted{err: err, done: true}
	}
	w := &wanted{ref: ref}
	w.text, w.whole, w.done = find(entries, ref)
	return w
}

func (w *wanted) value() (string, error) {
	if w.err != nil || w.whole || w.ref.key == "" {
		return w.text, w.err
	}
	return pick(w.text, w.ref.key)
}

// ask looks elsewhere for what the file lacks: for all at once, and for nothing twice.
func (r *Resolver) ask(ctx context.Context, list []*wanted) {
	versions, parameters := map[reference][]*wanted{}, map[batch.Scope][]*wanted{}
	for _, w := range list {
		switch {
		case w.done:
		case w.ref.secret:
			version := w.ref
			version.text, version.key = "", "" // several keys of one version are one question
			versions[version] = append(versions[version], w)
		default:
			parameters[w.ref.at] = append(parameters[w.ref.at], w)
		}
	}
	var asking sync.WaitGroup
	for version, some := range versions {
		asking.Go(func() {
			text, err := r.secret(ctx, version)
			for _, w := range some {
				w.text, w.err = text, err
			}
		})
	}
	for at, some := range parameters {
		asking.Go(func() { r.parameters(ctx, at, some) })
	}
	asking.Wait()
}

func (r *Resolver) secret(ctx context.Context, ref reference) (string, error) {
	if r.remote == nil {
		return "", noSecret(ref.id)
	}
	return r.remote.secret(ctx, ref)
}

// parameters are told together when they are missing.
func (r *Resolver) parameters(ctx context.Context, at batch.Scope, list []*wanted) {
	var found map[string]string
	var err error
	if r.remote != nil {
		var names []string
		for _, w := range list {
			names = append(names, w.ref.names()...)
		}
		slices.Sort(names)
		found, err = r.remote.parameters(ctx, at, slices.Compact(names))
	}
	var missing []string
	for _, w := range list {
		ok := false
		for _, name := range w.ref.names() {
			if w.text, ok = found[name]; ok {
				break
			}
		}
		if !ok && !slices.Contains(missing, w.ref.text) {
			missing = append(missing, w.ref.text)
		}
		w.done = ok
	}
	if err == nil {
		err = errors.New("invalid parameters: " + strings.Join(missing, ","))
	}
	for _, w := range list {
		if !w.done {
			w.err = fmt.Errorf("fetching secret data from SSM Parameter Store in %s: %w", at.Region, err)
		}
	}
}

func noSecret(id string) error {
	return fmt.Errorf("ResourceNotFoundException: The task can't retrieve the secret with ARN '%s' from AWS Secrets Manager. Check whether the secret exists in the specified Region", id)
}

package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Repository finds the credentials of a private registry: a secret's name or ARN (runtime.md 2.7). The texts of its errors are the agent's.
func (r *Resolver) Repository(ctx context.Context, job batch.Scope, credentialsParameter string) (username, password string, err error) {
	ref := reference{text: credentialsParameter, secret: true, at: job, id: credentialsParameter, name: credentialsParameter}
	if strings.HasPrefix(credentialsParameter, "arn:") {
		if ref, err = parse(credentialsParameter, job); err != nil {
			return "", "", err
		}
		if !ref.secret || ref.id != ref.text {
			return "", "", errSecretARN
		}
	}
	entries, err := r.entries()
	if err != nil {
		return "", "", err
	}
	text, _, ok := find(entries, ref)
	if !ok {
		if text, err = r.secret(ctx, ref); err != nil {
			return "", "", err
		}
	}
	if text == "" {
		return "", "", errors.New("asm fetching authorization data: empty secrets value")
	}
	var auth struct{ Username, Password string }
	switch err := json.Unmarshal([]byte(text), &auth); {
	case err != nil:
		return "", "", errors.New("asm fetching authorization data: unable to unmarshal secret value, invalid schema")
	case auth.Username == "":
		return "", "", errors.New("asm fetching username: AuthorizationData is malformed, empty field")
	case auth.Password == "":
		return "", "", errors.New("asm fetching password: AuthorizationData is malformed, empty field")
	}
	return auth.Username, auth.Password, nil
}

// Named is a mapping of the file: what a Kubernetes secret of that name holds. It is false if there is no file, or no mapping of that name in it,
// or if it cannot be read at the moment; a pod waits then as for a secret that does not exist yet, and our log knows why.
func (r *Resolver) Named(name string) (map[string]string, bool) {
	if r.file == nil {
		return nil, false
	}
	entries, err := r.file.current()
	if err != nil {
		r.log.Warn("no secrets for pods", "error", err)
		return nil, false
	}
	fields := entries[name].fields
	return fields, fields != nil
}

package secrets_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/secrets"
)

var job = batch.Scope{Account: "111122223333", Region: "eu-west-1"}

const managed = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"

// written is a file of secrets.
func written(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func resolver(t testing.TB, o secrets.Options) *secrets.Resolver {
	t.Helper()
	r, err := secrets.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// resolve is what the values are, and what the error says.
func resolve(t testing.TB, r *secrets.Resolver, references ...string) (values []string, problem string) {
	t.Helper()
	values, err := r.Resolve(t.Context(), job, references)
	if err != nil {
		return nil, err.Error()
	}
	return values, ""
}

// services are a Secrets Manager and a Systems Manager without sockets.
type services struct {
	secrets    map[string]string // by "region account id stage version"
	parameters map[string]string // by "region account name"
	down       bool

	mu    sync.Mutex
	calls []string
}

func (s *services) client() *http.Client { return &http.Client{Transport: s} }

// RoundTrip implements http.RoundTripper.
func (s *services) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.down {
		return nil, errDown
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope := strings.Split(credential, "/") // account, date, region
	at := scope[2] + " " + scope[0] + " "
	var in struct {
		SecretID     string `json:"SecretId"`
		VersionStage string
		VersionID    string `json:"VersionId"`
		Names        []string
		Decrypt      bool `json:"WithDecryption"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "secretsmanager.GetSecretValue":
		key := at + in.SecretID + " " + in.VersionStage + " " + in.VersionID
		s.calls = append(s.calls, key)
		text, ok := s.secrets[key]
		switch {
		case !ok:
			w.WriteHeader(400)
			_, _ = w.WriteString(`{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`)
		case text == "binary":
			_, _ = w.WriteString(`{"SecretBinary":"AAAA"}`)
		default:
			_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": text})
		}
	case "AmazonSSM.GetParameters":
		s.calls = append(s.calls, at+strings.Join(in.Names, ","))
		var found []map[string]string
		var invalid []string
		for _, name := range in.Names {
			base, selector, selected := strings.Cut(name, ":")
			text, ok := s.parameters[at+name]
			if !ok || !in.Decrypt {
				invalid = append(invalid, name)
				continue
			}
			p := map[string]string{"Name": base, "Value": text}
			if selected {
				p["Selector"] = ":" + selector
			}
			found = append(found, p)
		}
		slices.Reverse(found) // in no order that counts
		_ = json.NewEncoder(w).Encode(map[string]any{"Parameters": found, "InvalidParameters": invalid})
	default:
		w.WriteHeader(500)
	}
	return w.Result(), nil
}

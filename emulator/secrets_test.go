package emulator_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batch-local/batch-local/emulator"
)

// TestBrokenSecrets refuses to start with a file that jobs would fail with, and says where it is wrong without a word of what is there.
func TestBrokenSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(path, []byte("password: one\npassword: s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := emulator.Config{Secrets: path}.Validate()
	var bad *emulator.ConfigError
	if !errors.As(err, &bad) || bad.Field != "Secrets" || bad.Problem != "cannot be read: line 2: password is there twice" || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

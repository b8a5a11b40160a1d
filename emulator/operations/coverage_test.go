package operations_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/operations"
)

var update = flag.Bool("update", false, "write testdata/not_yet.txt and the table of operations in README.md, to be reviewed as a diff")

const (
	notYetFile = "testdata/not_yet.txt"
	readmeFile = "../../README.md"
	opening    = "<!-- operations -->\n"
	closing    = "<!-- /operations -->"
)

// partly is what operations that answer still refuse to do; each refusal names it.
func partly() map[string]string {
	return nil
}

// left says which operations the service leaves to api.Unimplemented: it calls each with an input that has every text set.
func left(t *testing.T) map[string]bool {
	t.Helper()
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	service := operations.New(e)
	ctx := api.WithCaller(t.Context(), api.Caller{Account: account, Region: region})
	missing := map[string]bool{}
	for _, op := range api.Operations() {
		in := op.New()
		members := reflect.ValueOf(in).Elem()
		for i := range members.NumField() {
			if m := members.Field(i); m.Type() == reflect.TypeFor[*string]() {
				m.Set(reflect.ValueOf(new("x")))
			}
		}
		_, err := op.Call(ctx, service, in)
		var refusal *api.Error
		missing[op.Name] = errors.As(err, &refusal) && refusal.Message == op.Name+" is not available in batch-local yet."
	}
	return missing
}

// TestOperationsLeft prints the operations that are not there yet. The list is kept, so that it cannot grow unseen.
func TestOperationsLeft(t *testing.T) {
	missing := left(t)
	var got bytes.Buffer
	for _, op := range api.Operations() {
		if missing[op.Name] {
			fmt.Fprintln(&got, op.Name)
		}
	}
	t.Logf("%d of %d operations are left:\n%s", bytes.Count(got.Bytes(), []byte("\n")), len(missing), got.String())
	for name := range partly() {
		if is, known := missing[name]; is || !known {
			t.Errorf("%s is said to be there in part, and is not", name)
		}
	}
	if *update {
		if err := os.WriteFile(notYetFile, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(notYetFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s is another list (-file +now); go test -update writes it:\n%s", notYetFile, diff)
	}
}

// TestOperationsInReadme holds README.md to the table of operations.
func TestOperationsInReadme(t *testing.T) {
	readme, err := os.ReadFile(readmeFile)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no README.md")
	}
	if err != nil {
		t.Fatal(err)
	}
	head, rest, opened := strings.Cut(string(readme), opening)
	was, tail, closed := strings.Cut(rest, closing)
	if !opened || !closed {
		t.Fatalf("README.md has no lines %q and %q for the table of operations to go between", strings.TrimSpace(opening), closing)
	}
	is := table(left(t))
	if *update {
		if err := os.WriteFile(readmeFile, []byte(head+opening+is+closing+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("README.md has another table of operations (-README +now); go test -update writes it:\n%s", diff)
	}
}

func table(missing map[string]bool) string {
	var b strings.Builder
	b.WriteString("| Operation | |\n| --- | --- |\n")
	for _, op := range api.Operations() {
		state := "yes"
		switch note := partly()[op.Name]; {
		case missing[op.Name]:
			state = "not yet"
		case note != "":
			state = "partly; " + note
		}
		fmt.Fprintf(&b, "| %s | %s |\n", op.Name, state)
	}
	return b.String()
}

package emulator_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/batch-local/batch-local/"

// mayImport is the architecture: what each package may import of ours and of others besides the standard library. Tests are free.
var mayImport = map[string]struct {
	ours, others []string
	not          []string // of the standard library
	why          string
}{
	"emulator/api": {why: "types on the wire; everybody may have them"},
	"emulator/batch": {
		ours: []string{"emulator/api", "emulator/ec2"}, others: []string{"github.com/tidwall/btree"},
		not: []string{"net", "net/http", "os", "sync", "crypto/rand", "math/rand", "math/rand/v2", "log", "log/slog", "context"},
		why: "the core decides and does nothing; an ordered index is no work of ours",
	},
	"emulator/ec2":    {not: []string{"net", "net/http", "os"}, why: "what AWS sells; facts and no behaviour"},
	"emulator/engine": {ours: []string{"emulator/batch"}, others: []string{"github.com/google/uuid"}, not: []string{"net", "net/http", "os"}, why: "one State, one lock, one timer"},
	"emulator/journal": {
		ours: []string{"emulator/batch"}, others: []string{"go.etcd.io/bbolt", "go.etcd.io/bbolt/errors"}, not: []string{"net", "net/http"},
		why: "records in, records out",
	},
	"emulator/operations": {
		ours: []string{"emulator/api", "emulator/batch", "emulator/ec2", "emulator/engine"}, others: []string{"github.com/google/uuid"}, not: []string{"net/http", "os"},
		why: "the API without its transport",
	},
	"emulator/httpapi": {ours: []string{"emulator/api"}, others: []string{"github.com/gorilla/mux", "github.com/google/uuid"}, why: "the transport without the API's rules"},
	"emulator/runner":  {ours: []string{"emulator/batch", "emulator/engine"}, not: []string{"net", "net/http", "os"}, why: "drivers are behind it"},
	"emulator/runner/docker": {
		ours:   []string{"emulator/api", "emulator/batch", "emulator/runner", "emulator/runner/docker/relay", "emulator/endpoint"},
		others: []string{"github.com/docker/", "github.com/google/uuid", "golang.org/x/sync/", "github.com/containerd/errdefs", "github.com/opencontainers/"},
		why:    "the only package that knows Docker",
	},
	"emulator/runner/docker/relay/program": {ours: []string{"emulator/runner/docker/relay"}, why: "is the relay"},
	"emulator/runner/docker/relay":         {others: []string{"github.com/hashicorp/yamux", "golang.org/x/sys/unix"}, why: "runs alone in a container"},
	"emulator/runner/simulated":            {ours: []string{"emulator/api", "emulator/batch", "emulator/runner"}, not: []string{"net", "net/http", "os"}, why: "needs nothing"},
	"emulator/runner/runnertest":           {ours: []string{"emulator/api", "emulator/batch", "emulator/runner"}, others: []string{"github.com/google/go-cmp/", "go.uber.org/goleak"}, why: "for tests of drivers"},
	"emulator/endpoint": {
		ours:   []string{"emulator/api", "emulator/batch"},
		others: []string{"github.com/google/uuid", "golang.org/x/sync/errgroup", "golang.org/x/time/rate", "github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/credentials", "github.com/aws/aws-sdk-go-v2/service/sts"},
		why:    "a handler that knows tasks; containers through a small interface of its own; roles from an STS by AWS's own client",
	},
	"emulator/secrets": {
		ours: []string{"emulator/batch"},
		others: []string{"go.yaml.in/yaml/v3", "github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/credentials", "github.com/aws/aws-sdk-go-v2/service/secretsmanager",
			"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types", "github.com/aws/aws-sdk-go-v2/service/ssm"},
		why: "knows references and their sources, and of jobs only account and region",
	},
	"emulator/logs":    {others: []string{"github.com/google/uuid", "github.com/tidwall/btree"}, why: "streams of text; it knows of no job"},
	"emulator/clock":   {others: []string{"github.com/tidwall/btree"}, not: []string{"net", "net/http", "os"}, why: "time, and nothing else"},
	"emulator/events":  {ours: []string{"emulator/api", "emulator/batch"}, others: []string{"github.com/google/uuid"}, not: []string{"net", "net/http", "os"}, why: "what the core tells, kept for followers"},
	"emulator/seed":    {ours: []string{"emulator/api"}, others: []string{"go.yaml.in/yaml/v3"}, not: []string{"net", "net/http"}, why: "calls of the API, written down"},
	"emulator/frames":  {not: []string{"net", "net/http", "os"}, why: "bytes of a connection, for both of its ends"},
	"emulator/control": {ours: []string{"emulator/api", "emulator/frames"}, others: []string{"github.com/gorilla/mux"}, why: "through a small interface of its own"},
	"emulator": {
		ours: []string{"emulator/"}, why: "puts the parts together",
	},
}

// TestImports holds the table.
func TestImports(t *testing.T) {
	for _, p := range packages(t, "../emulator/...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.Contains(name, "/internal/") {
			continue // a generator, or part of the package above it
		}
		may, ok := mayImport[name]
		if !ok {
			t.Errorf("%s is not in the table: say what it may import, and why", name)
			continue
		}
		for _, i := range p.Imports {
			if !allowed(i, name, may.ours, may.others, may.not) {
				t.Errorf("%s imports %s, and must not (%s)", name, i, may.why)
			}
		}
	}
}

func allowed(path, self string, ours, others, not []string) bool {
	under := func(list []string, path string) bool {
		return slices.ContainsFunc(list, func(may string) bool {
			return path == may || strings.HasSuffix(may, "/") && strings.HasPrefix(path, may)
		})
	}
	if mine, ok := strings.CutPrefix(path, module); ok {
		return under(ours, mine) || strings.HasPrefix(mine, self+"/internal/")
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		return under(others, path)
	}
	return !slices.Contains(not, path)
}

// TestEveryPackageSaysWhatItIs asks for a package comment.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t, "../...") {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

type goPackage struct {
	ImportPath, Doc string
	GoFiles         []string
	Imports         []string
}

func packages(t *testing.T, pattern string) []goPackage {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,GoFiles,Imports", pattern)
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var list []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

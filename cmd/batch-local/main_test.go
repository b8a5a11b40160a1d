package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/batch-local/batch-local/emulator"
)

// TestMain makes this test binary stand in for batch-local: scripts and tests find it in PATH under that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"batch-local": main})
}

// TestScripts runs testdata/script. Each script has a server with the simulated driver to itself, at $URL; $AWS_ENDPOINT_URL_BATCH
// names it too. NOWHERE is a URL where nothing answers, OTHER one where something else does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			e, err := emulator.New(emulator.Config{Driver: "simulated", Version: "1.2.3-test"})
			if err != nil {
				return err
			}
			server := httptest.NewServer(e.Handler())
			env.Defer(func() {
				server.Close()
				if err := e.Close(context.Background()); err != nil {
					t.Errorf("close the emulator: %v", err)
				}
			})
			other := httptest.NewServer(http.NotFoundHandler())
			env.Defer(other.Close)
			env.Vars = append(env.Vars, quickExit, "URL="+server.URL, "OTHER="+other.URL, "NOWHERE=http://127.0.0.1:9", "AWS_ENDPOINT_URL_BATCH="+server.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// quickExit keeps the race detector from waiting a second at the end of each process.
const quickExit = "GORACE=atexit_sleep_ms=0"

// exits runs a command that ends with an exit code:
//
//	exits 3 batch-local wait $JOB
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// A process is batch-local, running.
type process struct {
	*exec.Cmd
	t   *testing.T
	out *bufio.Reader // standard output
	err *bufio.Reader // standard error
}

// start runs batch-local with nothing of our environment but what it needs, and variables.
func start(t *testing.T, variables []string, words ...string) *process {
	t.Helper()
	p := prepare(t, variables, words...)
	p.launch()
	return p
}

func prepare(t *testing.T, variables []string, words ...string) *process {
	p := &process{Cmd: exec.CommandContext(t.Context(), "batch-local", words...), t: t}
	p.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), quickExit}, variables...)
	return p
}

// launch starts it; what it prints is for the test to read, unless somebody else does.
func (p *process) launch() {
	p.t.Helper()
	pipe := func(open func() (io.ReadCloser, error)) *bufio.Reader {
		r, err := open()
		if err != nil {
			p.t.Fatal(err)
		}
		return bufio.NewReader(r)
	}
	p.out = bufio.NewReader(strings.NewReader(""))
	if p.Stdout == nil {
		p.out = pipe(p.StdoutPipe)
	}
	p.err = pipe(p.StderrPipe)
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// until reads lines up to one that holds text.
func (p *process) until(r *bufio.Reader, text string) (lines string) {
	p.t.Helper()
	for {
		line, err := r.ReadString('\n')
		lines += line
		if strings.Contains(line, text) {
			return lines
		}
		if err != nil {
			more, _ := io.ReadAll(p.err)
			p.t.Fatalf("%v ended without a line with %q; it said:\n%s%s", p.Args, text, lines, more)
		}
	}
}

// signal sends one.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end reads what is left and answers it with the exit code.
func (p *process) end() (code int, out, err string) {
	p.t.Helper()
	o, _ := io.ReadAll(p.out)
	e, _ := io.ReadAll(p.err)
	failure := p.Wait()
	if exit := (*exec.ExitError)(nil); failure != nil && !errors.As(failure, &exit) {
		p.t.Fatal(failure)
	}
	return p.ProcessState.ExitCode(), string(o), string(e)
}

// serve starts a server with the simulated driver on a free port and answers it with its URL.
func serve(t *testing.T, words ...string) (*process, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready")
	p := start(t, nil, append([]string{"serve", "--driver", "simulated", "--listen", "127.0.0.1:0", "--ready-file", file}, words...)...)
	p.until(p.out, "Ready.")
	url, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return p, strings.TrimSpace(string(url))
}

// TestComposeFileSaysWhatEnvPrints: its header has the very variables.
func TestComposeFileSaysWhatEnvPrints(t *testing.T) {
	text, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(string(text)) {
		if words, ok := strings.CutPrefix(line, "#   export "); ok {
			said = append(said, strings.Fields(words)...)
		}
	}
	_, out, _ := start(t, nil, "env", "--endpoint", "http://127.0.0.1:22824").end()
	printed := strings.Fields(strings.ReplaceAll(out, "export ", ""))
	if diff := cmp.Diff(printed, said); diff != "" {
		t.Errorf("env prints (-), docker-compose.yml has (+):\n%s", diff)
	}
}

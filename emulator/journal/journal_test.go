package journal_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/journal"
)

const childFolder = "BATCH_LOCAL_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		storm(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

var scope = batch.Scope{Account: "000000000000", Region: "us-east-1"}

// open opens an engine on a folder.
func open(dir string) (*engine.Engine, *journal.Journal, error) {
	j, err := journal.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(engine.Options{Journal: j})
	return e, j, err
}

// register adds a definition and answers its revision.
func register(e *engine.Engine, name string) (revision int, err error) {
	err = e.Update(context.Background(), func(tx *batch.Tx) error {
		revision = tx.RegisterDefinition(scope, name, batch.EC2, api.JobDefinition{ContainerProperties: &api.ContainerProperties{Image: new("i")}, Tags: map[string]string{}}).Revision
		return nil
	})
	return revision, err
}

// everything is all records of a state as they are stored.
func everything(t *testing.T, e *engine.Engine) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := e.View(t.Context(), func(s *batch.State) {
		for r := range s.Records() {
			data, err := batch.Encode(r)
			if err != nil {
				t.Error(err)
			}
			all[r.Key().ID] = string(data)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDiskFails: what could not be written is answered with the error, the first time too, and is not there after a restart.
func TestDiskFails(t *testing.T) {
	dir := t.TempDir()
	e, j, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := register(e, "kept"); err != nil {
		t.Fatal(err)
	}
	if err := j.Break(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := register(e, "lost"); err == nil || e.Failure() == nil {
			t.Errorf("an update was answered with %v; the failure is %v", err, e.Failure())
		}
	}
	e.Close()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	e, j, err = open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	defer e.Close()
	for name, want := range map[string]int{"kept": 2, "lost": 1} {
		if revision, err := register(e, name); err != nil || revision != want {
			t.Errorf("the next revision of %s is %d, want %d (%v)", name, revision, want, err)
		}
	}
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	e, j, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := register(e, "a"); err != nil {
			t.Fatal(err)
		}
	}
	err = e.Update(t.Context(), func(tx *batch.Tx) error {
		tx.DeregisterDefinition(scope.ARN("job-definition", "a:2"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	was, instance := everything(t, e), j.Instance()
	e.Close()
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	e, j, err = open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if diff := cmp.Diff(was, everything(t, e)); diff != "" {
		t.Errorf("after reopening (-was +is):\n%s", diff)
	}
	if j.Instance() != instance || instance == "" {
		t.Errorf("the instance was %q and is %q", instance, j.Instance())
	}
	if n, err := register(e, "a"); err != nil || n != 4 {
		t.Errorf("the next revision is %d (%v), want 4", n, err)
	}
	info, err := os.Stat(filepath.Join(dir, "state.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info.Mode(), err)
	}
}

func TestRefusals(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		j, err := journal.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if _, err := journal.Open(dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "in use by another batch-local") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "state.db")
		if err := os.WriteFile(path, []byte(strings.Repeat("nonsense", 10000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.Open(dir); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("got %v", err)
		}
	})
}

// TestCutOff: a file of which the end, or a page, is missing is refused with the way out, and left as it is.
func TestCutOff(t *testing.T) {
	from := t.TempDir()
	e, j, err := open(from)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if _, err := register(e, fmt.Sprint("d", i%7)); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(filepath.Join(from, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	damaged := map[string][]byte{}
	for size := 1; size < len(sound)/2; size += page / 2 { // the file is larger than what it holds
		damaged[fmt.Sprint("cut off at ", size)] = sound[:size]
	}
	damaged["no records"] = slices.Concat(sound[:2*page], make([]byte, len(sound)-2*page))
	for name, data := range damaged {
		dir := t.TempDir()
		path := filepath.Join(dir, "state.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the first leaves no lock
			_, _, err := open(dir)
			if err == nil {
				t.Fatalf("%s: it was opened", name)
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "invalid database") && !strings.Contains(err.Error(), "file size too small") || !strings.Contains(err.Error(), "move it away to start empty") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, data) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
	if _, j, err := open(from); err != nil {
		t.Errorf("the sound one: %v", err)
	} else if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestGroupCommit: many who wait at the same time wait for few writes, and each is told when its own is done.
func TestGroupCommit(t *testing.T) {
	e, j, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if _, err := register(e, fmt.Sprint("d", i%7)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(everything(t, e)); n != 200 {
		t.Errorf("%d records, want 200", n)
	}
}

// TestKilled starts a child that changes its folder without end and says what was answered, kills it, and looks for all of that.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childFolder+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		answered := map[string]int{}
		lines := bufio.NewScanner(out)
		for n := 0; n < 150*(round+1) && lines.Scan(); n++ {
			count(answered, lines.Text())
		}
		child.Process.Kill()
		for lines.Scan() { // what it said before it died
			count(answered, lines.Text())
		}
		child.Wait()
		if len(answered) == 0 {
			t.Fatal("the child answered nothing")
		}
		e, j, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		e.View(t.Context(), func(s *batch.State) {
			for name, n := range answered {
				if s.Definition(scope.ARN("job-definition", fmt.Sprintf("%s:%d", name, n))) == nil {
					t.Errorf("round %d: revision %d of %s was answered, and is gone", round, n, name)
				}
			}
		})
		e.Close()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

func count(answered map[string]int, line string) {
	var name string
	var n int
	if _, err := fmt.Sscan(line, &name, &n); err == nil {
		answered[name] = max(answered[name], n)
	}
}

// storm is the child of TestKilled.
func storm(dir string) {
	e, _, err := open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for i := range 8 {
		go func() {
			for {
				name := fmt.Sprint("d", i)
				n, err := register(e, name)
				if err != nil {
					os.Exit(1)
				}
				mu.Lock()
				io.WriteString(os.Stdout, fmt.Sprintln(name, n))
				mu.Unlock()
			}
		}()
	}
	time.Sleep(time.Minute) // it is killed long before
}

// BenchmarkUpdate is an update and its answer, alone and with others at the same time.
func BenchmarkUpdate(b *testing.B) {
	for _, at := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("at=", at), func(b *testing.B) {
			e, j, err := open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			b.SetParallelism(max(1, at/2))
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := register(e, "d"); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

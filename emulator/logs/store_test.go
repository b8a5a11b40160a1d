package logs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/logs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(stream string) logs.Key {
	return logs.Key{Account: "000000000000", Region: "us-east-1", Group: "/aws/batch/job", Stream: stream}
}

func open(t testing.TB, o logs.Options) *logs.Store {
	t.Helper()
	s, err := logs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// failer is a test, or one round of a property.
type failer interface {
	Helper()
	Fatal(...any)
}

func create(t failer, s *logs.Store, stream string) *logs.Writer {
	t.Helper()
	w, err := s.Create(key(stream))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// all is every event of a stream as "output text".
func all(t testing.TB, s *logs.Store, stream string) (events []string) {
	t.Helper()
	st, ok := s.Stream(key(stream))
	if !ok {
		t.Fatalf("no stream %s", stream)
	}
	var last logs.EventID
	err := st.Forward(logs.EventID{}, func(e logs.Event) bool {
		if !last.Less(e.ID) {
			t.Errorf("event %s is not after %s", e.ID, last)
		}
		last = e.ID
		events = append(events, fmt.Sprint(e.Std, " ", e.Text))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestLines is runtime.md 12: how bytes become events, and what counts as a line.
func TestLines(t *testing.T) {
	const most = 262144 - 26
	for _, test := range []struct {
		name   string
		writes []string
		want   []string
		lines  int64
	}{
		{"lines", []string{"one\ntwo\n"}, []string{"0 one", "0 two"}, 2},
		{"in pieces", []string{"o", "ne\ntw", "o", "\n"}, []string{"0 one", "0 two"}, 2},
		{"a last line without an end", []string{"one\ntwo"}, []string{"0 one", "0 two"}, 2},
		{"an empty line is no event, and counts", []string{"one\n\n\ntwo\n"}, []string{"0 one", "0 two"}, 4},
		{"a carriage return stays", []string{"one\r\n"}, []string{"0 one\r"}, 1},
		{"what is not UTF-8 is replaced", []string{"a\xffb\n"}, []string{"0 a\uFFFDb"}, 1},
		{"a long line is several events, and one line", []string{strings.Repeat("x", most+10) + "\n"}, []string{"0 " + strings.Repeat("x", most), "0 " + strings.Repeat("x", 10)}, 1},
		{"a long line in pieces, cut between runes", []string{strings.Repeat("ä", most/2), strings.Repeat("ä", most/2) + "\n"}, []string{"0 " + strings.Repeat("ä", most/2), "0 " + strings.Repeat("ä", most/2)}, 1},
		{"nothing", nil, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, logs.Options{})
			w := create(t, s, "s")
			for _, text := range test.writes {
				if n, err := w.Output(logs.Stdout).Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("Write answers %d, %v", n, err)
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, all(t, s, "s")); diff != "" {
				t.Errorf("(-want +got):\n%.2000s", diff)
			}
			if stdout, stderr := create(t, s, "s").Lines(); stdout != test.lines || stderr != 0 {
				t.Errorf("%d lines of stdout and %d of stderr, want %d and none", stdout, stderr, test.lines)
			}
		})
	}
}

// TestAbandon: the beginning of a line is left to whoever goes on.
func TestAbandon(t *testing.T) {
	s := open(t, logs.Options{})
	w := create(t, s, "s")
	w.Output(logs.Stderr).Write([]byte("one\nhalf of"))
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	w = create(t, s, "s")
	if _, stderr := w.Lines(); stderr != 1 {
		t.Errorf("%d lines, want 1", stderr)
	}
	if err := w.Append(logs.Stderr, time.Now(), []byte("half of a line")); err != nil {
		t.Error(err)
	}
	w.Close()
	if diff := cmp.Diff([]string{"1 one", "1 half of a line"}, all(t, s, "s")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTimesNeverGoBack: a line with an earlier time gets that of the one before it.
func TestTimesNeverGoBack(t *testing.T) {
	s := open(t, logs.Options{})
	w := create(t, s, "s")
	for _, ms := range []int64{1000, 500, 2000} {
		w.Append(logs.Stdout, time.UnixMilli(ms), []byte("x"))
	}
	var times []int64
	st, _ := s.Stream(key("s"))
	st.Forward(logs.EventID{}, func(e logs.Event) bool { times = append(times, e.Time); return true })
	if !slices.Equal(times, []int64{1000, 1000, 2000}) {
		t.Errorf("times %v", times)
	}
}

// TestBothOutputsAtOnce: nothing is lost and nothing mixed.
func TestBothOutputsAtOnce(t *testing.T) {
	s := open(t, logs.Options{})
	w := create(t, s, "s")
	var writing sync.WaitGroup
	for _, std := range []logs.Std{logs.Stdout, logs.Stderr} {
		writing.Go(func() {
			for i := range 5000 {
				fmt.Fprintf(w.Output(std), "%d line %d\n", std, i)
			}
		})
	}
	writing.Wait()
	w.Close()
	next := map[string]int{}
	for _, e := range all(t, s, "s") {
		std := e[:1]
		if want := fmt.Sprintf("%s %s line %d", std, std, next[std]); e != want {
			t.Fatalf("got %q, want %q", e, want)
		}
		next[std]++
	}
	if next["0"] != 5000 || next["1"] != 5000 {
		t.Errorf("read %v", next)
	}
}

// TestEventID: 56 digits that begin with the time (events-logs-schedules.md 2.2), in the same order as the ids.
func TestEventID(t *testing.T) {
	id := logs.EventID{Time: 1, Stream: 0, Index: 0}
	if want := fmt.Sprintf("%056s", "22300745198530623141535718272648361505980416"); id.String() != want { // 2^144
		t.Errorf("got %s, want %s", id, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func() logs.EventID {
			return logs.EventID{Time: rapid.Int64Range(0, 1<<41).Draw(t, "time"), Stream: rapid.Uint64Range(0, 1<<40).Draw(t, "stream"), Index: rapid.Uint64().Draw(t, "index")}
		}
		a, b := draw(), draw()
		if back, ok := logs.ParseEventID(a.String()); !ok || back != a {
			t.Fatalf("%v becomes %v", a, back)
		}
		if a.Less(b) != (a.String() < b.String()) {
			t.Fatalf("%s and %s are in another order than their ids", a, b)
		}
	})
	for _, text := range []string{"", "1", strings.Repeat("x", 56), strings.Repeat("9", 56), strings.Repeat("1", 57)} {
		if id, ok := logs.ParseEventID(text); ok {
			t.Errorf("%q is read as %v", text, id)
		}
	}
}

// TestReading: whatever is written, in memory, in the file or in both, is read once, in order, from the front and from the back, from
// anywhere on; and so it is after opening a folder again.
func TestReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := ""
		if rapid.Bool().Draw(t, "in a folder") {
			d, err := os.MkdirTemp("", "logs")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(d)
			dir = d
		}
		s, err := logs.Open(logs.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { s.Close() }()
		w, err := s.Create(key("s"))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		at := int64(1_700_000_000_000)
		for i := range rapid.IntRange(0, 60).Draw(t, "events") {
			at += rapid.Int64Range(0, 2).Draw(t, "later")
			text := fmt.Sprint(i, strings.Repeat("x", rapid.SampledFrom([]int{0, 10, 5000, 40_000}).Draw(t, "length")))
			want = append(want, text)
			if err := w.Append(logs.Stdout, time.UnixMilli(at), []byte(text)); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 20).Draw(t, "reopen") == 0 {
				w.Close()
				if dir != "" {
					s.Close()
					if s, err = logs.Open(logs.Options{Dir: dir}); err != nil {
						t.Fatal(err)
					}
				}
				if w, err = s.Create(key("s")); err != nil {
					t.Fatal(err)
				}
				if n, _ := w.Lines(); n != int64(len(want)) {
					t.Fatalf("%d lines, want %d", n, len(want))
				}
			}
		}
		st, _ := s.Stream(key("s"))
		var forward, backward []logs.Event
		if err := st.Forward(logs.EventID{}, func(e logs.Event) bool { forward = append(forward, e); return true }); err != nil {
			t.Fatal(err)
		}
		if err := st.Backward(logs.EventID{Time: 1 << 62}, func(e logs.Event) bool { backward = append(backward, e); return true }); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(backward)
		if !slices.Equal(forward, backward) {
			t.Fatalf("from the front %d events, from the back %d", len(forward), len(backward))
		}
		if got := texts(forward); !slices.Equal(got, want) {
			t.Fatalf("read %d events, want %d", len(got), len(want))
		}
		if len(forward) == 0 {
			return
		}
		n := rapid.IntRange(0, len(forward)-1).Draw(t, "from")
		var rest []logs.Event
		if err := st.Forward(forward[n].ID, func(e logs.Event) bool { rest = append(rest, e); return true }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(rest, forward[n:]) {
			t.Fatalf("from event %d on there are %d, want %d", n, len(rest), len(forward)-n)
		}
		w.Close()
	})
}

func texts(events []logs.Event) (list []string) {
	for _, e := range events {
		list = append(list, e.Text)
	}
	return list
}

// TestCutOff: a file that was cut off anywhere holds a beginning of what was written, and goes on from there.
func TestCutOff(t *testing.T) {
	dir := t.TempDir()
	s, err := logs.Open(logs.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for part := range 3 { // each an extent of its own
		w := create(t, s, "s")
		for i := range 3 {
			text := fmt.Sprint("part ", part, " line ", i)
			want = append(want, "0 "+text)
			w.Append(logs.Stdout, time.Now(), []byte(text))
		}
		w.Close()
	}
	s.Close()
	path := filepath.Join(dir, "events.log")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := logs.Open(logs.Options{Dir: dir})
		if err != nil {
			t.Fatalf("cut off at %d: %v", cut, err)
		}
		w := create(t, s, "s")
		w.Append(logs.Stdout, time.Now(), []byte("more"))
		w.Close()
		got := all(t, s, "s")
		if n := len(got) - 1; n < 0 || n%3 != 0 || !slices.Equal(got[:n], want[:n]) || got[n] != "0 more" {
			t.Fatalf("cut off at %d of %d: %q", cut, len(whole), got)
		}
		s.Close()
	}
}

// TestReset: some accounts go, with their streams, and stay gone; who still writes to them does no harm.
func TestReset(t *testing.T) {
	dir := t.TempDir()
	s := open(t, logs.Options{Dir: dir})
	other := key("s")
	other.Account = "111111111111"
	for _, k := range []logs.Key{key("s"), other} {
		w, err := s.Create(k)
		if err != nil {
			t.Fatal(err)
		}
		w.Append(logs.Stdout, time.Now(), []byte("x"))
		defer w.Close()
		defer w.Append(logs.Stdout, time.Now(), []byte("late"))
	}
	if err := s.Reset(func(account, _ string) bool { return account == other.Account }); err != nil {
		t.Fatal(err)
	}
	check := func(s *logs.Store) {
		if _, ok := s.Stream(other); ok {
			t.Error("the stream is still there")
		}
		if _, ok := s.Stream(key("s")); !ok {
			t.Error("another account's stream is gone")
		}
	}
	check(s)
	s.Close()
	check(open(t, logs.Options{Dir: dir}))
}

// BenchmarkWrite is lines of fifty bytes as they come from a container.
func BenchmarkWrite(b *testing.B) {
	s := open(b, logs.Options{})
	w := create(b, s, "s")
	chunk := []byte(strings.Repeat(strings.Repeat("x", 49)+"\n", 650)) // 32 KiB
	out := w.Output(logs.Stdout)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		out.Write(chunk)
	}
	b.ReportMetric(float64(b.N)*650/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkFlood writes 200 MB and says what stays in memory, and what a page at the end and in the middle costs.
func BenchmarkFlood(b *testing.B) {
	s := open(b, logs.Options{})
	w := create(b, s, "s")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	chunk := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 100_000))
	for range 20 {
		w.Output(logs.Stdout).Write(chunk)
	}
	w.Close()
	runtime.GC()
	runtime.ReadMemStats(&after)
	st, _ := s.Stream(key("s"))
	d := st.Describe()
	page := func(b *testing.B, from logs.EventID) {
		for b.Loop() {
			n := 0
			st.Forward(from, func(logs.Event) bool { n++; return n < 100 })
		}
	}
	b.Run("head", func(b *testing.B) {
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-kept")
		page(b, logs.EventID{})
	})
	b.Run("middle", func(b *testing.B) { page(b, logs.EventID{Time: (d.First + d.Last) / 2}) })
	b.Run("tail", func(b *testing.B) {
		for b.Loop() {
			n := 0
			st.Backward(logs.EventID{Time: 1 << 62}, func(logs.Event) bool { n++; return n < 100 })
		}
	})
}

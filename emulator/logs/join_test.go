package logs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/logs"
)

func joining(t testing.TB, s *logs.Store, stream, pattern string) *logs.Writer {
	t.Helper()
	starts, err := logs.EventStart("", pattern)
	if err != nil {
		t.Fatal(err)
	}
	w := create(t, s, stream)
	w.Join(starts)
	return w
}

// TestJoin is runtime.md 2.5: what is one event. Lines of stderr begin with "!" here, which is not written.
func TestJoin(t *testing.T) {
	const most = 262144 - 26
	long := strings.Repeat("x", most)
	for _, test := range []struct {
		name           string
		lines          []string
		want           []string
		stdout, stderr int64
	}{
		{"a stack trace", []string{"# error", " at a", " at b", "# next"}, []string{"0 # error\n at a\n at b\n", "0 # next\n"}, 4, 0},
		{"before the first that matches", []string{" a", " b", "# c"}, []string{"0  a\n b\n", "0 # c\n"}, 3, 0},
		{"both outputs are one", []string{"# a", "! b", " c", "!# d", " e"}, []string{"0 # a\n b\n c\n", "1 # d\n e\n"}, 3, 2},
		{"empty lines inside are kept", []string{"# a", "", "", " b", "", "# c"}, []string{"0 # a\n\n\n b\n\n", "0 # c\n"}, 6, 0},
		{"an empty line alone", []string{"", "# a"}, []string{"0 \n", "0 # a\n"}, 2, 0},
		{"what is not UTF-8", []string{"# a\xff", " b"}, []string{"0 # a\uFFFD\n b\n"}, 2, 0},
		{"no longer than an event", []string{"# a", long[:most-5], "b", " c"}, []string{"0 # a\n" + long[:most-5] + "\n", "0 b\n c\n"}, 4, 0},
		{"as long as an event but for the end, which Docker's driver forgets to count", []string{"# a", long[:most-4], "b"}, []string{"0 # a\n" + long[:most-4], "0 \n", "0 b\n"}, 3, 0},
		{"a line as long as an event", []string{"# a", long, " b"}, []string{"0 # a\n", "0 " + long, "0  b\n"}, 3, 0},
		{"a line longer than an event", []string{"# a", long + "yz", " b"}, []string{"0 # a\n", "0 " + long, "0 yz\n b\n"}, 3, 0},
		{"nothing", nil, nil, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, logs.Options{})
			w := joining(t, s, "s", "^#")
			for _, line := range test.lines {
				std := logs.Stdout
				if text, ok := strings.CutPrefix(line, "!"); ok {
					std, line = logs.Stderr, text
				}
				fmt.Fprintln(w.Output(std), line)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, all(t, s, "s")); diff != "" {
				t.Errorf("(-want +got):\n%.2000s", diff)
			}
			if stdout, stderr := create(t, s, "s").Lines(); stdout != test.stdout || stderr != test.stderr {
				t.Errorf("%d and %d lines, want %d and %d", stdout, stderr, test.stdout, test.stderr)
			}
		})
	}
}

// TestJoinsWhateverTheWrites: events do not depend on how the bytes come, and put together they are what was printed.
func TestJoinsWhateverTheWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := logs.Open(logs.Options{Now: func() time.Time { return time.UnixMilli(base) }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		line := rapid.SampledFrom([]string{"", "# a", "#", " b", "ä", "\r", " # no", strings.Repeat("y", 100_000), strings.Repeat("ä", 200_000)})
		text := strings.Join(rapid.SliceOfN(line, 1, 12).Draw(t, "lines"), "\n") + "\n"
		write := func(stream string, next func(left int) int) []string {
			w := create(t, s, stream)
			w.Join(regexp.MustCompile("^#"))
			for rest := []byte(text); len(rest) > 0; {
				n := next(len(rest))
				w.Output(logs.Stdout).Write(rest[:n])
				rest = rest[n:]
			}
			w.Close()
			st, _ := s.Stream(key(stream))
			var events []logs.Event
			if err := st.Forward(logs.EventID{}, func(e logs.Event) bool { events = append(events, e); return true }); err != nil {
				t.Fatal(err)
			}
			if n, _ := create(t, s, stream).Lines(); n != int64(strings.Count(text, "\n")) {
				t.Fatalf("%d lines of %d", n, strings.Count(text, "\n"))
			}
			return texts(events)
		}
		whole := write("whole", func(left int) int { return left })
		if got := strings.Join(whole, ""); got != text {
			t.Fatalf("%d bytes come back of %d", len(got), len(text))
		}
		pieces := write("pieces", func(left int) int {
			return min(left, rapid.SampledFrom([]int{1, 2, 7, 1000, 70_000, 300_000}).Draw(t, "piece"))
		})
		if diff := cmp.Diff(whole, pieces); diff != "" {
			t.Fatalf("in pieces (-whole +pieces):\n%.2000s", diff)
		}
	})
}

// TestJoinedAfterDeaths: a process that is killed at any time and one that goes on from the engine's record, by the number of lines that are stored,
// write the same events as one that lives.
func TestJoinedAfterDeaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "logs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		type line struct {
			std  logs.Std
			text string
		}
		var record []line // what the engine keeps
		for i := range rapid.IntRange(1, 40).Draw(t, "lines") {
			text := rapid.SampledFrom([]string{"# ", " ", ""}).Draw(t, "beginning")
			if text != "" {
				text += fmt.Sprint(i, strings.Repeat("x", rapid.SampledFrom([]int{0, 0, 20_000, 150_000}).Draw(t, "length")))
			}
			record = append(record, line{rapid.SampledFrom([]logs.Std{logs.Stdout, logs.Stderr}).Draw(t, "output"), text})
		}
		read := func(s *logs.Store) []string {
			st, _ := s.Stream(key("s"))
			var events []string
			if err := st.Forward(logs.EventID{}, func(e logs.Event) bool { events = append(events, fmt.Sprint(e.Std, e.Text)); return true }); err != nil {
				t.Fatal(err)
			}
			return events
		}
		live := func(s *logs.Store, stop int) *logs.Writer {
			w := create(t, s, "s")
			w.Join(regexp.MustCompile("^#"))
			var skip [2]int64
			skip[logs.Stdout], skip[logs.Stderr] = w.Lines()
			for _, l := range record[:stop] {
				if skip[l.std] > 0 {
					skip[l.std]--
					continue
				}
				if err := w.Append(l.std, time.UnixMilli(base), []byte(l.text)); err != nil {
					t.Fatal(err)
				}
			}
			return w
		}
		alive, err := logs.Open(logs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer alive.Close()
		live(alive, len(record)).Close()
		for life, lives := 1, rapid.IntRange(1, 4).Draw(t, "lives"); ; life++ {
			folder := filepath.Join(dir, fmt.Sprint(life))
			s, err := logs.Open(logs.Options{Dir: folder})
			if err != nil {
				t.Fatal(err)
			}
			if life == lives {
				live(s, len(record)).Close()
				if diff := cmp.Diff(read(alive), read(s)); diff != "" {
					t.Fatalf("after %d lives (-one life +more):\n%.2000s", lives, diff)
				}
				s.Close()
				return
			}
			w := live(s, rapid.IntRange(0, len(record)).Draw(t, "dies at"))
			if rapid.Bool().Draw(t, "read before") {
				read(s)
			}
			if rapid.Bool().Draw(t, "in peace") {
				w.Abandon()
			}
			left, err := os.ReadFile(filepath.Join(folder, "events.log")) // what SIGKILL leaves
			if err != nil {
				t.Fatal(err)
			}
			w.Abandon()
			s.Close()
			next := filepath.Join(dir, fmt.Sprint(life+1))
			if err := os.Mkdir(next, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(next, "events.log"), left, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestJoinTime: an event is shown when nothing comes for a while, like Docker's driver does; what comes later is another event, of the same time.
func TestJoinTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, logs.Options{})
		w := joining(t, s, "s", "^#")
		began := time.Now().UnixMilli()
		print := func(text string) { fmt.Fprintln(w.Output(logs.Stdout), text) }
		check := func(when string, want ...string) {
			t.Helper()
			if got := all(t, s, "s"); !slices.Equal(got, want) {
				t.Errorf("%s there are %q, want %q", when, got, want)
			}
		}
		print("# a")
		time.Sleep(time.Second)
		print(" b")
		check("at first")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		check("after 5 s", "0 # a\n b\n")
		time.Sleep(20 * time.Second)
		print(" c")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		check("after a late line", "0 # a\n b\n", "0  c\n")
		print("# d")
		for range 6 { // no silence, but too old
			time.Sleep(time.Second)
			print(" e")
		}
		check("in a slow event", "0 # a\n b\n", "0  c\n", "0 # d\n e\n e\n e\n e\n")
		stream, _ := s.Stream(key("s"))
		var times []int64
		stream.Forward(logs.EventID{}, func(e logs.Event) bool { times = append(times, e.Time-began); return true })
		if want := []int64{0, 0, 30_000}; !slices.Equal(times, want) {
			t.Errorf("times %v, want %v", times, want)
		}
		print("# f")
		w.Abandon()
		time.Sleep(time.Minute)
		if got := all(t, s, "s"); len(got) != 4 {
			t.Errorf("what was abandoned is there: %q", got)
		}
	})
}

// TestJoinManyEvents: one timer serves a stream of events, and the last of them is shown no later than twice the time.
func TestJoinManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, logs.Options{})
		w := joining(t, s, "s", "^#")
		for i := range 100 {
			fmt.Fprintln(w.Output(logs.Stdout), "#", i)
			time.Sleep(70 * time.Millisecond)
		}
		if got := len(all(t, s, "s")); got != 99 {
			t.Errorf("%d events before the last has ended, want 99", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := len(all(t, s, "s")); got != 100 {
			t.Errorf("%d events, want 100", got)
		}
		w.Close()
	})
}

// TestEventStart: formats of strftime and plain patterns, as Docker's driver reads them.
func TestEventStart(t *testing.T) {
	for _, test := range []struct {
		format, pattern, line string
		want                  bool
	}{
		{"%Y-%m-%d %H:%M:%S", "", "2026-01-31 23:59:59 x", true},
		{"%Y-%m-%d %H:%M:%S", "", "at 2026-01-31 23:59:59", true}, // anywhere in the line
		{"%Y-%m-%d", "", "2026-13-01", false},
		{"%Y-%m-%d", "", "2026-01-32", false},
		{"%Y-%m-%d", "", "26-01-01", false},
		{"%H:%M:%S%L", "", "00:00:00.123", true},
		{"%H:%M:%S%L", "", "00:00:00,123", false},
		{"%H:%M:%S,%f", "", "23:00:00,123456", true},
		{"%H:", "", "24:", false},
		{`\[%b %d, %Y %I:%M:%S %p\]`, "", "[Jun 05, 2026 09:30:00 PM]", true},
		{`\[%b %d, %Y %I:%M:%S %p\]`, "", "[Jun 5, 2026 09:30:00 PM]", false},
		{"^%a %A %B", "", "Wed Wednesday February", true},
		{"^%a %A %B", "", "Wed Tuesday Feb", false},
		{"^%y %w %j$", "", "26 6 366", true},
		{"^%y %w %j$", "", "26 7 367", false},
		{"%z", "", "+0200", true},
		{"%z", "", "Z", false},
		{"%Z", "", "CEST", true},
		{"%Z", "", "Zulu", false},
		{"^a%Qb%%c$", "", "abc", true}, // what is not known is nothing
		{"^100%$", "", "100", true},    // "%$" is not known either
		{"100%", "", "100%", true},
		{"%Y", "^#", "2026", true}, // the format counts
		{"%Y", "^#", "#", false},
		{"", "^INFO|^ERROR", "ERROR x", true},
		{"", "^INFO|^ERROR", " ERROR", false},
	} {
		r, err := logs.EventStart(test.format, test.pattern)
		if err != nil || r.MatchString(test.line) != test.want {
			t.Errorf("%q and %q: %v matches %q: %v", test.format, test.pattern, r, test.line, err)
		}
	}
	for _, none := range []string{"", "%Q"} {
		if r, err := logs.EventStart(none, ""); r != nil || err != nil {
			t.Errorf("%q: %v, %v", none, r, err)
		}
	}
	for want, options := range map[string][2]string{
		"awslogs could not parse multiline pattern key \"[a\": error parsing regexp: missing closing ]: `[a`":               {"", "[a"},
		"awslogs could not parse multiline pattern key \"([0-9]{4}\": error parsing regexp: missing closing ): `([0-9]{4}`": {"(%Y", "x"},
	} {
		if r, err := logs.EventStart(options[0], options[1]); r != nil || err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v", options, r, err)
		}
	}
}

// BenchmarkJoin is BenchmarkWrite with lines that are joined, ten to an event, and none.
func BenchmarkJoin(b *testing.B) {
	for name, lines := range map[string][2]string{
		"ten":  {"2026-01-31 23:59:59 ", strings.Repeat("x", 20)},
		"none": {"2026-01-31 23:59:59 ", "2026-01-31 23:59:59 "},
	} {
		b.Run(name, func(b *testing.B) {
			s := open(b, logs.Options{})
			starts, err := logs.EventStart("^%Y-%m-%d %H:%M:%S", "")
			if err != nil {
				b.Fatal(err)
			}
			w := create(b, s, "s")
			w.Join(starts)
			rest := strings.Repeat("y", 29) + "\n"
			chunk := []byte(strings.Repeat(lines[0]+rest+strings.Repeat(lines[1]+rest, 9), 65)) // 32 KiB
			out := w.Output(logs.Stdout)
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			for b.Loop() {
				out.Write(chunk)
			}
			b.ReportMetric(float64(b.N)*650/b.Elapsed().Seconds(), "lines/s")
			w.Close()
		})
	}
}

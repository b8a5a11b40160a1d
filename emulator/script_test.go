package emulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator"
)

// send makes a call with a body.
func (w *world) send(method, path, body string) (int, string) {
	w.Helper()
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body)).WithContext(w.Context())
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, r)
	return answer.Code, strings.TrimSpace(answer.Body.String())
}

// does is send that must succeed.
func (w *world) does(method, path, body string) {
	w.Helper()
	if code, text := w.send(method, path, body); code != 200 {
		w.Fatalf("%s %s: %d %s", method, path, code, text)
	}
}

func ofArray(size int32) func(*batch.SubmitJobInput) {
	return func(in *batch.SubmitJobInput) { in.ArrayProperties = &types.ArrayProperties{Size: &size} }
}

// TestMovedClock: an hour of a frozen clock holds what a real hour would: ends, retries, what was waiting, a timeout, and all of it at the right time
// (interface.md 3). With a data folder it holds the same, though what follows from a change waits for the disk.
func TestMovedClock(t *testing.T) {
	t.Run("in memory", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { movedClock(t, emulator.Config{}) }) })
	t.Run("with a data folder", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) { movedClock(t, emulator.Config{DataDir: dir}) })
	})
}

func movedClock(t *testing.T, c emulator.Config) {
	w := open(t, c)
	defer w.Close(context.Background())
	w.place(w.batch, 1)
	synctest.Wait() // the driver says that it is there
	w.does("POST", "/_emulator/clock", `{"frozen":true}`)
	began := time.Now()
	first := w.submit(`{"duration":"10m","exitCode":[1,0]}`, func(in *batch.SubmitJobInput) { in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2)} })
	second := w.submit(`{"duration":"5m"}`)
	third := w.submit(`{"duration":"10h","ignoreStop":true}`, func(in *batch.SubmitJobInput) {
		in.DependsOn = []types.JobDependency{{JobId: &second}}
		in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
	})
	w.does("POST", "/_emulator/clock", `{"advance":"1h"}`)
	var got []string
	for _, id := range []string{first, second, third} {
		j := w.job(id)
		got = append(got, fmt.Sprint(j.Status, " ", len(j.Attempts), " ", time.Duration(*j.StartedAt-began.UnixMilli())*time.Millisecond, " ", time.Duration(*j.StoppedAt-began.UnixMilli())*time.Millisecond))
	}
	if diff := cmp.Diff([]string{"SUCCEEDED 2 10m0s 20m0s", "SUCCEEDED 1 20m0s 25m0s", "FAILED 1 25m0s 26m30s"}, got); diff != "" {
		t.Errorf("status, attempts, start, end (-want +got):\n%s", diff)
	}
	if time.Since(began) > time.Second {
		t.Errorf("it took %v", time.Since(began))
	}
	// A terminated job that does not listen is killed after 30 seconds of the clock.
	id := w.submit(`{"duration":"10h","ignoreStop":true}`)
	w.await(id, "RUNNING")
	if _, err := w.batch.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
		t.Fatal(err)
	}
	w.does("POST", "/_emulator/clock", `{"advance":"29s"}`)
	if j := w.job(id); j.Status != types.JobStatusRunning {
		t.Errorf("after 29 s it is %s", j.Status)
	}
	w.does("POST", "/_emulator/clock", `{"advance":"1s"}`)
	if j := w.job(id); j.Status != types.JobStatusFailed {
		t.Errorf("after 30 s it is %s", j.Status)
	}
}

// TestClockIsKept: with a data folder the emulator's time does not go back when it is started again, nor does a clock that stands begin to run; a reset
// is for good.
func TestClockIsKept(t *testing.T) {
	dir := t.TempDir()
	from := func(f func(w *world)) {
		w := open(t, emulator.Config{DataDir: dir})
		f(w)
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	state := func(w *world) string {
		is := w.Clock()
		return fmt.Sprint(is.Now, " ", is.Frozen)
	}
	ahead := func(w *world) time.Duration {
		now, err := time.Parse(time.RFC3339, w.Clock().Now)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(now)
	}
	var before string
	from(func(w *world) {
		w.does("POST", "/_emulator/clock", `{"frozen":true}`)
		w.does("POST", "/_emulator/clock", `{"advance":"90m"}`)
		before = state(w)
	})
	from(func(w *world) {
		if after := state(w); after != before {
			t.Errorf("it stood at %s, and stands at %s", before, after)
		}
		w.does("POST", "/_emulator/clock", `{"frozen":false}`)
	})
	from(func(w *world) {
		if d := ahead(w); d < time.Hour || w.Clock().Frozen {
			t.Errorf("it is %v ahead, %s", d, state(w))
		}
		w.does("POST", "/_emulator/reset", "")
	})
	from(func(w *world) {
		if d := ahead(w); d > time.Minute {
			t.Errorf("after a reset it is %v ahead", d)
		}
	})
}

// TestRetention: --job-retention, in the emulator's time (jobs.md 2.10).
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{JobRetention: 2 * time.Hour})
		defer w.Close(context.Background())
		w.place(w.batch, 4)
		id := w.submit(`{}`, ofArray(2))
		w.await(id, "")
		time.Sleep(2*time.Hour - time.Second)
		w.job(id + ":1")
		time.Sleep(2 * time.Second)
		out, err := w.batch.DescribeJobs(t.Context(), &batch.DescribeJobsInput{Jobs: []string{id, id + ":1"}})
		if err != nil || len(out.Jobs) > 0 {
			t.Errorf("%v, %v", out.Jobs, err)
		}
	})
}

// TestOutcomesAndHolds: rules by name and index, and a job that is kept where it is (interface.md 3).
func TestOutcomesAndHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{})
		defer w.Close(context.Background())
		w.place(w.batch, 8)
		w.does("PUT", "/_emulator/outcomes", `[{"match":{"jobName":"jo*","arrayIndex":1},"outcome":{"exitCode":21}},{"match":{"image":"*mag*"},"outcome":{"exitCode":[22,0]}}]`)
		id := w.submit(``, ofArray(2))
		w.await(id, "")
		codes := []int32{*w.job(id + ":0").Container.ExitCode, *w.job(id + ":1").Container.ExitCode}
		if diff := cmp.Diff([]int32{22, 21}, codes); diff != "" {
			t.Errorf("exit codes (-want +got):\n%s", diff)
		}
		w.does("DELETE", "/_emulator/outcomes", "")
		w.does("PUT", "/_emulator/holds", `[{"match":{"attempt":1,"jobDefinition":"a:1"},"state":"RUNNING"}]`)
		held := w.submit(`{"exitCode":3}`)
		synctest.Wait()
		if j := w.job(held); j.Status != types.JobStatusRunning {
			t.Errorf("it is %s", j.Status)
		}
		if code, text := w.send("GET", "/_emulator/holds", ""); code != 200 || text != `[{"match":{"jobDefinition":"a:1","attempt":1},"state":"RUNNING"}]` {
			t.Errorf("%d %s", code, text)
		}
		w.does("DELETE", "/_emulator/holds", "")
		if j := w.await(held, ""); *j.Container.ExitCode != 3 {
			t.Errorf("it ended with %d", *j.Container.ExitCode)
		}
	})
}

// TestControlRefuses: {"message"} with 400, 404 or 409 (interface.md 3); nothing changes.
func TestControlRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{})
		defer w.Close(context.Background())
		for _, c := range []struct {
			method, path, body string
			code               int
		}{
			{"POST", "/_emulator/clock", `{"advance":"soon"}`, 400}, {"POST", "/_emulator/clock", `{"forward":"5m"}`, 400}, {"POST", "/_emulator/clock", `{}`, 400},
			{"POST", "/_emulator/clock", `{"advance":"5m"} x`, 400}, {"POST", "/_emulator/clock", `{"advance":"1s","set":"2100-01-01T00:00:00Z"}`, 400},
			{"POST", "/_emulator/clock", `{"set":"1999-01-01T00:00:00Z"}`, 409},
			{"PUT", "/_emulator/outcomes", `{}`, 400}, {"PUT", "/_emulator/outcomes", `[{"match":{}}]`, 400}, {"PUT", "/_emulator/outcomes", `[{"match":{},"outcome":{"oom":"yes"}}]`, 400},
			{"PUT", "/_emulator/outcomes", `[{"match":{"name":"x"},"outcome":{}}]`, 400}, {"PUT", "/_emulator/holds", `[{"match":{},"state":"FAILED"}]`, 400},
			{"PUT", "/_emulator/holds", `[] []`, 400}, {"GET", "/_emulator/nothing", ``, 404},
		} {
			code, text := w.send(c.method, c.path, c.body)
			var told map[string]string
			if err := json.Unmarshal([]byte(text), &told); err != nil || code != c.code || len(told) != 1 || told["message"] == "" {
				t.Errorf("%s %s %s: %d %s; want %d", c.method, c.path, c.body, code, text, c.code)
			}
		}
		if code, text := w.send("GET", "/_emulator/holds", ""); code != 200 || text != "[]" {
			t.Errorf("holds: %d %s", code, text)
		}
	})
}

// TestControlNamesMembers: who mistypes a member is told where, and which there are.
func TestControlNamesMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, emulator.Config{})
		defer w.Close(context.Background())
		const members = "there is no such member; there are arrayIndex, attempt, image, jobDefinition, jobName, jobQueue, nodeIndex"
		for _, c := range []struct{ method, path, body, want string }{
			{"PUT", "holds", `[{"match":{},"state":"RUNNABLE"},{"match":{"jobNam":"x"},"state":"RUNNABLE"}]`, "[1].match.jobNam: " + members},
			{"PUT", "outcomes", `[{"match":{"name":"x"},"outcome":{}}]`, "[0].match.name: " + members},
			{"PUT", "outcomes", `[{"when":{},"outcome":{}}]`, "[0].when: there is no such member; there are match, outcome"},
			{"PUT", "outcomes", `[{"match":{},"outcome":{"exitCod":1}}]`, "rule 1: outcome: exitCod is no member of an outcome; there are duration, exitCode,"},
			{"PUT", "holds", `[{"match":{"arrayIndex":"1"},"state":"RUNNABLE"}]`, "[0].match.arrayIndex: it must be a whole number"},
			{"PUT", "holds", `[{"match":{"jobName":1},"state":"RUNNABLE"}]`, "[0].match.jobName: it must be a text"},
			{"PUT", "holds", `[{"match":[],"state":"RUNNABLE"}]`, "[0].match: it must be an object"},
			{"PUT", "holds", `{"match":{}}`, "it must be a list"},
			{"PUT", "holds", `[{"match"`, "it is not JSON"},
			{"PUT", "holds", `[] []`, "something follows its JSON value"},
			{"POST", "clock", `{"forward":"5m"}`, "forward: there is no such member; there are advance, frozen, set"},
			{"POST", "clock", `{"frozen":"yes"}`, "frozen: it must be true or false"},
			{"POST", "reclaim", `{"instance":"i-1"}`, "instance: there is no such member; there are instanceId, job"},
		} {
			code, text := w.send(c.method, "/_emulator/"+c.path, c.body)
			if code != 400 || !strings.Contains(text, c.want) {
				t.Errorf("%s %s: %d %s; want %q", c.path, c.body, code, text, c.want)
			}
		}
	})
}

// TestEvents: one event for each status but SUBMITTED, in order, as EventBridge tells it (events-logs-schedules.md 3), and from where a client had come to.
func TestEvents(t *testing.T) {
	w := open(t, emulator.Config{})
	w.place(w.batch, 8)
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close) // after those of the followers
	follow := func(after string) *bufio.Scanner {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/_emulator/events?region=us-east-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if after != "" {
			r.Header.Set("Last-Event-ID", after)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return bufio.NewScanner(answer.Body)
	}
	type event struct {
		ID         string
		DetailType string `json:"detail-type"`
		Source     string
		Resources  []string
		Detail     struct {
			JobID  string
			Status string
			Tags   map[string]string
		}
	}
	read := func(lines *bufio.Scanner, n int) (numbers []string, list []event) {
		for len(list) < n && lines.Scan() {
			if number, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				numbers = append(numbers, number)
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var e event
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					t.Fatal(err)
				}
				list = append(list, e)
			}
		}
		return numbers, list
	}
	lines := follow("")
	id := w.submit(`{"exitCode":1}`, ofArray(2), func(in *batch.SubmitJobInput) { in.Tags = map[string]string{"a": "b"} })
	numbers, list := read(lines, 2*5+2)
	statuses := map[string][]string{}
	for _, e := range list {
		statuses[e.Detail.JobID] = append(statuses[e.Detail.JobID], e.Detail.Status)
		if e.DetailType != "Batch Job State Change" || e.Source != "aws.batch" || len(e.Resources) != 1 || !strings.HasSuffix(e.Detail.Tags["resourceArn"], ":job/"+id) {
			t.Errorf("%+v", e)
		}
	}
	child := []string{"PENDING", "RUNNABLE", "STARTING", "RUNNING", "FAILED"}
	if diff := cmp.Diff(map[string][]string{id: {"PENDING", "FAILED"}, id + ":0": child, id + ":1": child}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	_, again := read(follow(numbers[2]), 1)
	if diff := cmp.Diff(list[3], again[0]); diff != "" {
		t.Errorf("after %s (-want +got):\n%s", numbers[2], diff)
	}
}

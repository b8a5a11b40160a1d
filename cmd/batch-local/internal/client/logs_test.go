package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// A shelf is streams that are read as the service's are (events-logs-schedules.md 2.4): two lines a page, and at the end the token that was given. The
// key of a stream is its group and its name; one in another region than us-east-1 has that before. A line may begin with its time, "12:text".
type shelf struct {
	mu      sync.Mutex
	streams map[string][]string
	calls   []string // streams that were asked for, the latest last
}

var regionOf = regexp.MustCompile(`Credential=[^/]+/[0-9]+/([^/]+)/logs/`)

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const size = 2
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct{ LogGroupName, LogStreamName, NextToken string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	key := in.LogGroupName + " " + in.LogStreamName
	if region := regionOf.FindStringSubmatch(r.Header.Get("Authorization")); region == nil || region[1] != "us-east-1" {
		key = strings.Join(region[1:], "") + " " + key
	}
	s.calls = append(s.calls, in.LogStreamName)
	lines, ok := s.streams[key]
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}`)
		return
	}
	from := 0
	fmt.Sscanf(in.NextToken, "f/%d/s", &from)
	to := min(from+size, len(lines))
	events := []map[string]any{}
	for _, line := range lines[from:to] {
		at := 1
		if clock, text, ok := strings.Cut(line, ":"); ok {
			at, _ = strconv.Atoi(clock)
			line = text
		}
		events = append(events, map[string]any{"timestamp": at, "message": line})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"events": events, "nextForwardToken": fmt.Sprintf("f/%d/s", to), "nextBackwardToken": "b/0/s"})
}

// asked answers the streams that were asked for since the last time.
func (s *shelf) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// put adds lines to a stream, which begins with them if it is new.
func (s *shelf) put(key string, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[key] = append(s.streams[key], lines...)
}

func (s *shelf) open(t *testing.T) *Client {
	t.Helper()
	server := httptest.NewServer(s)
	c := New(Endpoint{URL: server.URL}, Identity{AccessKey: "test", Region: "us-east-1"})
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

// reading answers a function that reads on in a transcript, and compares.
func reading(t *testing.T, transcript *Transcript) func(what string, want ...string) {
	return func(what string, want ...string) {
		t.Helper()
		var got []string
		err := transcript.Read(t.Context(), func(lines []Line) error {
			for _, line := range lines {
				if line.Container != "default" {
					line.Text = line.Container + ":" + line.Text
				}
				got = append(got, line.Text)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: lines (-want +got):\n%s", what, diff)
		}
	}
}

// job is a job with streams of earlier attempts and one of the newest.
func job(newest string, earlier ...string) types.JobDetail {
	j := types.JobDetail{Container: &types.ContainerDetail{}}
	if newest != "" {
		j.Container.LogStreamName = &newest
	}
	for _, stream := range earlier {
		j.Attempts = append(j.Attempts, types.AttemptDetail{Container: &types.AttemptContainerDetail{LogStreamName: aws.String(stream)}})
	}
	return j
}

func TestTranscript(t *testing.T) {
	on := &shelf{streams: map[string][]string{
		"/aws/batch/job one": {"1", "2", "3", "4", "5"},
		"/aws/batch/job two": {"6"},
		"mine three":         {"7", "8"},
		"eu-west-1 mine 4":   {"9"},
	}}
	c := on.open(t)
	transcript := c.Transcript("")
	read := reading(t, transcript)
	read("before there is any stream")
	transcript.Update(job("one"))
	read("the first attempt", "1", "2", "3", "4", "5")
	read("the same again")
	on.put("/aws/batch/job one", "5a")
	transcript.Update(job("two", "one"))
	read("the end of the first, the second", "5a", "6")
	transcript.Update(job("not-there-yet", "one", "two"))
	read("a stream that is named before it is there")
	on.put("/aws/batch/job not-there-yet")
	read("and is there, and empty")
	on.put("/aws/batch/job not-there-yet", "9")
	read("and then has a line", "9")
	on.asked()
	read("and no more")
	if calls := on.asked(); len(calls) != 1 {
		t.Errorf("for nothing new it asked for %v", calls)
	}

	own := job("three")
	own.Container.LogConfiguration = &types.LogConfiguration{Options: map[string]string{"awslogs-group": "mine"}}
	transcript = c.Transcript("")
	transcript.Update(own)
	reading(t, transcript)("a group of the job's own", "7", "8")

	own = job("4")
	own.Container.LogConfiguration = &types.LogConfiguration{Options: map[string]string{"awslogs-group": "mine", "awslogs-region": "eu-west-1"}}
	transcript = c.Transcript("")
	transcript.Update(own)
	reading(t, transcript)("a region of the job's own", "9")
}

// tasks is a job of the containers a and b, which has a place of its own. Each text names an attempt, and after a slash how it is known: as ended, as the
// newest, or both.
func tasks(attempts ...string) types.JobDetail {
	elsewhere := &types.LogConfiguration{Options: map[string]string{"awslogs-group": "mine", "awslogs-region": "eu-west-1"}}
	task := types.EcsTaskDetails{Containers: []types.TaskContainerDetails{{Name: aws.String("a")}, {Name: aws.String("b"), LogConfiguration: elsewhere}}}
	j := types.JobDetail{Status: types.JobStatusRunning}
	for _, attempt := range attempts {
		name, how, _ := strings.Cut(attempt, "/")
		if strings.Contains(how, "newest") {
			for i := range task.Containers {
				task.Containers[i].LogStreamName = aws.String(*task.Containers[i].Name + name)
			}
		}
		if strings.Contains(how, "ended") {
			j.Attempts = append(j.Attempts, types.AttemptDetail{Container: &types.AttemptContainerDetail{}, TaskProperties: []types.AttemptEcsTaskDetails{{Containers: []types.AttemptTaskContainerDetails{
				{Name: aws.String("a"), LogStreamName: aws.String("a" + name)}, {Name: aws.String("b"), LogStreamName: aws.String("b" + name)}}}}})
		}
	}
	j.EcsProperties = &types.EcsPropertiesDetail{TaskProperties: []types.EcsTaskDetails{task}}
	return j
}

// TestTranscriptOfSeveral: lines of all containers in the order of their time, over pages, attempts and places.
func TestTranscriptOfSeveral(t *testing.T) {
	on := &shelf{streams: map[string][]string{
		"/aws/batch/job a1": {"1:x", "3:x", "3:y", "5:x", "9:x"},
		"eu-west-1 mine b1": {"2:x", "3:z", "4:x", "6:x", "7:x", "8:x"},
		"/aws/batch/job a2": {"10:x"},
	}}
	transcript := on.open(t).Transcript("")
	read := reading(t, transcript)
	transcript.Update(tasks("1/newest"))
	read("the first attempt", "a:x", "b:x", "a:x", "a:y", "b:z", "b:x", "a:x", "b:x", "b:x", "b:x", "a:x")
	on.put("eu-west-1 mine b1", "9:last")
	transcript.Update(tasks("1/ended", "2/newest"))
	read("the next, of which b has no stream", "b:last", "a:x")
	on.put("eu-west-1 mine b2", "11:x")
	transcript.Update(tasks("1/ended", "2/ended newest"))
	read("that has one", "b:x")
	if !transcript.Found() || transcript.Attempts() != 2 {
		t.Errorf("%d attempts, found: %t", transcript.Attempts(), transcript.Found())
	}

	transcript = on.open(t).Transcript("b")
	transcript.Update(tasks("1/ended", "2/ended newest"))
	on.asked()
	reading(t, transcript)("one of them", "b:x", "b:z", "b:x", "b:x", "b:x", "b:x", "b:last", "b:x")
	if slices.ContainsFunc(on.asked(), func(stream string) bool { return strings.HasPrefix(stream, "a") }) {
		t.Error("the other was asked for too")
	}
}

// pod is a job of a pod with init containers i and k, and others a and b.
func pod(name string, earlier ...string) types.JobDetail {
	detail := func(names ...string) (all []types.EksContainerDetail) {
		for _, n := range names {
			all = append(all, types.EksContainerDetail{Name: &n})
		}
		return all
	}
	attempt := func(names ...string) (all []types.EksAttemptContainerDetail) {
		for _, n := range names {
			all = append(all, types.EksAttemptContainerDetail{Name: &n})
		}
		return all
	}
	p := &types.EksPodPropertiesDetail{InitContainers: detail("i", "k"), Containers: detail("a", "b")}
	if name != "" {
		p.PodName = &name
	}
	j := types.JobDetail{Status: types.JobStatusRunning, EksProperties: &types.EksPropertiesDetail{PodProperties: p}}
	for _, e := range earlier {
		j.EksAttempts = append(j.EksAttempts, types.EksAttemptDetail{PodName: &e, InitContainers: attempt("i", "k"), Containers: attempt("a", "b")})
	}
	return j
}

// TestTranscriptOfPod: streams are found by the name of the pod, and those are not asked for which can have nothing new.
func TestTranscriptOfPod(t *testing.T) {
	on := &shelf{streams: map[string][]string{}}
	transcript := on.open(t).Transcript("")
	read := reading(t, transcript)
	asked := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, on.asked()); diff != "" {
			t.Errorf("it asked for (-want +got):\n%s", diff)
		}
	}
	transcript.Update(pod(""))
	read("a pod that is not there")
	transcript.Update(pod("p"))
	read("one that prints nothing yet")
	asked("p/i")
	if transcript.Found() {
		t.Error("a stream was found")
	}
	on.put("/aws/batch/eks p/i", "1:x")
	on.put("/aws/batch/eks p/k", "2:x")
	read("init containers", "i:x", "k:x")
	on.asked()
	on.put("/aws/batch/eks p/i", "2:late")
	read("all of the first is there when the second is", "i:late")
	on.asked()
	read("then")
	asked("p/k", "p/a", "p/b")
	on.put("/aws/batch/eks p/a", "3:x", "5:x")
	on.put("/aws/batch/eks p/b", "4:x")
	read("the others", "a:x", "b:x", "a:x")
	on.asked()
	on.put("/aws/batch/eks q/b", "6:x")
	transcript.Update(pod("q", "p"))
	read("another pod")
	on.put("/aws/batch/eks q/i", "6:x")
	end := pod("q", "p", "q")
	end.Status = types.JobStatusFailed
	transcript.Update(end)
	read("at the end all are asked for", "i:x", "b:x")

	transcript = on.open(t).Transcript("a")
	transcript.Update(end)
	reading(t, transcript)("one of the containers", "a:x", "a:x")
}

// TestFollowSeveral: containers are not asked for more often together than one alone, and lines come while the job runs.
func TestFollowSeveral(t *testing.T) {
	on := &shelf{streams: map[string][]string{"/aws/batch/job a1": {"1:x"}, "eu-west-1 mine b1": {"2:x"}}}
	mux, end := http.NewServeMux(), make(chan struct{})
	const is = `{"jobId":"job","status":"%s","ecsProperties":{"taskProperties":[{"containers":[{"name":"a","logStreamName":"a1"},
		{"name":"b","logStreamName":"b1","logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"mine","awslogs-region":"eu-west-1"}}}]}]}}`
	mux.HandleFunc("POST /v1/describejobs", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"jobs":[`+is+`]}`, "RUNNING") })
	mux.HandleFunc("GET /_emulator/wait", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-end:
			fmt.Fprintf(w, is, "SUCCEEDED")
		case <-r.Context().Done():
		}
	})
	mux.Handle("/", on)
	server := httptest.NewServer(mux)
	defer server.Close()
	c := New(Endpoint{URL: server.URL}, Identity{AccessKey: "test", Region: "us-east-1"})
	defer c.Close()

	var got []string
	type measure struct {
		calls int
		spent time.Duration
	}
	measured := make(chan measure, 1)
	job, err := c.Follow(t.Context(), "job", Observer{Lines: func(lines []Line) error {
		for _, line := range lines {
			got = append(got, line.Container)
		}
		if len(got) == 2 {
			go func() {
				on.asked()
				start := time.Now()
				time.Sleep(time.Second) // which is what is measured
				measured <- measure{len(on.asked()), time.Since(start)}
				on.put("/aws/batch/job a1", "3:x")
				close(end)
			}()
		}
		return nil
	}})
	if err != nil || job.Status != types.JobStatusSucceeded {
		t.Fatalf("%s, %v", job.Status, err)
	}
	if diff := cmp.Diff([]string{"a", "b", "a"}, got); diff != "" {
		t.Errorf("lines of (-want +got):\n%s", diff)
	}
	m := <-measured
	if most := int(m.spent/logPause) + 4; m.calls > most { // two looks that began before, of two streams each
		t.Errorf("%d calls in %v, more than %d", m.calls, m.spent, most)
	}
}

package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
)

// A scribe reproduces what a test says.
type scribe func(batch.Task) ([][]string, error)

func (s scribe) Reproduce(t batch.Task) ([][]string, error) { return s(t) }

// honest says what it lacks.
type honest struct{ scribe }

func (honest) Unsaid(t batch.Task) []string {
	return []string{"It lacks an " + t.Containers[0].Image + "."}
}

// TestReproduce: what SubmitJob said comes back as options of the AWS command line, and nothing else.
func TestReproduce(t *testing.T) {
	s := perform(t, nil)
	s.powers.reproducer = scribe(func(t batch.Task) ([][]string, error) {
		if t.JobName == "bad" {
			return nil, errors.New("it is too strange")
		}
		return [][]string{{"docker", "run", t.Containers[0].Image}}, nil
	})
	all := func(in *api.SubmitJobInput) {
		in.ArrayProperties = &api.ArrayProperties{Size: new(int32(2))}
		in.Parameters = map[string]string{"b": "<2>", "a": "1"}
		in.ContainerOverrides.Command = []string{"it's"}
		in.RetryStrategy = &api.RetryStrategy{Attempts: new(int32(3))}
		in.Timeout = &api.JobTimeout{AttemptDurationSeconds: new(int32(60))}
		in.PropagateTags = new(false)
		in.Tags = map[string]string{"team": "x"}
		in.DependsOn = []api.JobDependency{{Type: api.ArrayJobDependencySequential}}
	}
	get := func(id string) Reproduction {
		t.Helper()
		answer, err := http.Get(s.server.URL + "/_emulator/reproduce?job=" + id)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var is Reproduction
		if err := json.NewDecoder(answer.Body).Decode(&is); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status, err)
		}
		return is
	}

	plain := s.job(`{}`, "")
	want := Reproduction{
		Docker: [][]string{{"docker", "run", "image"}},
		AWS: [][]string{{"aws", "batch", "submit-job", "--job-definition", "a:1", "--job-name", "j", "--job-queue", "a",
			"--container-overrides", `{"environment":[{"name":"BATCH_LOCAL_OUTCOME","value":"{}"}]}`}},
		Notes: []string{},
	}
	if diff := cmp.Diff(want, get(plain)); diff != "" {
		t.Errorf("a plain job (-want +got):\n%s", diff)
	}

	array := s.job(`{}`, "", all)
	want.Docker, want.Notes = [][]string{}, []string{"An array has no container of its own. To see that of a child: " + array + ":0."}
	want.AWS = [][]string{{"aws", "batch", "submit-job", "--job-definition", "a:1", "--job-name", "j", "--job-queue", "a",
		"--array-properties", `{"size":2}`, "--container-overrides", `{"command":["it's"],"environment":[{"name":"BATCH_LOCAL_OUTCOME","value":"{}"}]}`,
		"--depends-on", `[{"type":"SEQUENTIAL"}]`, "--parameters", `{"a":"1","b":"<2>"}`, "--no-propagate-tags", "--retry-strategy", `{"attempts":3}`,
		"--tags", `{"team":"x"}`, "--timeout", `{"attemptDurationSeconds":60}`}}
	if diff := cmp.Diff(want, get(array)); diff != "" {
		t.Errorf("an array (-want +got):\n%s", diff)
	}
	want.Docker, want.Notes = [][]string{{"docker", "run", "image"}}, []string{"Job " + array + ":1 was not submitted itself: aws submits all of " + array + "."}
	if diff := cmp.Diff(want, get(array+":1")); diff != "" {
		t.Errorf("a child (-want +got):\n%s", diff)
	}

	bad := s.job(`{}`, "", func(in *api.SubmitJobInput) { in.JobName = new("bad") })
	if is := get(bad); len(is.Docker) != 0 || len(is.Notes) != 1 || is.Notes[0] != "The container cannot be reproduced: it is too strange." {
		t.Errorf("one that the driver cannot reproduce: %+v", is)
	}
	waiting := s.job(`{"duration":"1h"}`, "PENDING", func(in *api.SubmitJobInput) {
		in.DependsOn = []api.JobDependency{{JobId: new(s.job(`{"duration":"1h"}`, "RUNNING"))}}
	})
	if is := get(waiting); len(is.Docker) != 0 || len(is.Notes) != 1 || !strings.Contains(is.Notes[0], "has not been placed yet") {
		t.Errorf("one that waits: %+v", is)
	}
	s.powers.reproducer = honest{s.powers.reproducer.(scribe)}
	if is := get(plain); len(is.Docker) != 1 || len(is.Notes) != 1 || is.Notes[0] != "It lacks an image." {
		t.Errorf("one whose commands lack something: %+v", is)
	}
	if _, err := s.Reproduce(context.Background(), "nobody"); !errors.Is(err, control.ErrUnknown) {
		t.Errorf("of nobody: %v", err)
	}
	s.powers.reproducer = nil
	if is := get(plain); len(is.Docker) != 0 || len(is.Notes) != 1 || is.Notes[0] != "The simulated driver runs no containers." {
		t.Errorf("without containers: %+v", is)
	}
}

// TestCredentials: without a role of its own a job has that of its instance, if it is on one.
func TestCredentials(t *testing.T) {
	for want, task := range map[string]batch.Task{"169.254.170.2.": {JobRole: "r", HostRole: "i"}, "169.254.169.254.": {HostRole: "i"}, "": {}} {
		if got := credentials(task); !strings.HasSuffix(got, want) || (got == "") != (want == "") {
			t.Errorf("%+v: %q, want %q", task, got, want)
		}
	}
}

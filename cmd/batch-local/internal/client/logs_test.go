package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// pages answers GetLogEvents as the service does (events-logs-schedules.md 2.4): two lines a page, and at the end the token that was given.
func pages(streams map[string][]string) http.HandlerFunc {
	const size = 2
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ LogGroupName, LogStreamName, NextToken string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		lines, ok := streams[in.LogGroupName+" "+in.LogStreamName]
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
			events = append(events, map[string]any{"timestamp": 1, "message": line})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"events": events, "nextForwardToken": fmt.Sprintf("f/%d/s", to), "nextBackwardToken": "b/0/s"})
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
	streams := map[string][]string{
		"/aws/batch/job one": {"1", "2", "3", "4", "5"},
		"/aws/batch/job two": {"6"},
		"mine three":         {"7", "8"},
	}
	server := httptest.NewServer(pages(streams))
	defer server.Close()
	c := New(Endpoint{URL: server.URL}, Identity{AccessKey: "test", Region: "us-east-1"})
	defer c.Close()

	var got []string
	transcript := c.Transcript()
	read := func(what string, want ...string) {
		t.Helper()
		got = nil
		err := transcript.Read(t.Context(), func(lines []Line) error {
			for _, line := range lines {
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
	read("before there is any stream")
	transcript.Update(job("one"))
	read("the first attempt", "1", "2", "3", "4", "5")
	read("the same again")
	streams["/aws/batch/job one"] = append(streams["/aws/batch/job one"], "5a")
	transcript.Update(job("two", "one"))
	read("the end of the first, the second", "5a", "6")
	transcript.Update(job("not-there-yet", "one", "two"))
	read("a stream that is named before it is there")
	streams["/aws/batch/job not-there-yet"] = []string{"9"}
	read("and then is there", "9")

	transcript = c.Transcript()
	own := job("three")
	own.Container.LogConfiguration = &types.LogConfiguration{Options: map[string]string{"awslogs-group": "mine"}}
	transcript.Update(own)
	read("a group of the job's own", "7", "8")
}

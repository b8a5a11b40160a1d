package logs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/logs"
)

// A reader is a store with the real client before it, in process.
type reader struct {
	*testing.T
	store   *logs.Store
	handler http.Handler
	client  *cloudwatchlogs.Client
	group   *string
}

func (r *reader) Do(request *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	return w.Result(), nil
}

func read(t *testing.T) *reader { return readFrom(t, open(t, logs.Options{})) }

func readFrom(t *testing.T, s *logs.Store) *reader {
	r := &reader{T: t, store: s, group: aws.String("/aws/batch/job")}
	r.handler = logs.NewHandler(r.store, logs.HandlerOptions{Caller: func(r *http.Request) (string, string, error) {
		if r.Header.Get("Authorization") == "" {
			return "", "", errors.New("who are you?")
		}
		return "000000000000", "us-east-1", nil
	}})
	r.client = cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://localhost"), HTTPClient: r,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	return r
}

const base = 1_767_225_600_000 // 2026-01-01

// write writes events "name 0", "name 1", ... so many milliseconds apart.
func (r *reader) write(stream string, n int, first, apart int64) {
	r.Helper()
	w := create(r, r.store, stream)
	for i := range n {
		w.Append(logs.Stdout, time.UnixMilli(base+first+int64(i)*apart), fmt.Appendf(nil, "%s %d", stream, i))
	}
	w.Close()
}

func (r *reader) get(in cloudwatchlogs.GetLogEventsInput) *cloudwatchlogs.GetLogEventsOutput {
	r.Helper()
	in.LogGroupName = r.group
	out, err := r.client.GetLogEvents(context.Background(), &in)
	if err != nil {
		r.Fatal(err)
	}
	return out
}

func messages(events []types.OutputLogEvent) (list []string) {
	for _, e := range events {
		list = append(list, *e.Message)
	}
	return list
}

func numbered(stream string, from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint(stream, " ", i))
	}
	return list
}

func (r *reader) wants(what string, got, want []string) {
	r.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestGetLogEvents is events-logs-schedules.md 2.4.
func TestGetLogEvents(t *testing.T) {
	r := read(t)
	r.write("s", 10, 0, 1000)
	s := aws.String("s")
	r.wants("the newest first, in their order", messages(r.get(cloudwatchlogs.GetLogEventsInput{LogStreamName: s, Limit: aws.Int32(3)}).Events), numbered("s", 7, 10))
	r.wants("from the head", messages(r.get(cloudwatchlogs.GetLogEventsInput{LogStreamName: s, Limit: aws.Int32(3), StartFromHead: aws.Bool(true)}).Events), numbered("s", 0, 3))
	r.wants("start is inclusive and end exclusive", messages(r.get(cloudwatchlogs.GetLogEventsInput{LogStreamName: s, StartTime: aws.Int64(base + 2000), EndTime: aws.Int64(base + 5000)}).Events), numbered("s", 2, 5))

	var seen []string
	in := cloudwatchlogs.GetLogEventsInput{LogStreamName: s, Limit: aws.Int32(4), StartFromHead: aws.Bool(true)}
	for {
		out := r.get(in)
		if len(out.Events) == 0 {
			if *out.NextForwardToken != *in.NextToken {
				t.Errorf("at the end the token changes: %s, %s", *in.NextToken, *out.NextForwardToken)
			}
			break
		}
		seen = append(seen, messages(out.Events)...)
		in.NextToken = out.NextForwardToken
	}
	r.wants("forward, page by page", seen, numbered("s", 0, 10))
	w := create(t, r.store, "s")
	w.Append(logs.Stdout, time.UnixMilli(base+20_000), []byte("s 10"))
	w.Close()
	r.wants("the token of the end finds what came later", messages(r.get(in).Events), numbered("s", 10, 11))

	seen = nil
	in = cloudwatchlogs.GetLogEventsInput{LogStreamName: s, Limit: aws.Int32(4)}
	for out := r.get(in); len(out.Events) > 0; out = r.get(in) {
		seen = append(messages(out.Events), seen...)
		in.NextToken = out.NextBackwardToken
	}
	r.wants("backward, page by page", seen, numbered("s", 0, 11))

	create(t, r.store, "empty").Close()
	out := r.get(cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("empty")})
	if len(out.Events) != 0 || !strings.HasPrefix(*out.NextForwardToken, "f/") || !strings.HasPrefix(*out.NextBackwardToken, "b/") || len(*out.NextForwardToken) != 60 {
		t.Errorf("an empty stream: %v %s %s", out.Events, *out.NextForwardToken, *out.NextBackwardToken)
	}
	w = create(t, r.store, "empty")
	w.Append(logs.Stdout, time.Now().Add(time.Second), []byte("now"))
	w.Close()
	again := r.get(cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("empty"), NextToken: out.NextForwardToken, StartFromHead: aws.Bool(true)})
	r.wants("after an empty page", messages(again.Events), []string{"now"})
}

// TestFilterLogEvents is events-logs-schedules.md 2.5.
func TestFilterLogEvents(t *testing.T) {
	r := read(t)
	r.write("a/1", 5, 0, 1000)
	r.write("a/2", 5, 500, 1000)
	r.write("b/1", 5, 0, 1000)
	filter := func(in cloudwatchlogs.FilterLogEventsInput) (all []string, pages int) {
		t.Helper()
		in.LogGroupName = r.group
		ids := map[string]bool{}
		for p := cloudwatchlogs.NewFilterLogEventsPaginator(r.client, &in); p.HasMorePages(); pages++ {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Events {
				if ids[*e.EventId] {
					t.Errorf("event %s twice", *e.EventId)
				}
				ids[*e.EventId] = true
				all = append(all, *e.Message)
			}
			if len(out.SearchedLogStreams) != 0 {
				t.Error("searchedLogStreams is not empty")
			}
		}
		return all, pages
	}
	got, pages := filter(cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("a/"), Limit: aws.Int32(3)})
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprint("a/1 ", i), fmt.Sprint("a/2 ", i))
	}
	r.wants("two streams by time", got, want)
	if pages != 4 {
		t.Errorf("%d pages, want 4", pages)
	}
	got, _ = filter(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"b/1"}, StartTime: aws.Int64(base + 1000), EndTime: aws.Int64(base + 3000)})
	r.wants("both ends are inclusive", got, numbered("b/1", 1, 4))
	got, _ = filter(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"b/1"}, StartTime: aws.Int64(base), StartFromHead: aws.Bool(false), Limit: aws.Int32(2)})
	slices.Reverse(got)
	r.wants("from the tail", got, numbered("b/1", 0, 5))
	got, _ = filter(cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`"a/1" -3`)})
	r.wants("with a pattern", got, []string{"a/1 0", "a/1 1", "a/1 2", "a/1 4"})
}

// TestPatterns is events-logs-schedules.md 2.5, filter pattern grammar.
func TestPatterns(t *testing.T) {
	r := read(t)
	w := create(t, r.store, "s")
	for _, line := range []string{"ERROR disk full", "ERROR net", "error disk", "WARN disk full", `say "hi there"`, "took 12ms"} {
		w.Append(logs.Stdout, time.Now(), []byte(line))
	}
	w.Close()
	for pattern, want := range map[string][]string{
		"": {"ERROR disk full", "ERROR net", "error disk", "WARN disk full", `say "hi there"`, "took 12ms"}, " ": {"ERROR disk full", "ERROR net", "error disk", "WARN disk full", `say "hi there"`, "took 12ms"},
		"ERROR": {"ERROR disk full", "ERROR net"}, "ERROR disk": {"ERROR disk full"}, "?ERROR ?WARN": {"ERROR disk full", "ERROR net", "WARN disk full"},
		"disk -full": {"error disk"}, `"disk full"`: {"ERROR disk full", "WARN disk full"}, `"say \"hi"`: {`say "hi there"`}, `%[0-9]+ms%`: {"took 12ms"}, "disk ?WARN": {"ERROR disk full", "error disk", "WARN disk full"},
		"nothing": nil,
	} {
		out, err := r.client.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: r.group, FilterPattern: &pattern})
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
			continue
		}
		var got []string
		for _, e := range out.Events {
			got = append(got, *e.Message)
		}
		r.wants(fmt.Sprintf("%q", pattern), got, want)
	}
}

// TestDescribe: streams in both orders and groups, in pages (events-logs-schedules.md 2.3).
func TestDescribe(t *testing.T) {
	r := read(t)
	for i, name := range []string{"d/default/1", "d/default/2", "e/default/1", "d/default/3"} {
		r.write(name, 1, int64(100-i), 1)
	}
	list := func(in cloudwatchlogs.DescribeLogStreamsInput) (names []string) {
		t.Helper()
		in.LogGroupName, in.Limit = r.group, aws.Int32(2)
		for p := cloudwatchlogs.NewDescribeLogStreamsPaginator(r.client, &in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range out.LogStreams {
				names = append(names, *s.LogStreamName)
				if want := "arn:aws:logs:us-east-1:000000000000:log-group:/aws/batch/job:log-stream:" + *s.LogStreamName; *s.Arn != want || *s.FirstEventTimestamp == 0 {
					t.Errorf("%s: %+v", want, s)
				}
			}
		}
		return names
	}
	byName := []string{"d/default/1", "d/default/2", "d/default/3", "e/default/1"}
	r.wants("by name", list(cloudwatchlogs.DescribeLogStreamsInput{}), byName)
	backward := slices.Clone(byName)
	slices.Reverse(backward)
	r.wants("by name, backward", list(cloudwatchlogs.DescribeLogStreamsInput{Descending: aws.Bool(true)}), backward)
	r.wants("by prefix", list(cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("d/")}), byName[:3])
	r.wants("by prefix, backward", list(cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("d/"), Descending: aws.Bool(true)}), backward[1:])
	r.wants("by time, newest first", list(cloudwatchlogs.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)}), []string{"d/default/1", "d/default/2", "e/default/1", "d/default/3"})
	groups, err := r.client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/")})
	if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].LogGroupName != *r.group || *groups.LogGroups[0].Arn != "arn:aws:logs:us-east-1:000000000000:log-group:/aws/batch/job:*" {
		t.Errorf("groups: %+v, %v", groups, err)
	}
}

// TestErrors has the texts of events-logs-schedules.md 2.7.
func TestErrors(t *testing.T) {
	r := read(t)
	r.write("s", 1, 0, 1)
	nowhere := aws.String("nowhere")
	for want, call := range map[string]func() error{
		"ResourceNotFoundException: The specified log group does not exist.": func() error {
			_, err := r.client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: nowhere, LogStreamName: nowhere})
			return err
		},
		"ResourceNotFoundException: The specified log stream does not exist.": func() error {
			_, err := r.client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: r.group, LogStreamName: nowhere})
			return err
		},
		"InvalidParameterException: The specified nextToken is invalid.": func() error {
			_, err := r.client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: r.group, LogStreamName: aws.String("s"), NextToken: nowhere})
			return err
		},
		"InvalidParameterException: 1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000": func() error {
			_, err := r.client.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: r.group, Limit: aws.Int32(10001)})
			return err
		},
		"InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix.": func() error {
			_, err := r.client.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: r.group, OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: nowhere})
			return err
		},
		"ValidationException: LogGroup name and LogGroup ARN are mutually exclusive parameters.": func() error {
			_, err := r.client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: r.group, LogGroupIdentifier: r.group, LogStreamName: nowhere})
			return err
		},
		"InvalidParameterException: LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.": func() error {
			_, err := r.client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: nowhere, LogGroupNamePattern: nowhere})
			return err
		},
		"UnknownOperationException: StartQuery is not available in batch-local yet.": func() error {
			_, err := r.client.StartQuery(t.Context(), &cloudwatchlogs.StartQueryInput{StartTime: aws.Int64(0), EndTime: aws.Int64(1), QueryString: nowhere, LogGroupName: r.group})
			return err
		},
	} {
		var api smithy.APIError
		if err := call(); !errors.As(err, &api) || api.ErrorCode()+": "+api.ErrorMessage() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestWire is events-logs-schedules.md 1: bodies that are zipped, both versions of the protocol, what is malformed, and who does not sign.
func TestWire(t *testing.T) {
	r := read(t)
	r.write("s", 1, 0, 1)
	ask := func(body []byte, header map[string]string) *httptest.ResponseRecorder {
		request := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		request.Header.Set("X-Amz-Target", "Logs_20140328.DescribeLogGroups")
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("Authorization", "x")
		for k, v := range header {
			request.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, request)
		return w
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(`{"logGroupNamePrefix":"/aws"}`))
	z.Close()
	for name, test := range map[string]struct {
		body    []byte
		header  map[string]string
		status  int
		content string
	}{
		"zipped":       {zipped.Bytes(), map[string]string{"Content-Encoding": "gzip"}, 200, `"/aws/batch/job"`},
		"version 1.0":  {[]byte("{}"), map[string]string{"Content-Type": "application/x-amz-json-1.0"}, 200, `"/aws/batch/job"`},
		"no body":      {nil, nil, 200, `"/aws/batch/job"`},
		"not zipped":   {[]byte("{}"), map[string]string{"Content-Encoding": "gzip"}, 400, `"SerializationException"`},
		"nonsense":     {[]byte("nonsense"), nil, 400, `"SerializationException"`},
		"a wrong type": {[]byte(`{"limit":"x"}`), nil, 400, `"SerializationException"`},
		"unsigned":     {[]byte("{}"), map[string]string{"Authorization": ""}, 400, `"UnrecognizedClientException"`},
	} {
		w := ask(test.body, test.header)
		kind := "application/x-amz-json-1.1"
		if k := test.header["Content-Type"]; k != "" {
			kind = k
		}
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.content) || w.Header().Get("Content-Type") != kind || w.Header().Get("x-amzn-RequestId") == "" {
			t.Errorf("%s: %d %s %v", name, w.Code, w.Body, w.Header())
		}
	}
}

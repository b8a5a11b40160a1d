package logs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/batch-local/batch-local/emulator/logs"
)

const groupARN = "arn:aws:logs:us-east-1:000000000000:log-group:"

// must is for calls whose answer says nothing.
func must[Out any](r *reader) func(Out, error) {
	return func(_ Out, err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
	}
}

func (r *reader) make(in cloudwatchlogs.CreateLogGroupInput) {
	r.Helper()
	must[*cloudwatchlogs.CreateLogGroupOutput](r)(r.client.CreateLogGroup(context.Background(), &in))
}

func (r *reader) groups() []types.LogGroup {
	r.Helper()
	out, err := r.client.DescribeLogGroups(context.Background(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		r.Fatal(err)
	}
	return out.LogGroups
}

func (r *reader) tags(group string) map[string]string {
	r.Helper()
	out, err := r.client.ListTagsForResource(context.Background(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(groupARN + group)})
	if err != nil {
		r.Fatal(err)
	}
	return out.Tags
}

// TestGroups is the life of a group as Terraform leads it: made with tags, given a retention, tagged, read, removed.
func TestGroups(t *testing.T) {
	r := read(t)
	g := aws.String("/mine")
	before := time.Now().UnixMilli()
	r.make(cloudwatchlogs.CreateLogGroupInput{LogGroupName: g, Tags: map[string]string{"a": "1"}, KmsKeyId: aws.String("key"), LogGroupClass: types.LogGroupClassInfrequentAccess})
	must[*cloudwatchlogs.PutRetentionPolicyOutput](r)(r.client.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: g, RetentionInDays: aws.Int32(30)}))
	got := r.groups()
	want := []types.LogGroup{{
		Arn: aws.String(groupARN + "/mine:*"), LogGroupArn: aws.String(groupARN + "/mine"), LogGroupName: g, CreationTime: got[0].CreationTime, MetricFilterCount: aws.Int32(0), StoredBytes: aws.Int64(0),
		LogGroupClass: types.LogGroupClassInfrequentAccess, KmsKeyId: aws.String("key"), RetentionInDays: aws.Int32(30), DeletionProtectionEnabled: aws.Bool(false),
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.LogGroup{})); diff != "" || *got[0].CreationTime < before {
		t.Errorf("made at %d, described (-want +got):\n%s", *got[0].CreationTime, diff)
	}
	must[*cloudwatchlogs.DeleteRetentionPolicyOutput](r)(r.client.DeleteRetentionPolicy(t.Context(), &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: g}))
	if days := r.groups()[0].RetentionInDays; days != nil {
		t.Errorf("kept for %d days", *days)
	}

	arn := aws.String(groupARN + "/mine")
	must[*cloudwatchlogs.TagResourceOutput](r)(r.client.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2", "a": "3"}}))
	if want := map[string]string{"a": "3", "b": "2"}; !maps.Equal(r.tags("/mine"), want) {
		t.Errorf("tags %v, want %v", r.tags("/mine"), want)
	}
	must[*cloudwatchlogs.UntagResourceOutput](r)(r.client.UntagResource(t.Context(), &cloudwatchlogs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "nowhere"}}))
	//nolint:staticcheck // old tools call the deprecated operations
	must[*cloudwatchlogs.TagLogGroupOutput](r)(r.client.TagLogGroup(t.Context(), &cloudwatchlogs.TagLogGroupInput{LogGroupName: g, Tags: map[string]string{"c": "4", "d": "5"}}))
	//nolint:staticcheck // see above
	must[*cloudwatchlogs.UntagLogGroupOutput](r)(r.client.UntagLogGroup(t.Context(), &cloudwatchlogs.UntagLogGroupInput{LogGroupName: g, Tags: []string{"d"}}))
	//nolint:staticcheck // see above
	old, err := r.client.ListTagsLogGroup(t.Context(), &cloudwatchlogs.ListTagsLogGroupInput{LogGroupName: g})
	if want := map[string]string{"b": "2", "c": "4"}; err != nil || !maps.Equal(old.Tags, want) || !maps.Equal(r.tags("/mine"), want) {
		t.Errorf("tags %v and %v, %v", old, r.tags("/mine"), err)
	}

	must[*cloudwatchlogs.CreateLogStreamOutput](r)(r.client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: g, LogStreamName: aws.String("s")}))
	must[*cloudwatchlogs.DeleteLogGroupOutput](r)(r.client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: g}))
	r.make(cloudwatchlogs.CreateLogGroupInput{LogGroupName: g})
	streams, err := r.client.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: g})
	if err != nil || len(streams.LogStreams) != 0 || len(r.tags("/mine")) != 0 {
		t.Errorf("a group of the same name has %+v, tags %v, %v", streams, r.tags("/mine"), err)
	}
}

// TestRemovedWhileWritten: a container goes on when somebody removes its stream or its group; what it prints then is lost.
func TestRemovedWhileWritten(t *testing.T) {
	r := read(t)
	for name, remove := range map[string]func() error{
		"stream": func() error {
			_, err := r.client.DeleteLogStream(t.Context(), &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: r.group, LogStreamName: aws.String("s")})
			return err
		},
		"group": func() error {
			_, err := r.client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: r.group})
			return err
		},
	} {
		w := create(t, r.store, "s")
		fmt.Fprintln(w.Output(logs.Stdout), "one")
		if err := remove(); err != nil {
			t.Error(err)
		}
		fmt.Fprintln(w.Output(logs.Stdout), "two")
		if err := w.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := r.store.Stream(key("s")); ok {
			t.Errorf("%s: the stream is still there", name)
		}
	}
}

// TestGroupsAreKept: what was made, changed and removed is so after a restart, in one store with what jobs wrote.
func TestGroupsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, logs.Options{Dir: dir})
	r := readFrom(t, s)
	for _, name := range []string{"/mine", "/gone", "/again"} {
		r.make(cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name, Tags: map[string]string{"name": name}})
	}
	for _, name := range []string{"kept", "gone"} {
		r.write(name, 2, 0, 1)
	}
	must[*cloudwatchlogs.PutRetentionPolicyOutput](r)(r.client.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: r.group, RetentionInDays: aws.Int32(7)}))
	must[*cloudwatchlogs.DeleteLogStreamOutput](r)(r.client.DeleteLogStream(t.Context(), &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: r.group, LogStreamName: aws.String("gone")}))
	for _, name := range []string{"/gone", "/again"} {
		must[*cloudwatchlogs.CreateLogStreamOutput](r)(r.client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &name, LogStreamName: aws.String("s")}))
		must[*cloudwatchlogs.DeleteLogGroupOutput](r)(r.client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name}))
	}
	r.make(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/again"), DeletionProtectionEnabled: aws.Bool(true)})
	before := r.groups()
	s.Close()

	r = readFrom(t, open(t, logs.Options{Dir: dir}))
	if diff := cmp.Diff(before, r.groups(), cmpopts.IgnoreUnexported(types.LogGroup{})); diff != "" || len(before) != 3 {
		t.Errorf("%d groups; after the restart (-want +got):\n%s", len(before), diff)
	}
	if mine, again := r.tags("/mine"), r.tags("/again"); mine["name"] != "/mine" || len(again) != 0 {
		t.Errorf("tags %v and %v", mine, again)
	}
	r.wants("what a job wrote", messages(r.get(cloudwatchlogs.GetLogEventsInput{LogStreamName: aws.String("kept")}).Events), numbered("kept", 0, 2))
	for _, k := range []logs.Key{key("gone"), {Account: "000000000000", Region: "us-east-1", Group: "/again", Stream: "s"}} {
		if _, ok := r.store.Stream(k); ok {
			t.Errorf("%v is there again", k)
		}
	}
	if err := r.store.Reset(func(string, string) bool { return true }); err != nil || len(r.groups()) != 0 {
		t.Errorf("after a reset %+v, %v", r.groups(), err)
	}
}

// TestRefusals has the texts of events-logs-schedules.md 2.7, and of those whose text is not known the code.
func TestRefusals(t *testing.T) {
	r := read(t)
	g, s, none := aws.String("g"), aws.String("s"), aws.String("none")
	r.make(cloudwatchlogs.CreateLogGroupInput{LogGroupName: g})
	must[*cloudwatchlogs.CreateLogStreamOutput](r)(r.client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: g, LogStreamName: s}))
	r.make(cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("safe")})
	must[*cloudwatchlogs.PutLogGroupDeletionProtectionOutput](r)(r.client.PutLogGroupDeletionProtection(t.Context(), &cloudwatchlogs.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: aws.String(groupARN + "safe"), DeletionProtectionEnabled: aws.Bool(true)}))
	create := func(name string) error {
		_, err := r.client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
		return err
	}
	stream := func(group, name string) error {
		_, err := r.client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &name})
		return err
	}
	remove := func(name string) error {
		_, err := r.client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name})
		return err
	}
	retain := func(group *string, days int32) error {
		_, err := r.client.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: &days})
		return err
	}
	tag := func(arn string, n int) error {
		tags := map[string]string{}
		for i := range n {
			tags[fmt.Sprint(i)] = "x"
		}
		_, err := r.client.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: tags})
		return err
	}
	const invalid, notFound, exists = "InvalidParameterException: ", "ResourceNotFoundException: The specified log ", "ResourceAlreadyExistsException: The specified log "
	for name, test := range map[string]struct {
		err  error
		want string // a beginning
	}{
		"group exists":         {create("g"), exists + "group already exists"},
		"stream exists":        {stream("g", "s"), exists + "stream already exists"},
		"stream without group": {stream("none", "s"), notFound + "group does not exist."},
		"delete no group":      {remove("none"), notFound + "group does not exist."},
		"delete no stream": {func() error {
			_, err := r.client.DeleteLogStream(t.Context(), &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: g, LogStreamName: none})
			return err
		}(), notFound + "stream does not exist."},
		"retain no group":      {retain(none, 1), notFound + "group does not exist."},
		"retain two days":      {retain(g, 2), invalid + "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5,"},
		"tags of no group":     {tag(groupARN+"none", 1), notFound + "group does not exist."},
		"tags of no ARN":       {tag("g", 1), invalid},
		"tags with the star":   {tag(groupARN+"g:*", 1), notFound},
		"too many tags":        {tag(groupARN+"g", 51), "TooManyTagsException: "},
		"of AWS":               {create("aws/mine"), invalid + "Log groups starting with AWS/ are reserved for AWS."},
		"a space":              {create("with space"), invalid + `1 validation error detected: Value 'with space' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`},
		"a long name":          {create(strings.Repeat("x", 513)), invalid + "Invalid LogGroup or LogStream, both must have length less than or equal to 512."},
		"a long stream":        {stream("g", strings.Repeat("x", 513)), invalid + "Invalid LogGroup or LogStream, both must have length less than or equal to 512."},
		"a colon":              {stream("g", "a:b"), invalid},
		"a star":               {stream("g", "a*b"), invalid},
		"protected":            {remove("safe"), "ValidationException: "},
		"longest names are OK": {errors.Join(create(strings.Repeat("x", 512)), stream("g", strings.Repeat("x", 512))), ""},
	} {
		var api smithy.APIError
		switch {
		case test.want == "" && test.err != nil:
			t.Errorf("%s: %v", name, test.err)
		case test.want == "":
		case !errors.As(test.err, &api) || !strings.HasPrefix(api.ErrorCode()+": "+api.ErrorMessage(), test.want):
			t.Errorf("%s: %v, want %s", name, test.err, test.want)
		}
	}
	if len(r.tags("g")) != 0 {
		t.Errorf("a refused call left %d tags", len(r.tags("g")))
	}
}

// TestEmptyAnswers: an operation without output answers nothing at all (events-logs-schedules.md 2.3), and one without input says what is missing.
func TestEmptyAnswers(t *testing.T) {
	r := read(t)
	ask := func(operation, body string) *httptest.ResponseRecorder {
		request := httptest.NewRequest("POST", "/", strings.NewReader(body))
		request.Header.Set("X-Amz-Target", logs.TargetPrefix+operation)
		request.Header.Set("Authorization", "x")
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, request)
		return w
	}
	operations := []string{"CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy", "TagLogGroup", "UntagLogGroup", "CreateLogStream", "DeleteLogStream", "DeleteLogGroup"}
	for _, operation := range operations {
		tags := `{"a":"b"}`
		if operation == "UntagLogGroup" {
			tags = `["a"]`
		}
		w := ask(operation, `{"logGroupName":"g","logStreamName":"s","retentionInDays":1,"tags":`+tags+`}`)
		if w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("%s: %d %q", operation, w.Code, w.Body)
		}
	}
	for _, operation := range slices.Concat(operations, []string{"ListTagsLogGroup", "TagResource", "UntagResource", "ListTagsForResource", "PutLogGroupDeletionProtection"}) {
		if w := ask(operation, "{}"); w.Code != 400 || !strings.Contains(w.Body.String(), "Member must not be null") {
			t.Errorf("%s of nothing: %d %s", operation, w.Code, w.Body)
		}
	}
}

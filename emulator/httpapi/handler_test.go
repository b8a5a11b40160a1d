package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/httpapi"
)

// echo is a service that answers what it was asked.
type echo struct {
	api.Unimplemented
	caller api.Caller
	tagged *api.UntagResourceInput
}

func (e *echo) SubmitJob(ctx context.Context, in *api.SubmitJobInput) (*api.SubmitJobOutput, error) {
	e.caller = api.CallerFrom(ctx)
	switch *in.JobName {
	case "bare":
		return nil, api.ClientError("no such thing")
	case "wrapped":
		return nil, api.Invalid("wrong.")
	case "broken":
		return nil, errors.New("a secret of ours")
	case "panics":
		panic("a secret of ours")
	}
	return &api.SubmitJobOutput{JobId: new("id"), JobName: in.JobName, JobArn: new("<&>")}, nil
}

func (e *echo) CancelJob(context.Context, *api.CancelJobInput) (*api.CancelJobOutput, error) {
	return &api.CancelJobOutput{}, nil
}

func (e *echo) DescribeJobQueues(context.Context, *api.DescribeJobQueuesInput) (*api.DescribeJobQueuesOutput, error) {
	return &api.DescribeJobQueuesOutput{JobQueues: []api.JobQueueDetail{}}, nil
}

func (e *echo) UntagResource(_ context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	e.tagged = in
	return &api.UntagResourceOutput{}, nil
}

func (e *echo) TagResource(_ context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return nil, api.ClientError("%s %v", *in.ResourceArn, in.Tags)
}

const signature = "AWS4-HMAC-SHA256 Credential=111122223333/20260101/eu-west-1/batch/aws4_request, SignedHeaders=host, Signature=0"

func ask(h http.Handler, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", signature)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		if v == "" {
			r.Header.Del(k)
		} else {
			r.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// TestRefusals is wire.md 1, jobs.md 1.1 and resources.md 0.2: whatever is wrong, the answer has AWS's shape.
func TestRefusals(t *testing.T) {
	h := httpapi.New(&echo{}, httpapi.Options{MaxBody: 1000})
	for _, test := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		code, message            string
	}{
		{"unsigned", "POST", "/v1/submitjob", "{}", map[string]string{"Authorization": ""}, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"malformed signature", "POST", "/v1/submitjob", "{}", map[string]string{"Authorization": "Bearer x"}, 403, "IncompleteSignatureException", "Authorization header requires 'Credential' parameter"},
		{"short credential", "POST", "/v1/submitjob", "{}", map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, 403, "IncompleteSignatureException", "at least 5 slash-delimited elements"},
		{"unknown path", "POST", "/v1/nosuchoperation", "{}", nil, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"another version", "POST", "/v2/submitjob", "{}", nil, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"wrong method", "GET", "/v1/submitjob", "", nil, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"no JSON", "POST", "/v1/submitjob", "nonsense", nil, 400, "SerializationException", "not a JSON object"},
		{"half of JSON", "POST", "/v1/submitjob", `{"jobName":`, nil, 400, "SerializationException", "not JSON"},
		{"more than JSON", "POST", "/v1/submitjob", `{} {}`, nil, 400, "SerializationException", "not JSON"},
		{"a list", "POST", "/v1/submitjob", `[]`, nil, 400, "SerializationException", "not a JSON object"},
		{"a number for a string", "POST", "/v1/submitjob", `{"jobName":1}`, nil, 400, "SerializationException", "jobName can not be a number."},
		{"a string for a list", "POST", "/v1/submitjob", `{"dependsOn":"x"}`, nil, 400, "SerializationException", "dependsOn can not be a string."},
		{"a fraction for a number", "POST", "/v1/submitjob", `{"arrayProperties":{"size":1.5}}`, nil, 400, "SerializationException", "arrayProperties.size can not be a number 1.5."},
		{"not UTF-8", "POST", "/v1/submitjob", "{\"jobName\":\"\xff\"}", nil, 400, "SerializationException", "not UTF-8"},
		{"a form", "POST", "/v1/submitjob", "a=b", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "UnsupportedMediaTypeException", "application/json"},
		{"text, as pages can send it", "POST", "/v1/submitjob", "{}", map[string]string{"Content-Type": "text/plain"}, 415, "UnsupportedMediaTypeException", "text/plain"},
		{"too large", "POST", "/v1/submitjob", `{"jobName":"` + strings.Repeat("x", 1000) + `"}`, nil, 413, "RequestEntityTooLargeException", "exceeded the limit"},
		{"required member", "POST", "/v1/submitjob", `{"jobName":"a","jobQueue":"a"}`, nil, 400, "ClientException", "jobDefinition is required."},
		{"no body where one is needed", "POST", "/v1/submitjob", "", nil, 400, "ClientException", "is required."},
		{"bare", "POST", "/v1/submitjob", `{"jobName":"bare","jobQueue":"a","jobDefinition":"a"}`, nil, 400, "ClientException", "no such thing"},
		{"ours", "POST", "/v1/submitjob", `{"jobName":"broken","jobQueue":"a","jobDefinition":"a"}`, nil, 500, "ServerException", "its log says why"},
		{"a panic", "POST", "/v1/submitjob", `{"jobName":"panics","jobQueue":"a","jobDefinition":"a"}`, nil, 500, "ServerException", "its log says why"},
		{"of a later issue", "POST", "/v1/canceljobs", `{"jobs":["a"],"reason":"r"}`, nil, 400, "ClientException", "CancelJobs is not available in batch-local yet."},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := ask(h, test.method, test.path, test.body, test.header)
			var body struct{ Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatalf("%v in %s", err, w.Body)
			}
			if w.Code != test.status || w.Header().Get("x-amzn-errortype") != test.code || !strings.Contains(body.Message, test.message) {
				t.Errorf("got %d %s %q, want %d %s with %q", w.Code, w.Header().Get("x-amzn-errortype"), body.Message, test.status, test.code, test.message)
			}
			if !uuid.MatchString(w.Header().Get("x-amzn-requestid")) || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("headers: %v", w.Header())
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("it tells what is ours: %s", w.Body)
			}
		})
	}
}

// TestWrappedMessage is jobs.md 1.1: the text names the very request.
func TestWrappedMessage(t *testing.T) {
	w := ask(httpapi.New(&echo{}, httpapi.Options{}), "POST", "/v1/submitjob", `{"jobName":"wrapped","jobQueue":"a","jobDefinition":"a"}`, nil)
	want := `{"message":"Error executing request, Exception : wrong., RequestId: ` + w.Header().Get("x-amzn-requestid") + `"}`
	if w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestAnswers(t *testing.T) {
	h := httpapi.New(&echo{}, httpapi.Options{})
	for _, test := range []struct{ path, body, want string }{
		{"/v1/canceljob", `{"jobId":"a","reason":"b"}`, `{}`},
		{"/v1/describejobqueues", ``, `{"jobQueues":[]}`},
		{"/v1/describejobqueues", `{"unknown":1,"nextToken":null}`, `{"jobQueues":[]}`},
		{"/v1/submitjob", `{"jobName":"a","jobQueue":"a","jobDefinition":"a"}`, `{"jobId":"id","jobName":"a","jobArn":"<&>"}`},
	} {
		if w := ask(h, "POST", test.path, test.body, nil); w.Code != 200 || w.Body.String() != test.want {
			t.Errorf("%s %s: got %d %s, want %s", test.path, test.body, w.Code, w.Body, test.want)
		}
	}
}

// TestCaller is the decisions' "Names": twelve digits are the account, the region is the scope's.
func TestCaller(t *testing.T) {
	for name, test := range map[string]struct {
		options httpapi.Callers
		header  string
		query   string
		want    api.Caller
	}{
		"account":   {httpapi.Callers{}, signature, "", api.Caller{Account: "111122223333", Region: "eu-west-1"}},
		"job's key": {httpapi.Callers{Account: "999999999999"}, strings.Replace(signature, "111122223333", "ASIA444455556666ABCD", 1), "", api.Caller{Account: "444455556666", Region: "eu-west-1"}},
		"short key": {httpapi.Callers{Account: "999999999999"}, strings.Replace(signature, "111122223333", "ASIA444455556666ABC", 1), "", api.Caller{Account: "999999999999", Region: "eu-west-1"}},
		"other key": {httpapi.Callers{Account: "999999999999"}, strings.Replace(signature, "111122223333", "AKIA", 1), "", api.Caller{Account: "999999999999", Region: "eu-west-1"}},
		"defaults":  {httpapi.Callers{}, strings.Replace(strings.Replace(signature, "111122223333", "test", 1), "eu-west-1", "", 1), "", api.Caller{Account: "000000000000", Region: "us-east-1"}},
		"presigned": {httpapi.Callers{}, "", "?X-Amz-Credential=111122223333%2F20260101%2Fus-west-2%2Fbatch%2Faws4_request", api.Caller{Account: "111122223333", Region: "us-west-2"}},
	} {
		e := &echo{}
		ask(httpapi.New(e, httpapi.Options{Callers: test.options}), "POST", "/v1/submitjob"+test.query, `{"jobName":"a","jobQueue":"a","jobDefinition":"a"}`, map[string]string{"Authorization": test.header})
		e.caller.RequestID, e.caller.Size = "", 0
		if diff := cmp.Diff(test.want, e.caller); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTagPaths is resources.md 0.1: one label, escaped in whole or in part.
func TestTagPaths(t *testing.T) {
	const arn = "arn:aws:batch:us-east-1:111122223333:job-queue/q"
	for _, label := range []string{"arn%3Aaws%3Abatch%3Aus-east-1%3A111122223333%3Ajob-queue%2Fq", "arn:aws:batch:us-east-1:111122223333:job-queue%2Fq", arn} {
		e := &echo{}
		w := ask(httpapi.New(e, httpapi.Options{}), "DELETE", "/v1/tags/"+label+"?tagKeys=a&tagKeys=b%20c", "", nil)
		if w.Code != 200 || e.tagged == nil || *e.tagged.ResourceArn != arn || !cmp.Equal(e.tagged.TagKeys, []string{"a", "b c"}) {
			t.Errorf("%s: got %d %s, %+v", label, w.Code, w.Body, e.tagged)
		}
	}
}

// TestSDK asks with the real client, in process.
func TestSDK(t *testing.T) {
	e := &echo{}
	c := client(httpapi.New(e, httpapi.Options{}))
	out, err := c.SubmitJob(t.Context(), &batch.SubmitJobInput{JobName: aws.String("a"), JobQueue: aws.String("q"), JobDefinition: aws.String("d")})
	if err != nil || aws.ToString(out.JobId) != "id" || e.caller.Region != "ap-southeast-2" {
		t.Errorf("got %v, %v, from %+v", out, err, e.caller)
	}
	_, err = c.SubmitJob(t.Context(), &batch.SubmitJobInput{JobName: aws.String("bare"), JobQueue: aws.String("q"), JobDefinition: aws.String("d")})
	var refused *types.ClientException
	if !errors.As(err, &refused) || refused.ErrorMessage() != "no such thing" {
		t.Errorf("a ClientException arrives as %v", err)
	}
	_, err = c.TagResource(t.Context(), &batch.TagResourceInput{ResourceArn: aws.String("arn:aws:batch:r:a:job/b"), Tags: map[string]string{"k": "v"}})
	if !errors.As(err, &refused) || refused.ErrorMessage() != "arn:aws:batch:r:a:job/b map[k:v]" {
		t.Errorf("a path label arrives as %v", err)
	}
}

type inProcess struct{ h http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func client(h http.Handler) *batch.Client {
	return batch.New(batch.Options{Region: "ap-southeast-2", BaseEndpoint: aws.String("http://localhost"), HTTPClient: inProcess{h},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

// FuzzDecode throws anything at every operation: the answer is always JSON of AWS's shape, and never a fault of ours.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"jobs":["a"]}`, `{"jobName":"a","jobQueue":"a","jobDefinition":"a"}`, `{"a":{"b":[1,null,"x"]}}`, "[", "\x00"} {
		f.Add(uint8(0), seed)
	}
	h := httpapi.New(&echo{}, httpapi.Options{MaxBody: 1 << 16})
	operations := api.Operations()
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		op := operations[int(n)%len(operations)]
		w := ask(h, op.Method, strings.Replace(op.Path, "{resourceArn}", "arn", 1), body, nil)
		if w.Code >= 500 && !strings.Contains(body, "broken") && !strings.Contains(body, "panics") || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %d %s", op.Name, body, w.Code, w.Body)
		}
	})
}

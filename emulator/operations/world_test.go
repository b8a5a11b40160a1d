package operations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/httpapi"
	"github.com/batch-local/batch-local/emulator/operations"
)

const (
	account = "123456789012"
	region  = "eu-west-1"
)

// A world is a service of its own behind the real client, in process.
type world struct {
	*testing.T
	*sdk.Client
	engine  *engine.Engine
	handler http.Handler
	last    []byte // the body of the last answer, as it was sent
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e, err := engine.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	w := &world{T: t, engine: e, handler: httpapi.New(operations.New(e), httpapi.Options{})}
	w.Client = w.as(account, region)
	return w
}

// as is a client of another account or region.
func (w *world) as(account, region string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String("http://localhost"),
		Region:       region,
		HTTPClient:   w,
		Retryer:      aws.NopRetryer{},
		APIOptions: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			_, _ = stack.Initialize.Remove("OperationInputValidation") // what is missing is for the service to say; not every operation has it
			return nil
		}},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: account, SecretAccessKey: "any"}, nil
		}),
	})
}

// Do implements the client's transport.
func (w *world) Do(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w.handler.ServeHTTP(recorder, r)
	w.last = recorder.Body.Bytes()
	answer := recorder.Result()
	answer.Body = io.NopCloser(bytes.NewReader(w.last))
	answer.Request = r
	return answer, nil
}

func arn(kind, name string) string {
	return fmt.Sprintf("arn:aws:batch:%s:%s:%s/%s", region, account, kind, name)
}

// must fails the test at an error.
func must[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// sent is a member of the last answer, as JSON has it; path goes down through members and, by number, through lists.
func (w *world) sent(path ...any) any {
	w.Helper()
	var value any
	if err := json.Unmarshal(w.last, &value); err != nil {
		w.Fatalf("%v in %s", err, w.last)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			items, _ := value.([]any)
			if step >= len(items) {
				w.Fatalf("no %v in %s", path, w.last)
			}
			value = items[step]
		}
	}
	return value
}

// shows compares JSON.
func (w *world) shows(want string, got any) {
	w.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		w.Fatalf("%v in %s", err, want)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		w.Errorf("what is shown (-want +got):\n%s", diff)
	}
}

var requestID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// wrapped is a text in the style of mistakes in arguments (jobs.md 1.1).
func wrapped(text string) string {
	return "Error executing request, Exception : " + text + ", RequestId: ID"
}

// refusal is what the service said no with; a request's id in it is ID.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var said smithy.APIError
	if !errors.As(err, &said) {
		t.Fatalf("not refused: %v", err)
	}
	if said.ErrorCode() != "ClientException" {
		t.Errorf("the code is %s", said.ErrorCode())
	}
	return requestID.ReplaceAllString(said.ErrorMessage(), "ID")
}

func refuses(t *testing.T, err error, want string) {
	t.Helper()
	if diff := cmp.Diff(want, refusal(t, err)); diff != "" {
		t.Errorf("the text (-want +got):\n%s", diff)
	}
}

// quietly takes the text of an error for tests where only the refusal is sure.
func refusesSomehow(t *testing.T, err error) {
	t.Helper()
	if text := refusal(t, err); strings.TrimSpace(text) == "" {
		t.Error("it does not say why")
	}
}

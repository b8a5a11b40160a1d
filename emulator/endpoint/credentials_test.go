package endpoint_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/httpapi"
)

// roles gives keys that count, for an hour, or fails.
type roles struct {
	asked atomic.Int32
	err   error
	takes time.Duration
}

func (r *roles) Credentials(ctx context.Context, scope batch.Scope, role, session string) (endpoint.Credentials, error) {
	n := r.asked.Add(1)
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return endpoint.Credentials{}, ctx.Err()
	}
	if r.err != nil {
		return endpoint.Credentials{}, r.err
	}
	return endpoint.Credentials{RoleARN: role, AccessKeyID: "key-" + string('0'+n), SecretAccessKey: "secret", Token: session, Expiration: time.Now().Add(time.Hour)}, nil
}

// withRole is a task whose containers have credentials.
func withRole() batch.Task {
	t := onEC2()
	t.JobRole = "arn:aws:iam::111122223333:role/r"
	return t
}

// TestStaticCredentials are there at once, look like real ones, and never have less than an hour to live (runtime.md 7).
func TestStaticCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := endpoint.New(endpoint.Options{})
		task := withRole()
		task.JobRole = "by-name"
		session := s.Open(task, endpoint.IDs{Credentials: "c"})
		defer session.Close()
		for range 30 {
			got := object(t, s.Handler(), "/v2/credentials/c")
			if diff := gocmp.Diff(got, object(t, s.Handler(), "/v1/credentials?id=c")); diff != "" {
				t.Errorf("v1 and v2 differ:\n%s", diff)
			}
			expires, err := time.Parse("2006-01-02T15:04:05Z", got["Expiration"].(string))
			if err != nil || time.Until(expires) < time.Hour || len(got) != 5 {
				t.Errorf("got %v", got)
			}
			for member, like := range map[string]string{
				"RoleArn": "^arn:aws:iam::111122223333:role/by-name$", "AccessKeyId": "^ASIA111122223333[A-Z]{4}$", "SecretAccessKey": "^.{40}$", "Token": "^.{80,}$",
			} {
				if !regexp.MustCompile(like).MatchString(got[member].(string)) {
					t.Errorf("%s: %v", member, got[member])
				}
			}
			time.Sleep(17 * time.Minute)
		}
	})
}

// TestJobsAccount closes the circle: what a job signs with its credentials is its account's for this emulator.
func TestJobsAccount(t *testing.T) {
	c, err := endpoint.Static{}.Credentials(t.Context(), batch.Scope{Account: "444455556666", Region: "eu-west-1"}, "arn:r", "session")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/v1/submitjob", nil)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.AccessKeyID+"/20260101/eu-west-1/batch/aws4_request, SignedHeaders=host, Signature=0")
	caller, err := httpapi.Callers{}.Of(r)
	if diff := gocmp.Diff(api.Caller{Account: "444455556666", Region: "eu-west-1"}, caller); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestRenewal is one fetch for all who ask, another when a quarter of an hour is left, and the old ones as long as they are good.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &roles{}
		s := endpoint.New(endpoint.Options{Roles: r})
		session := s.Open(withRole(), endpoint.IDs{Credentials: "c"})
		defer session.Close()
		key := func(want string) {
			t.Helper()
			if got := object(t, s.Handler(), "/v2/credentials/c")["AccessKeyId"]; got != want {
				t.Errorf("got %v, want %s", got, want)
			}
		}
		key("key-1")
		time.Sleep(44 * time.Minute)
		key("key-1")
		time.Sleep(2 * time.Minute)
		r.takes = 500 * time.Millisecond
		for range 10 {
			go func() { _, _ = get(t, s.Handler(), "/v2/credentials/c") }()
		}
		synctest.Wait()
		key("key-2")
		if n := r.asked.Load(); n != 2 {
			t.Errorf("asked %d times for two sets", n)
		}
		time.Sleep(46 * time.Minute)
		r.err, r.takes = errors.New("away"), 0
		key("key-2")
		time.Sleep(15 * time.Minute)
		if status, body := get(t, s.Handler(), "/v2/credentials/c"); status != 500 || body != `{"code":"InternalServerError","message":"Internal server error","HTTPErrorCode":500}` {
			t.Errorf("when they have run out: %d %s", status, body)
		}
		r.err = nil
		key("key-" + string('0'+r.asked.Load()+1))
	})
}

// TestCredentialsErrors are the rows of runtime.md 7.
func TestCredentialsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &roles{takes: 2 * time.Second}
		s := endpoint.New(endpoint.Options{Roles: r})
		session := s.Open(withRole(), endpoint.IDs{Credentials: "c"})
		for _, test := range []struct {
			path   string
			status int
			body   string
		}{
			{"/v2/credentials", 400, `{"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request","HTTPErrorCode":400}`},
			{"/v2/credentials/", 400, `{"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request","HTTPErrorCode":400}`},
			{"/v1/credentials", 400, `{"code":"NoIdInRequest","message":"CredentialsV1Request: No Credential ID in the request","HTTPErrorCode":400}`},
			{"/v2/credentials/x", 400, `{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}`},
			{"/v1/credentials?id=x", 400, `{"code":"InvalidIdInRequest","message":"CredentialsV1Request: Credentials not found","HTTPErrorCode":400}`},
			// The first fetch takes two seconds; who asks is told after less than one, and finds them there later.
			{"/v2/credentials/c", 503, `{"code":"CredentialsUninitialized","message":"CredentialsV2Request: Credentials uninitialized for ID","HTTPErrorCode":503}`},
		} {
			if status, body := get(t, s.Handler(), test.path); status != test.status || body != test.body {
				t.Errorf("%s: got %d %s, want %d %s", test.path, status, body, test.status, test.body)
			}
		}
		time.Sleep(2 * time.Second)
		object(t, s.Handler(), "/v2/credentials/c")
		session.Close()
		if status, _ := get(t, s.Handler(), "/v2/credentials/c"); status != 400 {
			t.Errorf("after the end: %d", status)
		}
	})
}

// inProcess is a transport without sockets.
type inProcess struct{ http.Handler }

func (h inProcess) Do(r *http.Request) (*http.Response, error) { return h.RoundTrip(r) }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	// What a server reads off the wire.
	r = r.Clone(r.Context())
	r.Host, r.Method = cmp.Or(r.Host, r.URL.Host), cmp.Or(r.Method, http.MethodGet)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestSDK asks with the provider that AWS's SDK has in a container.
func TestSDK(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	session := s.Open(withRole(), endpoint.IDs{Credentials: "c"})
	defer session.Close()
	got, err := endpointcreds.New("http://169.254.170.2/v2/credentials/c", func(o *endpointcreds.Options) { o.HTTPClient = inProcess{s.Handler()} }).Retrieve(t.Context())
	if err != nil || !got.CanExpire || !strings.HasPrefix(got.AccessKeyID, "ASIA111122223333") || got.SessionToken == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestSTS assumes the role where it is told to, as the job's account and under the task's name.
func TestSTS(t *testing.T) {
	fails := false
	there := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if fails {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`))
			return
		}
		if r.Host != "localhost:4566" || r.Form.Get("RoleArn") != "arn:r" || r.Form.Get("RoleSessionName") != "session" || !strings.Contains(r.Header.Get("Authorization"), "Credential=111122223333/") || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/sts/") {
			t.Errorf("asked %s for %v with %v", r.Host, r.Form, r.Header)
		}
		_, _ = w.Write([]byte(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`))
	})
	sts := endpoint.STS{URL: "http://localhost:4566", Client: &http.Client{Transport: inProcess{there}}}
	scope := batch.Scope{Account: "111122223333", Region: "eu-west-1"}
	got, err := sts.Credentials(t.Context(), scope, "arn:r", "session")
	want := endpoint.Credentials{RoleARN: "arn:r", AccessKeyID: "ASIAX", SecretAccessKey: "s", Token: "t", Expiration: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	fails = true
	if _, err := sts.Credentials(t.Context(), scope, "arn:r", "session"); err == nil || !strings.Contains(err.Error(), "assume the role arn:r: ") {
		t.Errorf("got %v", err)
	}
}

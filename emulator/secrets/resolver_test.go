package secrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/secrets"
)

var errDown = errors.New("connection refused")

// TestForms is runtime.md 2.6: every form of valueFrom, answered by a file.
func TestForms(t *testing.T) {
	r := resolver(t, secrets.Options{File: written(t, `
# What a developer writes down.
plain: hunter2
number: 007
database:
  username: app
  port: 5432
  large: 1000000.0
  flag: true
  nothing: null
  nested: {a: [1, "two"]}
list: [1, 2.50, "a&b", 0x1f]
text: '{"username":"from JSON"}'
`+managed+`pinned-AbCdEf: by ARN
`+managed+`short: by ARN without its end
`+managed+`database-AbCdEf:username:AWSPREVIOUS:: the one before
`+managed+`database-AbCdEf:::3f2a: that version
/app/token: abc
top: level
/slash: slashed
arn:aws:ssm:eu-west-1:111122223333:parameter/by/arn: found by its ARN
arn:aws:ssm:eu-west-1:111122223333:parameter/alone: also
`)})
	for valueFrom, want := range map[string]string{
		managed + "plain-AbCdEf":                              "hunter2",
		managed + "plain":                                     "hunter2", // an ARN without its end is one too
		managed + "plain-AbCdEf::AWSCURRENT:":                 "hunter2",
		managed + "plain-AbCdEf:::":                           "hunter2",
		managed + "number-AbCdEf":                             "007",
		managed + "database-AbCdEf":                           `{"username":"app","port":5432,"large":1000000.0,"flag":true,"nothing":null,"nested":{"a":[1,"two"]}}`,
		managed + "list-AbCdEf":                               `[1,2.50,"a&b","0x1f"]`,
		managed + "database-AbCdEf:username::":                "app",
		managed + "text-AbCdEf:username::":                    "from JSON",
		managed + "database-AbCdEf:port::":                    "5432",
		managed + "database-AbCdEf:large::":                   "1e+06", // as Go prints it
		managed + "database-AbCdEf:flag::":                    "true",
		managed + "database-AbCdEf:nothing::":                 "<nil>",
		managed + "database-AbCdEf:nested::":                  "map[a:[1 two]]",
		managed + "database-AbCdEf:username:AWSPREVIOUS:":     "the one before",
		managed + "database-AbCdEf:::3f2a":                    "that version",
		managed + "pinned-AbCdEf":                             "by ARN",
		managed + "short-AbCdEf":                              "by ARN without its end",
		"/app/token":                                          "abc",
		"top":                                                 "level",
		"arn:aws:ssm:us-west-2:1:parameter/app/token":         "abc",
		"arn:aws:ssm:us-west-2:1:parameter/top":               "level",
		"arn:aws:ssm:us-west-2:1:parameter/slash":             "slashed",
		"arn:aws:ssm:eu-west-1:111122223333:parameter/by/arn": "found by its ARN",
		"/by/arn": "found by its ARN",
		"alone":   "also",
	} {
		got, problem := resolve(t, r, valueFrom)
		if diff := cmp.Diff([]string{want}, got); diff != "" || problem != "" {
			t.Errorf("%s: %s (-want +got):\n%s", valueFrom, problem, diff)
		}
	}
}

// TestErrors are the texts of runtime.md 2.6, of a file that lacks what is asked for.
func TestErrors(t *testing.T) {
	r := resolver(t, secrets.Options{File: written(t, "there: '{\"a\":1}'\ntext: hunter2\n")})
	notThere := func(id string) string {
		return "ResourceNotFoundException: The task can't retrieve the secret with ARN '" + managed + id + "' from AWS Secrets Manager. Check whether the secret exists in the specified Region"
	}
	const invalid = "an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again."
	for name, test := range map[string]struct {
		valueFrom []string
		want      string
	}{
		"colon count":              {[]string{managed + "there-AbCdEf:a"}, invalid},
		"colon count, all missing": {[]string{"arn:aws:secretsmanager:eu-west-1"}, invalid},
		"missing key":              {[]string{managed + "there-AbCdEf:b::"}, "retrieved secret from Secrets Manager did not contain json key b"},
		"no keys":                  {[]string{managed + "text-AbCdEf:b::"}, "retrieved secret from Secrets Manager is not a JSON object, so it has no json key b"},
		"missing secret":           {[]string{managed + "nowhere-AbCdEf"}, notThere("nowhere-AbCdEf")},
		"its key":                  {[]string{managed + "nowhere-AbCdEf:a::"}, notThere("nowhere-AbCdEf")},
		"missing version":          {[]string{managed + "there-AbCdEf::AWSPREVIOUS:"}, notThere("there-AbCdEf")},
		"missing parameter":        {[]string{"/a"}, "fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /a"},
		"missing parameters":       {[]string{"/a", "b", "/a"}, "fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /a,b"},
		"in another region":        {[]string{"arn:aws:ssm:us-west-2:1:parameter/a"}, "fetching secret data from SSM Parameter Store in us-west-2: invalid parameters: arn:aws:ssm:us-west-2:1:parameter/a"},
		"not a parameter's ARN":    {[]string{"arn:aws:ssm:us-west-2:1:document/a"}, "fetching secret data from SSM Parameter Store in us-west-2: invalid parameters: arn:aws:ssm:us-west-2:1:document/a"},
		"another service":          {[]string{"arn:aws:s3:::bucket/key"}, "arn:aws:s3:::bucket/key is neither a secret of AWS Secrets Manager nor a parameter of AWS Systems Manager"},
		"several": {[]string{managed + "x-AbCdEf", "/a", managed + "there-AbCdEf:b::", managed + "there-AbCdEf", "/b", managed + "x-AbCdEf:k::"},
			notThere("x-AbCdEf") + ";fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /a,/b;retrieved secret from Secrets Manager did not contain json key b"},
	} {
		if _, got := resolve(t, r, test.valueFrom...); got != test.want {
			t.Errorf("%s: got %s\nwant %s", name, got, test.want)
		}
	}
}

// TestNoSource names the flags that help.
func TestNoSource(t *testing.T) {
	r := resolver(t, secrets.Options{})
	_, problem := resolve(t, r, "/a")
	if !strings.Contains(problem, "--secrets ") || !strings.Contains(problem, "--secrets-endpoint ") {
		t.Errorf("got %s", problem)
	}
	if values, err := r.Resolve(t.Context(), job, nil); values != nil || err != nil {
		t.Errorf("nothing is asked for: got %v, %v", values, err)
	}
	if _, _, err := r.Repository(t.Context(), job, "x"); !errors.Is(err, secrets.ErrNoSource) {
		t.Errorf("got %v", err)
	}
}

// TestServices has the services beside us answer what the file lacks: in the ARN's region and account, several keys by one question, parameters
// ten at a time.
func TestServices(t *testing.T) {
	beside := &services{
		secrets: map[string]string{
			"eu-west-1 111122223333 " + managed + "a-AbCdEf  ":                                         `{"k":"v","l":"w"}`,
			"eu-west-1 111122223333 " + managed + "a-AbCdEf AWSPREVIOUS ":                              "older",
			"eu-west-1 111122223333 " + managed + "a-AbCdEf  id":                                       "oldest",
			"us-west-2 444455556666 arn:aws:secretsmanager:us-west-2:444455556666:secret:far-AbCdEf  ": "far away",
			"eu-west-1 111122223333 " + managed + "bin-AbCdEf  ":                                       "binary",
		},
		parameters: map[string]string{"us-west-2 444455556666 /p/q": "far", "us-west-2 444455556666 top": "level", "eu-west-1 111122223333 /v:3": "the third"},
	}
	var many, values []string
	for i := range 12 {
		name := fmt.Sprintf("/many/%02d", i)
		many, values = append(many, name), append(values, "value of "+name)
		beside.parameters["eu-west-1 111122223333 "+name] = "value of " + name
	}
	r := resolver(t, secrets.Options{File: written(t, "filed: in the file\n"), Endpoint: "http://localhost:4566", Client: beside.client()})
	asked := append([]string{
		managed + "a-AbCdEf", managed + "a-AbCdEf:k::", managed + "a-AbCdEf:l::", managed + "a-AbCdEf::AWSPREVIOUS:", managed + "a-AbCdEf:::id", managed + "filed-AbCdEf",
		"arn:aws:secretsmanager:us-west-2:444455556666:secret:far-AbCdEf", "arn:aws:ssm:us-west-2:444455556666:parameter/p/q", "arn:aws:ssm:us-west-2:444455556666:parameter/top", "/v:3",
	}, many...)
	want := append([]string{`{"k":"v","l":"w"}`, "v", "w", "older", "oldest", "in the file", "far away", "far", "level", "the third"}, values...)
	got, problem := resolve(t, r, asked...)
	if diff := cmp.Diff(want, got); diff != "" || problem != "" {
		t.Errorf("%s (-want +got):\n%s", problem, diff)
	}
	slices.Sort(beside.calls)
	if len(beside.calls) != 4+1+2 {
		t.Errorf("asked too often, or too seldom: %s", strings.Join(beside.calls, "\n"))
	}
	if _, problem := resolve(t, r, managed+"none-AbCdEf", "/many/00", "/none"); problem != "ResourceNotFoundException: The task can't retrieve the secret with ARN '"+managed+
		"none-AbCdEf' from AWS Secrets Manager. Check whether the secret exists in the specified Region;fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /none" {
		t.Errorf("got %s", problem)
	}
	if _, problem := resolve(t, r, managed+"bin-AbCdEf"); !strings.Contains(problem, "SecretBinary is not supported") {
		t.Errorf("got %s", problem)
	}
}

// TestServicesDown has nobody answer.
func TestServicesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the client tries again after a while
		beside := &services{down: true}
		r := resolver(t, secrets.Options{Endpoint: "http://localhost:4566", Client: beside.client()})
		_, problem := resolve(t, r, managed+"a-AbCdEf", "/b")
		for _, part := range []string{"secret " + managed + "a-AbCdEf: ", ";fetching secret data from SSM Parameter Store in eu-west-1: ", "connection refused"} {
			if !strings.Contains(problem, part) {
				t.Errorf("%q is not in %s", part, problem)
			}
		}
	})
}

// TestEdits counts a change of the file from the next job on, and refuses one that is broken.
func TestEdits(t *testing.T) {
	path := written(t, "a: one\n")
	r := resolver(t, secrets.Options{File: path})
	write := func(text string, after time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct{ text, want, problem string }{
		{"a: two\n", "two", ""},
		{"a: {\n", "", ": line 1: it is not YAML"},
		{"a: three\n", "three", ""},
	} {
		write(step.text, time.Duration(i+1)*time.Second)
		got, problem := resolve(t, r, "a")
		if step.want != strings.Join(got, "") || !strings.HasSuffix(problem, step.problem) || (problem != "") != (step.problem != "") {
			t.Errorf("%q: got %v, %s", step.text, got, problem)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, problem := resolve(t, r, "a"); !strings.Contains(problem, path) {
		t.Errorf("a file that went away: got %s", problem)
	}
}

// TestBadFiles says where, and not what.
func TestBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\na: s3cret\n":            "line 2: a is there twice",
		"a: 1\nb: {c: s3cret, c: 2}\n": "line 2: c is there twice",
		"- s3cret\n":                   "line 1: names and their values are expected",
		"s3cret\n":                     "line 1: names and their values are expected",
		"a:\n":                         "line 1: a value is missing",
		"a: !!binary s3cret\n":         "line 1: a value must be a text",
		"a: *s3cret\n":                 "it is not YAML",
		"a: &x s3cret\nb: *x\n":        "line 2: aliases are not supported",
		"a: 's3cret\n":                 "it is not YAML",
		"a: @s3cret\n":                 "it is not YAML",
		"a: b\n---\nc: s3cret\n":       "there is a second document",
		"{a: b}: s3cret\n":             "line 1: a name must be a text",
		"a: {<<: {b: s3cret}}\n":       "line 1: a name must be a text",
		"a: b: s3cret\n":               "it is not YAML",
	} {
		_, err := secrets.New(secrets.Options{File: written(t, text)})
		if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	if _, err := secrets.New(secrets.Options{File: "/nowhere/secrets.yaml"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, empty := range []string{"", "# nothing yet\n"} {
		if _, err := secrets.New(secrets.Options{File: written(t, empty)}); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

// TestRepository is runtime.md 2.7.
func TestRepository(t *testing.T) {
	r := resolver(t, secrets.Options{File: written(t, `
registry: {username: u, password: p}
my: {username: another, password: s3cret}
text: s3cret
empty: ""
no-user: {password: s3cret}
no-password: {username: u}
`), Endpoint: "http://localhost:4566", Client: (&services{secrets: map[string]string{"eu-west-1 111122223333 beside  ": `{"username":"v","password":"q"}`}}).client()})
	for parameter, want := range map[string]string{
		"registry":                      "u p <nil>",
		managed + "registry-AbCdEf":     "u p <nil>",
		"beside":                        "v q <nil>",
		"text":                          "  asm fetching authorization data: unable to unmarshal secret value, invalid schema",
		"empty":                         "  asm fetching authorization data: empty secrets value",
		"no-user":                       "  asm fetching username: AuthorizationData is malformed, empty field",
		"no-password":                   "  asm fetching password: AuthorizationData is malformed, empty field",
		"my-secret":                     "  ResourceNotFoundException: The task can't retrieve the secret with ARN 'my-secret' from AWS Secrets Manager. Check whether the secret exists in the specified Region",
		"nowhere":                       "  ResourceNotFoundException: The task can't retrieve the secret with ARN 'nowhere' from AWS Secrets Manager. Check whether the secret exists in the specified Region",
		managed + "registry-AbCdEf:k::": "  an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.",
		"arn:aws:ssm:r:1:parameter/p":   "  an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.",
	} {
		username, password, err := r.Repository(t.Context(), job, parameter)
		if got := fmt.Sprintf("%s %s %v", username, password, err); got != want {
			t.Errorf("%s: got %s\nwant %s", parameter, got, want)
		}
	}
}

// TestNamed is what a pod's secret holds.
func TestNamed(t *testing.T) {
	var log bytes.Buffer
	path := written(t, "pod: {user: app, port: 5432, empty: , config: {a: 1}}\ntext: x\n")
	r := resolver(t, secrets.Options{File: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
	got, ok := r.Named("pod")
	if diff := cmp.Diff(map[string]string{"user": "app", "port": "5432", "empty": "", "config": `{"a":1}`}, got); diff != "" || !ok {
		t.Errorf("%t (-want +got):\n%s", ok, diff)
	}
	for _, name := range []string{"text", "nowhere"} {
		if _, ok := r.Named(name); ok {
			t.Errorf("%s is there", name)
		}
	}
	if _, ok := resolver(t, secrets.Options{}).Named("pod"); ok {
		t.Error("it is there without a file")
	}
	if err := os.WriteFile(path, []byte("pod: {user: *s3cret}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Named("pod"); ok || !strings.Contains(log.String(), "it is not YAML") || strings.Contains(log.String(), "s3cret") {
		t.Errorf("a file that is broken: %t, and the log says %s", ok, log.String())
	}
}

// TestValuesAreNotPrinted in any error, whatever is asked for in whatever wrong way.
func TestValuesAreNotPrinted(t *testing.T) {
	const text = "s3cret"
	var out bytes.Buffer
	r := resolver(t, secrets.Options{File: written(t, "a: "+text+"\nb: {k: "+text+"}\nc: ["+text+"]\nd: '{\"k\": s3cret}'\n")})
	for _, name := range []string{"a", "b", "c", "d"} {
		for _, key := range []string{"x", "k", ""} {
			_, problem := resolve(t, r, managed+name+"-AbCdEf:"+key+"::", "/nowhere", managed+name+"-AbCdEf:"+key)
			fmt.Fprintln(&out, problem)
		}
		_, _, err := r.Repository(t.Context(), job, name)
		fmt.Fprintln(&out, err)
	}
	fmt.Fprintf(&out, "%v %+v", r, *r)
	if strings.Contains(out.String(), text) || strings.Count(out.String(), "\n") != 16 {
		t.Errorf("a value was printed:\n%s", out.String())
	}
}

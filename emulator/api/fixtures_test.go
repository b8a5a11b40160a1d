package api_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
)

// TestFixtures decodes every request and answer that the AWS SDK ships as a snapshot, strictly, and encodes it again: nothing may be
// unknown, and nothing may be lost.
func TestFixtures(t *testing.T) {
	dir := sdk(t)
	operations := map[string]api.Operation{}
	for _, op := range api.Operations() {
		operations[op.Name] = op
	}
	if len(operations) != 48 {
		t.Errorf("there are %d operations, not 48", len(operations))
	}
	bodies := 0
	for _, side := range []string{"request", "response"} {
		files, err := filepath.Glob(filepath.Join(dir, side+"_snapshot", "*."+side+".snap"))
		if err != nil || len(files) != 48 {
			t.Fatalf("%d %s snapshots: %v", len(files), side, err)
		}
		for _, file := range files {
			name, _, _ := strings.Cut(filepath.Base(file), ".")
			t.Run(side+"/"+name, func(t *testing.T) {
				op, ok := operations[name]
				if !ok {
					t.Fatal("no such operation")
				}
				head, body := snapshot(t, file)
				if side == "request" && !fits(op, head) {
					t.Errorf("the SDK sends %q, the table has %s %s", head, op.Method, op.Path)
				}
				if len(body) == 0 {
					return
				}
				bodies++
				value := reflect.New(shape(op, side)).Interface()
				decoder := json.NewDecoder(bytes.NewReader(body))
				decoder.DisallowUnknownFields()
				if err := decoder.Decode(value); err != nil {
					t.Fatal(err)
				}
				again, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(anything(t, body), anything(t, again)); diff != "" {
					t.Errorf("lost or changed (-SDK +ours):\n%s", diff)
				}
			})
		}
	}
	if bodies < 80 {
		t.Errorf("only %d snapshots have a body; the SDK's form must have changed", bodies)
	}
}

// TestValidate wants each required member, and is content with every request of the SDK.
func TestValidate(t *testing.T) {
	if err := (&api.SubmitJobInput{}).Validate(); err == nil || !strings.Contains(err.Error(), "jobDefinition is required.") {
		t.Errorf("an empty SubmitJob: %v", err)
	}
	for _, lenient := range []string{`{"arrayProperties":{},"dependsOn":[],"tags":{},"parameters":{}}`, `{"containerOverrides":{"environment":[]}}`} {
		in := api.SubmitJobInput{JobName: new("a"), JobQueue: new("a"), JobDefinition: new("a")}
		if err := json.Unmarshal([]byte(lenient), &in); err != nil {
			t.Fatal(err)
		}
		if err := in.Validate(); err != nil {
			t.Errorf("%s: %v (wire.md 2: clients send it)", lenient, err)
		}
	}
	err := (&api.CreateJobQueueInput{JobQueueName: new("a"), Priority: new(int32(1)), State: "SOMETIMES"}).Validate()
	if err == nil || !strings.Contains(err.Error(), "Valid values: [ENABLED, DISABLED]") {
		t.Errorf("an unknown value of an enumeration: %v", err)
	}
}

// TestAbsentAndEmpty is jobs.md 1: what is absent is left out, what is empty is sent.
func TestAbsentAndEmpty(t *testing.T) {
	for want, value := range map[string]any{
		`{}`:             api.DescribeJobsOutput{},
		`{"jobs":[]}`:    api.DescribeJobsOutput{Jobs: []api.JobDetail{}},
		`{"tags":{}}`:    api.ListTagsForResourceOutput{Tags: map[string]string{}},
		`{"minvCpus":0}`: api.ComputeResource{MinvCpus: new(int32(0))},
	} {
		got, err := json.Marshal(value)
		if err != nil || string(got) != want {
			t.Errorf("%T: got %s, %v; want %s", value, got, err, want)
		}
	}
}

func sdk(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/batch").Output()
	if err != nil {
		t.Fatalf("find the SDK: %v", err)
	}
	return strings.TrimSpace(string(dir))
}

// snapshot splits a file of the SDK: its first line, and what comes after the header and an empty line.
func snapshot(t *testing.T, file string) (head string, body []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ = strings.Cut(string(data), "\n")
	if i := bytes.Index(data, []byte("\n{")); i >= 0 {
		body = data[i+1:]
	}
	return head, body
}

func fits(op api.Operation, head string) bool {
	prefix, _, _ := strings.Cut(op.Method+" "+op.Path, "{")
	return strings.HasPrefix(head, prefix)
}

func shape(op api.Operation, side string) reflect.Type {
	method, _ := reflect.TypeFor[api.Service]().MethodByName(op.Name)
	if side == "request" {
		return method.Type.In(1).Elem()
	}
	return method.Type.Out(0).Elem()
}

func anything(t *testing.T, data []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

package command

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/emulator"
)

func TestMemory(t *testing.T) {
	for text, want := range map[string]memory{
		"512": 512, "512m": 512, "512MiB": 512, "2g": 2048, "2GiB": 2048, "0.5g": 512, "1.2": 2,
		"": 0, "0": 0, "-1": 0, "1t": 0, "g": 0, "1 g": 0, "nan": 0, "1e300g": 0,
	} {
		var got memory
		if err := got.Set(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestVCPUs(t *testing.T) {
	for text, want := range map[string]string{"1": "1", "0.25": "0.25", "2.0": "2", "": "0", "0": "0", "-1": "0", "x": "0", "NaN": "0", "Inf": "0"} {
		var got vcpus
		if err := got.Set(text); got.String() != want || (err == nil) != (want != "0") {
			t.Errorf("%q: %s, %v; want %s", text, &got, err, want)
		}
	}
}

// TestFargateSizes: what is offered is what the service takes.
func TestFargateSizes(t *testing.T) {
	for _, test := range []struct {
		v    vcpus
		m    memory
		want string
	}{
		{1, 2048, ""},
		{1, 100, "Fargate has 1 vCPU with 2048 to 8192 MiB in steps of 1024."},
		{8, 2048, "Fargate has 8 vCPU with 16384 to 61440 MiB in steps of 4096."},
		{0.25, 64, "Fargate has 0.25 vCPU with 512, 1024 or 2048 MiB."},
		{32, 2048, "Fargate has 32 vCPU with 61440, 122880 or 249856 MiB."},
		{3, 2048, "Fargate has 0.25, 0.5, 1, 2, 4, 8, 16 or 32 vCPUs."},
	} {
		if got := fargateSizes(test.v, test.m); got != test.want {
			t.Errorf("%v vCPU, %v MiB: %q, want %q", &test.v, &test.m, got, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	for image, want := range map[string]string{
		"busybox": "busybox", "busybox:1.36": "busybox", "registry.test:5000/a/b": "b", "registry.test:5000/a/My.App:v1@sha256:00": "My-App",
		"__": "job", strings.Repeat("x", 200): strings.Repeat("x", 128),
	} {
		if got := legalName(imageName(image)); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
}

func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 1234 * time.Millisecond: "1.2s", 61 * time.Second: "1m1s", 90 * time.Minute: "1h30m", 49 * time.Hour: "2d",
	} {
		if got := rough(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestWire: the API's own names, nothing that is not set, and 0 where it is.
func TestWire(t *testing.T) {
	var b bytes.Buffer
	err := printJSON(&b, []client.Job{{
		JobSummary: types.JobSummary{
			JobId: aws.String("id"), Status: types.JobStatusFailed, CreatedAt: aws.Int64(1700000000000),
			Container: &types.ContainerSummary{ExitCode: aws.Int32(0), Reason: aws.String("a <b>")},
		},
		JobQueue: "q",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := `[
  {
    "container": {
      "exitCode": 0,
      "reason": "a <b>"
    },
    "createdAt": 1700000000000,
    "jobId": "id",
    "jobQueue": "q",
    "status": "FAILED"
  }
]
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// TestTableTakesControlCharactersOut: a reason comes from elsewhere and must not steer the terminal, or break a row.
func TestTableTakesControlCharactersOut(t *testing.T) {
	var b bytes.Buffer
	if err := table(&b, []string{"A", "B"}, [][]string{{"x\x1b[31m", "two\nlines"}}); err != nil {
		t.Fatal(err)
	}
	if want := "A       B\nx [31m  two lines\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// TestPrinter: one container's lines are as they came; of several each begins with a name, also within an event.
func TestPrinter(t *testing.T) {
	at := time.UnixMilli(1700000000000)
	lines := []client.Line{{Time: at, Text: "one", Container: "a"}, {Time: at, Text: "two\n  lines\n", Container: "long"}, {Time: at, Container: "a"}}
	for name, c := range map[string]struct {
		times      bool
		containers []string
		want       string
	}{
		"one":     {false, []string{"a"}, "one\ntwo\n  lines\n\n\n"},
		"several": {false, []string{"a", "long"}, "a    | one\nlong | two\nlong |   lines\na    | \n"},
		"times": {true, []string{"a", "long"}, "a    | 2023-11-14T22:13:20.000Z one\nlong | 2023-11-14T22:13:20.000Z two\n" +
			"long | 2023-11-14T22:13:20.000Z   lines\na    | 2023-11-14T22:13:20.000Z \n"},
		"one with times": {true, nil, "2023-11-14T22:13:20.000Z one\n2023-11-14T22:13:20.000Z two\n  lines\n\n2023-11-14T22:13:20.000Z \n"},
	} {
		var b bytes.Buffer
		if err := (&program{out: &b}).printer(c.times, c.containers)(lines); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := fronts([]string{"a", "b"}, true)("b"); got != "\x1b[33mb | \x1b[0m" {
		t.Errorf("on a terminal it is %q", got)
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{"http://127.0.0.1:1": "http://127.0.0.1:1", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'"} {
		if got := quote(value, `'\''`); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

// TestShellLine: a shell reads the very words, whatever is in them.
func TestShellLine(t *testing.T) {
	words := []string{"--env", "A=it's", "-x", "", "$HOME `id` $(id)", "a\nb", "\\", "\t", "*", "~", "#no", "!!", "a;b&c|d>e", "'", "''", `"`, "é\x7f\x80", "--", "-", "=b", "{a,b}"}
	line := shellLine(append([]string{"printf", "%s\\0"}, words...))
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(words, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, line)
	}
}

// TestShellLineOfDocker: what the container runs stands with its image, not with an option, and is not broken up by its own options.
func TestShellLineOfDocker(t *testing.T) {
	for want, words := range map[string][]string{
		"docker run \\\n    --rm \\\n    --env 'A=b' \\\n    '--init=true' \\\n    --read-only \\\n    image sh -c 'echo it'": {"docker", "run", "--rm", "--env", "A=b", "--init=true", "--read-only", "image", "sh", "-c", "echo it"},
		"docker run \\\n    --env A \\\n    image":                              {"docker", "run", "--env", "A", "image"},
		"aws batch submit-job \\\n    --job-name a \\\n    --no-propagate-tags": {"aws", "batch", "submit-job", "--job-name", "a", "--no-propagate-tags"},
	} {
		if got := shellLine(words); got != want {
			t.Errorf("%q:\n%s\nwant:\n%s", words, got, want)
		}
	}
}

// TestObstacleRows: 0 is a number only where something is needed.
func TestObstacleRows(t *testing.T) {
	var why emulator.Why
	if err := json.Unmarshal([]byte(`{"obstacles":[{"kind":"vcpus","needs":0.25,"has":0,"where":"a"},{"kind":"secret","needs":0,"has":0,"where":"s"}]}`), &why); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"vcpus", "0.25", "0", "a"}, {"secret", "", "", "s"}}, obstacleRows(why)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

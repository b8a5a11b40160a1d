package emulator

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJobEnv: what the emulator's user calls localhost is this machine for a job too, and not the job itself.
func TestJobEnv(t *testing.T) {
	for given, want := range map[string]string{
		"AWS_ENDPOINT_URL=http://localhost:4566":                 "AWS_ENDPOINT_URL=http://host.docker.internal:4566",
		"AWS_ENDPOINT_URL_S3=https://s3.localhost:9000/a?b=c#d":  "AWS_ENDPOINT_URL_S3=https://host.docker.internal:9000/a?b=c#d",
		"AWS_ENDPOINT_URL_S3=http://127.1.2.3":                   "AWS_ENDPOINT_URL_S3=http://host.docker.internal",
		"AWS_ENDPOINT_URL_S3=http://[::1]:1/":                    "AWS_ENDPOINT_URL_S3=http://host.docker.internal:1/",
		"AWS_ENDPOINT_URL_S3=http://LocalHost.:1":                "AWS_ENDPOINT_URL_S3=http://host.docker.internal:1",
		"AWS_ENDPOINT_URL_SQS=http://localstack:4566":            "AWS_ENDPOINT_URL_SQS=http://localstack:4566",
		"AWS_ENDPOINT_URL_SQS=http://localhost.example.com:4566": "AWS_ENDPOINT_URL_SQS=http://localhost.example.com:4566",
		"AWS_ENDPOINT_URL_SQS=http://host.docker.internal:4566":  "AWS_ENDPOINT_URL_SQS=http://host.docker.internal:4566",
		"AWS_ENDPOINT_URL_SQS=":                                  "AWS_ENDPOINT_URL_SQS=",
		"AWS_ENDPOINT_URL_SQS=%%":                                "AWS_ENDPOINT_URL_SQS=%%",
		"DATABASE=postgres://localhost/x":                        "DATABASE=postgres://localhost/x",
		"A=b=c,d":                                                "A=b=c,d",
	} {
		c := Config{JobEnv: []string{given}}.withDefaults()
		if got := c.jobEnv()[0]; got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
		c.JobNetwork = "host" // then the loopback is this machine's
		if got := c.jobEnv()[0]; got != given {
			t.Errorf("on the host's network, %s: %s", given, got)
		}
	}
	c := Config{Listen: []string{"[::1]:80", "0.0.0.0:22824", "192.168.1.5:4566"}, JobEnv: []string{"AWS_ENDPOINT_URL_BATCH=http://localhost:22824/"}}
	for given, want := range map[string]string{
		"http://127.0.0.1:22824/": "http://169.254.170.2/",
		"http://localhost":        "http://169.254.170.2",
		"https://localhost:22824": "https://host.docker.internal:22824",
		"http://localhost:4566":   "http://host.docker.internal:4566", // somebody else's: we are at another address
	} {
		if got := c.fromContainer(given); got != want && runtime.GOOS == "linux" {
			t.Errorf("%s, our own: %s, want %s", given, got, want)
		}
	}
	if !c.sendsJobsHere() && runtime.GOOS == "linux" {
		t.Error("jobs are sent here, and not let in")
	}
	c.JobEnv = []string{"A=http://localhost:22824", "AWS_ENDPOINT_URL=http://localhost:4566"}
	if c.sendsJobsHere() {
		t.Error("jobs are let in without being sent here")
	}
	c = Config{JobEnv: []string{"A=1", "B=2", "A=3"}}
	if diff := cmp.Diff([]string{"A=3", "B=2"}, c.jobEnv()); diff != "" {
		t.Errorf("the last one of a name (-want +got):\n%s", diff)
	}
	if got := (Config{}).jobEnv(); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}

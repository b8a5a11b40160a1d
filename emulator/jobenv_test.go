package emulator

import (
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
	c := Config{JobEnv: []string{"A=1", "B=2", "A=3"}}
	if diff := cmp.Diff([]string{"A=3", "B=2"}, c.jobEnv()); diff != "" {
		t.Errorf("the last one of a name (-want +got):\n%s", diff)
	}
	if got := (Config{}).jobEnv(); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}

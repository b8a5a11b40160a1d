package docker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestByAddress: an SDK would put a bucket before the machine's name.
func TestByAddress(t *testing.T) {
	given := []string{
		"AWS_ENDPOINT_URL=http://host.docker.internal:4566", "AWS_ENDPOINT_URL_S3=http://host.docker.internal/a", "AWS_ENDPOINT_URL_SQS=https://host.docker.internal:1",
		"AWS_ENDPOINT_URL_SNS=http://x.host.docker.internal:1", "DATABASE=http://host.docker.internal:1", "AWS_ENDPOINT_URL_SQS=http://host.docker.internal:1",
	}
	d := &Driver{options: Options{Environment: given}}
	d.boxes = newSandboxes(d)
	env := append([]string{"AWS_ENDPOINT_URL_STS=http://host.docker.internal:4566"}, given...)
	want := append([]string(nil), env...)
	d.byAddress(env)
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("without an address (-want +got):\n%s", diff)
	}
	d.boxes.machine = addressIn(strings.NewReader("127.0.0.1\tlocalhost\nfe80::1\thost.docker.internal\n172.17.0.1\thost.docker.internal\n172.18.0.2\tme\n"), hostAlias)
	want[1], want[2] = "AWS_ENDPOINT_URL=http://172.17.0.1:4566", "AWS_ENDPOINT_URL_S3=http://172.17.0.1/a"
	d.byAddress(env)
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("with one (-want +got):\n%s", diff)
	}
}

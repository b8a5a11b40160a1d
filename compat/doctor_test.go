package compat

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestDoctorLeavesTheLiving: what a server has on the engine is left over only when that server is no more, whoever asks.
func TestDoctorLeavesTheLiving(t *testing.T) {
	needDocker(t)
	t.Parallel()
	ctx := t.Context()
	s, other := serve(t, "--job-network", "compat-doctor", "--data-dir", t.TempDir()), serve(t, "--job-network", "compat-doctor-2")
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("long"), JobQueue: &q, JobDefinition: &q, ContainerOverrides: &types.ContainerOverrides{Command: []string{"trap", "0", "then", "sleep", "10m"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.await(*out.JobId, "RUNNING")
	// says is what doctor says of the instance, with what it advises.
	says := func() string {
		t.Helper()
		text, _ := other.command(ctx, "doctor").Output()
		var about []string
		for _, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, s.instance) {
				about = append(about, strings.Join(strings.Fields(line), " "))
			}
		}
		return strings.Join(about, "\n")
	}
	if got := says(); !strings.HasPrefix(got, "note others instance "+s.instance+" is another batch-local that runs: ") || strings.Contains(got, "docker") {
		t.Errorf("of a server that runs: %q", got)
	}
	s.kill()
	if got := says(); !strings.HasPrefix(got, "warning leftovers instance "+s.instance+" left ") || !strings.Contains(got, "docker rm -f ") {
		t.Errorf("of one that was killed: %q", got)
	}
	s.start() // and takes everything up again
	s.await(*out.JobId, "RUNNING")
	terminate(t, s, *out.JobId)
	s.await(*out.JobId, "")
	s.call("POST", "/_emulator/reset", "")
}

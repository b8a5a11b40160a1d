package compat

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestMachine is what the machine below does to jobs: it bounds them, and they lose it.
func TestMachine(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t, "--memory-budget", "200")
	c := s.batch()
	q, _ := queue(ctx, t, c, types.CRTypeEc2)
	with := func(mib string, command ...string) string {
		t.Helper()
		out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("machine"), JobQueue: &q, JobDefinition: &q, RetryStrategy: &types.RetryStrategy{Attempts: aws.Int32(2)},
			ContainerOverrides: &types.ContainerOverrides{Command: command, ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeMemory, Value: &mib}}}})
		if err != nil {
			t.Fatal(err)
		}
		return *out.JobId
	}

	t.Run("a job waits for its memory, and the API shows no reason", func(t *testing.T) {
		first := with("150", "trap", "0", "10m")
		s.await(first, "RUNNING")
		second := with("100", "exit", "0")
		job := describe(ctx, t, c, second)
		if job.Status != types.JobStatusRunnable || job.StatusReason != nil {
			t.Errorf("it is %s: %s", job.Status, aws.ToString(job.StatusReason))
		}
		why := s.why(second)
		if len(why.Obstacles) != 1 || why.Obstacles[0].Kind != "memory" || why.Obstacles[0].Needs != 100 || why.Obstacles[0].Has != 50 {
			t.Errorf("why: %+v", why)
		}
		if _, err := c.TerminateJob(ctx, &batch.TerminateJobInput{JobId: &first, Reason: aws.String("enough")}); err != nil {
			t.Fatal(err)
		}
		s.await(second, "")
		if job := describe(ctx, t, c, second); job.Status != types.JobStatusSucceeded {
			t.Errorf("it is %s: %s", job.Status, aws.ToString(job.StatusReason))
		}
	})

	t.Run("one that is larger than the machine runs alone, with a warning", func(t *testing.T) {
		id := with("300", "exit", "0")
		s.await(id, "")
		if job := describe(ctx, t, c, id); job.Status != types.JobStatusSucceeded {
			t.Errorf("it is %s: %s", job.Status, aws.ToString(job.StatusReason))
		}
	})

	t.Run("an instance that is taken away takes its containers along", func(t *testing.T) {
		id := with("50", "ignore", "then", "sleep", "10m")
		s.await(id, "RUNNING")
		first := s.containers(id)
		s.call(http.MethodPost, "/_emulator/reclaim", `{"job":"`+id+`"}`)
		s.call(http.MethodGet, "/_emulator/wait?timeout="+patience.String()+"&until=RUNNING&job="+id, "")
		job := describe(ctx, t, c, id)
		if len(job.Attempts) != 1 || !strings.HasPrefix(aws.ToString(job.Attempts[0].StatusReason), "Host EC2 (instance i-") || job.Attempts[0].Container.ExitCode != nil {
			t.Fatalf("attempts: %+v", job.Attempts)
		}
		_ = exec.Command("docker", "wait", first[0]).Run() // until it has ended; it may be gone already
		if now := s.containers(id); len(now) != 1 || now[0] == first[0] {
			t.Errorf("containers of the job: %v, before %v", now, first)
		}
		s.call(http.MethodPost, "/_emulator/reclaim", `{"job":"`+id+`"}`)
		s.await(id, "")
		if job := describe(ctx, t, c, id); job.Status != types.JobStatusFailed || len(job.Attempts) != 2 {
			t.Errorf("it is %s after %d attempts", job.Status, len(job.Attempts))
		}
	})
	s.stop()
	if !strings.Contains(s.log.String(), "larger than the machine") {
		t.Errorf("no warning:\n%s", s.log.String())
	}
	if left := leftovers(t, s); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

type why struct {
	Status, Reason string
	Obstacles      []struct {
		Kind, Where string
		Needs, Has  float64
	}
}

func (s *server) why(id string) (is why) {
	s.t.Helper()
	answer, err := http.Get(s.url + "/_emulator/why?job=" + id)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&is); err != nil {
		s.t.Fatal(err)
	}
	return is
}

// containers are those of a job that run.
func (s *server) containers(job string) []string {
	s.t.Helper()
	out, err := exec.Command("docker", "ps", "-q", "--no-trunc", "--filter", "label=batch-local.job="+job).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Fields(string(out))
}

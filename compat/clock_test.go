package compat

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestMovedClock: when a moved clock answers, a real container whose timeout was on the way has ended, at its time; one without runs on.
func TestMovedClock(t *testing.T) {
	needDocker(t)
	t.Run("in memory", func(t *testing.T) { movedClock(t, serve(t)) })
	t.Run("with a data folder", func(t *testing.T) { movedClock(t, serve(t, "--data-dir", t.TempDir(), "--on-exit", "stop")) })
}

func movedClock(t *testing.T, s *server) {
	c, ctx := s.batch(), t.Context()
	q, d := queue(ctx, t, c, types.CRTypeEc2)
	submit := func(timeout *types.JobTimeout) string {
		out, err := c.SubmitJob(ctx, &batch.SubmitJobInput{JobName: aws.String("j"), JobQueue: &q, JobDefinition: &d, Timeout: timeout,
			ContainerOverrides: &types.ContainerOverrides{Command: []string{"trap", "5", "then", "sleep", "1h"}}})
		if err != nil {
			t.Fatal(err)
		}
		s.await(*out.JobId, "RUNNING")
		return *out.JobId
	}
	stopped, free := submit(&types.JobTimeout{AttemptDurationSeconds: aws.Int32(90)}), submit(nil)
	s.call("POST", "/_emulator/clock", `{"advance":"90m"}`)
	j := describe(ctx, t, c, stopped)
	if j.Status != types.JobStatusFailed {
		t.Fatalf("its time is over, and it is %s", j.Status)
	}
	if ran := time.Duration(*j.StoppedAt-*j.StartedAt) * time.Millisecond; ran < 90*time.Second || ran > 5*time.Minute {
		t.Errorf("it ran for %v", ran)
	}
	if j := describe(ctx, t, c, free); j.Status != types.JobStatusRunning {
		t.Errorf("the other is %s", j.Status)
	}
}

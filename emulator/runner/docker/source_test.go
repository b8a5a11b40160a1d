package docker_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/runner/docker"
)

// TestFirstStats is runtime.md 6: already the first answer has what a second sample is needed for, the processor times before and the rates of the network.
func TestFirstStats(t *testing.T) {
	realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1, Endpoint: endpoint.New(endpoint.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)
	for name, task := range map[string]batch.Task{
		"Fargate":     {Platform: batch.Fargate, HostName: "ip-10-0-0-2.ec2.internal"},
		"an instance": {Platform: batch.EC2, Host: "i-0123456789abcdef4", HostName: "ip-172-31-0-4"},
	} {
		t.Run(name, func(t *testing.T) {
			task.Attempt, task.Definition = batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: 1}, "arn:definition"
			_, text, _ := strings.Cut(printed(t, d, task, "ask", "$ECS_CONTAINER_METADATA_URI_V4/stats"), "200 application/json ")
			var got struct {
				Preread time.Time `json:"preread"`
				Before  struct {
					System uint64 `json:"system_cpu_usage"`
				} `json:"precpu_stats"`
				Rates *struct {
					Received *float64 `json:"rx_bytes_per_sec"`
				} `json:"network_rate_stats"`
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if got.Preread.IsZero() || got.Before.System == 0 {
				t.Errorf("it has no times before: %s", text)
			}
			if has := got.Rates != nil && got.Rates.Received != nil; has != (task.Platform == batch.Fargate) {
				t.Errorf("it has rates: %t; %s", has, text)
			}
		})
	}
}

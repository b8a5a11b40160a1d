package emulator

import (
	"context"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// TestCheckLog is what the awslogs driver says before a container starts (runtime.md 2.5 and 9).
func TestCheckLog(t *testing.T) {
	e, err := New(Config{Driver: "simulated"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	const noGroup = "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
	const onEC2, onFargate = "failed to initialize logging driver: " + noGroup, "failed to validate logger args: create stream has been retried 1 times: " + noGroup + " : exit status 1"
	task := func(p batch.Platform) batch.Task {
		return batch.Task{Platform: p, Scope: batch.Scope{Account: "000000000000", Region: "us-east-1"}}
	}
	container := func(options ...string) batch.Container {
		l := &api.LogConfiguration{LogDriver: api.LogDriverAwslogs, Options: map[string]string{}}
		for i := 0; i < len(options); i += 2 {
			l.Options[options[i]] = options[i+1]
		}
		c := batch.Container{LogGroup: batch.DefaultLogGroup, LogStream: "a/default/1", LogRegion: l.Options["awslogs-region"], Properties: &api.ContainerProperties{LogConfiguration: l}}
		if g := l.Options["awslogs-group"]; g != "" {
			c.LogGroup = g
		}
		return c
	}
	// A container that was made without being asked leaves its group.
	log, err := e.openLog(task(batch.EC2), container("awslogs-group", "there"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, test := range []struct {
		name      string
		platform  batch.Platform
		container batch.Container
		want      string
	}{
		{"no log configuration", batch.EC2, batch.Container{LogGroup: batch.DefaultLogGroup, Properties: &api.ContainerProperties{}}, ""},
		{"a service job", batch.EC2, batch.Container{LogGroup: "/aws/sagemaker/TrainingJobs", Properties: &api.ContainerProperties{}}, ""},
		{"another driver", batch.EC2, batch.Container{Properties: &api.ContainerProperties{LogConfiguration: &api.LogConfiguration{LogDriver: api.LogDriverJsonFile, Options: map[string]string{"awslogs-group": "x"}}}}, ""},
		{"no group", batch.EC2, container("awslogs-stream-prefix", "p"), ""},
		{"Batch's group", batch.EC2, container("awslogs-group", "/aws/batch/job"), ""},
		{"a group that is there", batch.EC2, container("awslogs-group", "there"), ""},
		{"a group that is not", batch.EC2, container("awslogs-group", "nowhere"), onEC2},
		{"a group that is not, on Fargate", batch.Fargate, container("awslogs-group", "nowhere"), onFargate},
		{"a group of another region", batch.EC2, container("awslogs-group", "there", "awslogs-region", "eu-west-1"), onEC2},
		{"a group to be made", batch.EC2, container("awslogs-group", "nowhere", "awslogs-create-group", "true"), ""},
		{"a group not to be made", batch.EC2, container("awslogs-group", "nowhere", "awslogs-create-group", "false"), onEC2},
		{"a group that is awaited", batch.EC2, container("awslogs-group", "nowhere", "mode", "non-blocking"), ""},
		{"a pattern", batch.EC2, container("awslogs-multiline-pattern", "^x"), ""},
		{"no pattern", batch.EC2, container("awslogs-multiline-pattern", "("), "failed to initialize logging driver: awslogs could not parse multiline pattern key \"(\": error parsing regexp: missing closing ): `(`"},
	} {
		got := ""
		if err := e.checkLog(task(test.platform), test.container); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

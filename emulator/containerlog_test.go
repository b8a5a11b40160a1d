package emulator_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/batch-local/batch-local/emulator"
)

// TestLogOptions: a job's output goes to the group, the region and the stream that its definition names, and its stack trace is one event
// (runtime.md 2.5). The simulated driver makes the group, whoever else would have to.
func TestLogOptions(t *testing.T) {
	w := open(t, emulator.Config{})
	w.place(w.batch, 16)
	_, err := w.batch.RegisterJobDefinition(t.Context(), &batch.RegisterJobDefinitionInput{JobDefinitionName: aws.String("a"), Type: types.JobDefinitionTypeContainer,
		ContainerProperties: &types.ContainerProperties{Image: aws.String("image"), Vcpus: aws.Int32(1), Memory: aws.Int32(64), LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
			"awslogs-group": "/mine", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p", "awslogs-datetime-format": "^%H:%M", "awslogs-multiline-pattern": "["}}}})
	w.ok(err)
	j := w.await(w.submit(`{"logs":["12:00 error"," at a",""," at b","12:01 end"]}`), "")
	if want := "p/default/" + (*j.Container.TaskArn)[len(*j.Container.TaskArn)-32:]; *j.Container.LogStreamName != want {
		t.Errorf("stream %s, want %s", *j.Container.LogStreamName, want)
	}
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/mine"), LogStreamName: j.Container.LogStreamName, StartFromHead: aws.Bool(true)}
	_, there := w.as("test", "eu-west-1")
	out, err := there.GetLogEvents(t.Context(), in)
	if err != nil || len(out.Events) != 2 || *out.Events[0].Message != "12:00 error\n at a\n\n at b\n" || *out.Events[1].Message != "12:01 end\n" {
		t.Errorf("there: %v, %v", out, err)
	}
	if out, err := w.logs.GetLogEvents(t.Context(), in); err == nil {
		t.Errorf("in the job's own region there is something too: %v", out.Events)
	}
	if code, body := w.call("POST", "/_emulator/reset?region=eu-west-1"); code != 200 && code != 204 {
		t.Fatalf("reset: %d %s", code, body)
	}
	if groups, err := there.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(groups.LogGroups) != 0 {
		t.Errorf("after a reset of that region: %v, %v", groups, err)
	}
}

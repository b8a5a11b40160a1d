package docker

import (
	"fmt"
	"strconv"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Labels of what is ours (interface.md 4).
const (
	labelInstance  = "batch-local.instance"
	labelAccount   = "batch-local.account"
	labelRegion    = "batch-local.region"
	labelJob       = "batch-local.job"
	labelAttempt   = "batch-local.attempt"
	labelContainer = "batch-local.container"
	labelSandbox   = "batch-local.sandbox" // of a sandbox: the instance's id, or "task"
)

func (d *Driver) labels(t batch.Task, c batch.Container) map[string]string {
	return map[string]string{
		labelInstance:  d.options.Instance,
		labelAccount:   t.Scope.Account,
		labelRegion:    t.Scope.Region,
		labelJob:       string(t.Attempt.Job),
		labelAttempt:   strconv.Itoa(t.Attempt.Number),
		labelContainer: c.Name,
		// What the ECS agent sets, and a program that looks at itself may read (runtime.md 1).
		"com.amazonaws.ecs.cluster":                 t.Cluster,
		"com.amazonaws.ecs.container-name":          c.Name,
		"com.amazonaws.ecs.task-arn":                "arn:" + t.Scope.Partition() + ":ecs:" + t.Scope.Region + ":" + t.Scope.Account + ":task/" + t.Cluster + "/" + t.ID,
		"com.amazonaws.ecs.task-definition-family":  t.Family,
		"com.amazonaws.ecs.task-definition-version": strconv.Itoa(t.Revision),
	}
}

// attemptOf reads labels back.
func attemptOf(labels map[string]string) (batch.AttemptID, bool) {
	number, err := strconv.Atoi(labels[labelAttempt])
	id := batch.AttemptID{Job: batch.JobID(labels[labelJob]), Number: number}
	return id, err == nil && id.Job != ""
}

// containerName follows from the attempt alone.
func containerName(id batch.AttemptID) string {
	if index, ok := id.Job.Index(); ok {
		return fmt.Sprintf("batch-local-%s-%d-%d", id.Job.Short(), index, id.Number)
	}
	return fmt.Sprintf("batch-local-%s-%d", id.Job.Short(), id.Number)
}

package docker

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/batch"
)

// ownLabels begins the labels of what is ours.
const ownLabels = "batch-local."

// Labels of what is ours (interface.md 4).
const (
	labelInstance  = "batch-local.instance"
	labelAccount   = "batch-local.account"
	labelRegion    = "batch-local.region"
	labelJob       = "batch-local.job"
	labelAttempt   = "batch-local.attempt"
	labelContainer = "batch-local.container"
	labelSandbox   = "batch-local.sandbox"  // of a sandbox: the instance's id, or "task"
	labelVolume    = "batch-local.volume"   // of a volume that outlives jobs: "disk", "efs" or "pvc"
	labelLooker    = "batch-local.looker"   // of a container that never runs: the folder that it has
	labelEndpoint  = "batch-local.endpoint" // of the container that has the address of the endpoint
)

func (d *Driver) labels(t batch.Task, c batch.Container) map[string]string {
	all := map[string]string{}
	if t.Pod != nil {
		if p := t.Pod.Properties; p != nil && p.Metadata != nil {
			maps.Copy(all, p.Metadata.Labels)
			maps.Copy(all, p.Metadata.Annotations)
			maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, ownLabels) }) // nobody gives himself ours
		}
		all["batch.amazonaws.com/job-id"] = string(t.Attempt.Job)
		all["batch.amazonaws.com/node-uid"] = t.Pod.NodeUID
		all["batch.amazonaws.com/compute-environment-uuid"] = uuid.NewSHA1(uuid.NameSpaceURL, []byte(t.Environment)).String()
	} else {
		// What the ECS agent sets, and a program that looks at itself may read (runtime.md 1).
		all["com.amazonaws.ecs.cluster"] = t.Cluster
		all["com.amazonaws.ecs.container-name"] = c.Name
		all["com.amazonaws.ecs.task-arn"] = taskARN(t)
		all["com.amazonaws.ecs.task-definition-family"] = t.Family
		all["com.amazonaws.ecs.task-definition-version"] = strconv.Itoa(t.Revision)
	}
	all[labelInstance] = d.options.Instance
	all[labelAccount], all[labelRegion] = t.Scope.Account, t.Scope.Region
	all[labelJob], all[labelAttempt] = string(t.Attempt.Job), strconv.Itoa(t.Attempt.Number)
	all[labelContainer] = c.Name
	return all
}

// disown empties those of our labels that an image brings along: the engine gives a container all of its image's that it is not told.
func disown(labels, image map[string]string) {
	for name := range image {
		if _, set := labels[name]; !set && strings.HasPrefix(name, ownLabels) {
			labels[name] = ""
		}
	}
}

func taskARN(t batch.Task) string {
	return "arn:" + t.Scope.Partition() + ":ecs:" + t.Scope.Region + ":" + t.Scope.Account + ":task/" + t.Cluster + "/" + t.ID
}

// ours filters what an emulator made, and what has more labels.
func ours(instance string, labels ...string) filters.Args {
	f := filters.NewArgs(filters.Arg("label", labelInstance+"="+instance))
	for _, l := range labels {
		f.Add("label", l)
	}
	return f
}

// of are the labels of what an attempt has.
func of(id batch.AttemptID) []string {
	return []string{labelJob + "=" + string(id.Job), labelAttempt + "=" + strconv.Itoa(id.Number)}
}

// attemptOf reads labels back.
func attemptOf(labels map[string]string) (batch.AttemptID, bool) {
	number, err := strconv.Atoi(labels[labelAttempt])
	id := batch.AttemptID{Job: batch.JobID(labels[labelJob]), Number: number}
	return id, err == nil && id.Job != ""
}

// containerName is that of a task's container; it follows from the task alone.
func containerName(t batch.Task, index int) string {
	if len(t.Containers) == 1 {
		return taskName(t.Attempt)
	}
	name := t.Containers[index].Name
	legal := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_.-", c) {
			return c
		}
		return '-'
	}, name)
	if legal != name { // others may become the same
		legal += "-" + strconv.Itoa(index)
	}
	return taskName(t.Attempt) + "-" + legal
}

// taskName begins the names of what an attempt has.
func taskName(id batch.AttemptID) string {
	if index, ok := id.Job.Index(); ok {
		return fmt.Sprintf("batch-local-%s-%d-%d", id.Job.Short(), index, id.Number)
	}
	return fmt.Sprintf("batch-local-%s-%d", id.Job.Short(), id.Number)
}

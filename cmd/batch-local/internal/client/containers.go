package client

import (
	"cmp"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Containers of a job: one of containerProperties, several of ecsProperties, or those of a pod.

// defaultContainer is the name of an only container that has none.
const defaultContainer = "default"

func containerName(name *string) string { return cmp.Or(aws.ToString(name), defaultContainer) }

// Containers are the names of a job's containers, a pod's init containers first. An array and a multi-node job have none of their own.
func Containers(job types.JobDetail) (names []string) {
	if IsArray(job) || job.NodeProperties != nil {
		return nil
	}
	if pod := podOf(job); pod != nil {
		return slices.Concat(podNames(pod.InitContainers), podNames(pod.Containers))
	}
	for c := range taskContainers(job) {
		names = append(names, containerName(c.Name))
	}
	if job.Container != nil {
		names = append(names, onlyContainer(job))
	}
	return names
}

// onlyContainer is the name of the container of a job that has one without a name in the API.
func onlyContainer(job types.JobDetail) string {
	if IsService(job) {
		return batch.TrainingContainer
	}
	return defaultContainer
}

// IsArray says that a job is an array itself, not a child of one.
func IsArray(job types.JobDetail) bool {
	return job.ArrayProperties != nil && job.ArrayProperties.Size != nil
}

// IsPod says that what a job runs is a pod, or several.
func IsPod(job types.JobDetail) bool {
	return podOf(job) != nil || job.NodeProperties != nil &&
		slices.ContainsFunc(job.NodeProperties.NodeRangeProperties, func(r types.NodeRangeProperty) bool { return r.EksProperties != nil })
}

// Ran says that a container of the job has run, as far as the job tells: of pods it does at their end.
func Ran(job types.JobDetail) bool {
	if job.Container != nil && job.Container.LogStreamName != nil {
		return true
	}
	for c := range taskContainers(job) {
		if c.LogStreamName != nil {
			return true
		}
	}
	if pod := podOf(job); pod != nil {
		return slices.ContainsFunc(slices.Concat(pod.InitContainers, pod.Containers), func(c types.EksContainerDetail) bool { return c.ExitCode != nil })
	}
	return job.NodeProperties != nil && aws.ToInt64(job.StartedAt) != 0
}

// Elsewhere is the log driver that takes the output of a container that is not kept here; empty if there is none such.
func Elsewhere(job types.JobDetail, container string) string {
	driver := func(l *types.LogConfiguration) string {
		if l == nil || l.LogDriver == types.LogDriverAwslogs {
			return ""
		}
		return string(l.LogDriver)
	}
	if job.Container != nil {
		return driver(job.Container.LogConfiguration)
	}
	for c := range taskContainers(job) {
		if found := driver(c.LogConfiguration); found != "" && (container == "" || container == containerName(c.Name)) {
			return found
		}
	}
	return ""
}

// A Result is how a job's newest attempt ended, as the container that decided has it. Container is its name if there are several.
type Result struct {
	Container string
	ExitCode  *int32
	Reason    string
}

// ResultOf is the result of a job. Of several containers of a task it is that of the first essential one that failed, of a pod that of the first
// that failed, of a multi-node job that of its main node.
//
// Guess: the job does not tell which essential container was the first to end, which is what its status follows (runtime.md 4.3). One that was only
// stopped, with 143 or 137, counts where no other failed.
func ResultOf(job types.JobDetail) (is Result) {
	switch last := newest(job.Attempts); {
	case job.Container != nil:
		return Result{"", job.Container.ExitCode, aws.ToString(job.Container.Reason)}
	case job.EcsProperties != nil:
		return taskResult(job)
	case podOf(job) != nil || job.NodeProperties != nil && len(job.EksAttempts) > 0:
		return podResult(newest(job.EksAttempts))
	case last.Container != nil:
		return Result{"", last.Container.ExitCode, aws.ToString(last.Container.Reason)}
	}
	return is
}

func taskResult(job types.JobDetail) (is Result) {
	const none = 4
	several, best := len(Containers(job)) > 1, none
	for c := range taskContainers(job) {
		essential := c.Essential == nil || *c.Essential
		rank := none
		switch {
		case c.ExitCode == nil && c.Reason != nil: // because of which the task did not start
			rank = 1
		case c.ExitCode == nil || !essential:
		case *c.ExitCode == 0:
			if rank = 3; job.Status == types.JobStatusSucceeded {
				rank = 0
			}
		case *c.ExitCode == 143 || *c.ExitCode == 137 && c.Reason == nil: // stopped
			rank = 2
		default:
			rank = 0
		}
		if rank >= best {
			continue
		}
		best, is = rank, Result{ExitCode: c.ExitCode, Reason: aws.ToString(c.Reason)}
		if several {
			is.Container = containerName(c.Name)
		}
	}
	return is
}

// podResult is that of the first container that failed; of a pod that succeeded it is 0.
func podResult(attempt types.EksAttemptDetail) (is Result) {
	all := slices.Concat(attempt.InitContainers, attempt.Containers)
	for _, c := range all {
		if aws.ToInt32(c.ExitCode) == 0 && (c.ExitCode != nil || c.Reason == nil) {
			continue
		}
		is = Result{ExitCode: c.ExitCode, Reason: aws.ToString(c.Reason)}
		if len(all) > 1 {
			is.Container = aws.ToString(c.Name)
		}
		return is
	}
	if len(all) > 0 && !slices.ContainsFunc(all, func(c types.EksAttemptContainerDetail) bool { return c.ExitCode == nil }) {
		is.ExitCode = aws.Int32(0)
	}
	return is
}

// ExitCode is what a command that stands for the job ends with: that of the container that decided, but never 0 for a job that failed.
func ExitCode(job types.JobDetail) int {
	code := int(aws.ToInt32(ResultOf(job).ExitCode))
	if job.Status == types.JobStatusFailed && code == 0 {
		return 1
	}
	return code
}

// newest is the last of a list, or nothing.
func newest[T any](list []T) (last T) {
	if len(list) > 0 {
		last = list[len(list)-1]
	}
	return last
}

// taskContainers are the containers of ecsProperties, with the newest attempt's results.
func taskContainers(job types.JobDetail) iter.Seq[types.TaskContainerDetails] {
	return func(yield func(types.TaskContainerDetails) bool) {
		if job.EcsProperties == nil {
			return
		}
		for _, task := range job.EcsProperties.TaskProperties {
			for _, c := range task.Containers {
				if !yield(c) {
					return
				}
			}
		}
	}
}

func podOf(job types.JobDetail) *types.EksPodPropertiesDetail {
	if job.EksProperties == nil {
		return nil
	}
	return job.EksProperties.PodProperties
}

func podNames(containers []types.EksContainerDetail) (names []string) {
	for _, c := range containers {
		names = append(names, aws.ToString(c.Name))
	}
	return names
}

func namesOf(containers []types.EksAttemptContainerDetail) (names []string) {
	for _, c := range containers {
		names = append(names, aws.ToString(c.Name))
	}
	return names
}

// mainNode is the container of a multi-node job's main node; nil if it has another form. Of the ranges that hold a node the narrowest counts.
func mainNode(job types.JobDetail) (is *types.ContainerProperties) {
	if job.NodeProperties == nil {
		return nil
	}
	main, width := aws.ToInt32(job.NodeProperties.MainNode), int32(batch.MaxNodes)
	for _, r := range job.NodeProperties.NodeRangeProperties {
		first, last, err := batch.NodeRange(aws.ToString(r.TargetNodes), aws.ToInt32(job.NodeProperties.NumNodes))
		if err == nil && first <= main && main <= last && last-first < width {
			is, width = r.Container, last-first
		}
	}
	return is
}

package operations

import (
	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Jobs of several containers, as DescribeJobs shows them: ecsProperties (jobs.md 2.8).

// ends are the results of an attempt's containers by name. One of a single container has that of the attempt.
func ends(a *batch.Attempt, only string) map[string]batch.ContainerEnd {
	all := map[string]batch.ContainerEnd{}
	for _, e := range a.Containers {
		all[e.Name] = e
	}
	if len(all) == 0 && only != "" {
		all[only] = batch.ContainerEnd{Name: only, ExitCode: a.ExitCode, Reason: a.Reason}
	}
	return all
}

// streams are the log streams of an attempt's containers by name: of all that run, and, when the attempt has ended, of those that ran, which some may have
// though the task as a whole never did.
func streams(state *batch.State, j *batch.Job, a *batch.Attempt) map[string]string {
	ran := map[string]bool{}
	for _, e := range a.Containers {
		ran[e.Name] = !a.NeverRan(e)
	}
	all := map[string]string{}
	for _, s := range state.LogStreams(j, a) {
		if is, known := ran[s.Container]; is || !known && a.StartedAt != 0 {
			all[s.Container] = s.Stream
		}
	}
	return all
}

// onlyName is the name of a task's container if it has one.
func onlyName(list []api.TaskContainerProperties) string {
	if len(list) == 1 {
		return batch.TaskContainerName(&list[0])
	}
	return ""
}

func ecsDetail(state *batch.State, j *batch.Job, p *api.EcsProperties) *api.EcsPropertiesDetail {
	d := &api.EcsPropertiesDetail{TaskProperties: make([]api.EcsTaskDetails, 0, len(p.TaskProperties))}
	for _, t := range p.TaskProperties {
		task := api.EcsTaskDetails{
			EnableExecuteCommand: t.EnableExecuteCommand, EphemeralStorage: t.EphemeralStorage, ExecutionRoleArn: t.ExecutionRoleArn,
			IpcMode: t.IpcMode, NetworkConfiguration: t.NetworkConfiguration, NetworkMode: t.NetworkMode, PidMode: t.PidMode,
			PlatformVersion: t.PlatformVersion, RuntimePlatform: t.RuntimePlatform, TaskRoleArn: t.TaskRoleArn, Volumes: list(t.Volumes),
			Containers: make([]api.TaskContainerDetails, 0, len(t.Containers)),
		}
		var end map[string]batch.ContainerEnd
		var log map[string]string
		addresses := []api.NetworkInterface{}
		if a := j.Attempt(); a != nil {
			task.ContainerInstanceArn, task.TaskArn = instanceARN(j, a), taskARN(j, a)
			end, log, addresses = ends(a, onlyName(t.Containers)), streams(state, j, a), interfaces(a)
		}
		for _, c := range t.Containers {
			e, stream := end[batch.TaskContainerName(&c)], log[batch.TaskContainerName(&c)]
			task.Containers = append(task.Containers, api.TaskContainerDetails{
				Command: list(c.Command), DependsOn: list(c.DependsOn), Environment: list(c.Environment), Essential: c.Essential,
				FirelensConfiguration: c.FirelensConfiguration, Image: c.Image, LinuxParameters: c.LinuxParameters, LogConfiguration: c.LogConfiguration,
				MountPoints: list(c.MountPoints), Name: c.Name, Privileged: c.Privileged, ReadonlyRootFilesystem: c.ReadonlyRootFilesystem,
				RepositoryCredentials: c.RepositoryCredentials, ResourceRequirements: list(c.ResourceRequirements), Secrets: list(c.Secrets),
				StartTimeout: c.StartTimeout, StopTimeout: c.StopTimeout, Ulimits: list(c.Ulimits), User: c.User,
				ExitCode: e.ExitCode, Reason: optional(&e.Reason), LogStreamName: optional(&stream), NetworkInterfaces: addresses,
			})
		}
		d.TaskProperties = append(d.TaskProperties, task)
	}
	return d
}

// taskAttempt has the results in taskProperties, and an empty container.
func taskAttempt(state *batch.State, j *batch.Job, a *batch.Attempt, p *api.EcsProperties) api.AttemptDetail {
	d := api.AttemptDetail{
		StartedAt: nonzero(&a.StartedAt), StoppedAt: nonzero(&a.StoppedAt), StatusReason: optional(&a.StatusReason),
		Container: &api.AttemptContainerDetail{},
	}
	log := streams(state, j, a)
	for _, t := range p.TaskProperties {
		task := api.AttemptEcsTaskDetails{ContainerInstanceArn: instanceARN(j, a), TaskArn: taskARN(j, a), Containers: []api.AttemptTaskContainerDetails{}}
		end := ends(a, onlyName(t.Containers))
		for _, c := range t.Containers {
			e, stream := end[batch.TaskContainerName(&c)], log[batch.TaskContainerName(&c)]
			task.Containers = append(task.Containers, api.AttemptTaskContainerDetails{
				Name: c.Name, ExitCode: e.ExitCode, Reason: optional(&e.Reason), LogStreamName: optional(&stream), NetworkInterfaces: interfaces(a),
			})
		}
		d.TaskProperties = append(d.TaskProperties, task)
	}
	return d
}

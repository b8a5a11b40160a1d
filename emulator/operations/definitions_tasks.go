package operations

import (
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Definitions of several containers in one ECS task: ecsProperties (jobs.md 10.5, 10.6).

const (
	maxContainers      = 10
	minTimeout         = 2   // seconds of startTimeout and stopTimeout
	maxFargateTimeout  = 120 // seconds of both on Fargate
	maxTaskDefinitions = 1
)

func checkTasks(p batch.Platform, e *api.EcsProperties) error {
	switch {
	case e == nil:
		return nil
	case len(e.TaskProperties) != maxTaskDefinitions:
		// Guess: the rule was measured, its text was not recorded.
		return api.Invalid("Number of taskProperties must be %d", maxTaskDefinitions)
	}
	t := &e.TaskProperties[0]
	if n := len(t.Containers); n < 1 || n > maxContainers {
		return api.Invalid("Number of containers must be between 1 and %d", maxContainers)
	}
	if err := firstOf(checkTaskModes(p, t), checkTaskNames(t), checkFirelens(t)); err != nil {
		return err
	}
	needed := sum{}
	for i := range t.Containers {
		c := &t.Containers[i]
		if err := firstOf(checkTaskContainer(p, t, c), checkTaskDependencies(t, c), needed.add(p, c)); err != nil {
			return err
		}
	}
	return firstOf(checkCircles(t), needed.check(p))
}

// checkTaskModes holds what concerns the task as a whole.
func checkTaskModes(p batch.Platform, t *api.EcsTaskProperties) error {
	ipc, pid, network := api.Value(t.IpcMode), api.Value(t.PidMode), api.Value(t.NetworkMode)
	switch {
	case ipc != "" && !slices.Contains([]string{"host", "task", "none"}, ipc):
		return api.Invalid("ipcMode %s is not valid. Valid values are: [host, task, none]", ipc)
	case pid != "" && !slices.Contains([]string{"host", "task"}, pid):
		return api.Invalid("Capability %s is not valid. Valid capabilities: [host, task]", pid) // the word is AWS's
	case pid == "host" && p == batch.Fargate:
		// Guess: documented; the text is that of the other platforms.
		return api.Invalid("Capability %s is not valid. Valid capabilities: [task]", pid)
	case ipc != "" && p == batch.Fargate:
		// Guess: documented; the text is that of other members that do not apply.
		return api.Invalid("ipcMode is not applicable for Fargate.")
	case network != "" && (p != managedInstances || network != "host"):
		// Guess: documented for managed instances, with this value alone; the text was not seen.
		return api.Invalid("networkMode %s is not valid. Valid values are: [host]", network)
	case p == managedInstances && t.RuntimePlatform != nil && api.Value(t.RuntimePlatform.OperatingSystemFamily) != "" && *t.RuntimePlatform.OperatingSystemFamily != "LINUX":
		return api.Invalid("runtimePlatform for MANAGED_INSTANCES only supports LINUX operating system family.")
	case t.PlatformVersion != nil && p != batch.Fargate:
		// Guess: by analogy with fargatePlatformConfiguration.
		return api.Invalid("platformVersion not applicable for %s.", p)
	}
	return nil
}

func checkTaskNames(t *api.EcsTaskProperties) error {
	seen, essential := map[string]bool{}, false
	for _, c := range t.Containers {
		name := api.Value(c.Name)
		switch {
		case name == "" && len(t.Containers) > 1:
			// Guess: they could not be told apart; the text was not seen.
			return api.Invalid("Container name is required.")
		case seen[name]:
			// Guess: the rule was measured, its text was not recorded.
			return api.Invalid("Container names must be unique, %s is used more than once.", name)
		}
		seen[name] = true
		essential = essential || c.Essential == nil || *c.Essential
	}
	if !essential {
		return api.Invalid("At least one container must be set as essential")
	}
	return nil
}

// checkFirelens holds the rules about a container that routes the others' output.
func checkFirelens(t *api.EcsTaskProperties) error {
	routers, routed, root := 0, false, false
	for _, c := range t.Containers {
		if f := c.FirelensConfiguration; f != nil {
			routers++
			if err := oneOf("firelensConfiguration type", f.Type); err != nil {
				return err
			}
		}
		routed = routed || isRouted(c)
		user, _, _ := strings.Cut(api.Value(c.User), ":")
		root = root || user == "" || user == "0" || user == "root"
	}
	switch {
	case routers > 0 && !root:
		return api.Invalid("When a firelensConfiguration object is specified, at least one container has to run as root")
	case routers > 0 && !routed:
		// Guess: the rule was measured, its text was not recorded.
		return api.Invalid("When a firelensConfiguration object is specified, at least one container has to use the awsfirelens log driver")
	case routers > 1:
		// Guess: a rule of ECS's task definitions, as is the next; the texts were not seen.
		return api.Invalid("At most one container can have a firelensConfiguration object")
	case routed && routers == 0:
		return api.Invalid("When a container uses the awsfirelens log driver, one container has to have a firelensConfiguration object")
	}
	return nil
}

// isRouted says that a container's output goes to the task's router.
func isRouted(c api.TaskContainerProperties) bool {
	return c.LogConfiguration != nil && c.LogConfiguration.LogDriver == api.LogDriverAwsfirelens
}

// checkTaskContainer holds a container to the rules of a containerProperties one, as far as they concern both.
func checkTaskContainer(p batch.Platform, t *api.EcsTaskProperties, c *api.TaskContainerProperties) error {
	if api.Value(c.Image) == "" {
		return api.Invalid("ECS Container Image must be provided.")
	}
	as := &api.ContainerProperties{
		Image: c.Image, ExecutionRoleArn: t.ExecutionRoleArn, JobRoleArn: t.TaskRoleArn, Secrets: c.Secrets, LogConfiguration: c.LogConfiguration,
		Privileged: c.Privileged, Ulimits: c.Ulimits, Volumes: t.Volumes, LinuxParameters: c.LinuxParameters, Environment: c.Environment,
		EphemeralStorage: t.EphemeralStorage, NetworkConfiguration: t.NetworkConfiguration, RuntimePlatform: t.RuntimePlatform, User: c.User,
		ReadonlyRootFilesystem: c.ReadonlyRootFilesystem,
	}
	if t.PlatformVersion != nil {
		as.FargatePlatformConfiguration = &api.FargatePlatformConfiguration{PlatformVersion: t.PlatformVersion}
	}
	if p == managedInstances { // takes what EC2 takes, and a runtime platform
		as.RuntimePlatform = nil
	}
	for _, timeout := range []struct {
		member  string
		seconds *int32
	}{{"startTimeout", c.StartTimeout}, {"stopTimeout", c.StopTimeout}} {
		if s := timeout.seconds; s != nil && (*s < minTimeout || p == batch.Fargate && *s > maxFargateTimeout) {
			// Guess: the limits are documented; the text was not seen.
			return api.Invalid("%s %d is not valid.", timeout.member, *s)
		}
	}
	return firstOf(checkRoles(as), checkPlatform(p, as), checkEnvironment(c.Environment), checkLinux(c.LinuxParameters), checkVolumes(as), checkLogging(p, c.LogConfiguration))
}

func checkTaskDependencies(t *api.EcsTaskProperties, c *api.TaskContainerProperties) error {
	if len(c.DependsOn) > 0 && len(t.Containers) == 1 {
		return api.Invalid("Container dependency can not be used in a single-container job.")
	}
	for _, d := range c.DependsOn {
		name, condition := api.Value(d.ContainerName), api.Value(d.Condition)
		at := slices.IndexFunc(t.Containers, func(o api.TaskContainerProperties) bool { return api.Value(o.Name) == name })
		switch {
		case at < 0:
			return api.Invalid("containerName %s must reference a defined container.", name)
		case !slices.Contains([]string{"START", "COMPLETE", "SUCCESS"}, condition):
			return api.Invalid("TaskContainer dependency %s is not valid. Valid values are: [START, COMPLETE, SUCCESS]", condition)
		case condition != "START" && (t.Containers[at].Essential == nil || *t.Containers[at].Essential):
			return api.Invalid("The container target of a dependency can not have condition %s if the target is essential", condition)
		}
	}
	return nil
}

// checkCircles refuses containers that wait for each other; what they wait for is there. Who writes to a router of logs waits for that too, without saying so
// (runtime.md 2.5).
//
// Guess: ECS refuses them (runtime.md 4.1); the text was not seen.
func checkCircles(t *api.EcsTaskProperties) error {
	router := slices.IndexFunc(t.Containers, func(c api.TaskContainerProperties) bool { return c.FirelensConfiguration != nil })
	waits := make(map[string][]string, len(t.Containers))
	for i, c := range t.Containers {
		name := api.Value(c.Name)
		for _, d := range c.DependsOn {
			waits[name] = append(waits[name], api.Value(d.ContainerName))
		}
		if router >= 0 && router != i && isRouted(c) {
			waits[name] = append(waits[name], api.Value(t.Containers[router].Name))
		}
	}
	clear := map[string]bool{}
	var circle func(name string, above []string) error
	circle = func(name string, above []string) error {
		if clear[name] {
			return nil
		}
		if slices.Contains(above, name) {
			return api.Invalid("Container dependencies must not be circular, %s depends on itself.", name)
		}
		for _, on := range waits[name] {
			if err := circle(on, append(above, name)); err != nil {
				return err
			}
		}
		clear[name] = true
		return nil
	}
	for _, c := range t.Containers {
		if err := circle(api.Value(c.Name), nil); err != nil {
			return err
		}
	}
	return nil
}

// sum adds up what the containers of a task ask for.
type sum struct{ milli, mib int64 }

func (s *sum) add(p batch.Platform, c *api.TaskContainerProperties) error {
	milli, mib, err := checkWants(p, &api.ContainerProperties{ResourceRequirements: c.ResourceRequirements})
	s.milli, s.mib = s.milli+milli, s.mib+mib
	return err
}

// check holds the task as a whole to Fargate's sizes.
func (s *sum) check(p batch.Platform) error {
	if p != batch.Fargate {
		return nil
	}
	return asInvalid(batch.CheckFargateSize(s.milli, s.mib))
}

func filledTasks(p batch.Platform, given *api.EcsProperties) *api.EcsProperties {
	e := &api.EcsProperties{TaskProperties: make([]api.EcsTaskProperties, 0, len(given.TaskProperties))}
	for _, t := range given.TaskProperties {
		t.Volumes = list(t.Volumes)
		if p == batch.Fargate && api.Value(t.PlatformVersion) == "" {
			t.PlatformVersion = new("LATEST")
		}
		t.Containers = slices.Clone(t.Containers)
		for i := range t.Containers {
			c := &t.Containers[i]
			c.DependsOn, c.MountPoints, c.Secrets, c.Ulimits = list(c.DependsOn), list(c.MountPoints), list(c.Secrets), list(c.Ulimits)
			c.Environment = storedEnvironment(c.Environment)
			c.LogConfiguration = filledLogging(c.LogConfiguration)
			if c.LinuxParameters != nil {
				c.LinuxParameters = filledLinux(c.LinuxParameters)
			}
		}
		e.TaskProperties = append(e.TaskProperties, t)
	}
	return e
}

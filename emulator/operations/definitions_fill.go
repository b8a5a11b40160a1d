package operations

import (
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// What DescribeJobDefinitions shows is what was registered, key for key (wire.md 2), with empty lists and maps and a few
// defaults in place of what was left out (jobs.md 10.5). The request itself is never written to.

func definitionDetail(in *api.RegisterJobDefinitionInput) api.JobDefinition {
	d := api.JobDefinition{
		Type:                         new(string(in.Type)),
		ContainerOrchestrationType:   api.OrchestrationTypeEcs,
		Parameters:                   orEmpty(in.Parameters),
		Tags:                         orEmpty(in.Tags),
		PropagateTags:                in.PropagateTags,
		RetryStrategy:                storedRetry(in.RetryStrategy),
		SchedulingPriority:           in.SchedulingPriority,
		Timeout:                      in.Timeout,
		ConsumableResourceProperties: in.ConsumableResourceProperties,
	}
	if len(in.PlatformCapabilities) > 0 {
		d.PlatformCapabilities = in.PlatformCapabilities
	}
	switch p := platformOf(in.PlatformCapabilities); {
	case in.ContainerProperties != nil:
		d.ContainerProperties = filledContainer(p, in.ContainerProperties)
	case in.EcsProperties != nil:
		d.EcsProperties = filledTasks(p, in.EcsProperties)
	case in.EksProperties != nil:
		d.EksProperties = filledPod(in.EksProperties)
		d.ContainerOrchestrationType = api.OrchestrationTypeEks
	case in.NodeProperties != nil:
		d.NodeProperties = filledNodes(in.NodeProperties)
		if podsOf(in.NodeProperties) {
			d.ContainerOrchestrationType = api.OrchestrationTypeEks
		}
	}
	return d
}

func filledContainer(p batch.Platform, given *api.ContainerProperties) *api.ContainerProperties {
	c := *given
	c.Command = list(c.Command)
	c.Volumes = list(c.Volumes)
	c.Environment = storedEnvironment(c.Environment)
	c.MountPoints = list(c.MountPoints)
	c.Ulimits = list(c.Ulimits)
	c.ResourceRequirements = list(c.ResourceRequirements)
	c.Secrets = list(c.Secrets)
	c.LogConfiguration = filledLogging(c.LogConfiguration)
	if c.LinuxParameters != nil {
		c.LinuxParameters = filledLinux(c.LinuxParameters)
	}
	if p == batch.Fargate && (c.FargatePlatformConfiguration == nil || api.Value(c.FargatePlatformConfiguration.PlatformVersion) == "") {
		c.FargatePlatformConfiguration = &api.FargatePlatformConfiguration{PlatformVersion: new("LATEST")}
	}
	return &c
}

func filledLogging(given *api.LogConfiguration) *api.LogConfiguration {
	if given == nil {
		return nil
	}
	l := *given
	l.Options, l.SecretOptions = orEmpty(l.Options), list(l.SecretOptions)
	return &l
}

func filledLinux(given *api.LinuxParameters) *api.LinuxParameters {
	l := *given
	l.Devices, l.Tmpfs = list(slices.Clone(l.Devices)), list(slices.Clone(l.Tmpfs))
	for i := range l.Devices {
		l.Devices[i].Permissions = list(l.Devices[i].Permissions)
	}
	for i := range l.Tmpfs {
		l.Tmpfs[i].MountOptions = list(l.Tmpfs[i].MountOptions)
	}
	return &l
}

// storedEnvironment leaves out variables without a value, as the service does (jobs.md 8.3).
//
// Guess: of two variables of one name the last stays, in the place of the first.
func storedEnvironment(given []api.KeyValuePair) []api.KeyValuePair {
	at := make(map[string]int, len(given))
	stored := make([]api.KeyValuePair, 0, len(given))
	for _, kv := range given {
		name := api.Value(kv.Name)
		if i, again := at[name]; again {
			stored[i] = kv
			continue
		}
		at[name] = len(stored)
		stored = append(stored, kv)
	}
	return slices.DeleteFunc(stored, func(kv api.KeyValuePair) bool { return api.Value(kv.Value) == "" })
}

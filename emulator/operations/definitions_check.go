package operations

import (
	"regexp"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// What RegisterJobDefinition refuses, all of it in the wrapped style (jobs.md 10.6). The first rule that is broken answers. In
// which order AWS looks is not documented: here it is the request as a whole and then its containers.

// Limits of a job definition (jobs.md 10.1, 10.6).
const (
	maxDefinitionSize     = 24 << 10
	maxSchedulingPriority = 9999
	maxConsumables        = 5
)

func checkDefinition(in *api.RegisterJobDefinitionInput, size int) error {
	return firstOf(
		checkDefinitionHead(in, size),
		checkBlocks(in),
		checkRetry(in.RetryStrategy),
		checkTimeout(in.Timeout),
		checkConsumables(in.ConsumableResourceProperties),
		checkTags(in.Tags),
		checkContainer(platformOf(in.PlatformCapabilities), in.ContainerProperties),
		checkTasks(platformOf(in.PlatformCapabilities), in.EcsProperties),
		checkEks(in),
	)
}

func checkDefinitionHead(in *api.RegisterJobDefinitionInput, size int) error {
	switch capabilities := in.PlatformCapabilities; {
	case !batch.LegalName(api.Value(in.JobDefinitionName)):
		// Seen in github.com/badmintoncryer/cdk-preflight, rule pf-batch-jd-name; jobs.md 10.1 has no text.
		return api.Invalid("Job definition name should match a valid pattern.")
	case size > maxDefinitionSize:
		// Guess: the limit is documented; the text was not seen.
		return api.Invalid("Job definition size cannot exceed %d bytes.", maxDefinitionSize)
	case in.Type == "":
		// Guess: the model requires it; the text was not seen.
		return api.Invalid("type is required.")
	case len(capabilities) > 1:
		return api.Invalid("Exactly 1 capability must be provided.")
	case len(capabilities) == 1 && !slices.Contains(capabilities[0].Values(), capabilities[0]):
		return api.Invalid("Capability %s is not valid. Valid capabilities: [FARGATE, EC2, MANAGED_INSTANCES]", capabilities[0])
	case in.SchedulingPriority != nil && (*in.SchedulingPriority < 0 || *in.SchedulingPriority > maxSchedulingPriority):
		return api.Invalid("Scheduling priority must be between 0 and %d.", maxSchedulingPriority)
	}
	return oneOf("type", in.Type)
}

// checkBlocks says which of the four blocks of properties go with the type, and with each other (jobs.md 7.1, 10.6).
func checkBlocks(in *api.RegisterJobDefinitionInput) error {
	container, ecs, eks, nodes := in.ContainerProperties != nil, in.EcsProperties != nil, in.EksProperties != nil, in.NodeProperties != nil
	switch {
	case container && ecs:
		return api.Invalid("Cannot use both ECS containerProperties and ecsProperties")
	case container && eks:
		return api.Invalid("Cannot use both ECS containerProperties and eksProperties")
	case ecs && eks:
		return api.Invalid("Cannot use both ecsProperties and eksProperties")
	case in.Type == api.JobDefinitionTypeMultinode:
		return checkNodes(in)
	case nodes:
		// Guess: the rule was measured, its text was not recorded (jobs.md 7.1).
		return api.Invalid("nodeProperties is not applicable for container jobs.")
	case !container && !ecs && !eks:
		return api.Invalid("ECS Container Image must be provided.")
	case container && platformOf(in.PlatformCapabilities) == managedInstances:
		return api.Invalid("Cannot use ECS containerProperties for MANAGED_INSTANCES")
	}
	return nil
}

// managedInstances is a platform that nothing here runs.
const managedInstances = batch.Platform(api.PlatformCapabilityManagedInstances)

func checkConsumables(p *api.ConsumableResourceProperties) error {
	if p == nil {
		return nil
	}
	if len(p.ConsumableResourceList) > maxConsumables {
		return api.Invalid("Each ConsumableResourceProperty can have at most %d consumableResources", maxConsumables)
	}
	seen := map[string]bool{}
	for _, r := range p.ConsumableResourceList {
		name := api.Value(r.ConsumableResource)
		if seen[name] {
			return api.Invalid("Cannot have duplicate consumableResource in consumableResourceProperties")
		}
		seen[name] = true
	}
	return nil
}

// roleARN is what a role of a job must look like.
var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)

// checkContainer holds the rules about one container. None is fine: checkBlocks has seen to it.
func checkContainer(p batch.Platform, c *api.ContainerProperties) error {
	if c == nil {
		return nil
	}
	if api.Value(c.Image) == "" {
		return api.Invalid("ECS Container Image must be provided.")
	}
	return firstOf(
		checkRoles(c),
		checkPlatform(p, c),
		checkResources(p, c),
		checkEnvironment(c.Environment),
		checkLinux(c.LinuxParameters),
		checkVolumes(c),
		checkLogging(p, c.LogConfiguration),
	)
}

func checkRoles(c *api.ContainerProperties) error {
	execution, job := api.Value(c.ExecutionRoleArn), api.Value(c.JobRoleArn)
	switch {
	case execution != "" && !roleARN.MatchString(execution):
		return api.Invalid("executionRoleArn %s is not an iam role arn", execution)
	case job != "" && !roleARN.MatchString(job):
		// Guess: by analogy with executionRoleArn (jobs.md 10.6).
		return api.Invalid("jobRoleArn %s is not an iam role arn", job)
	}
	secrets := len(c.Secrets) > 0 || c.LogConfiguration != nil && len(c.LogConfiguration.SecretOptions) > 0
	if secrets && execution == "" {
		return api.Invalid("executionRoleArn cannot be empty when using secrets or secretOptions")
	}
	return nil
}

func checkEnvironment(environment []api.KeyValuePair) error {
	for _, kv := range environment {
		if api.Value(kv.Name) == "" {
			return api.Invalid("Environment variable name is required.") // jobs.md 8.3
		}
	}
	return nil
}

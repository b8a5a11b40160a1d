package main

// texts are what the service says when a required member is missing, where that is known (resources.md 1.3).
var texts = map[string]string{}

// leftToOperations are members whose checks have texts or conditions of their own, which package operations knows: generated
// checks never speak before them.
var leftToOperations = set(
	// resources.md 1.1 to 1.5: depends on the type of the environment.
	"CreateComputeEnvironmentInput.type",
	"ComputeResource.type", "ComputeResource.maxvCpus", "ComputeResource.subnets", "ComputeResource.allocationStrategy",
	"Ec2Configuration.imageType", "LaunchTemplateSpecificationOverride.userdataType", "LaunchTemplateSpecification.userdataType",
	"ComputeResourceUpdate.allocationStrategy",
	"EksConfiguration.eksClusterArn", "EksConfiguration.kubernetesNamespace",
	"ManagedInstancesProviderConfiguration.infrastructureRoleArn",
	// resources.md 3.2.
	"CreateJobQueueInput.jobQueueType", "CreateJobQueueInput.computeEnvironmentOrder",
	"JobStateTimeLimitAction.action", "JobStateTimeLimitAction.state", "JobStateTimeLimitAction.maxTimeSeconds", "JobStateTimeLimitAction.reason",
	// resources.md 5.1.
	"QuotaSharePolicy.idleResourceAssignmentStrategy",
	// jobs.md 3.1: any letter case.
	"EvaluateOnExit.action",
	// jobs.md 10.6.
	"RegisterJobDefinitionInput.type", "RegisterJobDefinitionInput.platformCapabilities",
	"ResourceRequirement.type", "ResourceRequirement.value",
	"LogConfiguration.logDriver", "RegisterJobDefinitionInput.jobDefinitionName",
	"EFSVolumeConfiguration.fileSystemId", "Tmpfs.containerPath", "Tmpfs.size", "Device.hostPath", "Device.permissions",
	"TaskContainerDependency.condition", "EcsProperties.taskProperties", "EcsTaskProperties.containers",
	"NodeProperties.mainNode", "NodeProperties.numNodes", "NodeProperties.nodeRangeProperties", "NodeRangeProperty.targetNodes",
	"NodePropertyOverride.targetNodes",
	// jobs.md 11, 13, 14.
	"ListJobsInput.jobStatus", "JobDependency.type",
	"CancelJobInput.reason", "TerminateJobInput.reason",
)

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

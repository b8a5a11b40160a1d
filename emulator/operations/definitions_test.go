package operations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

const role = "arn:aws:iam::123456789012:role/execution"

func needs(vcpus, memory string, more ...types.ResourceRequirement) []types.ResourceRequirement {
	return append([]types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: &vcpus},
		{Type: types.ResourceTypeMemory, Value: &memory},
	}, more...)
}

func gpus(n string) types.ResourceRequirement {
	return types.ResourceRequirement{Type: types.ResourceTypeGpu, Value: &n}
}

type (
	definition = sdk.RegisterJobDefinitionInput
	container  = types.ContainerProperties
	edit       = func(*definition, *container)
)

// onEC2 is a request that is right, changed by edits.
func onEC2(edits ...edit) *definition {
	in := &definition{
		JobDefinitionName:   aws.String("a"),
		Type:                types.JobDefinitionTypeContainer,
		ContainerProperties: &container{Image: aws.String("busybox"), ResourceRequirements: needs("1", "64")},
	}
	for _, e := range edits {
		e(in, in.ContainerProperties)
	}
	return in
}

func onFargate(edits ...edit) *definition {
	return onEC2(append([]edit{func(in *definition, c *container) {
		in.PlatformCapabilities = []types.PlatformCapability{types.PlatformCapabilityFargate}
		c.ResourceRequirements, c.ExecutionRoleArn = needs("1", "2048"), aws.String(role)
	}}, edits...)...)
}

func head(change func(*definition)) edit {
	return func(in *definition, _ *container) { change(in) }
}

func inside(change func(*container)) edit { return func(_ *definition, c *container) { change(c) } }

func sized(r ...types.ResourceRequirement) edit {
	return inside(func(c *container) { c.ResourceRequirements = r })
}

func linux(l types.LinuxParameters) edit {
	return inside(func(c *container) { c.LinuxParameters = &l })
}

func volumes(v ...types.Volume) edit { return inside(func(c *container) { c.Volumes = v }) }

func efs(change func(*types.EFSVolumeConfiguration)) edit {
	e := types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-12345678")}
	change(&e)
	return volumes(types.Volume{Name: aws.String("v"), EfsVolumeConfiguration: &e})
}

func logging(driver types.LogDriver, options ...string) edit {
	l := types.LogConfiguration{LogDriver: driver, Options: map[string]string{}}
	for _, o := range options {
		l.Options[o] = "x"
	}
	return inside(func(c *container) { c.LogConfiguration = &l })
}

func retries(r types.RetryStrategy) edit { return head(func(in *definition) { in.RetryStrategy = &r }) }

func onExit(e types.EvaluateOnExit) edit {
	return retries(types.RetryStrategy{Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{e}})
}

func capabilities(c ...types.PlatformCapability) edit {
	return head(func(in *definition) { in.PlatformCapabilities = c })
}

func osFamily(family, cpu string) edit {
	return inside(func(c *container) {
		c.RuntimePlatform = &types.RuntimePlatform{OperatingSystemFamily: &family, CpuArchitecture: &cpu}
	})
}

func consumables(names ...string) edit {
	return head(func(in *definition) {
		in.ConsumableResourceProperties = &types.ConsumableResourceProperties{}
		for _, n := range names {
			in.ConsumableResourceProperties.ConsumableResourceList = append(in.ConsumableResourceProperties.ConsumableResourceList,
				types.ConsumableResourceRequirement{ConsumableResource: &n, Quantity: aws.Int64(1)})
		}
	})
}

func blocks(ecs, eks, nodes bool) edit {
	return head(func(in *definition) {
		if ecs {
			in.EcsProperties = &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{{Containers: []types.TaskContainerProperties{{Image: aws.String("a")}}}}}
		}
		if eks {
			in.EksProperties = &types.EksProperties{}
		}
		if nodes {
			in.NodeProperties = &types.NodeProperties{NumNodes: aws.Int32(2), MainNode: aws.Int32(0), NodeRangeProperties: []types.NodeRangeProperty{{TargetNodes: aws.String("0:")}}}
		}
	})
}

func without(in *definition) *definition {
	in.ContainerProperties = nil
	return in
}

func multinode(change func(*definition, *types.NodeProperties)) *definition {
	in := without(onEC2(blocks(false, false, true)))
	in.Type = types.JobDefinitionTypeMultinode
	change(in, in.NodeProperties)
	return in
}

// TestRegisterRefuses is jobs.md 3.1, 4, 7.1, 8.3 and 10.6: every text, all wrapped.
func TestRegisterRefuses(t *testing.T) {
	secret := []types.Secret{{Name: aws.String("S"), ValueFrom: aws.String("arn:aws:ssm:us-east-1:123456789012:parameter/s")}}
	for name, c := range map[string]struct {
		in   *definition
		text string
	}{
		"10.1 name":          {onEC2(head(func(in *definition) { in.JobDefinitionName = aws.String("a.b") })), "Job definition name should match a valid pattern."},
		"10.1 size":          {onEC2(inside(func(c *container) { c.Command = []string{strings.Repeat("x", 25<<10)} })), "Job definition size cannot exceed 24576 bytes."},
		"10.6 no properties": {without(onEC2()), "ECS Container Image must be provided."},
		"10.6 no image":      {onEC2(inside(func(c *container) { c.Image = nil })), "ECS Container Image must be provided."},
		"10.6 and ecs":       {onEC2(blocks(true, false, false)), "Cannot use both ECS containerProperties and ecsProperties"},
		"10.6 and eks":       {onEC2(blocks(false, true, false)), "Cannot use both ECS containerProperties and eksProperties"},
		"10.6 ecs and eks":   {without(onEC2(blocks(true, true, false))), "Cannot use both ecsProperties and eksProperties"},
		"10.6 two capabilities": {
			onEC2(capabilities(types.PlatformCapabilityEc2, types.PlatformCapabilityFargate)), "Exactly 1 capability must be provided.",
		},
		"10.6 capability":         {onEC2(capabilities("LAMBDA")), "Capability LAMBDA is not valid. Valid capabilities: [FARGATE, EC2, MANAGED_INSTANCES]"},
		"10.6 managed instances":  {onEC2(capabilities(types.PlatformCapabilityManagedInstances)), "Cannot use ECS containerProperties for MANAGED_INSTANCES"},
		"10.6 priority below":     {onEC2(head(func(in *definition) { in.SchedulingPriority = aws.Int32(-1) })), "Scheduling priority must be between 0 and 9999."},
		"10.6 priority above":     {onEC2(head(func(in *definition) { in.SchedulingPriority = aws.Int32(10000) })), "Scheduling priority must be between 0 and 9999."},
		"10.6 execution role":     {onEC2(inside(func(c *container) { c.ExecutionRoleArn = aws.String("worker") })), "executionRoleArn worker is not an iam role arn"},
		"10.6 job role":           {onEC2(inside(func(c *container) { c.JobRoleArn = aws.String("worker") })), "jobRoleArn worker is not an iam role arn"},
		"10.6 secrets":            {onEC2(inside(func(c *container) { c.Secrets = secret })), "executionRoleArn cannot be empty when using secrets or secretOptions"},
		"10.6 secret options":     {onEC2(logging("awslogs"), inside(func(c *container) { c.LogConfiguration.SecretOptions = secret })), "executionRoleArn cannot be empty when using secrets or secretOptions"},
		"10.6 consumable twice":   {onEC2(consumables("a", "b", "a")), "Cannot have duplicate consumableResource in consumableResourceProperties"},
		"10.6 six consumables":    {onEC2(consumables("a", "b", "c", "d", "e", "f")), "Each ConsumableResourceProperty can have at most 5 consumableResources"},
		"10.6 no vcpu":            {onEC2(sized(needs("1", "64")[1:]...)), "vCPU is required."},
		"10.6 no memory":          {onEC2(sized(needs("1", "64")[:1]...)), "Memory is required."},
		"10.6 vcpu 0":             {onEC2(sized(needs("0", "64")...)), "vCPU must be at least 1, got 0."},
		"10.6 vcpus 0":            {onEC2(sized(needs("1", "64")[1:]...), inside(func(c *container) { c.Vcpus = aws.Int32(0) })), "vCPU must be at least 1, got 0."},
		"10.6 memory 3":           {onEC2(sized(needs("1", "3")...)), "Memory must be at least 4 Mib, got 3 Mib."},
		"10.6 vcpu 0.5":           {onEC2(sized(needs("0.5", "64")...)), "Value 0.5 for type VCPU in resourceRequirement is not valid. Please provide a numeric value."},
		"10.6 vcpu 1.0":           {onEC2(sized(needs("1.0", "64")...)), "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric value."},
		"10.6 gpu 1.5":            {onEC2(sized(needs("1", "64", gpus("1.5"))...)), "Value 1.5 for type GPU in resourceRequirement is not valid. Please provide a numeric value."},
		"10.6 type twice":         {onEC2(sized(append(needs("1", "64"), needs("1", "64")[0])...)), "Cannot provide duplicates in resourceRequirements."},
		"10.6 memory both ways":   {onEC2(inside(func(c *container) { c.Memory = aws.Int32(64) })), "Cannot use both ECS containerProperties memory and resourceRequirement MEMORY."},
		"10.6 vcpus both ways":    {onEC2(inside(func(c *container) { c.Vcpus = aws.Int32(1) })), "Cannot use both ECS containerProperties vcpus and resourceRequirement VCPU."},
		"10.6 fargate size":       {onFargate(sized(needs("0.5", "1")...)), "Fargate resource requirements (0.50 vCPU, 1 MiB) not valid."},
		"10.6 fargate vcpus":      {onFargate(inside(func(c *container) { c.Vcpus = aws.Int32(1) })), "vcpus is not applicable for Fargate. Use resource requirements instead."},
		"10.6 fargate memory":     {onFargate(inside(func(c *container) { c.Memory = aws.Int32(1) })), "memory is not applicable for Fargate. Use resource requirements instead."},
		"10.6 fargate gpu":        {onFargate(sized(needs("1", "2048", gpus("1"))...)), "GPU is not applicable for Fargate."},
		"10.6 windows vcpu":       {onFargate(osFamily("WINDOWS_SERVER_2022_CORE", "X86_64"), sized(needs("0.5", "1024")...)), "vCPU must be at least 1 for Windows Job definition, got 0.5."},
		"10.6 windows arm":        {onFargate(osFamily("WINDOWS_SERVER_2022_CORE", "ARM64")), "Windows supported only by X86_64 cpuArchitecture"},
		"10.6 os family":          {onFargate(osFamily("BEOS", "X86_64")), "RuntimePlatform supports only one from [WINDOWS_SERVER_2019_CORE, WINDOWS_SERVER_2019_FULL, WINDOWS_SERVER_2022_CORE, WINDOWS_SERVER_2022_FULL, LINUX]"},
		"10.6 fargate role":       {onFargate(inside(func(c *container) { c.ExecutionRoleArn = nil })), "executionRoleArn is required for Fargate jobs."},
		"10.6 fargate privileged": {onFargate(inside(func(c *container) { c.Privileged = aws.Bool(true) })), "Fargate requires that the \u2018privileged\u2019 setting be \u2018false\u2019 at the container level."},
		"10.6 fargate ulimits": {
			onFargate(inside(func(c *container) {
				c.Ulimits = []types.Ulimit{{Name: aws.String("nofile"), SoftLimit: aws.Int32(1), HardLimit: aws.Int32(1)}}
			})), "ulimits is not applicable for Fargate.",
		},
		"10.6 fargate devices":    {onFargate(linux(types.LinuxParameters{Devices: []types.Device{{HostPath: aws.String("/dev/null")}}})), "linuxParameter.devices is not allowed for Fargate."},
		"10.6 fargate shm":        {onFargate(linux(types.LinuxParameters{SharedMemorySize: aws.Int32(64)})), "linuxParameter.sharedMemorySize is not allowed for Fargate."},
		"10.6 fargate tmpfs":      {onFargate(linux(types.LinuxParameters{Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/t"), Size: aws.Int32(1)}}})), "linuxParameter.tmpfs is not allowed for Fargate."},
		"10.6 fargate swappiness": {onFargate(linux(types.LinuxParameters{Swappiness: aws.Int32(1)})), "linuxParameter.swappiness is not allowed for Fargate."},
		"10.6 fargate swap first": {onFargate(linux(types.LinuxParameters{Swappiness: aws.Int32(1), MaxSwap: aws.Int32(1)})), "linuxParameter.maxSwap is not allowed for Fargate."},
		"10.6 fargate host path":  {onFargate(volumes(types.Volume{Host: &types.Host{SourcePath: aws.String("/data")}})), "host.sourcePath should not be set for volumes in Fargate."},
		"10.6 fargate log driver": {onFargate(logging(types.LogDriverFluentd)), "Log driver for Fargate is not valid: fluentd"},
		"10.6 fargate efs": {
			onFargate(efs(func(*types.EFSVolumeConfiguration) {}), inside(func(c *container) {
				c.FargatePlatformConfiguration = &types.FargatePlatformConfiguration{PlatformVersion: aws.String("1.3.0")}
			})), "EFS is supported for Fargate platform versions 1.4.0 or later, provided 1.3.0",
		},
		"10.6 fargate storage 20":  {onFargate(inside(func(c *container) { c.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: aws.Int32(20)} })), "Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB"},
		"10.6 fargate storage 201": {onFargate(inside(func(c *container) { c.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: aws.Int32(201)} })), "Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB"},
		"10.6 ec2 network":         {onEC2(inside(func(c *container) { c.NetworkConfiguration = &types.NetworkConfiguration{} })), "networkConfiguration not applicable for EC2."},
		"10.6 ec2 platform":        {onEC2(inside(func(c *container) { c.FargatePlatformConfiguration = &types.FargatePlatformConfiguration{} })), "fargatePlatformConfiguration not applicable for EC2."},
		"10.6 ec2 runtime":         {onEC2(osFamily("LINUX", "X86_64")), "runtimePlatform is not applicable for EC2."},
		"10.6 ec2 storage":         {onEC2(inside(func(c *container) { c.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: aws.Int32(21)} })), "ephemeralStorage is not applicable for EC2."},
		"10.6 swap":                {onEC2(linux(types.LinuxParameters{MaxSwap: aws.Int32(1)})), "When container specified swap memory, swappiness value is required."},
		"10.6 swap negative":       {onEC2(linux(types.LinuxParameters{MaxSwap: aws.Int32(-1), Swappiness: aws.Int32(60)})), "Invalid swap memory size: -1, must be non-negative."},
		"10.6 swappiness":          {onEC2(linux(types.LinuxParameters{Swappiness: aws.Int32(101)})), "Invalid swappiness: 101, must be between 0 and 100."},
		"10.6 permission": {
			onEC2(linux(types.LinuxParameters{Devices: []types.Device{{HostPath: aws.String("/dev/null"), Permissions: []types.DeviceCgroupPermission{"EXECUTE"}}}})),
			"Invalid permission: EXECUTE for device /dev/null",
		},
		"10.6 tmpfs size":     {onEC2(linux(types.LinuxParameters{Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/t"), Size: aws.Int32(0)}}})), "Size of a tmpfs is invalid. The size is required and must be a positive integer."},
		"10.6 awslogs option": {onEC2(logging(types.LogDriverAwslogs, "awslogs-group", "colour")), "Log driver awslogs disallows options: colour"},
		"10.6 two kinds":      {onEC2(volumes(types.Volume{Host: &types.Host{}, EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-1")}})), "When the volume parameter is specified, only one volume configuration type should be used."},
		"10.6 efs id":         {onEC2(efs(func(e *types.EFSVolumeConfiguration) { e.FileSystemId = aws.String("disk-1") })), "EFS configuration fileSystemId is not valid: disk-1."},
		"10.6 efs iam": {onEC2(efs(func(e *types.EFSVolumeConfiguration) {
			e.AuthorizationConfig = &types.EFSAuthorizationConfig{Iam: "ENABLED"}
		})), "EFS IAM authorization requires TransitEncryption to be enabled."},
		"10.6 efs point": {onEC2(efs(func(e *types.EFSVolumeConfiguration) {
			e.AuthorizationConfig = &types.EFSAuthorizationConfig{AccessPointId: aws.String("fsap-1")}
		})), "EFS IAM access point requires TransitEncryption to be enabled."},
		"10.6 efs port":      {onEC2(efs(func(e *types.EFSVolumeConfiguration) { e.TransitEncryptionPort = aws.Int32(65536) })), "TransitEncryptionPort must be a valid port number."},
		"10.6 s3 files role": {onEC2(volumes(types.Volume{S3filesVolumeConfiguration: &types.S3FilesVolumeConfiguration{FileSystemArn: aws.String("arn:aws:s3files:eu-west-1:123456789012:file-system/a")}})), "A jobRoleArn/taskRoleArn is required when using s3filesVolumeConfiguration."},
		"10.6 environment":   {onEC2(inside(func(c *container) { c.Environment = []types.KeyValuePair{{Value: aws.String("1")}} })), "Environment variable name is required."},
		"10.6 efs point and root": {
			onEC2(efs(func(e *types.EFSVolumeConfiguration) {
				e.TransitEncryption, e.RootDirectory = types.EFSTransitEncryptionEnabled, aws.String("/data")
				e.AuthorizationConfig = &types.EFSAuthorizationConfig{AccessPointId: aws.String("fsap-1")}
			})), `When using an EFS access point, the root directory must either be set to "/" or omitted`,
		},

		"3.1 attempts 0":   {onEC2(retries(types.RetryStrategy{Attempts: aws.Int32(0)})), "RetryAttempts must be between 1 and 10."},
		"3.1 attempts 11":  {onEC2(retries(types.RetryStrategy{Attempts: aws.Int32(11)})), "RetryAttempts must be between 1 and 10."},
		"3.1 no attempts":  {onEC2(retries(types.RetryStrategy{})), "RetryAttempts must be provided with retry strategy."},
		"3.1 no condition": {onEC2(onExit(types.EvaluateOnExit{Action: "RETRY"})), "EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason"},
		"3.1 513 letters":  {onEC2(onExit(types.EvaluateOnExit{Action: "RETRY", OnReason: aws.String(strings.Repeat("x", 513))})), "Evaluate on exit condition cannot exceed 512 characters."},
		"3.1 exit code":    {onEC2(onExit(types.EvaluateOnExit{Action: "RETRY", OnExitCode: aws.String("1x")})), "Evaluate on exit condition contains restricted characters."},
		"3.1 star inside":  {onEC2(onExit(types.EvaluateOnExit{Action: "RETRY", OnStatusReason: aws.String("a*b")})), "Evaluate on exit condition contains restricted characters."},
		"3.1 reason":       {onEC2(onExit(types.EvaluateOnExit{Action: "RETRY", OnReason: aws.String("a-b")})), "Evaluate on exit condition contains restricted characters."},
		"3.1 action":       {onEC2(onExit(types.EvaluateOnExit{Action: "wait", OnReason: aws.String("*")})), "action WAIT is not valid. Valid values are: [RETRY, EXIT]"},
		"4 timeout":        {onEC2(head(func(in *definition) { in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(59)} })), "AttemptDurationSeconds in Timeout must be at least 60 seconds."},
		"7.1 nodes":        {onEC2(blocks(false, false, true)), "nodeProperties is not applicable for container jobs."},
		"7.1 no nodes":     {multinode(func(in *definition, _ *types.NodeProperties) { in.NodeProperties = nil }), "Node properties of multinode job is required."},
		"7.1 number":       {multinode(func(_ *definition, n *types.NodeProperties) { n.NumNodes = aws.Int32(1001) }), "Number of nodes must be between 1 and 1000."},
		"7.1 main node":    {multinode(func(_ *definition, n *types.NodeProperties) { n.MainNode = aws.Int32(2) }), "Main node index is out of range, must be less than numNodes."},
		"7.1 ranges": {multinode(func(_ *definition, n *types.NodeProperties) {
			n.NodeRangeProperties = slices.Repeat(n.NodeRangeProperties, 6)
		}), "Maximum allowed size of node range properties is 5"},
		"7.1 fargate": {multinode(func(in *definition, _ *types.NodeProperties) {
			in.PlatformCapabilities = []types.PlatformCapability{"FARGATE"}
		}), "Fargate does not support MNP jobs"},
		"7.1 managed nodes": {multinode(func(in *definition, _ *types.NodeProperties) {
			in.PlatformCapabilities = []types.PlatformCapability{"MANAGED_INSTANCES"}
		}), "MANAGED_INSTANCES does not support MNP jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.RegisterJobDefinition(t.Context(), c.in)
			refuses(t, err, wrapped(c.text))
			if got := revisions(w, &sdk.DescribeJobDefinitionsInput{}); len(got) > 0 {
				t.Errorf("a refused request left %v", got)
			}
		})
	}
}

// TestRegisterNotYet: what AWS takes and batch-local cannot run is refused and named, after AWS's own checks.
func TestRegisterNotYet(t *testing.T) {
	for member, in := range map[string]*definition{
		"ecsProperties":  without(onEC2(blocks(true, false, false))),
		"eksProperties":  without(onEC2(blocks(false, true, false))),
		"type multinode": multinode(func(*definition, *types.NodeProperties) {}),
	} {
		t.Run(member, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.RegisterJobDefinition(t.Context(), in)
			refuses(t, err, "RegisterJobDefinition with "+member+" is not available in batch-local yet.")
			in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(1)}
			_, err = w.RegisterJobDefinition(t.Context(), in)
			refuses(t, err, wrapped("AttemptDurationSeconds in Timeout must be at least 60 seconds."))
		})
	}
}

// TestRegisterAccepts is the other side of the rules.
func TestRegisterAccepts(t *testing.T) {
	for name, in := range map[string]*definition{
		"10.1 longest name": onEC2(head(func(in *definition) { in.JobDefinitionName = aws.String(strings.Repeat("n_-9", 32)) })),
		"10.6 old members":  onEC2(inside(func(c *container) { c.ResourceRequirements, c.Vcpus, c.Memory = nil, aws.Int32(1), aws.Int32(4) })),
		"10.6 gpu":          onEC2(sized(needs("1", "64", gpus("2"))...)),
		"10.7 privileged":   onFargate(inside(func(c *container) { c.Privileged = aws.Bool(false) })),
		"10.8 vcpu 1.0":     onFargate(sized(needs("1.0", "2048")...)),
		"10.8 largest":      onFargate(sized(needs("32", "249856")...)),
		"2.2 storage":       onFargate(inside(func(c *container) { c.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: aws.Int32(200)} })),
		"2.2 windows":       onFargate(osFamily("WINDOWS_SERVER_2019_FULL", "X86_64")),
		"2.2 arm":           onFargate(osFamily("LINUX", "ARM64")),
		"3.1 catch-all":     onEC2(onExit(types.EvaluateOnExit{Action: "exit", OnReason: aws.String("*")})),
		"3.1 host":          onEC2(onExit(types.EvaluateOnExit{Action: "Retry", OnStatusReason: aws.String("Host EC2*")})),
		"4 least":           onEC2(head(func(in *definition) { in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)} })),
		"10.6 efs": onEC2(efs(func(e *types.EFSVolumeConfiguration) {
			e.TransitEncryption, e.RootDirectory = "ENABLED", aws.String("/")
		})),
		"10.6 log options":      onEC2(logging(types.LogDriverAwslogs, "awslogs-group", "awslogs-create-group", "mode")),
		"10.6 other log driver": onEC2(logging(types.LogDriverSyslog, "syslog-address")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.RegisterJobDefinition(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
}

const empties = `"command": [], "volumes": [], "environment": [], "mountPoints": [], "ulimits": [], "secrets": []`

// TestDefinitionsShown is jobs.md 10.5 and wire.md 2: what was registered, key for key, and what the service fills in.
func TestDefinitionsShown(t *testing.T) {
	for name, c := range map[string]struct {
		in   *definition
		want string
	}{
		"ec2": {onEC2(), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {}, "tags": {},
			"containerProperties": {` + empties + `, "image": "busybox", "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]}}`},
		"fargate": {onFargate(), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {}, "tags": {}, "platformCapabilities": ["FARGATE"],
			"containerProperties": {` + empties + `, "image": "busybox", "executionRoleArn": "` + role + `", "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
				"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]}}`},
		"parents": {onEC2(
			linux(types.LinuxParameters{Devices: []types.Device{{HostPath: aws.String("/dev/zero")}}, Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/t"), Size: aws.Int32(1)}}}),
			logging(types.LogDriverAwslogs),
			retries(types.RetryStrategy{Attempts: aws.Int32(3)}),
			inside(func(c *container) { c.ResourceRequirements, c.Vcpus, c.Memory = nil, aws.Int32(2), aws.Int32(8) }),
		), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {}, "tags": {}, "retryStrategy": {"attempts": 3, "evaluateOnExit": []},
			"containerProperties": {` + empties + `, "image": "busybox", "resourceRequirements": [], "vcpus": 2, "memory": 8,
				"logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []},
				"linuxParameters": {"devices": [{"hostPath": "/dev/zero", "permissions": []}], "tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": []}]}}}`},
		"everything": {onEC2(capabilities(types.PlatformCapabilityEc2), consumables("licence"), head(func(in *definition) {
			in.Parameters, in.Tags = map[string]string{"b": "1"}, map[string]string{"t": "v"}
			in.PropagateTags, in.SchedulingPriority = aws.Bool(false), aws.Int32(0)
			in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
			in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{{Action: "EXIT", OnExitCode: aws.String("1*")}}}
		}), inside(func(c *container) {
			c.Command, c.Privileged, c.User = []string{"a", "Ref::b"}, aws.Bool(false), aws.String("7:7")
			c.Environment = []types.KeyValuePair{
				{Name: aws.String("A"), Value: aws.String("old")}, {Name: aws.String("EMPTY"), Value: aws.String("")}, {Name: aws.String("NONE")},
				{Name: aws.String("A"), Value: aws.String("new")}, {Name: aws.String("AWS_BATCH_X"), Value: aws.String("kept")},
			}
			c.Volumes = []types.Volume{{Name: aws.String("v"), Host: &types.Host{SourcePath: aws.String("/data")}}}
			c.MountPoints = []types.MountPoint{{ContainerPath: aws.String("/d"), SourceVolume: aws.String("v"), ReadOnly: aws.Bool(true)}}
		})), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {"b": "1"}, "tags": {"t": "v"}, "platformCapabilities": ["EC2"],
			"propagateTags": false, "schedulingPriority": 0, "timeout": {"attemptDurationSeconds": 60},
			"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "exit", "onExitCode": "1*"}]},
			"consumableResourceProperties": {"consumableResourceList": [{"consumableResource": "licence", "quantity": 1}]},
			"containerProperties": {"image": "busybox", "command": ["a", "Ref::b"], "privileged": false, "user": "7:7", "ulimits": [], "secrets": [],
				"environment": [{"name": "A", "value": "new"}, {"name": "AWS_BATCH_X", "value": "kept"}],
				"volumes": [{"name": "v", "host": {"sourcePath": "/data"}}], "mountPoints": [{"containerPath": "/d", "sourceVolume": "v", "readOnly": true}],
				"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			must(w.RegisterJobDefinition(t.Context(), c.in))(t)
			w.shows(`{"jobDefinitionName": "a", "jobDefinitionArn": "`+arn("job-definition", "a:1")+`", "revision": 1}`, w.sent())
			must(w.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{}))(t)
			w.shows(c.want, w.sent("jobDefinitions", 0))
		})
	}
}

// revisions describes definitions, all pages, as name:revision.
func revisions(w *world, in *sdk.DescribeJobDefinitionsInput) []string {
	w.Helper()
	found := []string{}
	pages := sdk.NewDescribeJobDefinitionsPaginator(w, in)
	for pages.HasMorePages() {
		page := must(pages.NextPage(w.Context()))(w.T)
		for _, d := range page.JobDefinitions {
			found = append(found, fmt.Sprintf("%s:%d", *d.JobDefinitionName, *d.Revision))
		}
	}
	return found
}

func (w *world) register(names ...string) {
	w.Helper()
	for _, name := range names {
		must(w.RegisterJobDefinition(w.Context(), onEC2(head(func(in *definition) { in.JobDefinitionName = &name }))))(w.T)
	}
}

func (w *world) deregister(revision string) {
	w.Helper()
	must(w.DeregisterJobDefinition(w.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: &revision}))(w.T)
}

// TestDescribeDefinitions is jobs.md 10.4.
func TestDescribeDefinitions(t *testing.T) {
	w := newWorld(t)
	w.register("a", "a", "a", "b", "ab")
	w.deregister("a:2")
	for _, c := range []struct {
		name string
		in   sdk.DescribeJobDefinitionsInput
		want []string
	}{
		{"all", sdk.DescribeJobDefinitionsInput{}, []string{"a:3", "a:2", "a:1", "ab:1", "b:1"}},
		{"active", sdk.DescribeJobDefinitionsInput{Status: aws.String("ACTIVE")}, []string{"a:3", "a:1", "ab:1", "b:1"}},
		{"inactive", sdk.DescribeJobDefinitionsInput{Status: aws.String("INACTIVE")}, []string{"a:2"}},
		{"name", sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a")}, []string{"a:3", "a:2", "a:1"}},
		{"name and status", sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a"), Status: aws.String("ACTIVE")}, []string{"a:3", "a:1"}},
		{"unknown name", sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("z")}, []string{}},
		{"revisions", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"b:1", "a:2", "b:1"}}, []string{"b:1", "a:2"}},
		{"by ARN", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{arn("job-definition", "a:1")}}, []string{"a:1"}},
		{"bare name", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"a"}}, []string{}},
		{"ARN without revision", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{arn("job-definition", "a")}}, []string{}},
		{"unknown revision", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"a:9", "z:1"}}, []string{}},
		{"revisions and status", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"a:1", "a:2"}, Status: aws.String("ACTIVE")}, []string{"a:1"}},
		{"one at a time", sdk.DescribeJobDefinitionsInput{MaxResults: aws.Int32(1)}, []string{"a:3", "a:2", "a:1", "ab:1", "b:1"}},
		{"active, one at a time", sdk.DescribeJobDefinitionsInput{MaxResults: aws.Int32(1), Status: aws.String("ACTIVE")}, []string{"a:3", "a:1", "ab:1", "b:1"}},
		{"two at a time", sdk.DescribeJobDefinitionsInput{MaxResults: aws.Int32(2), JobDefinitionName: aws.String("a")}, []string{"a:3", "a:2", "a:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, revisions(w, &c.in)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDescribeDefinitionsRefuses is resources.md 0.3.
func TestDescribeDefinitionsRefuses(t *testing.T) {
	w := newWorld(t)
	for text, in := range map[string]*sdk.DescribeJobDefinitionsInput{
		wrapped("JobDefinitions and MaxResults cannot both be set"):               {JobDefinitions: []string{"a:1"}, MaxResults: aws.Int32(1)},
		wrapped("JobDefinitions can have at most 100 entries"):                    {JobDefinitions: slices.Repeat([]string{"a:1"}, 101)},
		wrapped("MaxResults must be between 1 and 100"):                           {MaxResults: aws.Int32(101)},
		wrapped("status GONE is not valid. Valid values are: [ACTIVE, INACTIVE]"): {Status: aws.String("GONE")},
		"Invalid NextToken": {NextToken: aws.String("made-up")},
	} {
		_, err := w.DescribeJobDefinitions(t.Context(), in)
		refuses(t, err, text)
	}
}

// TestRevisions is jobs.md 10.1 and 10.2: numbers rise, never start again, and deregistered revisions stay to be seen.
func TestRevisions(t *testing.T) {
	w := newWorld(t)
	w.register("a", "a", "b")
	w.deregister("a:1")
	w.deregister(arn("job-definition", "a:2"))
	w.deregister("a:2") // again
	w.deregister("a:7") // never was
	out := must(w.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a")}))(t)
	for _, d := range out.JobDefinitions {
		if *d.Status != "INACTIVE" {
			t.Errorf("revision %d is %s", *d.Revision, *d.Status)
		}
	}
	w.register("a")
	if diff := cmp.Diff([]string{"a:3", "a:2", "a:1"}, revisions(w, &sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a")})); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
	for given, text := range map[string]string{
		"a":        "A revision of the job definition must be provided: a",
		"a:latest": "Provided name a:latest is not supported pattern[a-zA-Z_0-9-]{1,128}",
		"arn:aws:batch:eu-west-1:999999999999:job-definition/a:3": "JobDefinition arn:aws:batch:eu-west-1:999999999999:job-definition/a:3 not found.",
	} {
		_, err := w.DeregisterJobDefinition(t.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: &given})
		refuses(t, err, text)
	}
}

// TestScopes: neither accounts nor regions see each other (decisions, names).
func TestScopes(t *testing.T) {
	w := newWorld(t)
	w.register("a")
	for _, other := range []*sdk.Client{w.as("210987654321", region), w.as(account, "us-east-1")} {
		if out := must(other.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{}))(t); len(out.JobDefinitions) > 0 {
			t.Errorf("seen from elsewhere: %s", *out.JobDefinitions[0].JobDefinitionArn)
		}
		out := must(other.RegisterJobDefinition(t.Context(), onEC2()))(t)
		if *out.Revision != 1 {
			t.Errorf("%s counts revisions of another scope", *out.JobDefinitionArn)
		}
	}
}

package operations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

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
		"10.6 tmpfs size":       {onEC2(linux(types.LinuxParameters{Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/t"), Size: aws.Int32(0)}}})), "Size of a tmpfs is invalid. The size is required and must be a positive integer."},
		"10.6 awslogs endpoint": {onEC2(logging(types.LogDriverAwslogs, "awslogs-endpoint", "tag")), "Log driver awslogs disallows options: awslogs-endpoint, tag"},
		"10.6 awslogs option":   {onEC2(logging(types.LogDriverAwslogs, "awslogs-group", "colour")), "Log driver awslogs disallows options: colour"},
		"10.6 two kinds":        {onEC2(volumes(types.Volume{Host: &types.Host{}, EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-1")}})), "When the volume parameter is specified, only one volume configuration type should be used."},
		"10.6 efs id":           {onEC2(efs(func(e *types.EFSVolumeConfiguration) { e.FileSystemId = aws.String("disk-1") })), "EFS configuration fileSystemId is not valid: disk-1."},
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

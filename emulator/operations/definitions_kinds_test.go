package operations_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

func taskContainer(name string, edit func(*types.TaskContainerProperties)) types.TaskContainerProperties {
	c := types.TaskContainerProperties{Name: &name, Image: aws.String("i"), ResourceRequirements: requirements("1", "64")}
	if edit != nil {
		edit(&c)
	}
	return c
}

func ofTasks(containers ...types.TaskContainerProperties) *definition {
	return &definition{JobDefinitionName: aws.String("a"), Type: types.JobDefinitionTypeContainer,
		EcsProperties: &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{{Containers: containers}}}}
}

func ofPod(edit func(*types.EksPodProperties)) *definition {
	p := &types.EksPodProperties{Containers: []types.EksContainer{{Image: aws.String("i"), Resources: &types.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}}}}}
	edit(p)
	return &definition{JobDefinitionName: aws.String("a"), Type: types.JobDefinitionTypeContainer, EksProperties: &types.EksProperties{PodProperties: p}}
}

func ofNodes(count, main int32, ranges ...types.NodeRangeProperty) *definition {
	return &definition{JobDefinitionName: aws.String("a"), Type: types.JobDefinitionTypeMultinode,
		NodeProperties: &types.NodeProperties{NumNodes: &count, MainNode: &main, NodeRangeProperties: ranges}}
}

func span(targets string) types.NodeRangeProperty {
	return types.NodeRangeProperty{TargetNodes: &targets, Container: oneContainer()}
}

func waitsFor(name, condition string) func(*types.TaskContainerProperties) {
	return func(c *types.TaskContainerProperties) {
		c.DependsOn = []types.TaskContainerDependency{{ContainerName: &name, Condition: &condition}}
	}
}

func ofTasksWith(edit func(*types.EcsTaskProperties)) *definition {
	d := ofTasks(taskContainer("a", nil))
	edit(&d.EcsProperties.TaskProperties[0])
	return d
}

func onFargateTask(edit func(*types.EcsTaskProperties), container func(*types.TaskContainerProperties)) *definition {
	d := ofTasks(taskContainer("a", container))
	d.PlatformCapabilities = []types.PlatformCapability{types.PlatformCapabilityFargate}
	t := &d.EcsProperties.TaskProperties[0]
	t.ExecutionRoleArn, t.Containers[0].ResourceRequirements = aws.String("arn:aws:iam::123456789012:role/r"), requirements("1", "2048")
	if edit != nil {
		edit(t)
	}
	return d
}

func routes(c *types.TaskContainerProperties) {
	c.FirelensConfiguration = &types.FirelensConfiguration{Type: types.FirelensConfigurationTypeFluentbit}
}

func isRouted(c *types.TaskContainerProperties) {
	c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwsfirelens}
}

// all makes several changes.
func all(edits ...func(*types.TaskContainerProperties)) func(*types.TaskContainerProperties) {
	return func(c *types.TaskContainerProperties) {
		for _, edit := range edits {
			edit(c)
		}
	}
}

// TestRegisterRefusesKinds is jobs.md 7.1 and 10.6 for nodes, tasks and pods: every text, all wrapped.
func TestRegisterRefusesKinds(t *testing.T) {
	helper := func(c *types.TaskContainerProperties) { c.Essential = aws.Bool(false) }
	bare := span("0:1")
	bare.Container = nil
	typed := span("0:1")
	typed.InstanceTypes = []string{"m5.large"}
	both := span("0:1")
	both.EcsProperties = ofTasks(taskContainer("a", nil)).EcsProperties
	for name, c := range map[string]struct {
		in   *definition
		text string
	}{
		"7.1 no nodes":            {ofNodes(0, 0), "Number of nodes must be between 1 and 1000."},
		"7.1 too many nodes":      {ofNodes(1001, 0), "Number of nodes must be between 1 and 1000."},
		"7.1 main node":           {ofNodes(2, 2, span("0:")), "Main node index is out of range, must be less than numNodes."},
		"7.1 six ranges":          {ofNodes(6, 0, span("0"), span("1"), span("2"), span("3"), span("4"), span("5")), "Maximum allowed size of node range properties is 5"},
		"7.1 letters":             {ofNodes(2, 0, span("0:x")), "targetNodes should contain only digits."},
		"7.1 nothing in a range":  {ofNodes(2, 0, bare), "Must specify container for node range 0:1"},
		"7.1 two in a range":      {ofNodes(2, 0, both), "NodeRangeProperties can not use both ecsProperties and container fields"},
		"7.1 instance types":      {ofNodes(2, 0, typed), "Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs."},
		"7.1 node 2 is missing":   {ofNodes(3, 0, span("0:1")), "Node range properties must cover all nodes, node 2 is not covered."},
		"7.1 beyond the last":     {ofNodes(2, 0, span("0:2")), "Node range 0:2 is out of range, must be less than numNodes."},
		"7.1 backwards":           {ofNodes(3, 0, span("2:1")), "Node range 2:1 is out of range, must be less than numNodes."},
		"10.6 no containers":      {ofTasks(), "Number of containers must be between 1 and 10"},
		"10.6 none essential":     {ofTasks(taskContainer("a", helper)), "At least one container must be set as essential"},
		"10.6 name twice":         {ofTasks(taskContainer("a", nil), taskContainer("a", nil)), "Container names must be unique, a is used more than once."},
		"10.6 unknown container":  {ofTasks(taskContainer("a", waitsFor("z", "START")), taskContainer("b", nil)), "containerName z must reference a defined container."},
		"10.6 condition":          {ofTasks(taskContainer("a", waitsFor("b", "HEALTHY")), taskContainer("b", nil)), "TaskContainer dependency HEALTHY is not valid. Valid values are: [START, COMPLETE, SUCCESS]"},
		"10.6 essential complete": {ofTasks(taskContainer("a", waitsFor("b", "COMPLETE")), taskContainer("b", nil)), "The container target of a dependency can not have condition COMPLETE if the target is essential"},
		"10.6 alone":              {ofTasks(taskContainer("a", waitsFor("a", "START"))), "Container dependency can not be used in a single-container job."},
		"10.6 no vcpu":            {ofTasks(taskContainer("a", func(c *types.TaskContainerProperties) { c.ResourceRequirements = requirements("1", "64")[1:] })), "vCPU is required."},
		"10.6 firelens without root": {ofTasks(taskContainer("a", func(c *types.TaskContainerProperties) {
			c.User, c.FirelensConfiguration = aws.String("7:7"), &types.FirelensConfiguration{Type: types.FirelensConfigurationTypeFluentbit}
		})), "When a firelensConfiguration object is specified, at least one container has to run as root"},
		"4.1 circle":                         {ofTasks(taskContainer("a", waitsFor("b", "START")), taskContainer("b", waitsFor("c", "START")), taskContainer("c", waitsFor("b", "START"))), "Container dependencies must not be circular, b depends on itself."},
		"4.1 itself":                         {ofTasks(taskContainer("a", waitsFor("a", "START")), taskContainer("b", nil)), "Container dependencies must not be circular, a depends on itself."},
		"2.5 router waits for who writes":    {ofTasks(taskContainer("a", isRouted), taskContainer("r", all(routes, waitsFor("a", "START")))), "Container dependencies must not be circular, a depends on itself."},
		"2.5 router waits for one between":   {ofTasks(taskContainer("r", all(routes, waitsFor("b", "START"))), taskContainer("b", waitsFor("a", "SUCCESS")), taskContainer("a", all(isRouted, helper))), "Container dependencies must not be circular, r depends on itself."},
		"4.1 timeout below 2 s":              {ofTasks(taskContainer("a", func(c *types.TaskContainerProperties) { c.StartTimeout = aws.Int32(1) })), "startTimeout 1 is not valid."},
		"4.1 timeout above 120 s on Fargate": {onFargateTask(nil, func(c *types.TaskContainerProperties) { c.StopTimeout = aws.Int32(121) }), "stopTimeout 121 is not valid."},
		"10.6 ipc":                           {ofTasksWith(func(p *types.EcsTaskProperties) { p.IpcMode = aws.String("x") }), "ipcMode x is not valid. Valid values are: [host, task, none]"},
		"10.6 pid":                           {ofTasksWith(func(p *types.EcsTaskProperties) { p.PidMode = aws.String("x") }), "Capability x is not valid. Valid capabilities: [host, task]"},
		"4.4 pid on Fargate":                 {onFargateTask(func(p *types.EcsTaskProperties) { p.PidMode = aws.String("host") }, nil), "Capability host is not valid. Valid capabilities: [task]"},
		"4.4 ipc on Fargate":                 {onFargateTask(func(p *types.EcsTaskProperties) { p.IpcMode = aws.String("task") }, nil), "ipcMode is not applicable for Fargate."},
		"10.6 firelens for nobody":           {ofTasks(taskContainer("a", routes)), "When a firelensConfiguration object is specified, at least one container has to use the awsfirelens log driver"},
		"10.6 two routers":                   {ofTasks(taskContainer("a", routes), taskContainer("b", routes), taskContainer("c", isRouted)), "At most one container can have a firelensConfiguration object"},
		"10.6 no router":                     {ofTasks(taskContainer("a", isRouted)), "When a container uses the awsfirelens log driver, one container has to have a firelensConfiguration object"},
		"5.2 a name twice": {ofPod(func(p *types.EksPodProperties) {
			p.InitContainers = []types.EksContainer{{Image: aws.String("i"), Name: aws.String("Default")}}
		}), "Container names must be unique, Default is used more than once."},
		"5.2 pull policy":        {ofPod(func(p *types.EksPodProperties) { p.Containers[0].ImagePullPolicy = aws.String("Sometimes") }), "imagePullPolicy Sometimes is not valid. Valid values are: [Always, IfNotPresent, Never]"},
		"5.1 DNS policy":         {ofPod(func(p *types.EksPodProperties) { p.DnsPolicy = aws.String("None") }), "dnsPolicy None is not valid. Valid values are: [Default, ClusterFirst, ClusterFirstWithHostNet]"},
		"10.6 no pod containers": {ofPod(func(p *types.EksPodProperties) { p.Containers = nil }), "Containers must be provided for Batch on EKS jobs."},
		"10.6 pod cpu":           {ofPod(func(p *types.EksPodProperties) { p.Containers[0].Resources.Limits["cpu"] = "0.3" }), "Value 0.3 for type cpu in resources is not valid. Provide a valid number and unit."},
		"10.6 pod milli cpu":     {ofPod(func(p *types.EksPodProperties) { p.Containers[0].Resources.Limits["cpu"] = "250m" }), "Value 250m for type cpu in resources is not valid. Provide a valid number and unit."},
		"10.6 pod cpu request":   {ofPod(func(p *types.EksPodProperties) { p.Containers[0].Resources.Requests = map[string]string{"cpu": "2"} }), "cpu request must be <= to cpu limit if both are provided."},
		"10.6 pod resource":      {ofPod(func(p *types.EksPodProperties) { p.Containers[0].Resources.Limits["disk"] = "1" }), "disk is not a supported type for resources."},
		"10.6 default namespace": {ofPod(func(p *types.EksPodProperties) { p.Metadata = &types.EksMetadata{Namespace: aws.String("default")} }), "kubernetesNamespace cannot be the default Kubernetes namespace."},
		"10.6 system namespace":  {ofPod(func(p *types.EksPodProperties) { p.Metadata = &types.EksMetadata{Namespace: aws.String("kube-system")} }), "kubernetesNamespace cannot be a reserved Kubernetes system namespace."},
		"10.6 label":             {ofPod(func(p *types.EksPodProperties) { p.Metadata = &types.EksMetadata{Labels: map[string]string{"-a": "b"}} }), "The name -a of the pod label key does not match a valid pattern."},
		"10.6 medium": {ofPod(func(p *types.EksPodProperties) {
			p.Volumes = []types.EksVolume{{Name: aws.String("v"), EmptyDir: &types.EksEmptyDir{Medium: aws.String("Disk")}}}
		}), "Invalid Volume mount. Allowed values - Memory or null."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.RegisterJobDefinition(t.Context(), c.in)
			refuses(t, err, wrapped(c.text))
			if out := must(w.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{}))(t); len(out.JobDefinitions) > 0 {
				t.Error("something is kept of it")
			}
		})
	}
}

// TestKindsShown is jobs.md 10.5 and 17: what is filled in.
func TestKindsShown(t *testing.T) {
	for name, c := range map[string]struct {
		in   *definition
		path []any
		want string
	}{
		"tasks": {ofTasks(taskContainer("main", nil)), []any{"ecsProperties", "taskProperties", 0},
			`{"volumes":[],"containers":[{"name":"main","image":"i","dependsOn":[],"environment":[],"mountPoints":[],"secrets":[],"ulimits":[],
			"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}`},
		"pod": {ofPod(func(*types.EksPodProperties) {}), []any{"eksProperties", "podProperties"},
			`{"hostNetwork":true,"initContainers":[],"volumes":[],"containers":[{"name":"Default","image":"i","args":[],"env":[],"volumeMounts":[],"resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}`},
		"orchestration of a pod": {ofPod(func(*types.EksPodProperties) {}), []any{"containerOrchestrationType"}, `"EKS"`},
		"nodes": {ofNodes(2, 1, span("0:")), []any{"nodeProperties"},
			`{"numNodes":2,"mainNode":1,"nodeRangeProperties":[{"targetNodes":"0:","container":{"image":"i","command":[],"volumes":[],"environment":[],"mountPoints":[],"ulimits":[],"secrets":[],
			"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			must(w.RegisterJobDefinition(t.Context(), c.in))(t)
			must(w.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{}))(t)
			w.shows(c.want, w.sent(append([]any{"jobDefinitions", 0}, c.path...)...))
		})
	}
}

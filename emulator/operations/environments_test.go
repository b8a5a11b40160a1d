package operations_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

type (
	resource    = types.ComputeResource
	environment = sdk.CreateComputeEnvironmentInput
)

const (
	linkedRole    = "arn:aws:iam::" + account + ":role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
	fargateUpdate = "The following parameters can't be updated for Fargate compute environment: allocationStrategy, bidPercentage, ec2Configuration, ec2KeyPair, " +
		"imageId, instanceRole, instanceTypes, launchTemplate, placementGroup, tags, type, updatePolicy, updateToLatestImageVersion."
)

// compute is computeResources that are right for the type, changed by edits.
func compute(kind types.CRType, edits ...func(*resource)) *resource {
	r := &resource{Type: kind, MaxvCpus: aws.Int32(16), Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
	if kind == types.CRTypeEc2 || kind == types.CRTypeSpot {
		r.MinvCpus, r.InstanceTypes, r.InstanceRole = aws.Int32(0), []string{"c5.large"}, aws.String("ecsInstanceRole")
	}
	if kind == types.CRTypeSpot {
		r.AllocationStrategy = types.CRAllocationStrategySpotCapacityOptimized
	}
	for _, e := range edits {
		e(r)
	}
	return r
}

func managed(r *resource, edits ...func(*environment)) *environment {
	in := &environment{ComputeEnvironmentName: aws.String("e"), Type: types.CETypeManaged, ComputeResources: r}
	for _, e := range edits {
		e(in)
	}
	return in
}

func ec2(edits ...func(*resource)) *environment  { return managed(compute(types.CRTypeEc2, edits...)) }
func spot(edits ...func(*resource)) *environment { return managed(compute(types.CRTypeSpot, edits...)) }
func onFargateCE(edits ...func(*resource)) *environment {
	return managed(compute(types.CRTypeFargate, edits...))
}

func unmanaged(edits ...func(*environment)) *environment {
	return managed(nil, append([]func(*environment){func(in *environment) {
		in.Type, in.ServiceRole = types.CETypeUnmanaged, aws.String("batch")
	}}, edits...)...)
}

func eks(r *resource, edits ...func(*types.EksConfiguration)) *environment {
	c := &types.EksConfiguration{EksClusterArn: aws.String("arn:aws:eks:" + region + ":" + account + ":cluster/main"), KubernetesNamespace: aws.String("batch-jobs")}
	for _, e := range edits {
		e(c)
	}
	return managed(r, func(in *environment) { in.EksConfiguration = c })
}

func template(t types.LaunchTemplateSpecification) func(*resource) {
	return func(r *resource) { r.LaunchTemplate = &t }
}

func overrides(o ...types.LaunchTemplateSpecificationOverride) func(*resource) {
	return template(types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Overrides: o})
}

func override(targets ...string) types.LaunchTemplateSpecificationOverride {
	return types.LaunchTemplateSpecificationOverride{LaunchTemplateId: aws.String("lt-2"), TargetInstanceTypes: targets}
}

func namespaced(name string) func(*types.EksConfiguration) {
	return func(c *types.EksConfiguration) { c.KubernetesNamespace = &name }
}

func instances(names ...string) func(*resource) {
	return func(r *resource) { r.InstanceTypes = names }
}

// TestCreateEnvironmentRefuses is resources.md 0.5 and 1.1 to 1.6: every text, all wrapped.
func TestCreateEnvironmentRefuses(t *testing.T) {
	progressive := func(r *resource) { r.AllocationStrategy = types.CRAllocationStrategyBestFitProgressive }
	manyImages := func(r *resource) {
		r.Ec2Configuration = slices.Repeat([]types.Ec2Configuration{{ImageType: aws.String("ECS_AL2023")}}, 3)
	}
	image := func(name string) func(*resource) {
		return func(r *resource) { r.Ec2Configuration = []types.Ec2Configuration{{ImageType: &name}} }
	}
	const one = "One of LaunchTemplateId and LaunchTemplateName or LaunchTemplate.overrides should be provided"
	cases := map[string]struct {
		in   *environment
		text string
	}{
		"0.5 name":  {managed(compute(types.CRTypeEc2), func(in *environment) { in.ComputeEnvironmentName = aws.String("a.b") }), "Compute Environment name should match a valid pattern."},
		"1.1 type":  {managed(compute(types.CRTypeEc2), func(in *environment) { in.Type = "SOMETIMES" }), "type SOMETIMES is not valid. Valid values are: [MANAGED, UNMANAGED]"},
		"1.1 state": {managed(compute(types.CRTypeEc2), func(in *environment) { in.State = "DISABLED" }), "Compute Environment must be created in ENABLED state."},
		"1.1 role":  {unmanaged(func(in *environment) { in.ServiceRole = nil }), "ServiceRole is required."},
		"1.1 SLR":   {unmanaged(func(in *environment) { in.ServiceRole = aws.String(linkedRole) }), "Service Linked Role cannot be used with UNMANAGED Compute Environment"},
		"1.1 SLR by path": {
			unmanaged(func(in *environment) {
				in.ServiceRole = aws.String("/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch")
			}),
			"Service Linked Role cannot be used with UNMANAGED Compute Environment",
		},
		"1.1 no resources":        {managed(nil), "computeResources must be provided for a MANAGED compute environment"},
		"1.1 unmanaged resources": {unmanaged(func(in *environment) { in.ComputeResources = compute(types.CRTypeEc2) }), "computeResources is not applicable for UNMANAGED Compute Environments"},
		"1.3 unmanaged fargate":   {unmanaged(func(in *environment) { in.ComputeResources = compute(types.CRTypeFargate) }), "Cannot create an UNMANAGED Fargate Compute Environment."},
		"1.1 unmanagedvCpus":      {managed(compute(types.CRTypeEc2), func(in *environment) { in.UnmanagedvCpus = aws.Int32(1) }), "unmanagedvCpus is not applicable for managed Compute Environments"},

		"1.3 kind":              {managed(compute("FARGATE_SPOTTY")), "type FARGATE_SPOTTY is not valid. Valid values are: [EC2, SPOT, FARGATE, FARGATE_SPOT, ECS_MANAGED_INSTANCES]"},
		"1.3 instance role":     {ec2(func(r *resource) { r.InstanceRole = nil }), "Instance role is required."},
		"1.3 no minvCpus":       {ec2(func(r *resource) { r.MinvCpus = nil }), "Resource minvCpus is required."},
		"1.3 no maxvCpus":       {ec2(func(r *resource) { r.MaxvCpus = nil }), "Resource maxvCpus is required."},
		"1.3 minvCpus":          {ec2(func(r *resource) { r.MinvCpus = aws.Int32(-1) }), "minvCpus should be greater than or equal to 0."},
		"1.3 maxvCpus":          {ec2(func(r *resource) { r.MinvCpus = aws.Int32(17) }), "maxvCpus should be greater than or equal to minvCpus."},
		"1.3 desired above":     {ec2(func(r *resource) { r.DesiredvCpus = aws.Int32(17) }), "desiredvCpus should be between minvCpus and maxvCpus."},
		"1.3 desired below":     {ec2(func(r *resource) { r.MinvCpus, r.DesiredvCpus = aws.Int32(4), aws.Int32(2) }), "desiredvCpus should be between minvCpus and maxvCpus."},
		"1.3 no types":          {spot(instances()), "Resource instanceTypes are required."},
		"1.3 architectures":     {ec2(instances("c5.large", "c6g.large")), "arm-based instance type cannot be used with other instance types."},
		"1.3 optimal and arm":   {ec2(instances("default_arm64", "optimal")), "arm-based instance type cannot be used with other instance types."},
		"1.3 no groups":         {ec2(func(r *resource) { r.SecurityGroupIds = nil }), "Security group ids are required."},
		"1.3 no subnets":        {ec2(func(r *resource) { r.Subnets = nil }), "Resource subnets are required."},
		"1.3 fleet role":        {spot(func(r *resource) { r.AllocationStrategy = "" }), "compute resource spotIamFleetRole is required."},
		"1.3 fleet role, named": {spot(func(r *resource) { r.AllocationStrategy = "BEST_FIT" }), "compute resource spotIamFleetRole is required."},
		"1.3 ordered on SPOT":   {spot(func(r *resource) { r.AllocationStrategy = "BEST_FIT_PROGRESSIVE_ORDERED" }), "Allocation strategy BEST_FIT_PROGRESSIVE_ORDERED requires compute resource type EC2."},
		"1.3 spot on EC2":       {ec2(func(r *resource) { r.AllocationStrategy = "SPOT_CAPACITY_OPTIMIZED" }), "Allocation strategy SPOT_CAPACITY_OPTIMIZED requires compute resource type SPOT."},
		"1.3 ordered bundle": {
			ec2(instances("optimal"), func(r *resource) { r.AllocationStrategy = "BEST_FIT_PROGRESSIVE_ORDERED" }),
			"Instance type bundles (e.g. optimal, default_x86_64) are not allowed for BEST_FIT_PROGRESSIVE_ORDERED allocation strategy. Specify instance families or types directly.",
		},
		"1.3 bid":         {spot(func(r *resource) { r.BidPercentage = aws.Int32(101) }), "Bid percentage must be between 0 to 100."},
		"1.3 image":       {ec2(image("WINDOWS_95")), "Invalid imageType in ComputeResources.ec2Configuration"},
		"1.3 EKS image":   {ec2(image("EKS_AL2023")), "Invalid imageType in ComputeResources.ec2Configuration"},
		"1.3 end of life": {ec2(image("ECS_AL2_NVIDIA")), "Amazon Linux 2 is end-of-life. Please see https://docs.aws.amazon.com/batch/latest/userguide/compute_resource_AMIs.html."},
		"1.2 images":      {ec2(manyImages), "ComputeResources.ec2Configuration can have at most 2 entries"},
		"1.2 scaling": {ec2(func(r *resource) {
			r.ScalingPolicy = &types.ComputeScalingPolicy{MinScaleDownDelayMinutes: aws.Int32(19)}
		}), "minScaleDownDelayMinutes should be 0 or between 20 and 10080."},
		"1.3 17 subnets": {onFargateCE(func(r *resource) { r.Subnets = slices.Repeat([]string{"s"}, 17) }), "Fargate supports a maximum of 16 subnets."},
		"1.3 6 groups":   {onFargateCE(func(r *resource) { r.SecurityGroupIds = slices.Repeat([]string{"s"}, 6) }), "Fargate supports a maximum of 5 security groups."},

		"1.4 cluster": {eks(compute(types.CRTypeEc2), func(c *types.EksConfiguration) { c.EksClusterArn = aws.String("main") }), "eksClusterArn must be an EKS cluster ARN."},
		"1.4 region": {eks(compute(types.CRTypeEc2), func(c *types.EksConfiguration) {
			c.EksClusterArn = aws.String("arn:aws:eks:us-east-1:123456789012:cluster/main")
		}), "eksClusterArn must be in the same AWS region as the compute environment"},
		"1.4 default":     {eks(compute(types.CRTypeEc2), namespaced("default")), "kubernetesNamespace cannot be the default Kubernetes namespace"},
		"1.4 kube-system": {eks(compute(types.CRTypeEc2), namespaced("kube-system")), "kubernetesNamespace cannot be a reserved Kubernetes system namespace"},
		"1.4 64 letters":  {eks(compute(types.CRTypeEc2), namespaced(strings.Repeat("a", 64))), "kubernetesNamespace must less than or equal to 63 characters"},
		"1.4 upper case":  {eks(compute(types.CRTypeEc2), namespaced("Batch")), "kubernetesNamespace must be a valid Kubernetes namespace."},
		"1.4 fargate":     {eks(compute(types.CRTypeFargate)), "Supported compute types for EKS compute environments are [EC2, SPOT]"},
		"1.4 strategy":    {eks(compute(types.CRTypeEc2)), "allocationStrategy is required for EKS Compute Environments."},
		"1.4 minvCpus":    {eks(compute(types.CRTypeEc2, progressive, func(r *resource) { r.MinvCpus = nil })), "Resource minvCpus is required."},

		"1.5 neither":           {ec2(template(types.LaunchTemplateSpecification{Version: aws.String("1")})), one},
		"1.5 both":              {ec2(template(types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("a"), LaunchTemplateName: aws.String("b")})), one},
		"1.5 version":           {ec2(template(types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("a"), Version: aws.String("newest")})), "LaunchTemplateVersion must be either empty or a number or $Default or $Latest"},
		"1.5 11 overrides":      {ec2(overrides(slices.Repeat([]types.LaunchTemplateSpecificationOverride{override("c5.large")}, 11)...)), "LaunchTemplate.overrides size cannot be greater than 10"},
		"1.5 override neither":  {ec2(overrides(types.LaunchTemplateSpecificationOverride{TargetInstanceTypes: []string{"c5.large"}})), "LaunchTemplate.overrides should have either LaunchTemplateId or LaunchTemplateName"},
		"1.5 no targets":        {ec2(overrides(override())), "LaunchTemplate.overrides.targetInstanceTypes[] is required"},
		"1.5 overlap":           {ec2(instances("c5"), overrides(override("c5.large"), override("c5"))), "LaunchTemplate.overrides have duplicate targetInstanceTypes"},
		"1.5 overlap by family": {ec2(instances("c5"), overrides(override("c5", "c5.large"))), "LaunchTemplate.overrides have duplicate targetInstanceTypes"},
		"1.5 other target":      {ec2(overrides(override("r5.large"))), "LaunchTemplate.overrides have targetInstanceTypes that do not match"},

		"1.6 no provider":       {managed(&resource{Type: types.CRTypeEcsManagedInstances, MaxvCpus: aws.Int32(1)}), "managedInstancesProvider is required for ECS_MANAGED_INSTANCES."},
		"1.2 provider on EC2":   {ec2(func(r *resource) { r.ManagedInstancesProvider = provider() }), "managedInstancesProvider and capacityTags are only applicable for ECS_MANAGED_INSTANCES."},
		"1.2 types with 1.6":    {managed(&resource{Type: types.CRTypeEcsManagedInstances, MaxvCpus: aws.Int32(1), ManagedInstancesProvider: provider(), InstanceTypes: []string{"c5"}}), "instanceTypes is not applicable for ECS_MANAGED_INSTANCES."},
		"1.2 negative maxvCpus": {onFargateCE(func(r *resource) { r.MaxvCpus = aws.Int32(-1) }), "maxvCpus should be greater than or equal to 0."},
	}
	for member, change := range map[string]func(*resource){
		"minvCpus":           func(r *resource) { r.MinvCpus = aws.Int32(0) },
		"desiredvCpus":       func(r *resource) { r.DesiredvCpus = aws.Int32(0) },
		"allocationStrategy": progressive,
		"instanceTypes":      instances("c5"),
		"instanceRole":       func(r *resource) { r.InstanceRole = aws.String("a") },
		"bidPercentage":      func(r *resource) { r.BidPercentage = aws.Int32(0) },
		"spotIamFleetRole":   func(r *resource) { r.SpotIamFleetRole = aws.String("a") },
		"imageId":            func(r *resource) { r.ImageId = aws.String("a") },
		"ec2KeyPair":         func(r *resource) { r.Ec2KeyPair = aws.String("a") },
		"placementGroup":     func(r *resource) { r.PlacementGroup = aws.String("a") },
		"launchTemplate":     template(types.LaunchTemplateSpecification{}),
		"tags":               func(r *resource) { r.Tags = map[string]string{"a": "b"} },
		"ec2Configuration":   image("ECS_AL2023"),
	} {
		cases["1.3 fargate "+member] = struct {
			in   *environment
			text string
		}{onFargateCE(change), member + " is not applicable for Fargate."}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.CreateComputeEnvironment(t.Context(), c.in)
			refuses(t, err, wrapped(c.text))
			if out := must(w.DescribeComputeEnvironments(t.Context(), nil))(t); len(out.ComputeEnvironments) > 0 {
				t.Error("a refused request left an environment")
			}
		})
	}
}

func provider() *types.ManagedInstancesProvider {
	return &types.ManagedInstancesProvider{
		InfrastructureRoleArn: aws.String(role),
		InstanceLaunchTemplate: &types.InstanceLaunchTemplate{
			Ec2InstanceProfileArn: aws.String("arn:aws:iam::123456789012:instance-profile/a"),
			NetworkConfiguration:  &types.ManagedInstancesNetworkConfiguration{Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}},
		},
	}
}

// TestUnknownInstanceTypes is resources.md 1.3: the text lists all that are known.
func TestUnknownInstanceTypes(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"c5.huge", "x", "C5.LARGE", "c5.", ".large", "mac1.metal"} {
		_, err := w.CreateComputeEnvironment(t.Context(), ec2(instances("c5.large", name)))
		text := refusal(t, err)
		if !strings.HasPrefix(text, "Error executing request, Exception : Instance type can only be one of [a1, a1.2xlarge, ") {
			t.Errorf("%s: %.200s", name, text)
		}
		for _, known := range []string{"optimal", "default_arm64", "c5", "c5.large", "g4dn.xlarge", "m7i-flex.large", "p6-b200"} {
			if !strings.Contains(text, " "+known+",") {
				t.Errorf("%s is not listed", known)
			}
		}
	}
}

var version3 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-3[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// described is the environment as it was sent, without the ids that are new each time, which it checks.
func (w *world) described(name string) map[string]any {
	w.Helper()
	must(w.DescribeComputeEnvironments(w.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}}))(w.T)
	found := w.sent("computeEnvironments", 0).(map[string]any)
	cluster, ok := strings.CutPrefix(fmt.Sprint(found["ecsClusterArn"]), "arn:aws:ecs:"+region+":"+account+":cluster/AWSBatch-"+name+"-")
	if !ok || !version3.MatchString(cluster) || !version3.MatchString(fmt.Sprint(found["uuid"])) || cluster == found["uuid"] {
		w.Errorf("cluster %v, uuid %v", found["ecsClusterArn"], found["uuid"])
	}
	delete(found, "ecsClusterArn")
	delete(found, "uuid")
	return found
}

// TestEnvironmentsShown is resources.md 1.9: what was sent, the defaults, and nothing that was made up.
func TestEnvironmentsShown(t *testing.T) {
	healthy := `"computeEnvironmentName": "e", "computeEnvironmentArn": "` + arn("compute-environment", "e") + `", "state": "ENABLED", "status": "VALID",
		"statusReason": "ComputeEnvironment Healthy", "containerOrchestrationType": "ECS"`
	for name, c := range map[string]struct {
		in   *environment
		want string
	}{
		"ec2": {ec2(func(r *resource) { r.MinvCpus = aws.Int32(2) }), `{` + healthy + `, "type": "MANAGED", "serviceRole": "` + linkedRole + `", "tags": {},
			"computeResources": {"type": "EC2", "minvCpus": 2, "maxvCpus": 16, "desiredvCpus": 2, "instanceTypes": ["c5.large"], "instanceRole": "ecsInstanceRole", "tags": {},
				"subnets": ["subnet-1"], "securityGroupIds": ["sg-1"], "ec2Configuration": [{"imageType": "ECS_AL2023"}]}}`},
		"gpu": {ec2(instances("g4dn.xlarge", "p3")), `{` + healthy + `, "type": "MANAGED", "serviceRole": "` + linkedRole + `", "tags": {},
			"computeResources": {"type": "EC2", "minvCpus": 0, "maxvCpus": 16, "desiredvCpus": 0, "instanceTypes": ["g4dn.xlarge", "p3"], "instanceRole": "ecsInstanceRole", "tags": {},
				"subnets": ["subnet-1"], "securityGroupIds": ["sg-1"], "ec2Configuration": [{"imageType": "ECS_AL2023_NVIDIA"}]}}`},
		"fargate": {managed(compute(types.CRTypeFargateSpot), func(in *environment) {
			in.ServiceRole, in.Tags, in.Context = aws.String("/team/batch"), map[string]string{"a": "b"}, aws.String("c")
			in.EcsSettings = &types.EcsSettings{ContainerInsights: "ENHANCED"}
		}), `{` + healthy + `, "type": "MANAGED", "serviceRole": "arn:aws:iam::` + account + `:role/team/batch", "tags": {"a": "b"}, "context": "c",
			"ecsSettings": {"containerInsights": "ENHANCED"},
			"computeResources": {"type": "FARGATE_SPOT", "maxvCpus": 16, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}}`},
		"unmanaged": {unmanaged(func(in *environment) { in.UnmanagedvCpus = aws.Int32(8) }),
			`{` + healthy + `, "type": "UNMANAGED", "serviceRole": "arn:aws:iam::` + account + `:role/batch", "tags": {}, "unmanagedvCpus": 8}`},
		"everything": {spot(func(r *resource) {
			r.AllocationStrategy, r.BidPercentage, r.DesiredvCpus = "SPOT_PRICE_CAPACITY_OPTIMIZED", aws.Int32(60), aws.Int32(3)
			r.Ec2KeyPair, r.PlacementGroup, r.ImageId, r.SpotIamFleetRole = aws.String("key"), aws.String("group"), aws.String("ami-1"), aws.String("fleet")
			r.Tags, r.ScalingPolicy = map[string]string{"Name": "node"}, &types.ComputeScalingPolicy{MinScaleDownDelayMinutes: aws.Int32(20)}
			r.Ec2Configuration = []types.Ec2Configuration{{ImageType: aws.String("ECS_AL2"), ImageIdOverride: aws.String("ami-2")}}
			r.LaunchTemplate, r.SecurityGroupIds = &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("lt")}, nil
		}), `{` + healthy + `, "type": "MANAGED", "serviceRole": "` + linkedRole + `", "tags": {},
			"computeResources": {"type": "SPOT", "minvCpus": 0, "maxvCpus": 16, "desiredvCpus": 3, "instanceTypes": ["c5.large"], "instanceRole": "ecsInstanceRole",
				"subnets": ["subnet-1"], "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED", "bidPercentage": 60, "ec2KeyPair": "key", "placementGroup": "group",
				"imageId": "ami-1", "spotIamFleetRole": "fleet", "tags": {"Name": "node"}, "scalingPolicy": {"minScaleDownDelayMinutes": 20},
				"ec2Configuration": [{"imageType": "ECS_AL2", "imageIdOverride": "ami-2"}], "launchTemplate": {"launchTemplateName": "lt", "overrides": []}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			must(w.CreateComputeEnvironment(t.Context(), c.in))(t)
			w.shows(`{"computeEnvironmentName": "e", "computeEnvironmentArn": "`+arn("compute-environment", "e")+`"}`, w.sent())
			w.shows(c.want, w.described("e"))
		})
	}
}

// TestDeleteEnvironment is resources.md 0.3 and 1.8.
func TestDeleteEnvironment(t *testing.T) {
	w := newWorld(t)
	remove := func(name string) error {
		_, err := w.DeleteComputeEnvironment(t.Context(), &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: &name})
		return err
	}
	uuid := func() string {
		out := must(w.DescribeComputeEnvironments(t.Context(), nil))(t)
		return *out.ComputeEnvironments[0].Uuid
	}
	w.create(ec2())
	first := uuid()
	_, err := w.CreateComputeEnvironment(t.Context(), ec2())
	refuses(t, err, "Object already exists")
	refuses(t, remove("e"), "Cannot delete, state must be DISABLED")
	must(w.CreateJobQueue(t.Context(), queue("q", "e")))(t)
	if err := w.change(sdk.UpdateComputeEnvironmentInput{State: "DISABLED"}); err != nil {
		t.Fatal(err)
	}
	refuses(t, remove("e"), "Cannot delete, found existing JobQueue relationship.")
	must(w.UpdateJobQueue(t.Context(), &sdk.UpdateJobQueueInput{JobQueue: aws.String("q"), State: "DISABLED"}))(t)
	refuses(t, remove("e"), "Cannot delete, found existing JobQueue relationship.")
	must(w.DeleteJobQueue(t.Context(), &sdk.DeleteJobQueueInput{JobQueue: aws.String("q")}))(t)
	if err := remove(arn("compute-environment", "e")); err != nil {
		t.Fatal(err)
	}
	w.create(ec2())
	if uuid() == first {
		t.Error("an environment of the same name has the uuid of the one before")
	}

	elsewhere := "arn:aws:batch:us-east-1:" + account + ":compute-environment/e"
	for given, name := range map[string]string{"nowhere": arn("compute-environment", "nowhere"), arn("compute-environment", "x"): arn("compute-environment", "x"), elsewhere: elsewhere} {
		refuses(t, remove(given), name+" does not exist")
		_, err := w.UpdateComputeEnvironment(t.Context(), &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: &given, State: "DISABLED"})
		refuses(t, err, name+" does not exist")
	}
}

// TestDescribeEnvironments is resources.md 0.3, 0.4 and 0.6.
func TestDescribeEnvironments(t *testing.T) {
	w := newWorld(t)
	var made []string
	for i := range 5 {
		name := fmt.Sprint("n", 5-i)
		w.create(managed(compute(types.CRTypeFargate), func(in *environment) { in.ComputeEnvironmentName = &name }))
		made = append(made, name)
	}
	names := func(out *sdk.DescribeComputeEnvironmentsOutput) (found []string) {
		for _, e := range out.ComputeEnvironments {
			found = append(found, *e.ComputeEnvironmentName)
		}
		return found
	}
	var paged []string
	pages := sdk.NewDescribeComputeEnvironmentsPaginator(w, &sdk.DescribeComputeEnvironmentsInput{MaxResults: aws.Int32(2)})
	for i := 0; pages.HasMorePages(); i++ {
		out := must(pages.NextPage(t.Context()))(t)
		paged = append(paged, names(out)...)
		if i == 0 { // what comes and goes between two pages moves no other
			if err := firstError(w.close("n5"), w.close("n3")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]string{"n5", "n4", "n2", "n1"}, paged); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	given := []string{"n1", arn("compute-environment", "n4"), "nowhere", "n1", "arn:aws:batch:us-east-1:123456789012:compute-environment/n2"}
	out := must(w.DescribeComputeEnvironments(t.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: given}))(t)
	if diff := cmp.Diff([]string{"n1", "n4"}, names(out)); diff != "" {
		t.Errorf("by name (-want +got):\n%s", diff)
	}
	_, err := w.DescribeComputeEnvironments(t.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: made, MaxResults: aws.Int32(1)})
	refuses(t, err, wrapped("ComputeEnvironments and MaxResults cannot both be set"))
	must(w.DescribeComputeEnvironments(t.Context(), &sdk.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{"nowhere"}}))(t)
	w.shows(`{"computeEnvironments": []}`, w.sent())
}

// close removes an environment.
func (w *world) close(name string) error {
	_, disabled := w.UpdateComputeEnvironment(w.Context(), &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: &name, State: "DISABLED"})
	_, deleted := w.DeleteComputeEnvironment(w.Context(), &sdk.DeleteComputeEnvironmentInput{ComputeEnvironment: &name})
	return firstError(disabled, deleted)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

package operations_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

func (w *world) create(in *environment) {
	w.Helper()
	must(w.CreateComputeEnvironment(w.Context(), in))(w.T)
}

func (w *world) change(in sdk.UpdateComputeEnvironmentInput) error {
	in.ComputeEnvironment = aws.String("e")
	_, err := w.UpdateComputeEnvironment(w.Context(), &in)
	return err
}

type changed = types.ComputeResourceUpdate

// TestUpdateEnvironment is resources.md 1.10: only what is sent changes.
func TestUpdateEnvironment(t *testing.T) {
	progressive := ec2(func(r *resource) {
		r.AllocationStrategy, r.Ec2KeyPair, r.ImageId, r.LaunchTemplate = "BEST_FIT_PROGRESSIVE", aws.String("key"), aws.String("ami-1"), &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt")}
	})
	for name, c := range map[string]struct {
		in   *environment
		sent sdk.UpdateComputeEnvironmentInput
		want map[string]any // members of computeResources that are different afterwards; nil is gone
		top  map[string]any // the same of the environment
	}{
		"state":    {in: ec2(), sent: sdk.UpdateComputeEnvironmentInput{State: "DISABLED"}, top: map[string]any{"state": "DISABLED"}},
		"maxvCpus": {in: ec2(), sent: sdk.UpdateComputeEnvironmentInput{ComputeResources: &changed{MaxvCpus: aws.Int32(32)}}, want: map[string]any{"maxvCpus": 32.0}},
		"scaling with any role and strategy": {
			in: managed(compute(types.CRTypeEc2), func(in *environment) { in.ServiceRole = aws.String("batch") }),
			sent: sdk.UpdateComputeEnvironmentInput{ComputeResources: &changed{
				MinvCpus: aws.Int32(2), MaxvCpus: aws.Int32(32), DesiredvCpus: aws.Int32(4), ScalingPolicy: &types.ComputeScalingPolicy{MinScaleDownDelayMinutes: aws.Int32(30)},
			}},
			want: map[string]any{"minvCpus": 2.0, "maxvCpus": 32.0, "desiredvCpus": 4.0, "scalingPolicy": map[string]any{"minScaleDownDelayMinutes": 30.0}},
		},
		"desired goes with the bounds": {
			in:   ec2(),
			sent: sdk.UpdateComputeEnvironmentInput{ComputeResources: &changed{MinvCpus: aws.Int32(3)}}, want: map[string]any{"minvCpus": 3.0, "desiredvCpus": 3.0},
		},
		"instances": {
			in: progressive, sent: sdk.UpdateComputeEnvironmentInput{ComputeResources: &changed{
				Type: "SPOT", InstanceTypes: []string{"m5"}, InstanceRole: aws.String("other"), Tags: map[string]string{"a": "b"}, BidPercentage: aws.Int32(50),
				Subnets: []string{"subnet-2"}, SecurityGroupIds: []string{}, AllocationStrategy: "SPOT_CAPACITY_OPTIMIZED", UpdateToLatestImageVersion: aws.Bool(true),
			}},
			want: map[string]any{
				"type": "SPOT", "instanceTypes": []any{"m5"}, "instanceRole": "other", "tags": map[string]any{"a": "b"}, "bidPercentage": 50.0,
				"subnets": []any{"subnet-2"}, "securityGroupIds": []any{}, "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED",
			},
		},
		"empty texts clear": {
			in: progressive, sent: sdk.UpdateComputeEnvironmentInput{ComputeResources: &changed{
				Ec2KeyPair: aws.String(""), ImageId: aws.String(""), LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("")},
			}},
			want: map[string]any{"ec2KeyPair": nil, "imageId": nil, "launchTemplate": nil},
		},
		"another template": {
			in: progressive, sent: sdk.UpdateComputeEnvironmentInput{ComputeResources: &changed{LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateName: aws.String("b")}}},
			want: map[string]any{"launchTemplate": map[string]any{"launchTemplateName": "b", "overrides": []any{}}},
		},
		"fargate": {
			in: onFargateCE(), sent: sdk.UpdateComputeEnvironmentInput{
				ComputeResources: &changed{MaxvCpus: aws.Int32(1), Subnets: []string{"subnet-2"}, SecurityGroupIds: []string{}},
				UpdatePolicy:     &types.UpdatePolicy{TerminateJobsOnUpdate: aws.Bool(true)},
			},
			want: map[string]any{"maxvCpus": 1.0, "subnets": []any{"subnet-2"}},
		},
		"policy": {
			in: progressive, sent: sdk.UpdateComputeEnvironmentInput{UpdatePolicy: &types.UpdatePolicy{TerminateJobsOnUpdate: aws.Bool(true)}},
			top: map[string]any{"updatePolicy": map[string]any{"terminateJobsOnUpdate": true, "jobExecutionTimeoutMinutes": 30.0}},
		},
		"role again": {in: ec2(), sent: sdk.UpdateComputeEnvironmentInput{ServiceRole: aws.String(linkedRole)}},
		"role": {
			in:   managed(compute(types.CRTypeEc2), func(in *environment) { in.ServiceRole = aws.String("batch") }),
			sent: sdk.UpdateComputeEnvironmentInput{ServiceRole: aws.String("other")}, top: map[string]any{"serviceRole": "arn:aws:iam::" + account + ":role/other"},
		},
		"unmanaged": {
			in: unmanaged(), sent: sdk.UpdateComputeEnvironmentInput{UnmanagedvCpus: aws.Int32(4), State: "DISABLED"},
			top: map[string]any{"unmanagedvCpus": 4.0, "state": "DISABLED"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.create(c.in)
			want := w.described("e")
			if err := w.change(c.sent); err != nil {
				t.Fatal(err)
			}
			w.shows(`{"computeEnvironmentName": "e", "computeEnvironmentArn": "`+arn("compute-environment", "e")+`"}`, w.sent())
			for to, changes := range map[*map[string]any]map[string]any{&want: c.top, new(resourcesOf(want)): c.want} {
				for member, value := range changes {
					if (*to)[member] = value; value == nil {
						delete(*to, member)
					}
				}
			}
			if diff := cmp.Diff(want, w.described("e")); diff != "" {
				t.Errorf("the environment afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

func resourcesOf(environment map[string]any) map[string]any {
	r, _ := environment["computeResources"].(map[string]any)
	return r
}

// TestUpdateEnvironmentRefuses is resources.md 1.10: all bare, and nothing changes.
func TestUpdateEnvironmentRefuses(t *testing.T) {
	progressive := ec2(func(r *resource) { r.AllocationStrategy, r.DesiredvCpus = "BEST_FIT_PROGRESSIVE", aws.Int32(4) })
	ownRole := managed(compute(types.CRTypeEc2, func(r *resource) { r.AllocationStrategy = "BEST_FIT_PROGRESSIVE" }), func(in *environment) { in.ServiceRole = aws.String("batch") })
	const (
		notSupported = "Compute environment with BEST_FIT allocation strategy or custom service role does not support this update."
		change       = "Changing between the service-linked role and another service role is not supported."
	)
	type cases map[string]struct {
		in   *environment
		sent sdk.UpdateComputeEnvironmentInput
		text string
	}
	of := func(u changed) sdk.UpdateComputeEnvironmentInput {
		return sdk.UpdateComputeEnvironmentInput{ComputeResources: &u}
	}
	all := cases{
		"nothing":                {ec2(), sdk.UpdateComputeEnvironmentInput{}, "One of [state | compute-resources | service-role | unmanaged-vcpus] is required."},
		"no member":              {ec2(), of(changed{}), "At least one compute-resources attribute must be specified"},
		"scaling down":           {progressive, of(changed{DesiredvCpus: aws.Int32(2)}), "Manually scaling down compute environment is not supported. Disconnecting job queues from compute environment will cause it to scale-down to minvCpus"},
		"desired above":          {progressive, of(changed{DesiredvCpus: aws.Int32(17)}), "desiredvCpus should be between minvCpus and maxvCpus."},
		"max below min":          {progressive, of(changed{MinvCpus: aws.Int32(17)}), "maxvCpus should be greater than or equal to minvCpus."},
		"BEST_FIT":               {progressive, of(changed{AllocationStrategy: "BEST_FIT"}), "allocationStrategy BEST_FIT is not valid. Valid values are: [BEST_FIT_PROGRESSIVE, BEST_FIT_PROGRESSIVE_ORDERED, SPOT_CAPACITY_OPTIMIZED, SPOT_PRICE_CAPACITY_OPTIMIZED, SPOT_CAPACITY_OPTIMIZED_PRIORITIZED]"},
		"strategy of other type": {progressive, of(changed{AllocationStrategy: "SPOT_CAPACITY_OPTIMIZED"}), "Allocation strategy SPOT_CAPACITY_OPTIMIZED requires compute resource type SPOT."},
		"managed instances":      {progressive, of(changed{Type: "ECS_MANAGED_INSTANCES"}), "A compute environment cannot be changed to ECS_MANAGED_INSTANCES."},
		"to fargate":             {progressive, of(changed{Type: "FARGATE"}), "A compute environment of type EC2 cannot be changed to FARGATE."},
		"own role":               {progressive, sdk.UpdateComputeEnvironmentInput{ServiceRole: aws.String("batch")}, change},
		"linked role":            {ownRole, sdk.UpdateComputeEnvironmentInput{ServiceRole: aws.String(linkedRole)}, change},
		"unmanaged vCPUs":        {progressive, sdk.UpdateComputeEnvironmentInput{UnmanagedvCpus: aws.Int32(1)}, "unmanagedvCpus is not applicable for managed Compute Environments"},
		"unmanaged resources":    {unmanaged(), of(changed{MaxvCpus: aws.Int32(1)}), "computeResources is not applicable for UNMANAGED Compute Environments"},
		"policy":                 {progressive, sdk.UpdateComputeEnvironmentInput{UpdatePolicy: &types.UpdatePolicy{JobExecutionTimeoutMinutes: aws.Int64(7201)}}, "jobExecutionTimeoutMinutes should be between 1 and 7200."},
		"fargate minvCpus":       {onFargateCE(), of(changed{MinvCpus: aws.Int32(0)}), "minvCpus is not applicable for Fargate."},
		"fargate desiredvCpus":   {onFargateCE(), of(changed{DesiredvCpus: aws.Int32(0)}), "desiredvCpus is not applicable for Fargate."},
		"own role, instances":    {ownRole, of(changed{InstanceTypes: []string{"m5"}}), notSupported},
	}
	for member, u := range map[string]changed{
		"instanceTypes":      {InstanceTypes: []string{"c5.large"}},
		"allocationStrategy": {AllocationStrategy: "BEST_FIT_PROGRESSIVE"},
		"instanceRole":       {InstanceRole: aws.String("a")},
		"latest image":       {UpdateToLatestImageVersion: aws.Bool(true)},
		"type":               {Type: "EC2"},
		"launchTemplate":     {LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt")}},
		"with scaling":       {MaxvCpus: aws.Int32(32), PlacementGroup: aws.String("group")},
		"tags":               {Tags: map[string]string{}},
	} {
		all["fargate "+member] = cases{"": {onFargateCE(), of(u), fargateUpdate}}[""]
		all["best fit "+member] = cases{"": {ec2(), of(u), notSupported}}[""]
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.create(c.in)
			want := w.described("e")
			refuses(t, w.change(c.sent), c.text)
			if diff := cmp.Diff(want, w.described("e")); diff != "" {
				t.Errorf("a refused update changed (-before +after):\n%s", diff)
			}
		})
	}
}

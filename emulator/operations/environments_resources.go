package operations

import (
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/ec2"
)

// Rules about computeResources (resources.md 1.2, 1.3). Members are looked at in the order of the table in 1.2.

func checkNewResource(in *api.CreateComputeEnvironmentInput) error {
	r, images := in.ComputeResources, ecsImages()
	if r == nil {
		return nil
	}
	if in.EksConfiguration != nil {
		images = eksImages()
	}
	if err := oneOf("type", r.Type); err != nil {
		return err
	}
	switch {
	case r.Type == "":
		// Guess: the model requires it; the text was not seen.
		return api.Invalid("Resource type is required.")
	case r.MaxvCpus == nil:
		return api.Invalid("Resource maxvCpus is required.")
	case r.Type == api.CRTypeEcsManagedInstances:
		return checkManagedInstances(r)
	case r.ManagedInstancesProvider != nil || len(r.CapacityTags) > 0:
		// Guess: refused, as the model says; the text was not seen.
		return api.Invalid("managedInstancesProvider and capacityTags are only applicable for ECS_MANAGED_INSTANCES.")
	case fargate(r.Type):
		return checkFargateResource(r)
	}
	return checkInstanceResource(r, images)
}

// checkInstanceResource is for EC2 and SPOT.
func checkInstanceResource(r *api.ComputeResource, images []string) error {
	if r.MinvCpus == nil {
		return api.Invalid("Resource minvCpus is required.")
	}
	if err := firstOf(checkVCPUs(r), checkStrategy(r), checkInstanceTypes(r)); err != nil {
		return err
	}
	bestFit := r.AllocationStrategy == "" || r.AllocationStrategy == api.CRAllocationStrategyBestFit
	switch {
	case len(r.Subnets) == 0:
		return api.Invalid("Resource subnets are required.")
	case len(r.SecurityGroupIds) == 0 && r.LaunchTemplate == nil:
		return api.Invalid("Security group ids are required.")
	case api.Value(r.InstanceRole) == "":
		return api.Invalid("Instance role is required.")
	case r.Type == api.CRTypeSpot && bestFit && api.Value(r.SpotIamFleetRole) == "":
		return api.Invalid("compute resource spotIamFleetRole is required.")
	}
	return checkInstanceOptions(r, images)
}

// checkInstanceOptions are the rules that hold after an update too.
func checkInstanceOptions(r *api.ComputeResource, images []string) error {
	return firstOf(checkBid(r), checkImages(r, images), checkTemplate(r), checkScaling(r))
}

func checkVCPUs(r *api.ComputeResource) error {
	low, high := api.Value(r.MinvCpus), api.Value(r.MaxvCpus)
	switch {
	case low < 0:
		return api.Invalid("minvCpus should be greater than or equal to 0.")
	case high < low:
		return api.Invalid("maxvCpus should be greater than or equal to minvCpus.")
	case r.DesiredvCpus != nil && (*r.DesiredvCpus < low || *r.DesiredvCpus > high):
		return api.Invalid("desiredvCpus should be between minvCpus and maxvCpus.")
	}
	return nil
}

func checkStrategy(r *api.ComputeResource) error {
	s := r.AllocationStrategy
	if err := oneOf("allocationStrategy", s); err != nil {
		return err
	}
	ordered := s == api.CRAllocationStrategyBestFitProgressiveOrdered
	switch {
	// Both texts were seen in cdk-preflight, rules pf-batch-ce-allocation-strategy-compute-type and pf-batch-ce-ordered-strategy-instance-bundles;
	// resources.md 1.3 has none.
	case ordered && r.Type != api.CRTypeEc2:
		return api.Invalid("Allocation strategy %s requires compute resource type EC2.", s)
	case ordered && slices.ContainsFunc(r.InstanceTypes, func(t string) bool { return slices.Contains(ec2.Bundles(), t) }):
		return api.Invalid("Instance type bundles (e.g. optimal, default_x86_64) are not allowed for %s allocation strategy. Specify instance families or types directly.", s)
	case strings.HasPrefix(string(s), "SPOT_") && r.Type != api.CRTypeSpot:
		// Guess: by analogy.
		return api.Invalid("Allocation strategy %s requires compute resource type SPOT.", s)
	}
	return nil
}

func checkInstanceTypes(r *api.ComputeResource) error {
	if len(r.InstanceTypes) == 0 {
		return api.Invalid("Resource instanceTypes are required.")
	}
	arm := 0
	for _, t := range r.InstanceTypes {
		if !ec2.Known(t) {
			return api.Invalid("Instance type can only be one of [%s]", strings.Join(ec2.Names(), ", "))
		}
		if ec2.Arm(t) {
			arm++
		}
	}
	if arm > 0 && arm < len(r.InstanceTypes) {
		return api.Invalid("arm-based instance type cannot be used with other instance types.")
	}
	return nil
}

func checkBid(r *api.ComputeResource) error {
	if b := r.BidPercentage; b != nil && (*b < 1 || *b > 100) {
		// The text was seen in cdk-preflight, rule pf-batch-ce-bid-percentage-range.
		// Guess: zero is refused too (resources.md 1.3).
		return api.Invalid("Bid percentage must be between 0 to 100.")
	}
	return nil
}

func ecsImages() []string {
	return []string{"ECS_AL2", "ECS_AL2_NVIDIA", "ECS_AL2023", "ECS_AL2023_NVIDIA"}
}

func eksImages() []string {
	return []string{"EKS_AL2", "EKS_AL2_NVIDIA", "EKS_AL2023", "EKS_AL2023_NVIDIA"}
}

// maxImages is how many entries ec2Configuration may have (resources.md 1.2).
const maxImages = 2

func checkImages(r *api.ComputeResource, images []string) error {
	if len(r.Ec2Configuration) > maxImages {
		// Guess: the text was not seen.
		return api.Invalid("ComputeResources.ec2Configuration can have at most %d entries", maxImages)
	}
	for _, c := range r.Ec2Configuration {
		image := api.Value(c.ImageType)
		if !slices.Contains(images, image) {
			return api.Invalid("Invalid imageType in ComputeResources.ec2Configuration")
		}
		own := api.Value(c.ImageIdOverride) != "" || api.Value(r.ImageId) != ""
		if old := strings.TrimSuffix(image, "_NVIDIA"); strings.HasSuffix(old, "_AL2") && !own {
			// Since 2026-06-30, for images that Batch provides. The second sentence was seen in cdk-preflight, rule pf-batch-ce-ec2-config-image-type-eol.
			return api.Invalid("Amazon Linux 2 is end-of-life. Please see https://docs.aws.amazon.com/batch/latest/userguide/compute_resource_AMIs.html.")
		}
	}
	return nil
}

func checkScaling(r *api.ComputeResource) error {
	if r.ScalingPolicy == nil || r.ScalingPolicy.MinScaleDownDelayMinutes == nil {
		return nil
	}
	if m := *r.ScalingPolicy.MinScaleDownDelayMinutes; m != 0 && (m < 20 || m > 10080) {
		// Guess: the range is documented; the text was not seen.
		return api.Invalid("minScaleDownDelayMinutes should be 0 or between 20 and 10080.")
	}
	return nil
}

// Limits of Fargate (resources.md 1.2).
const (
	maxFargateSubnets = 16
	maxFargateGroups  = 5
)

func checkFargateResource(r *api.ComputeResource) error {
	if member := instanceMember(r); member != "" {
		return api.Invalid("%s is not applicable for Fargate.", member)
	}
	switch {
	case *r.MaxvCpus < 0:
		// Guess: by analogy with minvCpus.
		return api.Invalid("maxvCpus should be greater than or equal to 0.")
	case len(r.Subnets) == 0:
		return api.Invalid("Resource subnets are required.")
	case len(r.Subnets) > maxFargateSubnets:
		return api.Invalid("Fargate supports a maximum of %d subnets.", maxFargateSubnets)
	case len(r.SecurityGroupIds) == 0:
		return api.Invalid("Security group ids are required.")
	case len(r.SecurityGroupIds) > maxFargateGroups:
		return api.Invalid("Fargate supports a maximum of %d security groups.", maxFargateGroups)
	}
	return nil
}

// instanceMember is the first member that only makes sense with instances of one's own. A number that is zero counts as given.
func instanceMember(r *api.ComputeResource) string {
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"minvCpus", r.MinvCpus != nil},
		{"desiredvCpus", r.DesiredvCpus != nil},
		{"allocationStrategy", r.AllocationStrategy != ""},
		{"instanceTypes", len(r.InstanceTypes) > 0},
		{"instanceRole", api.Value(r.InstanceRole) != ""},
		{"bidPercentage", r.BidPercentage != nil},
		{"spotIamFleetRole", api.Value(r.SpotIamFleetRole) != ""},
		{"imageId", api.Value(r.ImageId) != ""},
		{"ec2Configuration", len(r.Ec2Configuration) > 0},
		{"ec2KeyPair", api.Value(r.Ec2KeyPair) != ""},
		{"placementGroup", api.Value(r.PlacementGroup) != ""},
		{"launchTemplate", r.LaunchTemplate != nil},
		{"tags", len(r.Tags) > 0},
		{"scalingPolicy", r.ScalingPolicy != nil},
	} {
		if m.given {
			return m.name
		}
	}
	return ""
}

// checkManagedInstances holds the rules of resources.md 1.2 and 1.6.
//
// Guess: none of the texts was seen.
func checkManagedInstances(r *api.ComputeResource) error {
	if r.ManagedInstancesProvider == nil {
		return api.Invalid("managedInstancesProvider is required for ECS_MANAGED_INSTANCES.")
	}
	member := instanceMember(r)
	switch {
	case member != "":
	case len(r.Subnets) > 0:
		member = "subnets"
	case len(r.SecurityGroupIds) > 0:
		member = "securityGroupIds"
	default:
		return nil
	}
	return api.Invalid("%s is not applicable for ECS_MANAGED_INSTANCES.", member)
}

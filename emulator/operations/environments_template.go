package operations

import (
	"regexp"
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/ec2"
)

// Rules about launch templates (resources.md 1.5). Whether a template has an image of its own, which userdataType depends on, cannot be
// known here: there is no EC2 to ask.

const maxOverrides = 10

var templateVersion = regexp.MustCompile(`^(\d+|\$Default|\$Latest)?$`)

func checkTemplate(r *api.ComputeResource) error {
	t := r.LaunchTemplate
	if t == nil {
		return nil
	}
	id, name := api.Value(t.LaunchTemplateId) != "", api.Value(t.LaunchTemplateName) != ""
	switch {
	case id && name || !id && !name && len(t.Overrides) == 0:
		return api.Invalid("One of LaunchTemplateId and LaunchTemplateName or LaunchTemplate.overrides should be provided")
	case !templateVersion.MatchString(api.Value(t.Version)):
		return api.Invalid("LaunchTemplateVersion must be either empty or a number or $Default or $Latest")
	case len(t.Overrides) > maxOverrides:
		return api.Invalid("LaunchTemplate.overrides size cannot be greater than %d", maxOverrides)
	}
	if err := oneOf("userdataType", t.UserdataType); err != nil {
		return err
	}
	targets := map[string]bool{}
	for _, o := range t.Overrides {
		if err := checkOverride(o, r.InstanceTypes); err != nil {
			return err
		}
		for _, target := range o.TargetInstanceTypes {
			if overlaps(targets, target) {
				return api.Invalid("LaunchTemplate.overrides have duplicate targetInstanceTypes")
			}
			targets[target] = true
		}
	}
	return nil
}

func checkOverride(o api.LaunchTemplateSpecificationOverride, instanceTypes []string) error {
	id, name := api.Value(o.LaunchTemplateId) != "", api.Value(o.LaunchTemplateName) != ""
	switch {
	case id == name:
		return api.Invalid("LaunchTemplate.overrides should have either LaunchTemplateId or LaunchTemplateName")
	case !templateVersion.MatchString(api.Value(o.Version)):
		return api.Invalid("LaunchTemplateVersion must be either empty or a number or $Default or $Latest")
	case len(o.TargetInstanceTypes) == 0:
		return api.Invalid("LaunchTemplate.overrides.targetInstanceTypes[] is required")
	}
	for _, target := range o.TargetInstanceTypes {
		bundle := slices.Contains(ec2.Bundles(), target)
		if bundle || !slices.Contains(instanceTypes, target) && !slices.Contains(instanceTypes, ec2.Family(target)) {
			return api.Invalid("LaunchTemplate.overrides have targetInstanceTypes that do not match")
		}
	}
	return oneOf("userdataType", o.UserdataType)
}

// overlaps says whether a target was named before, or its family, or a type of the family that it is.
func overlaps(targets map[string]bool, target string) bool {
	family := ec2.Family(target)
	if targets[target] || targets[family] {
		return true
	}
	for t := range targets {
		if family == target && ec2.Family(t) == target {
			return true
		}
	}
	return false
}

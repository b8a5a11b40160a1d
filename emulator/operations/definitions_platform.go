package operations

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// What a container asks for, and what only one of the platforms takes (jobs.md 10.6, 10.7; resources.md 2).

func checkResources(p batch.Platform, c *api.ContainerProperties) error {
	milli, mib, err := checkWants(p, c)
	switch {
	case err != nil:
		return err
	case milli < 1000 && windows(c.RuntimePlatform):
		return api.Invalid("vCPU must be at least 1 for Windows Job definition, got %s.", wanted(c, api.ResourceTypeVcpu))
	case p == batch.Fargate:
		return asInvalid(batch.CheckFargateSize(milli, mib))
	}
	return nil
}

// wanted is the text of a requirement.
func wanted(c *api.ContainerProperties, kind api.ResourceType) string {
	for _, r := range c.ResourceRequirements {
		if r.Type == kind {
			return api.Value(r.Value)
		}
	}
	return ""
}

// asInvalid wraps a refusal of the core: bare at SubmitJob, it is wrapped when a definition is registered.
func asInvalid(err error) error {
	var refusal *batch.Error
	if errors.As(err, &refusal) {
		return api.Invalid("%s", refusal.Message)
	}
	return err
}

// checkWants is what one container asks for, in thousandths of a vCPU and in MiB.
func checkWants(p batch.Platform, c *api.ContainerProperties) (milli, mib int64, err error) {
	wants := map[api.ResourceType]string{}
	for _, r := range c.ResourceRequirements {
		if err := oneOf("type", r.Type); err != nil {
			return 0, 0, err
		}
		if _, twice := wants[r.Type]; twice {
			return 0, 0, api.Invalid("Cannot provide duplicates in resourceRequirements.")
		}
		wants[r.Type] = api.Value(r.Value)
	}
	for _, old := range []struct {
		member string
		given  *int32
		kind   api.ResourceType
	}{{"vcpus", c.Vcpus, api.ResourceTypeVcpu}, {"memory", c.Memory, api.ResourceTypeMemory}} {
		_, both := wants[old.kind]
		switch {
		case old.given == nil:
			continue
		case p == batch.Fargate:
			return 0, 0, api.Invalid("%s is not applicable for Fargate. Use resource requirements instead.", old.member)
		case both:
			return 0, 0, api.Invalid("Cannot use both ECS containerProperties %s and resourceRequirement %s.", old.member, old.kind)
		}
		wants[old.kind] = strconv.Itoa(int(*old.given))
	}
	if gpus, asked := wants[api.ResourceTypeGpu]; asked {
		if p == batch.Fargate {
			return 0, 0, api.Invalid("GPU is not applicable for Fargate.")
		}
		if _, err := strconv.ParseUint(gpus, 10, 31); err != nil {
			return 0, 0, api.Invalid("Value %s for type GPU in resourceRequirement is not valid. Please provide a numeric value.", gpus)
		}
	}
	milli, mib, err = batch.Wants(p, wants[api.ResourceTypeVcpu], wants[api.ResourceTypeMemory])
	return milli, mib, asInvalid(err)
}

func checkPlatform(p batch.Platform, c *api.ContainerProperties) error {
	if p == batch.Fargate {
		return firstOf(checkFargate(c), checkFargateLinux(c.LinuxParameters), checkRuntime(c))
	}
	switch {
	case c.NetworkConfiguration != nil:
		return api.Invalid("networkConfiguration not applicable for EC2.")
	case c.FargatePlatformConfiguration != nil:
		return api.Invalid("fargatePlatformConfiguration not applicable for EC2.")
	case c.RuntimePlatform != nil:
		return api.Invalid("runtimePlatform is not applicable for EC2.")
	case c.EphemeralStorage != nil:
		// Guess: by analogy with its neighbours (jobs.md 10.6).
		return api.Invalid("ephemeralStorage is not applicable for EC2.")
	}
	return nil
}

func checkFargate(c *api.ContainerProperties) error {
	storage := c.EphemeralStorage
	switch {
	case api.Value(c.ExecutionRoleArn) == "":
		return api.Invalid("executionRoleArn is required for Fargate jobs.")
	case api.Value(c.Privileged):
		return api.Invalid("Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.")
	case len(c.Ulimits) > 0:
		return api.Invalid("ulimits is not applicable for Fargate.")
	case storage != nil && (api.Value(storage.SizeInGiB) < 21 || *storage.SizeInGiB > 200):
		return api.Invalid("Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB")
	}
	version := ""
	if c.FargatePlatformConfiguration != nil {
		version = api.Value(c.FargatePlatformConfiguration.PlatformVersion)
	}
	for _, v := range c.Volumes {
		switch {
		case v.Host != nil && api.Value(v.Host.SourcePath) != "":
			return api.Invalid("host.sourcePath should not be set for volumes in Fargate.")
		case v.EfsVolumeConfiguration != nil && slices.Contains(withoutEFS(), version):
			return api.Invalid("EFS is supported for Fargate platform versions 1.4.0 or later, provided %s", version)
		}
	}
	return nil
}

// withoutEFS are the platform versions of Fargate before 1.4.0.
func withoutEFS() []string { return []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0"} }

// checkFargateLinux names the first member that Fargate lacks; maxSwap comes before swappiness.
func checkFargateLinux(l *api.LinuxParameters) error {
	if l == nil {
		return nil
	}
	member := ""
	switch {
	case len(l.Devices) > 0:
		member = "devices"
	case l.SharedMemorySize != nil:
		member = "sharedMemorySize"
	case len(l.Tmpfs) > 0:
		member = "tmpfs"
	case l.MaxSwap != nil:
		member = "maxSwap"
	case l.Swappiness != nil:
		member = "swappiness"
	default:
		return nil
	}
	return api.Invalid("linuxParameter.%s is not allowed for Fargate.", member)
}

const windowsPrefix = "WINDOWS_SERVER_"

func windows(r *api.RuntimePlatform) bool {
	return r != nil && strings.HasPrefix(api.Value(r.OperatingSystemFamily), windowsPrefix)
}

// checkRuntime holds the rules about the operating system (resources.md 2.2).
func checkRuntime(c *api.ContainerProperties) error {
	r := c.RuntimePlatform
	if r == nil {
		return nil
	}
	families := []string{"WINDOWS_SERVER_2019_CORE", "WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2022_CORE", "WINDOWS_SERVER_2022_FULL", "LINUX"}
	family, cpu := api.Value(r.OperatingSystemFamily), api.Value(r.CpuArchitecture)
	switch {
	case family != "" && !slices.Contains(families, family):
		// Guess: the end of the list was cut off where the text was seen (jobs.md 10.6).
		return api.Invalid("RuntimePlatform supports only one from [%s]", strings.Join(families, ", "))
	case cpu != "" && cpu != "X86_64" && cpu != "ARM64":
		// Guess: the rule was measured, its text was not recorded.
		return api.Invalid("cpuArchitecture %s is not valid. Valid values are: [X86_64, ARM64]", cpu)
	case !windows(r):
		return nil
	case cpu == "ARM64":
		return api.Invalid("Windows supported only by X86_64 cpuArchitecture")
	}
	// Guess: documented as not available on Windows; the texts are those of other members that do not apply.
	efs := slices.ContainsFunc(c.Volumes, func(v api.Volume) bool { return v.EfsVolumeConfiguration != nil })
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"linuxParameters", c.LinuxParameters != nil},
		{"privileged", api.Value(c.Privileged)},
		{"user", api.Value(c.User) != ""},
		{"readonlyRootFilesystem", api.Value(c.ReadonlyRootFilesystem)},
		{"efsVolumeConfiguration", efs},
	} {
		if m.given {
			return api.Invalid("%s is not applicable for Windows.", m.name)
		}
	}
	return nil
}

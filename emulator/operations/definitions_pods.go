package operations

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Definitions of pods: eksProperties (jobs.md 10.6, 17).

func checkEks(in *api.RegisterJobDefinitionInput) error {
	// Guess: the rules are documented (jobs.md 17), the texts were not seen.
	switch {
	case in.EksProperties == nil:
		return nil
	case len(in.PlatformCapabilities) > 0:
		return api.Invalid("platformCapabilities is not applicable for EKS jobs.")
	case in.PropagateTags != nil:
		return api.Invalid("propagateTags is not applicable for EKS jobs.")
	}
	return checkPods(in.EksProperties)
}

func checkPods(e *api.EksProperties) error {
	switch {
	case e == nil:
		return nil
	case e.PodProperties == nil || len(e.PodProperties.Containers) == 0:
		return api.Invalid("Containers must be provided for Batch on EKS jobs.")
	}
	p := e.PodProperties
	if max(len(p.Containers), len(p.InitContainers)) > maxContainers { // of each as many
		// Guess: the limit is documented; the text is that of ecsProperties.
		return api.Invalid("Number of containers must be between 1 and %d", maxContainers)
	}
	if err := firstOf(checkPodNames(p), checkWord("dnsPolicy", p.DnsPolicy, "Default", "ClusterFirst", "ClusterFirstWithHostNet")); err != nil {
		return err
	}
	volumes := map[string]bool{}
	for _, v := range p.Volumes {
		volumes[api.Value(v.Name)] = true
		if v.EmptyDir != nil && v.EmptyDir.Medium != nil && *v.EmptyDir.Medium != "" && *v.EmptyDir.Medium != "Memory" {
			return api.Invalid("Invalid Volume mount. Allowed values - Memory or null.")
		}
	}
	for _, c := range slices.Concat(p.Containers, p.InitContainers) {
		if err := firstOf(checkPodContainer(c, volumes), checkPodResources(c.Resources)); err != nil {
			return err
		}
	}
	return checkPodMetadata(p.Metadata)
}

// checkPodNames wants a name of its own for each container, also among those that come before. One without a name has Batch's.
//
// Guess: documented; the text was not seen.
func checkPodNames(p *api.EksPodProperties) error {
	seen := map[string]bool{}
	for _, c := range slices.Concat(p.Containers, p.InitContainers) {
		name := podName(c)
		if seen[name] {
			return api.Invalid("Container names must be unique, %s is used more than once.", name)
		}
		seen[name] = true
	}
	return nil
}

// podName is the name of a container of a pod, its own or the service's.
func podName(c api.EksContainer) string {
	if name := api.Value(c.Name); name != "" {
		return name
	}
	return "Default"
}

// checkWord refuses a text that is none of some words; an absent one is fine.
//
// Guess: the words are documented; the sentence is that of enumerations.
func checkWord(member string, given *string, words ...string) error {
	if word := api.Value(given); word != "" && !slices.Contains(words, word) {
		return api.Invalid("%s %s is not valid. Valid values are: [%s]", member, word, strings.Join(words, ", "))
	}
	return nil
}

func checkPodContainer(c api.EksContainer, volumes map[string]bool) error {
	if api.Value(c.Image) == "" {
		// Guess: the model requires it; the text was not seen.
		return api.Invalid("Image must be provided for Batch on EKS containers.")
	}
	for _, m := range c.VolumeMounts {
		if name := api.Value(m.Name); !volumes[name] {
			// Guess: the rule was measured, its text was not recorded (cdk-preflight, rule pf-batch-jd-eks-volume-mount-name-exists).
			return api.Invalid("Volume mount %s must reference a defined volume.", name)
		}
	}
	return firstOf(checkPodEnv(c.Env), checkWord("imagePullPolicy", c.ImagePullPolicy, "Always", "IfNotPresent", "Never"))
}

func checkPodEnv(env []api.EksContainerEnvironmentVariable) error {
	for _, v := range env {
		if api.Value(v.Name) == "" {
			return api.Invalid("Environment variable name is required.")
		}
	}
	return nil
}

// checkPodOverrides holds what SubmitJob says of a pod to the rules of definitions.
func checkPodOverrides(o *api.EksPropertiesOverride) error {
	if o == nil || o.PodProperties == nil {
		return nil
	}
	for _, c := range slices.Concat(o.PodProperties.Containers, o.PodProperties.InitContainers) {
		if err := firstOf(checkPodEnv(c.Env), checkPodResources(c.Resources)); err != nil {
			return err
		}
	}
	return checkPodMetadata(o.PodProperties.Metadata)
}

// gpuType is the one resource of a pod beside cpu and memory.
const gpuType = "nvidia.com/gpu"

func checkPodResources(r *api.EksContainerResourceRequirements) error {
	if r == nil {
		return nil
	}
	for _, values := range []map[string]string{r.Limits, r.Requests} {
		for name, value := range values {
			bad := false
			switch name {
			case "cpu":
				milli, ok := batch.CPUQuantity(value)
				bad = !ok || milli%250 != 0 || strings.HasSuffix(value, "m")
			case "memory":
				mib, err := strconv.ParseInt(strings.TrimSuffix(value, "Mi"), 10, 64)
				bad = err != nil || mib < 1 || !strings.HasSuffix(value, "Mi")
			case gpuType:
				n, err := strconv.ParseInt(value, 10, 32)
				bad = err != nil || n < 1
			default:
				// Seen in github.com/badmintoncryer/cdk-preflight, rule pf-batch-jd-eks-resource-key-unsupported.
				return api.Invalid("%s is not a supported type for resources.", name)
			}
			if bad {
				return api.Invalid("Value %s for type %s in resources is not valid. Provide a valid number and unit.", value, name)
			}
		}
	}
	limit, limited := batch.CPUQuantity(r.Limits["cpu"])
	request, requested := batch.CPUQuantity(r.Requests["cpu"])
	if limited && requested && request > limit {
		return api.Invalid("cpu request must be <= to cpu limit if both are provided.")
	}
	for _, name := range []string{"memory", gpuType} {
		if a, b := r.Limits[name], r.Requests[name]; a != "" && b != "" && a != b {
			// Guess: documented as equal; the text was not seen.
			return api.Invalid("%s request must be equal to %s limit if both are provided.", name, name)
		}
	}
	return nil
}

// labelName is the part of a Kubernetes label key behind its prefix.
var labelName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

const (
	maxLabelValue      = 63
	maxAnnotationValue = 255
)

func checkPodMetadata(m *api.EksMetadata) error {
	if m == nil {
		return nil
	}
	switch namespace := api.Value(m.Namespace); {
	case namespace == "default":
		return api.Invalid("kubernetesNamespace cannot be the default Kubernetes namespace.")
	case strings.HasPrefix(namespace, "kube"):
		return api.Invalid("kubernetesNamespace cannot be a reserved Kubernetes system namespace.")
	}
	for key, value := range m.Labels {
		name := key[strings.LastIndexByte(key, '/')+1:]
		switch {
		case !labelName.MatchString(name):
			return api.Invalid("The name %s of the pod label key does not match a valid pattern.", name)
		case len(value) > maxLabelValue:
			// Guess: the rule was measured, its text was not recorded (cdk-preflight, rule pf-batch-jd-eks-label-value-format).
			return api.Invalid("The value %s of the pod label does not match a valid pattern.", value)
		}
	}
	for _, value := range m.Annotations {
		if len(value) > maxAnnotationValue {
			// Guess: as of labels (rule pf-batch-jd-eks-annotation-value-length).
			return api.Invalid("The value of a pod annotation cannot exceed %d characters.", maxAnnotationValue)
		}
	}
	return nil
}

// filledPod adds what the service does (jobs.md 17): the name of an only container, host networking, and lists.
func filledPod(given *api.EksProperties) *api.EksProperties {
	p := *given.PodProperties
	if p.HostNetwork == nil {
		p.HostNetwork = new(true)
	}
	p.Containers, p.InitContainers = filledPodContainers(p.Containers), filledPodContainers(p.InitContainers)
	p.Volumes = list(p.Volumes)
	return &api.EksProperties{PodProperties: &p}
}

func filledPodContainers(given []api.EksContainer) []api.EksContainer {
	all := make([]api.EksContainer, 0, len(given))
	for _, c := range given {
		c.Name = new(podName(c))
		c.Args, c.Env, c.VolumeMounts = list(c.Args), list(c.Env), list(c.VolumeMounts)
		all = append(all, c)
	}
	return all
}

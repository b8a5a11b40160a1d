package operations

import (
	"regexp"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// What CreateComputeEnvironment refuses, in the wrapped style, in the order of resources.md 1.3: name, type, state, role, then the members.

func checkNewEnvironment(at batch.Scope, in *api.CreateComputeEnvironmentInput) error {
	return firstOf(
		checkEnvironmentHead(at, in),
		checkTags(in.Tags),
		checkEKS(at, in),
		checkNewResource(in),
	)
}

func checkEnvironmentHead(at batch.Scope, in *api.CreateComputeEnvironmentInput) error {
	if !batch.LegalName(api.Value(in.ComputeEnvironmentName)) {
		return api.Invalid("Compute Environment name should match a valid pattern.")
	}
	if err := firstOf(oneOf("type", in.Type), oneOf("state", in.State)); err != nil {
		return err
	}
	switch unmanaged := in.Type == api.CETypeUnmanaged; {
	case in.Type == "":
		// Guess: the model requires it; the text was not seen.
		return api.Invalid("type is required.")
	case in.State == api.CEStateDisabled:
		return api.Invalid("Compute Environment must be created in ENABLED state.")
	case unmanaged && api.Value(in.ServiceRole) == "":
		return api.Invalid("ServiceRole is required.")
	case unmanaged && isLinkedRole(serviceRole(at, *in.ServiceRole)):
		return api.Invalid("Service Linked Role cannot be used with UNMANAGED Compute Environment")
	case unmanaged && in.ComputeResources != nil && fargate(in.ComputeResources.Type):
		// Seen in github.com/badmintoncryer/cdk-preflight, rule pf-batch-unmanaged-fargate; resources.md 1.3 has no text.
		return api.Invalid("Cannot create an UNMANAGED Fargate Compute Environment.")
	case unmanaged && in.ComputeResources != nil:
		// Guess: refused, as the documentation says; the text was not seen.
		return api.Invalid("computeResources is not applicable for UNMANAGED Compute Environments")
	case !unmanaged && in.UnmanagedvCpus != nil:
		return api.Invalid("unmanagedvCpus is not applicable for managed Compute Environments")
	case !unmanaged && in.ComputeResources == nil:
		// Seen in cdk-preflight, rule pf-batch-managed-compute-resources; resources.md 1.1 has a guess.
		return api.Invalid("computeResources must be provided for a MANAGED compute environment")
	case api.Value(in.UnmanagedvCpus) < 0:
		// Guess: by analogy with minvCpus.
		return api.Invalid("unmanagedvCpus should be greater than or equal to 0.")
	}
	return nil
}

// Patterns of EKS names (resources.md 1.4).
var (
	clusterARN = regexp.MustCompile(`^arn:aws[a-z-]*:eks:([a-z0-9-]+):\d{12}:cluster/[A-Za-z0-9][A-Za-z0-9_-]*$`)
	namespace  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
)

// checkEKS holds the rules of resources.md 1.4, which AWS checks before it looks for the cluster.
func checkEKS(at batch.Scope, in *api.CreateComputeEnvironmentInput) error {
	e := in.EksConfiguration
	if e == nil {
		return nil
	}
	cluster, space := clusterARN.FindStringSubmatch(api.Value(e.EksClusterArn)), api.Value(e.KubernetesNamespace)
	switch {
	case cluster == nil:
		return api.Invalid("eksClusterArn must be an EKS cluster ARN.")
	case cluster[1] != at.Region:
		return api.Invalid("eksClusterArn must be in the same AWS region as the compute environment")
	case space == "default":
		return api.Invalid("kubernetesNamespace cannot be the default Kubernetes namespace")
	case strings.HasPrefix(space, "kube-"):
		return api.Invalid("kubernetesNamespace cannot be a reserved Kubernetes system namespace")
	case len(space) > 63:
		return api.Invalid("kubernetesNamespace must less than or equal to 63 characters") // without "be", as AWS says it
	case !namespace.MatchString(space):
		return api.Invalid("kubernetesNamespace must be a valid Kubernetes namespace.")
	}
	r := in.ComputeResources
	switch {
	case r == nil:
		return nil
	case r.Type != api.CRTypeEc2 && r.Type != api.CRTypeSpot:
		return api.Invalid("Supported compute types for EKS compute environments are [EC2, SPOT]")
	case r.AllocationStrategy == "":
		return api.Invalid("allocationStrategy is required for EKS Compute Environments.")
	case r.AllocationStrategy == api.CRAllocationStrategyBestFit:
		// Guess: documented; the text was not seen.
		return api.Invalid("allocationStrategy BEST_FIT is not supported for EKS Compute Environments.")
	}
	return nil
}

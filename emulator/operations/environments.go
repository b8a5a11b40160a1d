package operations

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/ec2"
)

// CreateComputeEnvironment adds a compute environment (resources.md 1).
func (s *Service) CreateComputeEnvironment(ctx context.Context, in *api.CreateComputeEnvironmentInput) (*api.CreateComputeEnvironmentOutput, error) {
	at := scope(ctx)
	if err := checkNewEnvironment(at, in); err != nil {
		return nil, err
	}
	arn := at.ARN("compute-environment", *in.ComputeEnvironmentName)
	err := s.update(ctx, func(tx *batch.Tx) error {
		detail := environmentDetail(at, in)
		// Version 3, as AWS's are. What they are made of is new each time, so that one of the same name differs from the one before.
		seed := string(arn) + " " + tx.NewID()
		detail.Uuid = new(uuid.NewMD5(uuid.NameSpaceURL, []byte(seed)).String())
		if in.EksConfiguration == nil {
			cluster := "AWSBatch-" + *in.ComputeEnvironmentName + "-" + uuid.NewMD5(uuid.NameSpaceOID, []byte(seed)).String()
			detail.EcsClusterArn = new("arn:" + at.Partition() + ":ecs:" + at.Region + ":" + at.Account + ":cluster/" + cluster)
		}
		e := batch.Environment{ARN: arn, Scope: at, Name: *in.ComputeEnvironmentName, Detail: &detail}
		measure(&e)
		if e.Fleet == nil && e.Platform != batch.Fargate {
			e.Host = tx.NewHost()
		}
		return tx.CreateEnvironment(e)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateComputeEnvironmentOutput{ComputeEnvironmentArn: new(string(arn)), ComputeEnvironmentName: in.ComputeEnvironmentName}, nil
}

// measure fills in what the core has to know of an environment. One that is UNMANAGED has the machine as it is: no bound, unless it says one
// (resources.md 1.11). Managed instances are bound by maxvCpus alone.
func measure(e *batch.Environment) {
	d, r := e.Detail, e.Detail.ComputeResources
	if r == nil {
		e.Platform, e.MaxMilliVCPU = batch.EC2, -1
		if d.EksConfiguration != nil {
			e.Platform = batch.EKS
		}
		if d.UnmanagedvCpus != nil {
			e.MaxMilliVCPU = int64(*d.UnmanagedvCpus) * 1000
		}
		return
	}
	e.MaxMilliVCPU = int64(api.Value(r.MaxvCpus)) * 1000
	switch {
	case fargate(r.Type):
		e.Platform = batch.Fargate
		return
	case r.Type == api.CRTypeEcsManagedInstances:
		e.Platform = managedInstances
		return
	case d.EksConfiguration != nil:
		e.Platform = batch.EKS
	default:
		e.Platform = batch.EC2
	}
	e.Fleet = &batch.Fleet{
		Types:        ec2.Expand(r.InstanceTypes),
		Ordered:      r.AllocationStrategy == api.CRAllocationStrategyBestFitProgressiveOrdered || r.AllocationStrategy == api.CRAllocationStrategySpotCapacityOptimizedPrioritized,
		MinMilliVCPU: int64(api.Value(r.MinvCpus)) * 1000,
		Idle:         batch.IdleInstance,
	}
	if p := r.ScalingPolicy; p != nil && api.Value(p.MinScaleDownDelayMinutes) > 0 {
		e.Fleet.Idle = int64(*p.MinScaleDownDelayMinutes) * 60_000
	}
}

// described is what DescribeComputeEnvironments shows of an environment now.
func described(state *batch.State, e *batch.Environment) api.ComputeEnvironmentDetail {
	d := *e.Detail
	if e.Fleet != nil {
		r := *d.ComputeResources
		r.DesiredvCpus = new(state.DesiredVCPUs(e))
		d.ComputeResources = &r
	}
	return d
}

func fargate(t api.CRType) bool { return t == api.CRTypeFargate || t == api.CRTypeFargateSpot }

// environmentDetail is what DescribeComputeEnvironments shows, defaults filled in (resources.md 1.9). What is optional and was not
// sent stays away: Terraform would see a change in it.
func environmentDetail(at batch.Scope, in *api.CreateComputeEnvironmentInput) api.ComputeEnvironmentDetail {
	d := api.ComputeEnvironmentDetail{
		ComputeEnvironmentArn:      new(string(at.ARN("compute-environment", *in.ComputeEnvironmentName))),
		ComputeEnvironmentName:     in.ComputeEnvironmentName,
		ContainerOrchestrationType: api.OrchestrationTypeEcs,
		Context:                    in.Context,
		EcsSettings:                in.EcsSettings,
		EksConfiguration:           in.EksConfiguration,
		ServiceRole:                new(serviceRole(at, api.Value(in.ServiceRole))),
		State:                      api.CEStateEnabled,
		Tags:                       orEmpty(in.Tags),
		Type:                       in.Type,
		UnmanagedvCpus:             in.UnmanagedvCpus,
	}
	if in.EksConfiguration != nil {
		d.ContainerOrchestrationType = api.OrchestrationTypeEks
	}
	if in.ComputeResources != nil {
		r := *in.ComputeResources
		if withInstances(r.Type) {
			fillInstances(&r, d.ContainerOrchestrationType)
		}
		d.ComputeResources = &r
	}
	return d
}

// withInstances says whether an environment of a type has instances that are named in it.
func withInstances(t api.CRType) bool { return t == api.CRTypeEc2 || t == api.CRTypeSpot }

func fillInstances(r *api.ComputeResource, kind api.OrchestrationType) {
	if r.DesiredvCpus == nil {
		r.DesiredvCpus = r.MinvCpus
	}
	r.Tags = orEmpty(r.Tags)
	if len(r.Ec2Configuration) == 0 {
		r.Ec2Configuration = []api.Ec2Configuration{{ImageType: new(string(kind) + defaultImage(r.InstanceTypes))}}
	}
	if r.LaunchTemplate != nil {
		t := *r.LaunchTemplate
		t.Overrides = list(t.Overrides)
		r.LaunchTemplate = &t
	}
}

// defaultImage is for GPUs if all instances have them.
//
// Guess: AWS says one image for GPU families and one for others, not what it takes for a list of both (resources.md 1.9).
func defaultImage(instanceTypes []string) string {
	for _, t := range instanceTypes {
		if !ec2.GPU(t) {
			return "_AL2023"
		}
	}
	return "_AL2023_NVIDIA"
}

// linkedRole is the path and name of the role that Batch makes for itself.
const linkedRole = "aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"

// serviceRole is the ARN that a service role's name, path or ARN stands for; that of Batch's own role if there is none (resources.md 1.1).
func serviceRole(at batch.Scope, given string) string {
	switch {
	case strings.HasPrefix(given, "arn:"):
		return given
	case given == "":
		given = linkedRole
	}
	return "arn:" + at.Partition() + ":iam::" + at.Account + ":role/" + strings.TrimPrefix(given, "/")
}

func isLinkedRole(arn string) bool { return strings.HasSuffix(arn, ":role/"+linkedRole) }

// DescribeComputeEnvironments answers the named environments, or all in order of creation. Unknown ones are left out (resources.md 0.3).
func (s *Service) DescribeComputeEnvironments(ctx context.Context, in *api.DescribeComputeEnvironmentsInput) (*api.DescribeComputeEnvironmentsOutput, error) {
	if err := checkList("ComputeEnvironments", in.ComputeEnvironments, in.MaxResults); err != nil {
		return nil, err
	}
	const of = "DescribeComputeEnvironments"
	limit, after, err := page(of, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	at := scope(ctx)
	out := &api.DescribeComputeEnvironmentsOutput{ComputeEnvironments: []api.ComputeEnvironmentDetail{}}
	err = s.view(ctx, func(state *batch.State) error {
		if len(in.ComputeEnvironments) > 0 {
			seen := map[batch.ARN]bool{}
			for _, name := range in.ComputeEnvironments {
				if e := state.Environment(at, name); e != nil && !seen[e.ARN] {
					seen[e.ARN] = true
					out.ComputeEnvironments = append(out.ComputeEnvironments, described(state, e))
				}
			}
			return nil
		}
		last := after
		for e := range state.EnvironmentsAfter(at, after) {
			if len(out.ComputeEnvironments) == limit {
				out.NextToken = numberToken(of, last)
				break
			}
			out.ComputeEnvironments = append(out.ComputeEnvironments, described(state, e))
			last = e.Number
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteComputeEnvironment removes a DISABLED environment that no queue has; it is gone at once (resources.md 1.8).
func (s *Service) DeleteComputeEnvironment(ctx context.Context, in *api.DeleteComputeEnvironmentInput) (*api.DeleteComputeEnvironmentOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		arn, err := arnOf(scope(ctx), "compute-environment", api.Value(in.ComputeEnvironment))
		if err != nil {
			return err
		}
		return tx.DeleteEnvironment(arn)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteComputeEnvironmentOutput{}, nil
}

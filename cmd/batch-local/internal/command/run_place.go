package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/smithy-go"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

// What run makes for itself begins with this.
const runPrefix = "batch-local-run-"

// runVCPUs is how many vCPUs the jobs of run may use at a time: more than this machine has, which is the bound that counts.
const runVCPUs = 1024

func (r request) platform() string {
	if r.fargate {
		return "Fargate"
	}
	return "EC2"
}

// place makes, where they are missing, an environment, a queue and a definition for the job. All runs share the first two.
func (r request) place(ctx context.Context, c *client.Client) (queue, definition string, err error) {
	name := runPrefix + strings.ToLower(r.platform())
	if err := r.environmentAndQueue(ctx, c, name); err != nil {
		return "", "", err
	}
	definition, err = r.definition(ctx, c, name)
	return name, definition, err
}

func (r request) environmentAndQueue(ctx context.Context, c *client.Client, name string) error {
	if state, err := queueState(ctx, c, name); err != nil || state == types.JQStatusValid {
		return err
	}
	_, err := c.Batch.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{
		ComputeEnvironmentName: &name, Type: types.CETypeManaged, ComputeResources: r.resources(),
	})
	if err != nil && !exists(err) {
		return err
	}
	err = until(ctx, "the environment "+name, func() (bool, error) {
		found, err := c.Batch.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{name}})
		return err == nil && len(found.ComputeEnvironments) == 1 && found.ComputeEnvironments[0].Status == types.CEStatusValid, err
	})
	if err != nil {
		return err
	}
	_, err = c.Batch.CreateJobQueue(ctx, &batch.CreateJobQueueInput{
		JobQueueName: &name, Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: &name}},
	})
	if err != nil && !exists(err) {
		return err
	}
	return until(ctx, "the queue "+name, func() (bool, error) {
		state, err := queueState(ctx, c, name)
		return state == types.JQStatusValid, err
	})
}

// queueState is the status of a queue, "" if there is none.
func queueState(ctx context.Context, c *client.Client, name string) (types.JQStatus, error) {
	found, err := c.Batch.DescribeJobQueues(ctx, &batch.DescribeJobQueuesInput{JobQueues: []string{name}})
	if err != nil || len(found.JobQueues) == 0 {
		return "", err
	}
	return found.JobQueues[0].Status, nil
}

func (r request) resources() *types.ComputeResource {
	resources := &types.ComputeResource{
		Type: types.CRTypeFargate, MaxvCpus: aws.Int32(runVCPUs),
		Subnets: []string{"subnet-00000000"}, SecurityGroupIds: []string{"sg-00000000"},
	}
	if !r.fargate {
		resources.Type, resources.MinvCpus = types.CRTypeEc2, aws.Int32(0)
		resources.InstanceTypes, resources.InstanceRole = []string{"optimal"}, aws.String("ecsInstanceRole")
	}
	return resources
}

// definition answers a job definition of this image and platform. All else that a run may ask for overrides it.
func (r request) definition(ctx context.Context, c *client.Client, prefix string) (string, error) {
	name := legalName(prefix + "-" + imageName(r.image))
	known := batch.NewDescribeJobDefinitionsPaginator(c.Batch, &batch.DescribeJobDefinitionsInput{
		JobDefinitionName: &name, Status: aws.String("ACTIVE"),
	})
	for known.HasMorePages() {
		page, err := known.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, d := range page.JobDefinitions {
			if d.ContainerProperties != nil && aws.ToString(d.ContainerProperties.Image) == r.image {
				return aws.ToString(d.JobDefinitionArn), nil
			}
		}
	}
	properties := &types.ContainerProperties{
		Image:                &r.image,
		ResourceRequirements: size(1, 2048), // which both platforms have
	}
	platform := types.PlatformCapabilityEc2
	if r.fargate {
		platform = types.PlatformCapabilityFargate
		properties.ExecutionRoleArn = aws.String("arn:aws:iam::000000000000:role/ecsTaskExecutionRole")
	}
	made, err := c.Batch.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer,
		PlatformCapabilities: []types.PlatformCapability{platform}, ContainerProperties: properties,
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(made.JobDefinitionArn), nil
}

// exists says that somebody else, another run perhaps, has just made the same thing.
func exists(err error) bool {
	var refusal smithy.APIError
	return errors.As(err, &refusal) && strings.Contains(refusal.ErrorMessage(), "Object already exists")
}

// until asks for something that AWS Batch has no way to wait for; here it is true at the first time, unless the server is told to be slow.
func until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("%s did not become VALID within 30s", what))
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// imageName is what people call an image: its last part, without tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(client.Name(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// legalName makes a name of jobs and definitions out of any text: letters, digits, hyphens and underscores, up to 128, a letter or digit first.
func legalName(text string) string {
	text = regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(text, "-")
	text = strings.TrimLeft(text, "-_")
	if text == "" {
		text = "job"
	}
	return text[:min(len(text), 128)]
}

package compat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// TestTraining is service jobs with real containers (resources.md 5.4): SageMaker's folders and environment, its log group, the words of its ends.
func TestTraining(t *testing.T) {
	needDocker(t)
	ctx := t.Context()
	s := serve(t)
	c := s.batch()
	unit := types.CapacityLimit{CapacityUnit: aws.String("NUM_INSTANCES"), MaxCapacity: aws.Int32(2)}
	if _, err := c.CreateServiceEnvironment(ctx, &batch.CreateServiceEnvironmentInput{ServiceEnvironmentName: aws.String("trainers"),
		ServiceEnvironmentType: types.ServiceEnvironmentTypeSagemakerTraining, CapacityLimits: []types.CapacityLimit{unit}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateJobQueue(ctx, &batch.CreateJobQueueInput{JobQueueName: aws.String("training"), Priority: aws.Int32(1), JobQueueType: types.JobQueueTypeSagemakerTraining,
		ServiceEnvironmentOrder: []types.ServiceEnvironmentOrder{{Order: aws.Int32(1), ServiceEnvironment: aws.String("trainers")}}}); err != nil {
		t.Fatal(err)
	}
	train := func(t *testing.T, retry *types.ServiceJobRetryStrategy, command ...string) *batch.DescribeServiceJobOutput {
		t.Helper()
		payload, err := json.Marshal(map[string]any{
			"AlgorithmSpecification": map[string]any{"TrainingImage": workload, "TrainingInputMode": "File", "ContainerArguments": command},
			"HyperParameters":        map[string]string{"epochs": "3"},
			"Environment":            map[string]string{"COLOUR": "blue"},
			"InputDataConfig":        []any{map[string]any{"ChannelName": "train", "ContentType": "text/csv", "DataSource": map[string]any{"S3DataSource": map[string]any{"S3Uri": "s3://b/k", "S3DataType": "S3Prefix"}}}},
			"ResourceConfig":         map[string]any{"InstanceType": "ml.t3.micro", "InstanceCount": 1, "VolumeSizeInGB": 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.SubmitServiceJob(ctx, &batch.SubmitServiceJobInput{JobName: aws.String("fit"), JobQueue: aws.String("training"),
			ServiceJobType: types.ServiceJobTypeSagemakerTraining, ServiceRequestPayload: aws.String(string(payload)), RetryStrategy: retry})
		if err != nil {
			t.Fatal(err)
		}
		s.await(*out.JobId, "")
		job, err := c.DescribeServiceJob(ctx, &batch.DescribeServiceJobInput{JobId: out.JobId})
		if err != nil {
			t.Fatal(err)
		}
		return job
	}

	t.Run("what a training container finds", func(t *testing.T) {
		job := train(t, nil, "cat", "/opt/ml/input/config/hyperparameters.json", "then", "echo", "then", "cat", "/opt/ml/input/config/inputdataconfig.json", "then", "echo",
			"then", "cat", "/opt/ml/input/config/resourceconfig.json", "then", "echo", "then", "env", "COLOUR", "then", "env", "TRAINING_JOB_NAME", "then", "env", "AWS_REGION", "then", "write", "/opt/ml/model/m", "weights")
		if job.Status != types.ServiceJobStatusSucceeded || aws.ToString(job.StatusReason) != "Received status from SageMaker: Training job completed" {
			t.Fatalf("%s: %s", job.Status, aws.ToString(job.StatusReason))
		}
		_, name, _ := strings.Cut(*job.LatestAttempt.ServiceResourceId.Value, "training-job/")
		if !strings.HasPrefix(name, "AWSBatchfit") {
			t.Errorf("the training job is %s", name)
		}
		streams, err := s.logs().DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/sagemaker/TrainingJobs"), LogStreamNamePrefix: aws.String(name + "/algo-1-")})
		if err != nil || len(streams.LogStreams) != 1 {
			t.Fatalf("%v: %v", err, streams)
		}
		out, err := s.logs().GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/sagemaker/TrainingJobs"), LogStreamName: streams.LogStreams[0].LogStreamName, StartFromHead: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, e := range out.Events {
			said.WriteString(*e.Message + "\n")
		}
		for _, want := range []string{
			`{"epochs":"3"}`,
			`{"train":{"TrainingInputMode":"File","S3DistributionType":"FullyReplicated","RecordWrapperType":"None","ContentType":"text/csv"}}`,
			`"current_host":"algo-1"`, `"hosts":["algo-1"]`, `"current_instance_type":"ml.t3.micro"`, "\nblue\n" + name + "\nus-east-1\n",
		} {
			if !strings.Contains(said.String(), want) {
				t.Errorf("it did not find %s:\n%s", want, said.String())
			}
		}
	})

	t.Run("what it says of its failure", func(t *testing.T) {
		job := train(t, nil, "write", "/opt/ml/output/failure", "no such column", "then", "exit", "3")
		if job.Status != types.ServiceJobStatusFailed || aws.ToString(job.StatusReason) != "Received status from SageMaker: AlgorithmError: no such column, exit code: 3" {
			t.Errorf("%s: %s", job.Status, aws.ToString(job.StatusReason))
		}
	})

	t.Run("tried again by its status reason", func(t *testing.T) {
		job := train(t, &types.ServiceJobRetryStrategy{Attempts: aws.Int32(3), EvaluateOnExit: []types.ServiceJobEvaluateOnExit{
			{Action: types.ServiceJobRetryActionRetry, OnStatusReason: aws.String("Received status from SageMaker: AlgorithmError*")}}}, "exit", "3")
		if job.Status != types.ServiceJobStatusFailed || len(job.Attempts) != 3 {
			t.Errorf("%s after %d attempts", job.Status, len(job.Attempts))
		}
	})

	t.Run("its memory is that of its instance", func(t *testing.T) {
		job := train(t, nil, "alloc", "1100")
		if !strings.Contains(aws.ToString(job.StatusReason), "exit code: 137") {
			t.Errorf("%s: %s", job.Status, aws.ToString(job.StatusReason))
		}
	})
}

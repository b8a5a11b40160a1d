package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestServiceJobs: whatever takes a job takes a service job, by its id and by its name.
func TestServiceJobs(t *testing.T) {
	s := newSite(t)
	unit := types.CapacityLimit{CapacityUnit: aws.String("NUM_INSTANCES"), MaxCapacity: aws.Int32(4)}
	_, err := s.api.CreateServiceEnvironment(t.Context(), &batch.CreateServiceEnvironmentInput{ServiceEnvironmentName: aws.String("trainers"),
		ServiceEnvironmentType: types.ServiceEnvironmentTypeSagemakerTraining, CapacityLimits: []types.CapacityLimit{unit}})
	s.ok(err)
	_, err = s.api.CreateJobQueue(t.Context(), &batch.CreateJobQueueInput{JobQueueName: aws.String("sq"), Priority: aws.Int32(1), JobQueueType: types.JobQueueTypeSagemakerTraining,
		ServiceEnvironmentOrder: []types.ServiceEnvironmentOrder{{Order: aws.Int32(1), ServiceEnvironment: aws.String("trainers")}}})
	s.ok(err)
	train := func(name, outcome string) string {
		t.Helper()
		payload, err := json.Marshal(map[string]any{
			"AlgorithmSpecification": map[string]any{"TrainingImage": "i"}, "Environment": map[string]string{"BATCH_LOCAL_OUTCOME": outcome},
			"ResourceConfig": map[string]any{"InstanceType": "ml.m5.large", "InstanceCount": 1},
		})
		s.ok(err)
		out, err := s.api.SubmitServiceJob(t.Context(), &batch.SubmitServiceJobInput{JobName: &name, JobQueue: aws.String("sq"), ServiceJobType: types.ServiceJobTypeSagemakerTraining,
			ServiceRequestPayload: aws.String(string(payload)), RetryStrategy: &types.ServiceJobRetryStrategy{Attempts: aws.Int32(2)}})
		s.ok(err)
		return *out.JobId
	}
	id := train("fit", `{"duration":"300ms","logs":["epoch 1","epoch 2"],"exitCode":[1,3]}`)
	twice := []string{"epoch 1", "epoch 2", "epoch 1", "epoch 2"}
	s.run("logs -f "+id, "", 0, twice...)
	s.run("wait "+id, "", 3)
	s.run("wait fit", "", 3)
	s.run("wait "+id[:13], "", 3)
	s.run("logs fit", "", 0, twice...)
	s.run("logs fit -c algo-1", "", 0, twice...)
	s.run("logs fit -c default", "job "+id+" has no container default; it has [algo-1]", 1)
	s.run("why fit", "", 0, id+" (fit) is FAILED. Received status from SageMaker: AlgorithmError: , exit code: 3")
	if code, out, said := start(t, nil, "reproduce", "--endpoint", s.url, "fit").end(); code != 0 || !strings.Contains(out, "aws batch submit-service-job") {
		t.Errorf("reproduce: exit code %d, it printed:\n%s\nand said:\n%s", code, out, said)
	}
	s.run("exec fit -- ls", "job "+id+" is FAILED, not RUNNING", 1)

	going := train("going", `{"duration":"24h"}`)
	s.run("wait going --until RUNNING", "", 0)
	s.run("exec going -- ls", "jobs of the simulated driver have no containers in which a command could run", 1)
	s.run("why going", "", 0, going+" (going) is RUNNING. Nothing keeps it.")
	usual := s.submit("usual", "tasks", task(part{"a", `{}`, false, nil}))

	for words, want := range map[string][]string{
		"jobs":                          {id, going, usual, "FAILED", "exit code: 3"},
		"jobs --queue sq":               {id, going},
		"jobs --queue sq --queue tasks": {id, going, usual},
		"jobs --queue tasks":            {usual},
		"jobs --status FAILED":          {id},
		"jobs --queue sq --output json": {`"serviceJobType": "SAGEMAKER_TRAINING"`, `"jobQueue": "sq"`, id, going, `"capacityUnit": "ml.m5.large"`},
		"jobs --status FAILED -o json":  {`"latestAttempt"`, id},
		"__complete why ":               {id, "fit FAILED", going, usual},
	} {
		code, out, said := start(t, []string{"AWS_ENDPOINT_URL_BATCH=" + s.url}, strings.Split(words, " ")...).end()
		if code != 0 {
			t.Errorf("%s: exit code %d, it said:\n%s", words, code, said)
		}
		for _, one := range []string{id, going, usual} {
			if wanted := slices.Contains(want, one); strings.Contains(out, one) != wanted {
				t.Errorf("%s: %s is there: %v, want %v", words, one, !wanted, wanted)
			}
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s printed, without %s:\n%s", words, w, out)
			}
		}
	}

	// In another region they are not there.
	code, _, said := start(t, []string{"AWS_REGION=eu-west-1"}, "wait", "--endpoint", s.url, id).end()
	if code != 1 || !strings.Contains(said, "there is no job "+id) {
		t.Errorf("elsewhere: exit code %d, it said:\n%s", code, said)
	}
}

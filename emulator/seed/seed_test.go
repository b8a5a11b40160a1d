package seed

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/operations"
)

const whole = `# all kinds, in an order in which they could not be created
jobDefinitions:
  - jobDefinitionName: hello
    type: container
    parameters: {debug: true}
    containerProperties: &box
      image: busybox
      command: [echo, hello]
      resourceRequirements: [{type: VCPU, value: 1}, {type: MEMORY, value: "128"}]
  - jobDefinitionName: hello2
    type: container
    containerProperties: *box
quotaShares:
  - quotaShareName: team
    jobQueue: training
    capacityLimits: [{maxCapacity: 2, capacityUnit: ml.m5.large}]
    resourceSharingConfiguration: {strategy: RESERVE}
    preemptionConfiguration: {inSharePreemption: DISABLED}
jobQueues:
  - jobQueueName: nightly
    priority: 1
    schedulingPolicyArn: arn:aws:batch:eu-west-1:123456789012:scheduling-policy/fair
    computeEnvironmentOrder: [{order: 1, computeEnvironment: local}]
  - jobQueueName: training
    priority: 1
    jobQueueType: SAGEMAKER_TRAINING
    schedulingPolicyArn: arn:aws:batch:eu-west-1:123456789012:scheduling-policy/quotas
    serviceEnvironmentOrder: [{order: 1, serviceEnvironment: trainers}]
computeEnvironments:
  - computeEnvironmentName: local
    type: MANAGED
    computeResources: {type: FARGATE, maxvCpus: 16, subnets: [subnet-1], securityGroupIds: [sg-1]}
serviceEnvironments:
  - serviceEnvironmentName: trainers
    serviceEnvironmentType: SAGEMAKER_TRAINING
    capacityLimits: [{maxCapacity: 4, capacityUnit: ml.m5.large}]
schedulingPolicies:
  - name: fair
    fairsharePolicy: {shareDecaySeconds: 3600, shareDistribution: [{shareIdentifier: blue, weightFactor: 0.5}]}
  - name: quotas
    quotaSharePolicy: {idleResourceAssignmentStrategy: FIFO}
consumableResources:
  - consumableResourceName: licences
    totalQuantity: 5
`

func service(t *testing.T, o engine.Options) (context.Context, api.Service) {
	t.Helper()
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return api.WithCaller(t.Context(), api.Caller{Account: "123456789012", Region: "eu-west-1"}), operations.New(e)
}

// TestApply creates every kind whatever their order in the file, and nothing the second time.
func TestApply(t *testing.T) {
	ctx, s := service(t, engine.Options{})
	f, err := parse("seed.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"licences", "fair", "quotas", "local", "trainers", "nightly", "training", "team", "hello", "hello2"}
	for _, existed := range []bool{false, true} {
		var got []string
		err := f.Apply(ctx, s, func(r Result) error {
			got = append(got, r.Name)
			if r.Existed != existed {
				t.Errorf("%s %s existed: %v", r.Kind, r.Name, r.Existed)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	}
	definitions, err := s.DescribeJobDefinitions(ctx, &api.DescribeJobDefinitionsInput{JobDefinitionName: new("hello")})
	if err != nil || len(definitions.JobDefinitions) != 1 {
		t.Fatalf("%v, %d revisions", err, len(definitions.JobDefinitions))
	}
	d := definitions.JobDefinitions[0]
	if d.Parameters["debug"] != "true" || api.Value(d.ContainerProperties.ResourceRequirements[0].Value) != "1" {
		t.Errorf("texts that look like something else: %v, %v", d.Parameters, d.ContainerProperties.ResourceRequirements)
	}
}

// TestMistakes: each names its line, all of a file at once.
func TestMistakes(t *testing.T) {
	for text, want := range map[string][]string{
		"":           nil,
		"# nothing":  nil,
		"- a\n- b\n": {"s:1: it must be lists of resources under their kinds"},
		"jobQueues: {}\nqueues: []\n": {
			"s:2: queues: there is no such kind; there are computeEnvironments, consumableResources, jobDefinitions, jobQueues, quotaShares, schedulingPolicies, serviceEnvironments",
			"s:1: jobQueues: it must be a list",
		},
		"jobQueues:\n  - jobQueueName: a\n    prority: 1\n    priority: much\n    state: [x]\n    tags: x\n    priority: 2\n": {
			"s:3: jobQueues[0].prority: there is no such member; there are computeEnvironmentOrder, jobQueueName, jobQueueType, jobStateTimeLimitActions, priority, schedulingPolicyArn, serviceEnvironmentOrder, state, tags",
			"s:4: jobQueues[0].priority: much is not a whole number",
			"s:5: jobQueues[0].state: it must be one value",
			"s:6: jobQueues[0].tags: it must be a mapping",
			"s:7: jobQueues[0].priority: it is there twice",
		},
		"jobDefinitions:\n  - retryStrategy:\n      attempts: 99999999999\n    propagateTags: perhaps\n    containerProperties: 7\n": {
			"s:3: jobDefinitions[0].retryStrategy.attempts: 99999999999 is not a whole number",
			"s:4: jobDefinitions[0].propagateTags: perhaps is not true or false",
			"s:5: jobDefinitions[0].containerProperties: it must be a mapping",
		},
		"a: b\n---\nc: d\n": {"s: it must be one YAML document"},
		"a: [\n":            {"s: yaml: line 1: did not find expected node content"},
	} {
		_, err := parse("s", []byte(text))
		var got []string
		if err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestRefused: what the service refuses is told with the line of the resource, in the service's words.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"\njobQueues:\n  - jobQueueName: a\n    priority: 1\n    computeEnvironmentOrder: [{order: 1, computeEnvironment: nowhere}]\n": "s:3: jobQueues a: Compute Environments must be created and valid before attaching them to a job queue",
		"jobQueues:\n  - jobQueueName: a\n": "s:2: jobQueues a: priority is required.",
	} {
		ctx, s := service(t, engine.Options{})
		f, err := parse("s", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		err = f.Apply(ctx, s, func(Result) error { return nil })
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, not %s", text, err, want)
		}
	}
	if _, err := Read("/no/such/file"); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

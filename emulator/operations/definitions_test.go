package operations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

const role = "arn:aws:iam::123456789012:role/execution"

func needs(vcpus, memory string, more ...types.ResourceRequirement) []types.ResourceRequirement {
	return append([]types.ResourceRequirement{
		{Type: types.ResourceTypeVcpu, Value: &vcpus},
		{Type: types.ResourceTypeMemory, Value: &memory},
	}, more...)
}

func gpus(n string) types.ResourceRequirement {
	return types.ResourceRequirement{Type: types.ResourceTypeGpu, Value: &n}
}

type (
	definition = sdk.RegisterJobDefinitionInput
	container  = types.ContainerProperties
	edit       = func(*definition, *container)
)

// onEC2 is a request that is right, changed by edits.
func onEC2(edits ...edit) *definition {
	in := &definition{
		JobDefinitionName:   aws.String("a"),
		Type:                types.JobDefinitionTypeContainer,
		ContainerProperties: &container{Image: aws.String("busybox"), ResourceRequirements: needs("1", "64")},
	}
	for _, e := range edits {
		e(in, in.ContainerProperties)
	}
	return in
}

func onFargate(edits ...edit) *definition {
	return onEC2(append([]edit{func(in *definition, c *container) {
		in.PlatformCapabilities = []types.PlatformCapability{types.PlatformCapabilityFargate}
		c.ResourceRequirements, c.ExecutionRoleArn = needs("1", "2048"), aws.String(role)
	}}, edits...)...)
}

func head(change func(*definition)) edit {
	return func(in *definition, _ *container) { change(in) }
}

func inside(change func(*container)) edit { return func(_ *definition, c *container) { change(c) } }

func sized(r ...types.ResourceRequirement) edit {
	return inside(func(c *container) { c.ResourceRequirements = r })
}

func linux(l types.LinuxParameters) edit {
	return inside(func(c *container) { c.LinuxParameters = &l })
}

func volumes(v ...types.Volume) edit { return inside(func(c *container) { c.Volumes = v }) }

func efs(change func(*types.EFSVolumeConfiguration)) edit {
	e := types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-12345678")}
	change(&e)
	return volumes(types.Volume{Name: aws.String("v"), EfsVolumeConfiguration: &e})
}

func logging(driver types.LogDriver, options ...string) edit {
	l := types.LogConfiguration{LogDriver: driver, Options: map[string]string{}}
	for _, o := range options {
		l.Options[o] = "x"
	}
	return inside(func(c *container) { c.LogConfiguration = &l })
}

func retries(r types.RetryStrategy) edit { return head(func(in *definition) { in.RetryStrategy = &r }) }

func onExit(e types.EvaluateOnExit) edit {
	return retries(types.RetryStrategy{Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{e}})
}

func capabilities(c ...types.PlatformCapability) edit {
	return head(func(in *definition) { in.PlatformCapabilities = c })
}

func osFamily(family, cpu string) edit {
	return inside(func(c *container) {
		c.RuntimePlatform = &types.RuntimePlatform{OperatingSystemFamily: &family, CpuArchitecture: &cpu}
	})
}

func consumables(names ...string) edit {
	return head(func(in *definition) {
		in.ConsumableResourceProperties = &types.ConsumableResourceProperties{}
		for _, n := range names {
			in.ConsumableResourceProperties.ConsumableResourceList = append(in.ConsumableResourceProperties.ConsumableResourceList,
				types.ConsumableResourceRequirement{ConsumableResource: &n, Quantity: aws.Int64(1)})
		}
	})
}

func blocks(ecs, eks, nodes bool) edit {
	return head(func(in *definition) {
		if ecs {
			in.EcsProperties = &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{{Containers: []types.TaskContainerProperties{{Image: aws.String("a")}}}}}
		}
		if eks {
			in.EksProperties = &types.EksProperties{}
		}
		if nodes {
			in.NodeProperties = &types.NodeProperties{NumNodes: aws.Int32(2), MainNode: aws.Int32(0), NodeRangeProperties: []types.NodeRangeProperty{{TargetNodes: aws.String("0:")}}}
		}
	})
}

func without(in *definition) *definition {
	in.ContainerProperties = nil
	return in
}

func multinode(change func(*definition, *types.NodeProperties)) *definition {
	in := without(onEC2(blocks(false, false, true)))
	in.Type = types.JobDefinitionTypeMultinode
	change(in, in.NodeProperties)
	return in
}

// TestRegisterAccepts is the other side of the rules.
func TestRegisterAccepts(t *testing.T) {
	for name, in := range map[string]*definition{
		"10.1 longest name": onEC2(head(func(in *definition) { in.JobDefinitionName = aws.String(strings.Repeat("n_-9", 32)) })),
		"10.6 old members":  onEC2(inside(func(c *container) { c.ResourceRequirements, c.Vcpus, c.Memory = nil, aws.Int32(1), aws.Int32(4) })),
		"10.6 gpu":          onEC2(sized(needs("1", "64", gpus("2"))...)),
		"10.7 privileged":   onFargate(inside(func(c *container) { c.Privileged = aws.Bool(false) })),
		"10.8 vcpu 1.0":     onFargate(sized(needs("1.0", "2048")...)),
		"10.8 largest":      onFargate(sized(needs("32", "249856")...)),
		"2.2 storage":       onFargate(inside(func(c *container) { c.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: aws.Int32(200)} })),
		"2.2 windows":       onFargate(osFamily("WINDOWS_SERVER_2019_FULL", "X86_64")),
		"2.2 arm":           onFargate(osFamily("LINUX", "ARM64")),
		"3.1 catch-all":     onEC2(onExit(types.EvaluateOnExit{Action: "exit", OnReason: aws.String("*")})),
		"3.1 host":          onEC2(onExit(types.EvaluateOnExit{Action: "Retry", OnStatusReason: aws.String("Host EC2*")})),
		"4 least":           onEC2(head(func(in *definition) { in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)} })),
		"10.6 efs": onEC2(efs(func(e *types.EFSVolumeConfiguration) {
			e.TransitEncryption, e.RootDirectory = "ENABLED", aws.String("/")
		})),
		"10.6 log options":      onEC2(logging(types.LogDriverAwslogs, "awslogs-group", "awslogs-create-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-datetime-format", "awslogs-multiline-pattern", "mode", "max-buffer-size")),
		"10.6 other log driver": onEC2(logging(types.LogDriverSyslog, "syslog-address")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.RegisterJobDefinition(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
}

const empties = `"command": [], "volumes": [], "environment": [], "mountPoints": [], "ulimits": [], "secrets": []`

// TestDefinitionsShown is jobs.md 10.5 and wire.md 2: what was registered, key for key, and what the service fills in.
func TestDefinitionsShown(t *testing.T) {
	for name, c := range map[string]struct {
		in   *definition
		want string
	}{
		"ec2": {onEC2(), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {}, "tags": {},
			"containerProperties": {` + empties + `, "image": "busybox", "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]}}`},
		"fargate": {onFargate(), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {}, "tags": {}, "platformCapabilities": ["FARGATE"],
			"containerProperties": {` + empties + `, "image": "busybox", "executionRoleArn": "` + role + `", "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
				"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]}}`},
		"parents": {onEC2(
			linux(types.LinuxParameters{Devices: []types.Device{{HostPath: aws.String("/dev/zero")}}, Tmpfs: []types.Tmpfs{{ContainerPath: aws.String("/t"), Size: aws.Int32(1)}}}),
			logging(types.LogDriverAwslogs),
			retries(types.RetryStrategy{Attempts: aws.Int32(3)}),
			inside(func(c *container) { c.ResourceRequirements, c.Vcpus, c.Memory = nil, aws.Int32(2), aws.Int32(8) }),
		), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {}, "tags": {}, "retryStrategy": {"attempts": 3, "evaluateOnExit": []},
			"containerProperties": {` + empties + `, "image": "busybox", "resourceRequirements": [], "vcpus": 2, "memory": 8,
				"logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []},
				"linuxParameters": {"devices": [{"hostPath": "/dev/zero", "permissions": []}], "tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": []}]}}}`},
		"everything": {onEC2(capabilities(types.PlatformCapabilityEc2), consumables("licence"), head(func(in *definition) {
			in.Parameters, in.Tags = map[string]string{"b": "1"}, map[string]string{"t": "v"}
			in.PropagateTags, in.SchedulingPriority = aws.Bool(false), aws.Int32(0)
			in.Timeout = &types.JobTimeout{AttemptDurationSeconds: aws.Int32(60)}
			in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(2), EvaluateOnExit: []types.EvaluateOnExit{{Action: "EXIT", OnExitCode: aws.String("1*")}}}
		}), inside(func(c *container) {
			c.Command, c.Privileged, c.User = []string{"a", "Ref::b"}, aws.Bool(false), aws.String("7:7")
			c.Environment = []types.KeyValuePair{
				{Name: aws.String("A"), Value: aws.String("old")}, {Name: aws.String("EMPTY"), Value: aws.String("")}, {Name: aws.String("NONE")},
				{Name: aws.String("A"), Value: aws.String("new")}, {Name: aws.String("AWS_BATCH_X"), Value: aws.String("kept")},
			}
			c.Volumes = []types.Volume{{Name: aws.String("v"), Host: &types.Host{SourcePath: aws.String("/data")}}}
			c.MountPoints = []types.MountPoint{{ContainerPath: aws.String("/d"), SourceVolume: aws.String("v"), ReadOnly: aws.Bool(true)}}
		})), `{
			"jobDefinitionName": "a", "jobDefinitionArn": "` + arn("job-definition", "a:1") + `", "revision": 1, "status": "ACTIVE", "type": "container",
			"containerOrchestrationType": "ECS", "parameters": {"b": "1"}, "tags": {"t": "v"}, "platformCapabilities": ["EC2"],
			"propagateTags": false, "schedulingPriority": 0, "timeout": {"attemptDurationSeconds": 60},
			"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "exit", "onExitCode": "1*"}]},
			"consumableResourceProperties": {"consumableResourceList": [{"consumableResource": "licence", "quantity": 1}]},
			"containerProperties": {"image": "busybox", "command": ["a", "Ref::b"], "privileged": false, "user": "7:7", "ulimits": [], "secrets": [],
				"environment": [{"name": "A", "value": "new"}, {"name": "AWS_BATCH_X", "value": "kept"}],
				"volumes": [{"name": "v", "host": {"sourcePath": "/data"}}], "mountPoints": [{"containerPath": "/d", "sourceVolume": "v", "readOnly": true}],
				"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			must(w.RegisterJobDefinition(t.Context(), c.in))(t)
			w.shows(`{"jobDefinitionName": "a", "jobDefinitionArn": "`+arn("job-definition", "a:1")+`", "revision": 1}`, w.sent())
			must(w.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{}))(t)
			w.shows(c.want, w.sent("jobDefinitions", 0))
		})
	}
}

// revisions describes definitions, all pages, as name:revision.
func revisions(w *world, in *sdk.DescribeJobDefinitionsInput) []string {
	w.Helper()
	found := []string{}
	pages := sdk.NewDescribeJobDefinitionsPaginator(w, in)
	for pages.HasMorePages() {
		page := must(pages.NextPage(w.Context()))(w.T)
		for _, d := range page.JobDefinitions {
			found = append(found, fmt.Sprintf("%s:%d", *d.JobDefinitionName, *d.Revision))
		}
	}
	return found
}

func (w *world) register(names ...string) {
	w.Helper()
	for _, name := range names {
		must(w.RegisterJobDefinition(w.Context(), onEC2(head(func(in *definition) { in.JobDefinitionName = &name }))))(w.T)
	}
}

func (w *world) deregister(revision string) {
	w.Helper()
	must(w.DeregisterJobDefinition(w.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: &revision}))(w.T)
}

// TestDescribeDefinitions is jobs.md 10.4.
func TestDescribeDefinitions(t *testing.T) {
	w := newWorld(t)
	w.register("a", "a", "a", "b", "ab")
	w.deregister("a:2")
	for _, c := range []struct {
		name string
		in   sdk.DescribeJobDefinitionsInput
		want []string
	}{
		{"all", sdk.DescribeJobDefinitionsInput{}, []string{"a:3", "a:2", "a:1", "ab:1", "b:1"}},
		{"active", sdk.DescribeJobDefinitionsInput{Status: aws.String("ACTIVE")}, []string{"a:3", "a:1", "ab:1", "b:1"}},
		{"inactive", sdk.DescribeJobDefinitionsInput{Status: aws.String("INACTIVE")}, []string{"a:2"}},
		{"name", sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a")}, []string{"a:3", "a:2", "a:1"}},
		{"name and status", sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a"), Status: aws.String("ACTIVE")}, []string{"a:3", "a:1"}},
		{"unknown name", sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("z")}, []string{}},
		{"revisions", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"b:1", "a:2", "b:1"}}, []string{"b:1", "a:2"}},
		{"by ARN", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{arn("job-definition", "a:1")}}, []string{"a:1"}},
		{"bare name", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"a"}}, []string{}},
		{"ARN without revision", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{arn("job-definition", "a")}}, []string{}},
		{"unknown revision", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"a:9", "z:1"}}, []string{}},
		{"revisions and status", sdk.DescribeJobDefinitionsInput{JobDefinitions: []string{"a:1", "a:2"}, Status: aws.String("ACTIVE")}, []string{"a:1"}},
		{"one at a time", sdk.DescribeJobDefinitionsInput{MaxResults: aws.Int32(1)}, []string{"a:3", "a:2", "a:1", "ab:1", "b:1"}},
		{"active, one at a time", sdk.DescribeJobDefinitionsInput{MaxResults: aws.Int32(1), Status: aws.String("ACTIVE")}, []string{"a:3", "a:1", "ab:1", "b:1"}},
		{"two at a time", sdk.DescribeJobDefinitionsInput{MaxResults: aws.Int32(2), JobDefinitionName: aws.String("a")}, []string{"a:3", "a:2", "a:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, revisions(w, &c.in)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDescribeDefinitionsRefuses is resources.md 0.3.
func TestDescribeDefinitionsRefuses(t *testing.T) {
	w := newWorld(t)
	for text, in := range map[string]*sdk.DescribeJobDefinitionsInput{
		wrapped("JobDefinitions and MaxResults cannot both be set"):               {JobDefinitions: []string{"a:1"}, MaxResults: aws.Int32(1)},
		wrapped("JobDefinitions can have at most 100 entries"):                    {JobDefinitions: slices.Repeat([]string{"a:1"}, 101)},
		wrapped("MaxResults must be between 1 and 100"):                           {MaxResults: aws.Int32(101)},
		wrapped("status GONE is not valid. Valid values are: [ACTIVE, INACTIVE]"): {Status: aws.String("GONE")},
		"Invalid NextToken": {NextToken: aws.String("made-up")},
	} {
		_, err := w.DescribeJobDefinitions(t.Context(), in)
		refuses(t, err, text)
	}
}

// TestRevisions is jobs.md 10.1 and 10.2: numbers rise, never start again, and deregistered revisions stay to be seen.
func TestRevisions(t *testing.T) {
	w := newWorld(t)
	w.register("a", "a", "b")
	w.deregister("a:1")
	w.deregister(arn("job-definition", "a:2"))
	w.deregister("a:2") // again
	w.deregister("a:7") // never was
	out := must(w.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a")}))(t)
	for _, d := range out.JobDefinitions {
		if *d.Status != "INACTIVE" {
			t.Errorf("revision %d is %s", *d.Revision, *d.Status)
		}
	}
	w.register("a")
	if diff := cmp.Diff([]string{"a:3", "a:2", "a:1"}, revisions(w, &sdk.DescribeJobDefinitionsInput{JobDefinitionName: aws.String("a")})); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
	for given, text := range map[string]string{
		"a":        "A revision of the job definition must be provided: a",
		"a:latest": "Provided name a:latest is not supported pattern[a-zA-Z_0-9-]{1,128}",
		"arn:aws:batch:eu-west-1:999999999999:job-definition/a:3": "JobDefinition arn:aws:batch:eu-west-1:999999999999:job-definition/a:3 not found.",
	} {
		_, err := w.DeregisterJobDefinition(t.Context(), &sdk.DeregisterJobDefinitionInput{JobDefinition: &given})
		refuses(t, err, text)
	}
}

// TestScopes: neither accounts nor regions see each other (decisions, names).
func TestScopes(t *testing.T) {
	w := newWorld(t)
	w.register("a")
	for _, other := range []*sdk.Client{w.as("210987654321", region), w.as(account, "us-east-1")} {
		if out := must(other.DescribeJobDefinitions(t.Context(), &sdk.DescribeJobDefinitionsInput{}))(t); len(out.JobDefinitions) > 0 {
			t.Errorf("seen from elsewhere: %s", *out.JobDefinitions[0].JobDefinitionArn)
		}
		out := must(other.RegisterJobDefinition(t.Context(), onEC2()))(t)
		if *out.Revision != 1 {
			t.Errorf("%s counts revisions of another scope", *out.JobDefinitionArn)
		}
	}
}

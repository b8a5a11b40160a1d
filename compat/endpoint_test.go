package compat

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestEndpoint asks 169.254.170.2 from the inside of containers, as programs on ECS do (runtime.md 6, 7, 8), also after the emulator was killed.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	f := newField(t, "--job-network", "compat-endpoint", "--data-dir", t.TempDir())
	role := func(c *types.ContainerProperties) { c.JobRoleArn = aws.String("arn:aws:iam::000000000000:role/job") }
	waits := []string{"trap", "0", "then", "sleep", "1h"}
	jobs := map[string]string{}
	for _, platform := range []string{f.ec2, f.fargate} {
		t.Run(platform+" starts", func(t *testing.T) { // the definition's name is the test's
			jobs[platform] = f.submit(t, spec{queue: platform, command: waits, change: role})
			f.s.in(t).await(jobs[platform], "RUNNING")
		})
	}
	t.Run("6 EC2", func(t *testing.T) { f.metadataOnEC2(t, jobs[f.ec2]) })
	t.Run("6 Fargate", func(t *testing.T) { f.metadataOnFargate(t, jobs[f.fargate]) })
	t.Run("6 who asks for what is not there", func(t *testing.T) { f.strangers(t, jobs[f.ec2]) })
	t.Run("7 credentials", f.credentials)
	t.Run("8 after kill -9", func(t *testing.T) { f.survives(t, jobs, f.s.kill) })
	t.Run("8 after a stop that keeps jobs", func(t *testing.T) { f.survives(t, jobs, f.s.stop) })
	for _, id := range jobs {
		f.terminate(t, id)
		if e := f.end(t, id); code(e.code) != "0" {
			t.Errorf("%s (%s / %s), exit code %s", e.status, e.why, e.reason, code(e.code))
		}
	}
	f.close(t)
}

// An answer of the endpoint.
type answered struct {
	status, kind, body string
}

// asks asks for several URLs inside a job's container.
func (f *field) asks(t *testing.T, id string, urls ...string) []answered {
	t.Helper()
	var action []string
	for _, u := range urls {
		action = append(action, "then", "ask", u)
	}
	var all []answered
	for _, l := range strings.Split(f.inside(t, id, action[1:]...), "\n") {
		words := strings.SplitN(l, " ", 3)
		if len(words) < 3 {
			t.Fatalf("an answer: %q", l)
		}
		all = append(all, answered{words[0], words[1], words[2]})
	}
	if len(all) != len(urls) {
		t.Fatalf("%d answers to %d questions", len(all), len(urls))
	}
	return all
}

// object is the JSON of a good answer.
func (a answered) object(t *testing.T) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(a.body), &o); err != nil || a.status != "200" || a.kind != "application/json" {
		t.Fatalf("%v: %+v", err, a)
	}
	return o
}

// at follows names and numbers into a value of JSON.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

// members wants an object to have exactly these.
func members(t *testing.T, what string, o any, names string) {
	t.Helper()
	m, _ := o.(map[string]any)
	want := strings.Fields(names)
	slices.Sort(want)
	same(t, "members of "+what, slices.Sorted(maps.Keys(m)), want...)
}

// like wants values, as texts, to match.
func like(t *testing.T, what string, o any, patterns map[string]string) {
	t.Helper()
	for path, pattern := range patterns {
		var keys []any
		for _, k := range strings.Split(path, "/") {
			if k == "0" {
				keys = append(keys, 0)
			} else {
				keys = append(keys, k)
			}
		}
		if got := fmt.Sprint(at(o, keys...)); !matches(pattern, got) {
			t.Errorf("%s: %s is %q, want %s", what, path, got, pattern)
		}
	}
}

const instant = `20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z`

func (f *field) metadataOnEC2(t *testing.T, id string) {
	const v3, v4 = "$ECS_CONTAINER_METADATA_URI", "$ECS_CONTAINER_METADATA_URI_V4"
	j := describe(t.Context(), t, f.c, id)
	taskARN, stream := aws.ToString(j.Container.TaskArn), aws.ToString(j.Container.LogStreamName)
	taskID := taskARN[strings.LastIndex(taskARN, "/")+1:]
	all := f.asks(t, id, v4, v4+"/", v4+"/task", v4+"/taskWithTags", v4+"/stats", v4+"/task/stats", v3, v3+"/task", v3+"/stats", v3+"/task/stats")
	one := all[0].object(t)
	members(t, "a container", one, "DockerId Name DockerName Image ImageID Labels DesiredStatus KnownStatus Limits CreatedAt StartedAt Type LogDriver LogOptions ContainerARN Networks")
	containerLike := map[string]string{
		"DockerId": "[0-9a-f]{64}", "Name": "default", "Image": workload, "ImageID": "sha256:[0-9a-f]{64}", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
		"Limits/CPU": "1024", "Limits/Memory": "32", "CreatedAt": instant, "StartedAt": instant, "Type": "NORMAL",
		"LogDriver": "awslogs", "LogOptions/awslogs-group": "/aws/batch/job", "LogOptions/awslogs-region": "us-east-1", "LogOptions/awslogs-stream": stream,
		"ContainerARN": "arn:aws:ecs:us-east-1:000000000000:container/[^/]+/" + taskID + "/[0-9a-f-]{36}", "Networks/0/NetworkMode": "host",
		"Labels/com.amazonaws.ecs.task-arn": taskARN, "Labels/com.amazonaws.ecs.container-name": "default", "Labels/com.amazonaws.ecs.task-definition-family": "TestEndpoint-compat-ec2_starts",
		"Labels/com.amazonaws.ecs.task-definition-version": "1", "Labels/com.amazonaws.ecs.cluster": "AWSBatch-compat-ec2-.+",
	}
	like(t, "a container", one, containerLike)
	like(t, "a container, with a slash at the end", all[1].object(t), containerLike)
	task := all[2].object(t)
	members(t, "a task", task, "Cluster TaskARN Family Revision DesiredStatus KnownStatus PullStartedAt PullStoppedAt AvailabilityZone AvailabilityZoneID LaunchType VPCID FaultInjectionEnabled Containers")
	taskLike := map[string]string{"Cluster": "AWSBatch-compat-ec2-.+", "TaskARN": taskARN, "Family": "TestEndpoint-compat-ec2_starts", "Revision": "1", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
		"PullStartedAt": instant, "PullStoppedAt": instant, "AvailabilityZone": "us-east-1a", "LaunchType": "EC2", "Containers/0/DockerId": one["DockerId"].(string), "Containers/0/Limits/Memory": "32"}
	like(t, "a task", task, taskLike)
	tagged := all[3].object(t)
	like(t, "a task with tags", tagged, taskLike)
	if tags, _ := tagged["TaskTags"].(map[string]any); len(tags) == 0 {
		t.Errorf("no tags in %v", tagged)
	}
	f.stats(t, all[4], all[5], one["DockerId"].(string), 32<<20)
	old := all[6].object(t)
	members(t, "a container of v3", old, "DockerId Name DockerName Image ImageID Labels DesiredStatus KnownStatus Limits CreatedAt StartedAt Type Networks")
	members(t, "a task of v3", all[7].object(t), "Cluster TaskARN Family Revision DesiredStatus KnownStatus PullStartedAt PullStoppedAt AvailabilityZone Containers")
	f.stats(t, all[8], all[9], one["DockerId"].(string), 32<<20)
}

// stats are numbers of the engine.
func (f *field) stats(t *testing.T, container, task answered, id string, limit float64) {
	t.Helper()
	one := container.object(t)
	for _, path := range [][]any{{"cpu_stats", "cpu_usage", "total_usage"}, {"memory_stats", "usage"}, {"pids_stats", "current"}, {"cpu_stats", "online_cpus"}} {
		if n, _ := at(one, path...).(float64); n <= 0 {
			t.Errorf("%v is %v", path, at(one, path...))
		}
	}
	if got := at(one, "memory_stats", "limit"); got != limit {
		t.Errorf("the memory's limit is %v, want %v", got, limit)
	}
	all := task.object(t)
	if len(all) != 1 || at(all, id, "cpu_stats", "cpu_usage", "total_usage") == nil {
		t.Errorf("of the task %s: %v", id, slices.Sorted(maps.Keys(all)))
	}
}

func (f *field) metadataOnFargate(t *testing.T, id string) {
	const v3, v4 = "$ECS_CONTAINER_METADATA_URI", "$ECS_CONTAINER_METADATA_URI_V4"
	j := describe(t.Context(), t, f.c, id)
	taskARN := aws.ToString(j.Container.TaskArn)
	taskID := taskARN[strings.LastIndex(taskARN, "/")+1:]
	all := f.asks(t, id, v4, v4+"/task", v4+"/taskWithTags", v4+"/stats", v4+"/task/stats", v3, v3+"/task")
	one := all[0].object(t)
	members(t, "a container", one, "DockerId Name DockerName Image ImageID Labels DesiredStatus KnownStatus Limits CreatedAt StartedAt Type LogDriver LogOptions ContainerARN Networks Snapshotter")
	like(t, "a container", one, map[string]string{
		"DockerId": taskID + `-\d{10}`, "Name": "default", "DockerName": "default", "KnownStatus": "RUNNING", "Limits/Memory": "2048", "Snapshotter": "overlayfs",
		"Networks/0/NetworkMode": "awsvpc", "Networks/0/IPv4Addresses/0": `\d+\.\d+\.\d+\.\d+`, "Networks/0/AttachmentIndex": "0", "Networks/0/MACAddress": "([0-9a-f]{2}:){5}[0-9a-f]{2}",
		"Networks/0/IPv4SubnetCIDRBlock": `\d+\.\d+\.\d+\.\d+/\d+`, "Networks/0/PrivateDNSName": `ip-.+\.ec2\.internal`, "Networks/0/SubnetGatewayIpv4Address": `\d+\.\d+\.\d+\.\d+/\d+`,
		"Labels/com.amazonaws.ecs.task-arn": taskARN, "Labels/com.amazonaws.ecs.cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/AWSBatch-compat-fargate-.+",
	})
	if own := f.inside(t, id, "host"); !strings.Contains(own, fmt.Sprint("\n", at(one, "Networks", 0, "IPv4Addresses", 0), "/")) || !strings.HasPrefix(own, fmt.Sprint(at(one, "Networks", 0, "PrivateDNSName"), "\n")) {
		t.Errorf("the container says %s, it is told %v", own, at(one, "Networks"))
	}
	task := all[1].object(t)
	members(t, "a task", task, "Cluster TaskARN Family Revision DesiredStatus KnownStatus Limits PullStartedAt PullStoppedAt AvailabilityZone AvailabilityZoneID LaunchType VPCID ClockDrift EphemeralStorageMetrics FaultInjectionEnabled Containers")
	like(t, "a task", task, map[string]string{"Cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/.+", "TaskARN": taskARN, "Limits/CPU": "1", "Limits/Memory": "2048", "LaunchType": "FARGATE",
		"EphemeralStorageMetrics/Reserved": "20496", "ClockDrift/ClockSynchronizationStatus": "SYNCHRONIZED", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING"})
	if n := len(task["Containers"].([]any)); n != 1 {
		t.Errorf("the task has %d containers", n)
	}
	members(t, "a task with tags", all[2].object(t), strings.Join(slices.Collect(maps.Keys(task)), " "))
	f.stats(t, all[3], all[4], one["DockerId"].(string), 2048<<20)
	if n, _ := at(all[3].object(t), "networks", "eth0", "rx_bytes").(float64); n <= 0 {
		t.Errorf("the network: %v", at(all[3].object(t), "networks"))
	}
	all[5].object(t)
	all[6].object(t)
	eventually(t, "there is no rate of the network", func() bool { // from the second sample on
		n, ok := at(f.asks(t, id, v4+"/stats")[0].object(t), "network_rate_stats", "rx_bytes_per_sec").(float64)
		time.Sleep(200 * time.Millisecond)
		return ok && n >= 0
	})
}

func (f *field) strangers(t *testing.T, id string) {
	const base = "http://169.254.170.2/"
	all := f.asks(t, id, base+"v4/nobody", base+"v4/nobody/task", base+"v4/nobody/taskWithTags", base+"v4/nobody/stats", base+"v4/nobody/task/stats", base+"nowhere", "$ECS_AGENT_URI/task-protection/v1/state", "$ECS_CONTAINER_METADATA_URI_V4/nothing")
	for i, want := range []string{
		"V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: nobody",
		"V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nobody",
		"V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: nobody",
		"V4 container stats handler: ", "V4 task stats handler: ", "", "", "",
	} {
		if all[i].status != "404" {
			t.Errorf("%d: %+v", i, all[i])
		}
		if want == "" {
			continue
		}
		var text string
		if err := json.Unmarshal([]byte(all[i].body), &text); err != nil || !strings.HasPrefix(text, want) || all[i].kind != "application/json" {
			t.Errorf("%+v, want the text %q", all[i], want)
		}
	}
	t.Run("6 no more than 60 at once", func(t *testing.T) {
		many, began := map[string]int{}, time.Now()
		for _, a := range f.asks(t, id, slices.Repeat([]string{"$ECS_CONTAINER_METADATA_URI_V4/nothing"}, 120)...) {
			many[a.status]++
		}
		const allowed = (120 - 60) * time.Second / 40 // 60 at once, then 40 each second
		switch took := time.Since(began); {
		case many["404"] < 55 || many["429"] == 0 && took < allowed:
			t.Errorf("answers by status, after %v: %v", took, many)
		case many["429"] == 0:
			t.Skipf("this engine is too slow to ask too often: 120 questions took %v", took)
		}
	})
}

func (f *field) credentials(t *testing.T) {
	role := func(c *types.ContainerProperties) { c.JobRoleArn = aws.String("arn:aws:iam::000000000000:role/job") }
	for _, platform := range []string{f.ec2, f.fargate} {
		t.Run("7 the unmodified SDK finds them on "+platform, func(t *testing.T) {
			lines := f.see(t, spec{queue: platform, change: func(c *types.ContainerProperties) { role(c); c.Image = aws.String(program) }})
			if len(lines) != 5 || !strings.HasPrefix(lines[2], "key ASIA") {
				t.Fatalf("%q", lines)
			}
			same(t, "it says", slices.Delete(slices.Clone(lines), 2, 3), "region us-east-1", "from CredentialsEndpointProvider", "token true", "lasts true")
		})
		t.Run("2.8 without a role there are those of the instance, if there is one, on "+platform, func(t *testing.T) {
			same(t, "the variable", f.see(t, spec{queue: platform, command: []string{"env", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}}), "(not set)")
			if platform == f.fargate { // where nobody else gives credentials either
				e := f.end(t, f.submit(t, spec{queue: platform, change: func(c *types.ContainerProperties) { c.Image = aws.String(program) }}))
				if code(e.code) != "1" {
					t.Errorf("exit code %s: %q", code(e.code), e.lines)
				}
				return
			}
			lines := f.see(t, spec{queue: platform, change: func(c *types.ContainerProperties) { c.Image = aws.String(program) }})
			if len(lines) != 5 || !strings.HasPrefix(lines[2], "key ASIA") {
				t.Fatalf("%q", lines)
			}
			for item, want := range map[string]string{"instance-id": "^i-[0-9a-f]{17}$", "instance-type": `^[a-z0-9]+\.[a-z0-9]+$`, "local-ipv4": `^\d+\.\d+\.\d+\.\d+$`} {
				if got := f.see(t, spec{queue: platform, command: []string{"get", "http://169.254.169.254/latest/meta-data/" + item}}); len(got) != 1 || !regexp.MustCompile(want).MatchString(got[0]) {
					t.Errorf("%s: %q", item, got)
				}
			}
			same(t, "of the instance role", slices.Delete(slices.Clone(lines[:4]), 2, 3), "region us-east-1", "from EC2RoleProvider", "token true") // the SDK asks again within the hour
		})
	}
	t.Run("7 what is asked for", func(t *testing.T) {
		const base = "http://169.254.170.2"
		id := f.submit(t, spec{queue: f.ec2, command: []string{"env", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "then", "trap", "0", "then", "sleep", "1h"}, change: role})
		f.s.in(t).await(id, "RUNNING")
		all := f.asks(t, id, base+"$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", base+"/v2/credentials/00000000-0000-0000-0000-000000000000", base+"/v2/credentials/", base+"/v2/credentials", base+"/v1/credentials?id=nobody")
		o := all[0].object(t)
		members(t, "credentials", o, "RoleArn AccessKeyId SecretAccessKey Token Expiration")
		like(t, "credentials", o, map[string]string{"RoleArn": "arn:aws:iam::000000000000:role/job", "AccessKeyId": "ASIA[0-9A-Z]{16}", "SecretAccessKey": ".{40}", "Token": ".+", "Expiration": `20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`})
		for i, want := range map[int]string{
			1: `{"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found","HTTPErrorCode":400}`,
			2: `{"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request","HTTPErrorCode":400}`,
			3: `{"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request","HTTPErrorCode":400}`,
			4: `{"code":"InvalidIdInRequest","message":"CredentialsV1Request: Credentials not found","HTTPErrorCode":400}`,
		} {
			if all[i].status != "400" || all[i].body != want {
				t.Errorf("%+v, want 400 %s", all[i], want)
			}
		}
		f.terminate(t, id)
		e := f.end(t, id)
		if len(e.lines) != 1 || !strings.HasPrefix(e.lines[0], "/v2/credentials/") {
			t.Fatalf("%q", e.lines)
		}
		lines := f.see(t, spec{queue: f.ec2, command: []string{"ask", base + e.lines[0]}})
		if len(lines) != 1 || !strings.Contains(lines[0], "InvalidIdInRequest") {
			t.Errorf("after the job's end: %q", lines)
		}
	})
}

// survives ends the server while jobs run, and starts it again: they are answered where they ask, and as the same.
func (f *field) survives(t *testing.T, jobs map[string]string, end func()) {
	questions := []string{"$ECS_CONTAINER_METADATA_URI_V4", "$ECS_CONTAINER_METADATA_URI_V4/task", "$ECS_CONTAINER_METADATA_URI_V4/stats", "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}
	before := map[string][]answered{}
	for platform, id := range jobs {
		before[platform] = f.asks(t, id, questions...)
	}
	end()
	f.s.start()
	f.c = f.s.batch()
	for platform, id := range jobs {
		f.s.in(t).await(id, "RUNNING")
		asked := questions[0]
		eventually(t, "the endpoint is not there again", func() bool { // the container is taken over a moment later than calls are answered
			return f.s.command(t.Context(), "exec", id, "--", "/workload", "ask", asked).Run() == nil && f.asks(t, id, asked)[0].status == "200"
		})
		now := f.asks(t, id, questions...)
		for i, names := range []string{"DockerId Name ContainerARN Labels LogOptions Networks StartedAt", "TaskARN Cluster Family KnownStatus DesiredStatus", "id name", "RoleArn AccessKeyId SecretAccessKey Token"} {
			was, is := before[platform][i].object(t), now[i].object(t)
			for _, name := range strings.Fields(names) {
				if a, b := fmt.Sprint(was[name]), fmt.Sprint(is[name]); a != b {
					t.Errorf("%s: %s is %s now, it was %s", platform, name, b, a)
				}
			}
		}
	}
}

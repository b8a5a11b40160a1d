package compat

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestAWSCLI does with the AWS command line what a user does with it, and meets the errors that a user meets.
func TestAWSCLI(t *testing.T) {
	needDocker(t)
	clients := commandLines()
	if len(clients) == 0 {
		t.Skip("the AWS command line is not here (Debian: apt-get install awscli)")
	}
	for _, client := range clients {
		t.Run(strings.ReplaceAll(client, "/", "_"), func(t *testing.T) {
			c := &commandLine{t: t, path: client, s: serve(t)}
			c.life()
			c.crowd()
			c.errors()
		})
	}
}

// commandLines are the AWS command lines of this machine: the one in the path, and Debian's, if that is another.
func commandLines() []string {
	var list []string
	if path, err := exec.LookPath("aws"); err == nil {
		list = append(list, path)
	}
	if _, err := os.Stat("/usr/bin/aws"); err == nil && !slices.Contains(list, "/usr/bin/aws") {
		list = append(list, "/usr/bin/aws")
	}
	return list
}

type commandLine struct {
	t    *testing.T
	path string
	s    *server
}

// run answers the standard output, and what it said if it failed.
func (c *commandLine) run(args ...string) (out, refusal string) {
	c.t.Helper()
	command := exec.CommandContext(c.t.Context(), c.path, append([]string{"--endpoint-url", c.s.url, "--region", "us-east-1", "--output", "json"}, args...)...)
	command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	data, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(data), strings.TrimSpace(string(exit.Stderr))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data), ""
}

// ask runs a command that must work, and answers its JSON.
func (c *commandLine) ask(args ...string) (answer map[string]any) {
	c.t.Helper()
	out, refusal := c.run(args...)
	if refusal != "" {
		c.t.Fatalf("aws %s: %s", strings.Join(args, " "), refusal)
	}
	if strings.TrimSpace(out) != "" {
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			c.t.Fatalf("aws %s: %v in %s", strings.Join(args, " "), err, out)
		}
	}
	return answer
}

func (c *commandLine) life() {
	t := c.t
	c.ask("batch", "create-compute-environment", "--compute-environment-name", "ce", "--type", "MANAGED", "--compute-resources",
		"type=EC2,minvCpus=0,maxvCpus=4,instanceTypes=optimal,subnets=subnet-1,securityGroupIds=sg-1,instanceRole=ecsInstanceRole")
	queue := c.ask("batch", "create-job-queue", "--job-queue-name", "q", "--priority", "1", "--compute-environment-order", "order=1,computeEnvironment=ce")["jobQueueArn"].(string)
	c.ask("batch", "register-job-definition", "--job-definition-name", "d", "--type", "container", "--container-properties",
		`{"image":"`+workload+`","command":["echo","Ref::word","then","sleep","200ms","then","exit","Ref::code"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}`, "--parameters", "word=hello,code=0")
	id := c.ask("batch", "submit-job", "--job-name", "j", "--job-queue", "q", "--job-definition", "d", "--parameters", "code=3", "--tags", "team=blue")["jobId"].(string)
	c.s.await(id, "")
	job := c.ask("batch", "describe-jobs", "--jobs", id)["jobs"].([]any)[0].(map[string]any)
	container := job["container"].(map[string]any)
	if job["status"] != "FAILED" || container["exitCode"] != 3.0 || job["tags"].(map[string]any)["team"] != "blue" {
		t.Errorf("the job: %v", job)
	}
	listed := c.ask("batch", "list-jobs", "--job-queue", queue, "--job-status", "FAILED")["jobSummaryList"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["jobId"] != id {
		t.Errorf("list-jobs: %v", listed)
	}
	stream := container["logStreamName"].(string)
	events := c.ask("logs", "get-log-events", "--log-group-name", "/aws/batch/job", "--log-stream-name", stream)["events"].([]any)
	if len(events) != 1 || events[0].(map[string]any)["message"] != "hello" {
		t.Errorf("get-log-events: %v", events)
	}
	filtered := c.ask("logs", "filter-log-events", "--log-group-name", "/aws/batch/job", "--filter-pattern", "hello")["events"].([]any)
	if len(filtered) != 1 || filtered[0].(map[string]any)["logStreamName"] != stream {
		t.Errorf("filter-log-events: %v", filtered)
	}
	streams := c.ask("logs", "describe-log-streams", "--log-group-name", "/aws/batch/job", "--log-stream-name-prefix", "d/")["logStreams"].([]any)
	if len(streams) != 1 || streams[0].(map[string]any)["logStreamName"] != stream {
		t.Errorf("describe-log-streams: %v", streams)
	}
	if out, refusal := c.run("logs", "tail", "/aws/batch/job"); refusal == "" && !strings.Contains(out, "hello") { // version 1 has no tail
		t.Errorf("logs tail: %s", out)
	}
	c.ask("batch", "tag-resource", "--resource-arn", queue, "--tags", "a=1,b=2")
	c.ask("batch", "untag-resource", "--resource-arn", queue, "--tag-keys", "a")
	if tags := c.ask("batch", "list-tags-for-resource", "--resource-arn", queue)["tags"].(map[string]any); len(tags) != 1 || tags["b"] != "2" {
		t.Errorf("tags: %v", tags)
	}
	c.ask("batch", "terminate-job", "--job-id", id, "--reason", "it has ended, and that is no error")
	c.ask("batch", "deregister-job-definition", "--job-definition", "d:1")
	c.ask("batch", "update-job-queue", "--job-queue", "q", "--state", "DISABLED")
	c.ask("batch", "delete-job-queue", "--job-queue", "q")
	c.ask("batch", "update-compute-environment", "--compute-environment", "ce", "--state", "DISABLED")
	c.ask("batch", "delete-compute-environment", "--compute-environment", "ce")
	if left := c.ask("batch", "describe-compute-environments")["computeEnvironments"].([]any); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// crowd is an array with a child that is tried again, a second array behind it, and three nodes
// (jobs.md 3, 5, 6, 7).
func (c *commandLine) crowd() {
	t := c.t
	properties := `"image":"` + workload + `","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"32"}]`
	c.ask("batch", "create-compute-environment", "--compute-environment-name", "many", "--type", "MANAGED", "--compute-resources",
		"type=EC2,minvCpus=0,maxvCpus=8,instanceTypes=optimal,subnets=subnet-1,securityGroupIds=sg-1,instanceRole=ecsInstanceRole")
	c.ask("batch", "create-job-queue", "--job-queue-name", "many", "--priority", "1", "--compute-environment-order", "order=1,computeEnvironment=many")
	c.ask("batch", "register-job-definition", "--job-definition-name", "many", "--type", "container", "--container-properties", "{"+properties+`,"command":["exit","0"]}`)
	c.ask("batch", "register-job-definition", "--job-definition-name", "nodes", "--type", "multinode", "--node-properties",
		`{"numNodes":3,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:2","container":{`+properties+`,"command":["only","AWS_BATCH_JOB_NODE_INDEX","0","then","exit","0","then","trap","0","then","sleep","1h"]}}]}`)
	submit := func(definition string, more ...string) string {
		t.Helper()
		return c.ask(append([]string{"batch", "submit-job", "--job-name", "j", "--job-queue", "many", "--job-definition", definition}, more...)...)["jobId"].(string)
	}
	retried := submit("many", "--array-properties", "size=3", "--retry-strategy", "attempts=2", "--container-overrides",
		`command=["only","AWS_BATCH_JOB_ARRAY_INDEX","1","then","only","AWS_BATCH_JOB_ATTEMPT","1","then","exit","1"]`)
	behind := submit("many", "--array-properties", "size=3", "--depends-on", "jobId="+retried+",type=N_TO_N")
	nodes := submit("nodes")
	for id, attempts := range map[string]int{retried: 0, retried + ":1": 2, behind: 0, behind + ":2": 1, nodes: 1} {
		c.s.await(id, "")
		job := c.ask("batch", "describe-jobs", "--jobs", id)["jobs"].([]any)[0].(map[string]any)
		if job["status"] != "SUCCEEDED" || len(job["attempts"].([]any)) != attempts {
			t.Errorf("%s: %v after %v, want %d attempts and SUCCEEDED", id, job["status"], job["attempts"], attempts)
		}
	}
	if children := c.ask("batch", "list-jobs", "--array-job-id", retried, "--job-status", "SUCCEEDED")["jobSummaryList"].([]any); len(children) != 3 {
		t.Errorf("list-jobs --array-job-id: %v", children)
	}
	// The other nodes are stopped when the main node has ended; how they end is a race.
	members := c.ask("batch", "list-jobs", "--multi-node-job-id", nodes, "--job-status", "SUCCEEDED")["jobSummaryList"].([]any)
	if len(members) == 0 || members[0].(map[string]any)["jobId"] != nodes+"#0" {
		t.Errorf("list-jobs --multi-node-job-id: %v", members)
	}
}

// errors are what a user meets on the way; the texts are AWS's (resources.md 0.3, jobs.md 10.3, 11).
func (c *commandLine) errors() {
	for _, test := range []struct {
		want string
		args []string
	}{
		{"(ClientException) when calling the SubmitJob operation: JobQueue nowhere not found.", []string{"batch", "submit-job", "--job-name", "j", "--job-queue", "nowhere", "--job-definition", "d"}},
		{"Job name should match valid pattern, RequestId: ", []string{"batch", "submit-job", "--job-name", "a b", "--job-queue", "q", "--job-definition", "d"}},
		{"Instance role is required.", []string{"batch", "create-compute-environment", "--compute-environment-name", "x", "--type", "MANAGED", "--compute-resources", "type=EC2,minvCpus=0,maxvCpus=4,instanceTypes=optimal,subnets=s,securityGroupIds=g"}},
		{"compute-environment/nowhere does not exist", []string{"batch", "delete-compute-environment", "--compute-environment", "nowhere"}},
		{"Compute Environments must be created and valid before attaching them to a job queue", []string{"batch", "create-job-queue", "--job-queue-name", "x", "--priority", "1", "--compute-environment-order", "order=1,computeEnvironment=nowhere"}},
		{"vCPU is required.", []string{"batch", "register-job-definition", "--job-definition-name", "x", "--type", "container", "--container-properties", `{"image":"i","memory":64}`}},
		{"The specified log stream does not exist.", []string{"logs", "get-log-events", "--log-group-name", "/aws/batch/job", "--log-stream-name", "nowhere"}},
	} {
		if out, refusal := c.run(test.args...); !strings.Contains(refusal, test.want) {
			c.t.Errorf("aws %s: got %q %q, want %q", strings.Join(test.args, " "), out, refusal, test.want)
		}
	}
}

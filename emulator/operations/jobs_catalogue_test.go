package operations_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/batch"
)

// TestEndsShown is jobs.md 2.3, 2.4 and 2.5: each way in which an attempt ends, as DescribeJobs and ListJobs tell it.
func TestEndsShown(t *testing.T) {
	w := newPlace(t)
	code := func(n int32) *int32 { return &n }
	const pull = "CannotPullContainerError: Error response from daemon: manifest for i not found"
	for name, c := range map[string]struct {
		ran    bool
		report batch.Report
		want   string // status, statusReason, exit code, reason
	}{
		"exit 0":           {true, batch.Report{ExitCode: code(0)}, "SUCCEEDED|Essential container in task exited|0|"},
		"exit 3":           {true, batch.Report{ExitCode: code(3)}, "FAILED|Essential container in task exited|3|"},
		"memory":           {true, batch.Report{ExitCode: code(137), Reason: batch.ReasonOutOfMemory}, "FAILED|Essential container in task exited|137|OutOfMemoryError: Container killed due to memory usage"},
		"memory, exit 0":   {true, batch.Report{ExitCode: code(0), Reason: batch.ReasonOutOfMemory}, "SUCCEEDED|Essential container in task exited|0|OutOfMemoryError: Container killed due to memory usage"},
		"no image":         {false, batch.Report{Reason: pull}, "FAILED|Task failed to start|none|" + pull},
		"host lost":        {true, batch.Report{StatusReason: batch.ReasonHostLost("i-0123456789abcdef0")}, "FAILED|Host EC2 (instance i-0123456789abcdef0) terminated.|none|"},
		"end was not seen": {true, batch.Report{Reason: "CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s", StatusReason: batch.ReasonExited}, "FAILED|Essential container in task exited|none|CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			id := must(w.submit("q", "d", nil))(t)
			w.update(func(tx *batch.Tx) {
				c.report.Attempt, c.report.State = batch.AttemptID{Job: batch.JobID(id), Number: 1}, batch.Exited
				if c.ran {
					tx.Report(batch.Report{Attempt: c.report.Attempt, State: batch.Running})
				}
				tx.Report(c.report)
			})
			j := w.job(id)
			exit := "none"
			if j.Container.ExitCode != nil {
				exit = fmt.Sprint(*j.Container.ExitCode)
			}
			got := fmt.Sprintf("%s|%s|%s|%s", j.Status, aws.ToString(j.StatusReason), exit, aws.ToString(j.Container.Reason))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			a := j.Attempts[0]
			if aws.ToString(a.StatusReason) != aws.ToString(j.StatusReason) || aws.ToString(a.Container.Reason) != aws.ToString(j.Container.Reason) || aws.ToInt32(a.Container.ExitCode) != aws.ToInt32(j.Container.ExitCode) {
				t.Errorf("the attempt says otherwise: %s", w.last)
			}
			if (a.StartedAt != nil) != c.ran || aws.ToInt64(j.StoppedAt) == 0 || aws.ToInt64(a.StoppedAt) == 0 {
				t.Errorf("times: %s", w.last)
			}
		})
	}
}

// TestIdentifiers is jobs.md 2.7: what each id and ARN looks like, on EC2 and on Fargate.
func TestIdentifiers(t *testing.T) {
	w := newPlace(t)
	const uuid, hex = `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, `[0-9a-f]{32}`
	fits := func(what, pattern string, value *string) {
		t.Helper()
		if value == nil || !regexp.MustCompile("^"+pattern+"$").MatchString(*value) {
			t.Errorf("%s is %q, not %s", what, aws.ToString(value), pattern)
		}
	}
	at := region + ":" + account
	for _, place := range []string{"q", "f"} {
		definition := map[string]string{"q": "d", "f": "f"}[place]
		id := must(w.submit(place, definition, nil))(t)
		w.update(func(tx *batch.Tx) {
			tx.Report(batch.Report{Attempt: batch.AttemptID{Job: batch.JobID(id), Number: 1}, State: batch.Running, PrivateIPv4: "10.0.0.9"})
		})
		j := w.job(id)
		fits("jobId", uuid, j.JobId)
		fits("jobArn", "arn:aws:batch:"+at+":job/"+uuid, j.JobArn)
		fits("jobQueue", arn("job-queue", place), j.JobQueue)
		fits("jobDefinition", arn("job-definition", definition)+":1", j.JobDefinition)
		fits("taskArn", "arn:aws:ecs:"+at+":task/AWSBatch-"+place+"-"+uuid+"/"+hex, j.Container.TaskArn)
		fits("logStreamName", definition+"/default/"+hex, j.Container.LogStreamName)
		if place == "q" {
			fits("containerInstanceArn", "arn:aws:ecs:"+at+":container-instance/AWSBatch-q-"+uuid+"/"+hex, j.Container.ContainerInstanceArn)
		} else if j.Container.ContainerInstanceArn != nil {
			t.Error("a Fargate task has no instance")
		} else if n := j.Container.NetworkInterfaces; len(n) != 1 || *n[0].PrivateIpv4Address != "10.0.0.9" {
			t.Errorf("networkInterfaces: %s", w.last)
		}
	}
	id := must(w.submit("q", "d", array(2)))(t)
	fits("jobArn of a child", "arn:aws:batch:"+at+":job/"+uuid+":1", w.job(id+":1").JobArn)
}

// TestOverridesMerge is jobs.md 8.1, 8.2, 8.3 and 9: what a container gets of definition and overrides, and what is shown of it.
func TestOverridesMerge(t *testing.T) {
	w := newPlace(t)
	pair := func(name, value string) types.KeyValuePair { return types.KeyValuePair{Name: &name, Value: &value} }
	c := oneContainer("run", "Ref::who", "--in=Ref::what")
	c.Environment = []types.KeyValuePair{pair("KEPT", "1"), pair("CHANGED", "old"), pair("EMPTY", "")}
	must(w.RegisterJobDefinition(t.Context(), &sdk.RegisterJobDefinitionInput{JobDefinitionName: aws.String("m"), Type: types.JobDefinitionTypeContainer,
		Parameters: map[string]string{"who": "nobody", "what": "file"}, ContainerProperties: c}))(t)
	id := must(w.submit("q", "m", func(in *submission) {
		in.Parameters = map[string]string{"who": "me", "unused": "x"}
		in.ContainerOverrides = &types.ContainerOverrides{
			Environment:          []types.KeyValuePair{pair("CHANGED", "new"), pair("ADDED", "2"), pair("AWS_BATCH_JOB_ID", "mine")},
			ResourceRequirements: []types.ResourceRequirement{{Type: types.ResourceTypeMemory, Value: aws.String("128")}},
			Command:              []string{}, // no override
		}
	}))(t)
	j := w.job(id)
	w.shows(`["run","me","--in=file"]`, w.sent("jobs", 0, "container", "command"))
	w.shows(`{"who":"me","what":"file","unused":"x"}`, w.sent("jobs", 0, "parameters"))
	want := map[string]string{"VCPU": "1", "MEMORY": "128"}
	for _, r := range j.Container.ResourceRequirements {
		if want[string(r.Type)] != *r.Value || len(j.Container.ResourceRequirements) != 2 {
			t.Errorf("resourceRequirements: %s", w.last)
		}
	}
	shown := pairs(j.Container.Environment)
	if diff := cmp.Diff(map[string]string{"KEPT": "1", "CHANGED": "new", "ADDED": "2", "AWS_BATCH_JOB_ID": "mine"}, shown); diff != "" {
		t.Errorf("the environment that is shown (-want +got):\n%s", diff)
	}
	w.update(func(tx *batch.Tx) {
		task, _ := tx.TaskOf(tx.AnyJob(batch.JobID(id)))
		got := map[string]string{}
		for _, kv := range task.Containers[0].Environment {
			got[*kv.Name] = *kv.Value
		}
		if diff := cmp.Diff(map[string]string{"KEPT": "1", "CHANGED": "new", "ADDED": "2", "AWS_BATCH_JOB_ID": id, "AWS_BATCH_JOB_ATTEMPT": "1", "AWS_BATCH_JQ_NAME": "q",
			"AWS_BATCH_CE_NAME": "q", "AWS_EXECUTION_ENV": "AWS_ECS_EC2", "AWS_REGION": region, "AWS_DEFAULT_REGION": region}, got); diff != "" {
			t.Errorf("the environment that the container gets (-want +got):\n%s", diff)
		}
	})
}

func pairs(list []types.KeyValuePair) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		m[*kv.Name] = *kv.Value
	}
	return m
}

// TestRevisionPinned is jobs.md 10.3 and 11: the revision of the submission counts, whatever becomes of it.
func TestRevisionPinned(t *testing.T) {
	w := newPlace(t)
	ctx := t.Context()
	id := must(w.submit("q", "d", nil))(t)
	must(w.RegisterJobDefinition(ctx, &sdk.RegisterJobDefinitionInput{JobDefinitionName: aws.String("d"), Type: types.JobDefinitionTypeContainer, ContainerProperties: oneContainer("second")}))(t)
	must(w.DeregisterJobDefinition(ctx, &sdk.DeregisterJobDefinitionInput{JobDefinition: aws.String("d:1")}))(t)
	if j := w.job(id); *j.JobDefinition != arn("job-definition", "d:1") || j.Container.Command[0] != "echo" {
		t.Errorf("the job changed: %s", w.last)
	}
	for text, want := range map[string]string{"d": "d:2", "d:2": "d:2", arn("job-definition", "d"): "d:2", arn("job-definition", "d:2"): "d:2"} {
		if j := w.job(must(w.submit("q", text, nil))(t)); *j.JobDefinition != arn("job-definition", want) {
			t.Errorf("%s is %s", text, *j.JobDefinition)
		}
	}
	for text, want := range map[string]string{
		"d:1":                              "JobDefinition name d:1 does not exist or is not in ACTIVE status",
		"nothing":                          "JobDefinition name nothing does not exist or is not in ACTIVE status",
		arn("job-definition", "nothing:1"): "JobDefinition " + arn("job-definition", "nothing:1") + " not found.",
		"d:latest":                         "Provided name d:latest is not supported pattern[a-zA-Z_0-9-]{1,128}",
		arn("job-queue", "q"):              "Provided name " + arn("job-queue", "q") + " is not supported pattern[a-zA-Z_0-9-]{1,128}",
	} {
		_, err := w.submit("q", text, nil)
		refuses(t, err, want)
	}
}

// TestDescribeJobs is jobs.md 12.
func TestDescribeJobs(t *testing.T) {
	w := newPlace(t)
	id := must(w.submit("q", "d", array(2)))(t)
	out := must(w.DescribeJobs(t.Context(), &sdk.DescribeJobsInput{Jobs: []string{id, "00000000-0000-4000-8000-000000000000", id + ":1", id, "no-such-job", id + ":2", id + "#0"}}))(t)
	var got []string
	for _, j := range out.Jobs {
		got = append(got, *j.JobId)
	}
	if slices.Sort(got); !slices.Equal(got, []string{id, id + ":1"}) {
		t.Errorf("found %v", got)
	}
	_, err := w.DescribeJobs(t.Context(), &sdk.DescribeJobsInput{Jobs: slices.Repeat([]string{id}, 101)})
	refuses(t, err, wrapped("Maximum number of jobs supported is  100 ."))
	_, err = w.DescribeJobs(t.Context(), &sdk.DescribeJobsInput{Jobs: []string{"a,b"}})
	refuses(t, err, "Provided name a,b is not supported pattern[a-zA-Z_0-9-]{1,128}")
	must(w.DescribeJobs(t.Context(), &sdk.DescribeJobsInput{Jobs: []string{"nobody"}}))(t)
	w.shows(`{"jobs":[]}`, w.sent())
}

// TestListJobs is jobs.md 13: the default status, each filter, and what it leaves out.
func TestListJobs(t *testing.T) {
	w := newPlace(t)
	named := func(name string) func(*submission) { return func(in *submission) { in.JobName = &name } }
	done := must(w.submit("q", "d", named("Nightly-one")))(t)
	w.ends(done, 0)
	runs := must(w.submit("q", "d", named("nightly-two")))(t)
	w.update(func(tx *batch.Tx) {
		tx.Report(batch.Report{Attempt: batch.AttemptID{Job: batch.JobID(runs), Number: 1}, State: batch.Running})
	})
	many := must(w.submit("q", "d", func(in *submission) { named("other")(in); array(2)(in) }))(t)
	created := fmt.Sprint(*w.job(done).CreatedAt)
	filtered := func(name string, values ...string) sdk.ListJobsInput {
		return sdk.ListJobsInput{JobQueue: aws.String("q"), Filters: []types.KeyValuesPair{{Name: &name, Values: values}}}
	}
	for name, c := range map[string]struct {
		in   sdk.ListJobsInput
		want []string
	}{
		"default":                {sdk.ListJobsInput{JobQueue: aws.String("q")}, []string{runs}},
		"status":                 {sdk.ListJobsInput{JobQueue: aws.String("q"), JobStatus: types.JobStatusSucceeded}, []string{done}},
		"queue by ARN":           {sdk.ListJobsInput{JobQueue: aws.String(arn("job-queue", "q")), JobStatus: types.JobStatusPending}, []string{many}},
		"children":               {sdk.ListJobsInput{ArrayJobId: &many, JobStatus: types.JobStatusStarting}, []string{many + ":0", many + ":1"}},
		"children, default":      {sdk.ListJobsInput{ArrayJobId: &many}, nil},
		"unknown array":          {sdk.ListJobsInput{ArrayJobId: aws.String("00000000-0000-4000-8000-000000000000")}, nil},
		"name":                   {filtered("JOB_NAME", "NIGHTLY-ONE"), []string{done}},
		"prefix":                 {filtered("JOB_NAME", "nightly*"), []string{done, runs}},
		"definition":             {filtered("JOB_DEFINITION", "d"), []string{done, runs, many}},
		"definition, other case": {filtered("JOB_DEFINITION", "D"), nil},
		"definition by ARN":      {filtered("JOB_DEFINITION", arn("job-definition", "d:1")), []string{done, runs, many}},
		"definition by prefix":   {filtered("JOB_DEFINITION", "d*"), []string{done, runs, many}},
		"before":                 {filtered("BEFORE_CREATED_AT", created), nil},
		"after":                  {filtered("AFTER_CREATED_AT", "0"), []string{done, runs, many}},
		"empty nextToken":        {sdk.ListJobsInput{JobQueue: aws.String("q"), NextToken: aws.String("")}, []string{runs}},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.listed(&c.in)
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("listed %v, want %v", got, c.want)
			}
		})
	}
	_, err := w.ListJobs(t.Context(), &sdk.ListJobsInput{JobQueue: aws.String("q"), Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{"a"}}, {Name: aws.String("JOB_NAME"), Values: []string{"b"}}}})
	refuses(t, err, wrapped("Only one filter key-value pair can be specified."))
	_, err = w.ListJobs(t.Context(), &sdk.ListJobsInput{})
	refusesSomehow(t, err)
	_, err = w.ListJobs(t.Context(), &sdk.ListJobsInput{JobQueue: aws.String("q"), ArrayJobId: &many})
	refusesSomehow(t, err)
}

// TestJobTags is jobs.md 2.9 and 15: a job shows its own tags only; children and nodes have none and take none.
func TestJobTags(t *testing.T) {
	w := newPlace(t)
	id := must(w.submit("q", "d", func(in *submission) { array(2)(in); in.Tags = map[string]string{"team": "blue"} }))(t)
	w.job(id)
	w.shows(`{"team":"blue"}`, w.sent("jobs", 0, "tags"))
	w.job(id + ":0")
	w.shows(`{}`, w.sent("jobs", 0, "tags"))
	_, err := w.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: aws.String(arn("job", id+":0")), Tags: map[string]string{"a": "b"}})
	refusesSomehow(t, err)
}

// TestJobQuotas is jobs.md 16: the limits that user code meets, by the last value that is taken and the first that is not.
func TestJobQuotas(t *testing.T) {
	w := newPlace(t)
	first := must(w.submit("q", "d", nil))(t)
	must(w.submit("q", "d", after(slices.Repeat([]string{first}, 20)...)))(t)
	_, err := w.submit("q", "d", after(slices.Repeat([]string{first}, 21)...))
	refuses(t, err, wrapped("Job cannot have more than 20 dependencies"))
	must(w.submit("q", "d", array(10_000)))(t)
	_, err = w.submit("q", "d", array(10_001))
	refuses(t, err, wrapped("Array size must be between 2 and 10000"))
	fat := func(kib int) func(*submission) {
		return func(in *submission) {
			in.ContainerOverrides = &types.ContainerOverrides{Command: []string{strings.Repeat("x", kib<<10)}}
		}
	}
	must(w.submit("q", "d", fat(29)))(t)
	_, err = w.submit("q", "d", fat(47))
	refuses(t, err, wrapped("Job size must be less than 30 KiB, got 47 KiB"))
	_, err = w.CancelJobs(t.Context(), &sdk.CancelJobsInput{Jobs: slices.Repeat([]string{first}, 51), Reason: aws.String("r")})
	refusesSomehow(t, err)
}

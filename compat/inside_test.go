package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// A field is a server whose jobs look around from the inside of their containers: one queue for each platform, and a definition for each job.
type field struct {
	s            *server
	c            *batch.Client
	ec2, fargate string
}

func newField(t *testing.T, flags ...string) *field {
	t.Helper()
	needDocker(t)
	f := &field{s: serve(t, flags...)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", f.s.log.String())
		}
	})
	f.c = f.s.batch()
	f.ec2, _ = queue(t.Context(), t, f.c, types.CRTypeEc2)
	f.fargate, _ = queue(t.Context(), t, f.c, types.CRTypeFargate)
	return f
}

// A spec is a job: a container on a queue, with what a test changes of it.
type spec struct {
	queue   string
	command []string
	// change is done to the definition; containerProperties is there, with an image and little memory.
	change func(*types.ContainerProperties)
	// task makes it a definition of ecsProperties with one container.
	task func(*types.EcsTaskProperties)
	// overrides are the request's.
	overrides types.ContainerOverrides
}

// register registers a definition of a job alone; the error is what the service says.
func (f *field) register(t *testing.T, j spec) (string, error) {
	t.Helper()
	mib := "32"
	in := &batch.RegisterJobDefinitionInput{JobDefinitionName: aws.String(strings.NewReplacer("/", "-", ",", "", ".", "_", "(", "", ")", "", "'", "", ":", "", "#", "-", "+", "", ";", "").Replace(t.Name())), Type: types.JobDefinitionTypeContainer}
	role := (*string)(nil)
	if j.queue == f.fargate {
		mib, role = "2048", aws.String("arn:aws:iam::000000000000:role/execution")
		in.PlatformCapabilities = []types.PlatformCapability{types.PlatformCapabilityFargate}
	}
	needs := []types.ResourceRequirement{{Type: types.ResourceTypeVcpu, Value: aws.String("1")}, {Type: types.ResourceTypeMemory, Value: &mib}}
	if j.task == nil {
		in.ContainerProperties = &types.ContainerProperties{Image: aws.String(workload), Command: j.command, ResourceRequirements: needs, ExecutionRoleArn: role}
		if j.change != nil {
			j.change(in.ContainerProperties)
		}
	} else {
		task := types.EcsTaskProperties{ExecutionRoleArn: role, Containers: []types.TaskContainerProperties{
			{Name: aws.String("one"), Image: aws.String(workload), Command: j.command, ResourceRequirements: needs}}}
		j.task(&task)
		in.EcsProperties = &types.EcsProperties{TaskProperties: []types.EcsTaskProperties{task}}
	}
	out, err := f.c.RegisterJobDefinition(t.Context(), in)
	if err != nil {
		return "", err
	}
	return *out.JobDefinitionArn, nil
}

// submit submits a job.
func (f *field) submit(t *testing.T, j spec) (id string) {
	t.Helper()
	definition, err := f.register(t, j)
	if err != nil {
		t.Fatal(err)
	}
	in := &batch.SubmitJobInput{JobName: aws.String("inside"), JobQueue: &j.queue, JobDefinition: &definition}
	if j.task == nil {
		in.ContainerOverrides = &j.overrides
	}
	out, err := f.c.SubmitJob(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

// An ending is how a job ended, and what it printed.
type ending struct {
	status   types.JobStatus
	why      string // statusReason
	code     *int32
	reason   string
	lines    []string
	stream   *string
	id       string
	detail   types.JobDetail
	attempts int
}

func (f *field) end(t *testing.T, id string) ending {
	t.Helper()
	s := f.s.in(t)
	s.await(id, "")
	j := describe(t.Context(), t, f.c, id)
	e := ending{status: j.Status, why: aws.ToString(j.StatusReason), id: id, detail: j, attempts: len(j.Attempts)}
	if c := j.Container; c != nil {
		e.code, e.reason, e.stream = c.ExitCode, aws.ToString(c.Reason), c.LogStreamName
	} else {
		c := j.EcsProperties.TaskProperties[0].Containers[0]
		e.code, e.reason, e.stream = c.ExitCode, aws.ToString(c.Reason), c.LogStreamName
	}
	if e.stream != nil {
		e.lines = s.printed(t.Context(), e.stream)
	}
	return e
}

// in is the server for a part of a test.
func (s *server) in(t *testing.T) *server {
	part := *s
	part.t = t
	return &part
}

// see runs a job that must succeed, and answers its lines.
func (f *field) see(t *testing.T, j spec) []string {
	t.Helper()
	e := f.end(t, f.submit(t, j))
	if e.status != types.JobStatusSucceeded {
		t.Fatalf("%s (%s / %s), exit code %v, printed %q", e.status, e.why, e.reason, code(e.code), e.lines)
	}
	return e.lines
}

func code(c *int32) string {
	if c == nil {
		return "none"
	}
	return fmt.Sprint(*c)
}

// fails runs a job that must not start, with a reason that begins so and has these words; "this OR that" is what one engine says and what another does.
func (f *field) fails(t *testing.T, j spec, begins string, words ...string) {
	t.Helper()
	e := f.end(t, f.submit(t, j))
	if e.status != types.JobStatusFailed || e.why != "Task failed to start" || e.code != nil || e.stream != nil || !strings.HasPrefix(e.reason, begins) {
		t.Errorf("%s (%s / %s), exit code %s, stream %v; want Task failed to start / %s...", e.status, e.why, e.reason, code(e.code), e.stream, begins)
	}
	for _, w := range words {
		if !slices.ContainsFunc(strings.Split(w, " OR "), func(w string) bool { return says(e.reason, w) }) {
			t.Errorf("the reason %q has no %q", e.reason, w)
		}
	}
}

// says answers whether a reason has these words. Engines differ in how they begin a text and in capital letters; newer ones begin with so much that the end
// is cut off after the 255 characters that a reason may have.
func says(reason, words string) bool {
	const most = 255
	reason, words = strings.ToLower(reason), strings.ToLower(words)
	if strings.Contains(reason, words) {
		return true
	}
	at := strings.LastIndex(reason, words[:min(8, len(words))])
	return len(reason) == most && at >= 0 && strings.HasPrefix(words, reason[at:])
}

func (f *field) terminate(t *testing.T, id string) {
	t.Helper()
	if _, err := f.c.TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
		t.Fatal(err)
	}
}

// inside runs an action of the workload in the container of a running job.
func (f *field) inside(t *testing.T, id string, action ...string) string {
	t.Helper()
	out, err := f.s.command(t.Context(), append([]string{"exec", id, "--", "/workload"}, action...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("exec %q: %v\n%s", action, err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

// close ends the server and looks whether it left anything.
func (f *field) close(t *testing.T) {
	t.Helper()
	f.s.stop()
	if left := everything(t, f.s.instance); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}
}

// everything is what has an instance's label: containers, volumes, networks.
func everything(t *testing.T, instance string) string {
	t.Helper()
	var all []string
	for _, of := range [][]string{{"ps", "-a", "--format", "container {{.Names}} {{.Status}}"}, {"volume", "ls", "--format", "volume {{.Name}}"}, {"network", "ls", "--format", "network {{.Name}}"}} {
		out := engine(t, append(of, "--filter", "label=batch-local.instance="+instance)...)
		if out != "" {
			all = append(all, out)
		}
	}
	return strings.Join(all, "\n")
}

// engine is the docker command.
func engine(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// picture makes an image of the workload's with more files and with changes of its configuration (as in a Dockerfile, FROM too). It goes with the test.
func picture(t *testing.T, files map[string]string, changes ...string) string {
	t.Helper()
	base := workload
	if len(changes) > 0 {
		if from, ok := strings.CutPrefix(changes[0], "FROM "); ok {
			base, changes = from, changes[1:]
		}
	}
	made := engine(t, "create", base, "never run")
	defer engine(t, "rm", "-f", made)
	folder := t.TempDir()
	for name, text := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) > 0 {
		engine(t, "cp", folder+"/.", made+":/")
	}
	name := fmt.Sprintf("batch-local/compat:%d-%d", os.Getpid(), time.Now().UnixNano())
	args := []string{"commit"}
	for _, c := range changes {
		args = append(args, "-c", c)
	}
	engine(t, append(args, made, name)...)
	t.Cleanup(func() { engine(t, "rmi", "-f", name) })
	return name
}

// same compares lines.
func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// value is that of NAME=value or of "NAME value" in lines.
func value(lines []string, name string) string {
	for _, l := range lines {
		if v, ok := strings.CutPrefix(l, name+"="); ok {
			return v
		}
		if v, ok := strings.CutPrefix(l, name+" "); ok {
			return v
		}
	}
	return "(not there)"
}

// set is a variable.
func set(kv ...string) (list []types.KeyValuePair) {
	for pair := range slices.Chunk(kv, 2) {
		list = append(list, types.KeyValuePair{Name: &pair[0], Value: &pair[1]})
	}
	return list
}

// unified says whether the engine has cgroup v2.
func unified(t *testing.T) bool {
	t.Helper()
	return engine(t, "info", "--format", "{{.CgroupVersion}}") == "2"
}

// beside says whether the engine is on this machine, so that it finds our folders and our 127.0.0.1.
func beside(t *testing.T) bool {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return false
	}
	space, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return false
	}
	theirs := engine(t, "run", "--rm", "--network", "host", workload, "cat", "/proc/sys/kernel/random/boot_id", "then", "link", "/proc/self/ns/net")
	return theirs == string(boot)+space
}

// needBeside skips what only an engine on this machine can do.
func needBeside(t *testing.T) {
	t.Helper()
	if !beside(t) {
		t.Skip("the engine is on another machine, or in a container")
	}
}

// needs replaces what a container needs of something.
func needs(c *types.ContainerProperties, kind types.ResourceType, value string) {
	for i := range c.ResourceRequirements {
		if c.ResourceRequirements[i].Type == kind {
			c.ResourceRequirements[i].Value = &value
			return
		}
	}
	c.ResourceRequirements = append(c.ResourceRequirements, types.ResourceRequirement{Type: kind, Value: &value})
}

// exitOf is the exit code of the docker command.
func exitOf(args ...string) int {
	cmd := exec.Command("docker", args...)
	if err := cmd.Run(); cmd.ProcessState == nil || err == nil {
		return 0
	}
	return cmd.ProcessState.ExitCode()
}

// matches says whether all of a text is like that.
func matches(pattern, text string) bool {
	return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(text)
}

// eventually waits for what no event tells.
func eventually(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v %s", patience, otherwise)
		}
	}
}

// again submits a job of a definition that is there.
func (f *field) again(t *testing.T, queue, definition, name string) string {
	t.Helper()
	out, err := f.c.SubmitJob(t.Context(), &batch.SubmitJobInput{JobName: &name, JobQueue: &queue, JobDefinition: &definition})
	if err != nil {
		t.Fatal(err)
	}
	return *out.JobId
}

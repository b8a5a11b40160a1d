package batch

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/ec2"
)

var update = flag.Bool("update", false, "write what happened into testdata/histories, to be reviewed as a diff")

// TestHistories runs every file of testdata/histories. A file is chapters with empty lines between; a chapter is commands,
// a line "----" and what happened. Lines that begin with # say what the chapter is about. Commands:
//
//	environment NAME [max=4] [platform=FARGATE] [types=c5.large,m5] [min=2]: with types it has instances
//	policy NAME [decay=600] [reservation=50] [shares=a:0.5,b*:2]
//	consumable NAME total=3 [once]        total NAME N
//	queue NAME environments=a,b [priority=1] [policy=P] [limit=CODE:600]
//	definition NAME [vcpus=1] [memory=64] [gpus=1] [takes=CONSUMABLE:2] [platform=FARGATE] [attempts=3] [timeout=60] [onExitCode=75:RETRY] [onReason=..] [onStatusReason=..]
//	definition NAME nodes=3 [main=1] [the rest as above]: multi-node parallel
//	definition NAME task=a,-b [the rest as above]: several containers, those with a dash not essential
//	definition NAME pod=a,b [init=c,d] [the rest as above]: a pod with init containers, for an environment with platform=EKS
//	submit JOB queue=Q definition=D [share=S] [priority=5] [vcpus=2] [array=3] [after=a,b:1] [beside=c] [sequential] [the last five of definition]
//	report JOB/ATTEMPT running|exited [code=0] [reason="..."] [statusReason="..."] [at=1s] [ends=a:0:Completed,init/c:1:Error,b::]
//	cancel JOB reason="..."       terminate JOB reason="..."
//	enable|disable|delete ENVIRONMENT|QUEUE
//	host ready|absent [reason="..."]
//	hold JOB STATUS               release
//	keep DURATION                 for ended jobs, from the beginning on
//	tick DURATION
//	lifelike                              from the beginning on
//	reclaim JOB                           takes away what it runs on
//	show JOB|ENVIRONMENT
//	front QUEUE                           who comes next
//
// JOB may be a child (a:0) or a node (a#1).
func TestHistories(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			given, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newStory().tell(string(given))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(given), got); diff != "" {
				t.Errorf("%s tells another story (-file +happened); go test -update writes it:\n%s", file, diff)
			}
		})
	}
}

// A story plays commands on a state of its own.
type story struct {
	state *State
	now   time.Duration // since the beginning of time
	ids   counter
	jobs  map[string]JobID
	names map[JobID]string
}

// counter makes ids that count.
type counter struct{ n int }

func (c *counter) UUID() string {
	c.n++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", c.n, c.n)
}

var storyScope = Scope{Account: "000000000000", Region: "us-east-1"}

func newStory() *story {
	s := &story{state: NewState(), jobs: map[string]JobID{}, names: map[JobID]string{}}
	s.play("host ready")
	return s
}

// tell plays a file and answers it with what happened.
func (s *story) tell(file string) string {
	var chapters []string
	for chapter := range strings.SplitSeq(strings.TrimSpace(file), "\n\n") {
		commands, _, _ := strings.Cut(chapter, "\n----")
		var happened []string
		for line := range strings.Lines(commands) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				happened = append(happened, s.play(line)...)
			}
		}
		chapters = append(chapters, strings.Join(append([]string{commands, "----"}, happened...), "\n"))
	}
	return strings.Join(chapters, "\n\n") + "\n"
}

// A command is a verb, a name and arguments.
type command struct {
	verb, name string
	rest       []string
	args       map[string]string
}

func parse(line string) command {
	c := command{args: map[string]string{}}
	for i, word := range words(line) {
		key, value, pair := strings.Cut(word, "=")
		switch {
		case i == 0:
			c.verb = word
		case i == 1:
			c.name = word
		case pair:
			c.args[key] = value
		default:
			c.rest = append(c.rest, word)
		}
	}
	return c
}

// words splits at spaces outside of quotes, and drops the quotes.
func words(line string) []string {
	quoted := false
	fields := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for i := range fields {
		fields[i] = strings.ReplaceAll(fields[i], `"`, "")
	}
	return fields
}

// play runs one command and tells what followed.
func (s *story) play(line string) []string {
	c := parse(line)
	switch c.verb {
	case "show":
		if e := s.state.Environment(storyScope, c.name); e != nil {
			return s.showFleet(e)
		}
		return s.show(s.state.jobs[s.id(c.name)])
	case "front":
		var names []string
		for _, j := range s.state.Front(s.state.Queue(storyScope, c.name), s.now.Milliseconds(), 100) {
			names = append(names, s.name(j.ID))
		}
		return []string{strings.Join(names, " ")}
	case "why":
		var lines []string
		for _, o := range s.state.Why(s.state.jobs[s.id(c.name)], s.now.Milliseconds()).Obstacles {
			if name, ok := s.names[JobID(o.Where).Parent()]; ok {
				o.Where = ARN(name + strings.TrimPrefix(string(o.Where), string(JobID(o.Where).Parent())))
			}
			lines = append(lines, o.Sentence())
		}
		return lines
	case "lifelike":
		s.state.Use(Options{Lifelike: true})
		return nil
	case "keep":
		d, err := time.ParseDuration(c.name)
		if err != nil {
			panic(err)
		}
		s.state.Use(Options{Retention: d.Milliseconds()})
		return nil
	}
	if c.verb == "tick" {
		d, err := time.ParseDuration(c.name)
		if err != nil {
			panic(err)
		}
		s.now += d
	}
	tx := s.state.Begin(s.now.Milliseconds(), &s.ids)
	if err := s.do(tx, c); err != nil {
		tx.Rollback()
		var refusal *Error
		if !errors.As(err, &refusal) {
			panic(err)
		}
		return []string{"refused: " + refusal.Message}
	}
	all := tx.Commit()
	for s.state.Working() {
		tx := s.state.Begin(s.now.Milliseconds(), &s.ids)
		tx.Work(2)
		more := tx.Commit()
		all.Changes, all.Attempts, all.Events = append(all.Changes, more.Changes...), append(all.Attempts, more.Attempts...), append(all.Events, more.Events...)
	}
	return s.followed(all)
}

// id finds a job by its name in the story.
func (s *story) id(name string) JobID {
	if i := strings.IndexAny(name, ":#"); i > 0 {
		return s.jobs[name[:i]] + JobID(name[i:])
	}
	if id, ok := s.jobs[name]; ok {
		return id
	}
	return JobID(name)
}

// name is what the story calls a job.
func (s *story) name(id JobID) string {
	return s.names[id.Parent()] + strings.TrimPrefix(string(id), string(id.Parent()))
}

func (s *story) do(tx *Tx, c command) error {
	switch c.verb {
	case "environment":
		return tx.CreateEnvironment(s.environment(tx, c))
	case "queue":
		q := Queue{ARN: storyScope.ARN("job-queue", c.name), Scope: storyScope, Name: c.name, Priority: int32(atoi(c.args["priority"], 1)),
			Detail: &api.JobQueueDetail{State: api.JQStateEnabled}}
		if name := c.args["service"]; name != "" {
			q.Service, q.Detail.JobQueueType = storyScope.ARN("service-environment", name), api.JobQueueTypeSagemakerTraining
		}
		for name := range strings.SplitSeq(c.args["environments"], ",") {
			if name == "" {
				continue
			}
			q.Environments = append(q.Environments, storyScope.ARN("compute-environment", name))
		}
		if p := c.args["policy"]; p != "" {
			q.Policy = storyScope.ARN("scheduling-policy", p)
		}
		if code, seconds, ok := cutLast(c.args["limit"], ":"); ok {
			q.Detail.JobStateTimeLimitActions = []api.JobStateTimeLimitAction{{Reason: &code, MaxTimeSeconds: new(int32(atoi(seconds, 0)))}}
		}
		return tx.CreateQueue(q)
	case "policy":
		return tx.CreatePolicy(s.policy(c))
	case "consumable":
		return tx.CreateConsumable(Consumable{ARN: storyScope.ARN("consumable-resource", c.name), Scope: storyScope, Name: c.name,
			Total: int64(atoi(c.args["total"], 0)), Replenishable: !slices.Contains(c.rest, "once")})
	case "total":
		_, err := tx.ChangeConsumable(storyScope.ARN("consumable-resource", c.name), "", "", func(int64) (int64, error) { return int64(atoi(c.rest[0], 0)), nil })
		return err
	case "reclaim":
		tx.ReclaimJob(tx.jobs[s.id(c.name)])
	case "definition":
		tx.RegisterDefinition(storyScope, c.name, platform(c), s.definition(c))
	case "submit":
		r := request(c)
		r.DependsOn, r.PropagateTags = s.dependencies(c), propagates(c)
		in := Submission{Scope: storyScope, Name: c.name, Tags: tags(c), Queue: c.args["queue"], Definition: c.args["definition"], Request: r, Size: int32(atoi(c.args["array"], 0)), Share: c.args["share"]}
		if p := c.args["priority"]; p != "" {
			in.Priority = new(int32(atoi(p, 0)))
		}
		j, err := tx.Submit(in)
		if err != nil {
			return err
		}
		s.jobs[c.name], s.names[j.ID] = j.ID, c.name
	case "report":
		s.report(tx, c)
	case "cancel":
		tx.Cancel(storyScope, s.id(c.name), c.args["reason"])
	case "terminate":
		tx.Terminate(storyScope, s.id(c.name), c.args["reason"])
		tx.TerminateService(storyScope, s.id(c.name), c.args["reason"])
	case "host":
		tx.SetHost(Host{Ready: c.name == "ready", Reason: c.args["reason"], Most: HostUse{MiB: int64(atoi(c.args["memory"], 0)), MilliVCPU: 1000 * int64(atoi(c.args["vcpus"], 0))}})
	case "hold":
		tx.SetHolds(append(tx.Holds(), Hold{Match: Match{JobName: c.name}, State: Status(c.rest[0])}))
	case "release":
		tx.SetHolds(nil)
	case "tick":
		tx.Tick()
	case "enable", "disable", "delete":
		return s.switchState(tx, c)
	case "service", "quota", "train", "prioritize":
		return s.training(tx, c)
	default:
		panic("unknown command " + c.verb)
	}
	return nil
}

func (s *story) environment(tx *Tx, c command) Environment {
	e := Environment{ARN: storyScope.ARN("compute-environment", c.name), Scope: storyScope, Name: c.name, Platform: platform(c),
		MaxMilliVCPU: int64(atoi(c.args["max"], 4)) * 1000,
		Detail: &api.ComputeEnvironmentDetail{State: api.CEStateEnabled, Status: api.CEStatusValid,
			EcsClusterArn: new("arn:aws:ecs:us-east-1:000000000000:cluster/AWSBatch-" + c.name)}}
	if t := c.args["type"]; t != "" {
		e.Detail.ComputeResources = &api.ComputeResource{Type: api.CRType(t)}
	}
	switch types := c.args["types"]; {
	case types != "":
		e.Fleet = &Fleet{Types: ec2.Expand(strings.Split(types, ",")), MinMilliVCPU: int64(atoi(c.args["min"], 0)) * 1000, Idle: IdleInstance}
	case e.Platform == EC2, e.Platform == EKS:
		e.Host = tx.NewHost()
	}
	return e
}

func (s *story) policy(c command) Policy {
	if slices.Contains(c.rest, "quotas") {
		return Policy{ARN: storyScope.ARN("scheduling-policy", c.name), Scope: storyScope, Name: c.name, Detail: &api.SchedulingPolicyDetail{QuotaSharePolicy: &api.QuotaSharePolicy{}}}
	}
	fair := &api.FairsharePolicy{ShareDecaySeconds: new(int32(atoi(c.args["decay"], 0))), ComputeReservation: new(int32(atoi(c.args["reservation"], 0)))}
	for word := range strings.SplitSeq(c.args["shares"], ",") {
		if name, weight, ok := strings.Cut(word, ":"); ok {
			w, err := strconv.ParseFloat(weight, 32)
			if err != nil {
				panic(err)
			}
			fair.ShareDistribution = append(fair.ShareDistribution, api.ShareAttributes{ShareIdentifier: &name, WeightFactor: new(float32(w))})
		}
	}
	return Policy{ARN: storyScope.ARN("scheduling-policy", c.name), Scope: storyScope, Name: c.name, Detail: &api.SchedulingPolicyDetail{FairsharePolicy: fair}}
}

// showFleet tells the instances of an environment, oldest first, and who is on them.
func (s *story) showFleet(e *Environment) (lines []string) {
	for _, id := range s.state.instancesOf(e.ARN) {
		i, line := s.state.instances[id], ""
		if l := s.state.loads[id]; l != nil {
			for _, j := range slices.Sorted(maps.Keys(l.jobs)) {
				line += " " + s.name(j)
			}
		}
		if i.GoneAt != 0 {
			line += fmt.Sprintf(" (idle, goes at %s)", time.Duration(i.GoneAt)*time.Millisecond)
		}
		if i.ReadyAt != 0 {
			line += fmt.Sprintf(" (ready at %s)", time.Duration(i.ReadyAt)*time.Millisecond)
		}
		lines = append(lines, i.Type+line)
	}
	return append(lines, fmt.Sprintf("desiredvCpus %d", s.state.DesiredVCPUs(e)))
}

func platform(c command) Platform {
	if p := c.args["platform"]; p != "" {
		return Platform(p)
	}
	if c.args["pod"] != "" {
		return EKS
	}
	return EC2
}

func (s *story) definition(c command) api.JobDefinition {
	r := request(c)
	d := api.JobDefinition{RetryStrategy: r.Retry, Timeout: r.Timeout, Tags: tags(c), PropagateTags: propagates(c)}
	if p := c.args["priority"]; p != "" {
		d.SchedulingPriority = new(int32(atoi(p, 0)))
	}
	if name, n, ok := strings.Cut(c.args["takes"], ":"); ok {
		d.ConsumableResourceProperties = &api.ConsumableResourceProperties{ConsumableResourceList: []api.ConsumableResourceRequirement{
			{ConsumableResource: &name, Quantity: new(int64(atoi(n, 1)))}}}
	}
	container := &api.ContainerProperties{
		Image: new("image"),
		ResourceRequirements: []api.ResourceRequirement{
			{Type: api.ResourceTypeVcpu, Value: new(textOr(c.args["vcpus"], "1"))},
			{Type: api.ResourceTypeMemory, Value: new(textOr(c.args["memory"], "64"))},
		}}
	if n := c.args["gpus"]; n != "" {
		container.ResourceRequirements = append(container.ResourceRequirements, api.ResourceRequirement{Type: api.ResourceTypeGpu, Value: &n})
	}
	if slices.Contains(c.rest, "windows") {
		container.RuntimePlatform = &api.RuntimePlatform{OperatingSystemFamily: new("WINDOWS_SERVER_2022_CORE")}
	}
	switch n := c.args["nodes"]; {
	case c.args["pod"] != "":
		d.EksProperties = &api.EksProperties{PodProperties: &api.EksPodProperties{Containers: pods(c.args["pod"]), InitContainers: pods(c.args["init"])}}
	case c.args["task"] != "":
		task := api.EcsTaskProperties{}
		for name := range strings.SplitSeq(c.args["task"], ",") {
			name, helper := strings.CutPrefix(name, "-")
			task.Containers = append(task.Containers, api.TaskContainerProperties{Name: &name, Image: new("image"), Essential: new(!helper), ResourceRequirements: container.ResourceRequirements})
		}
		d.EcsProperties = &api.EcsProperties{TaskProperties: []api.EcsTaskProperties{task}}
	case n != "":
		d.NodeProperties = &api.NodeProperties{NumNodes: new(int32(atoi(n, 1))), MainNode: new(int32(atoi(c.args["main"], 0))),
			NodeRangeProperties: []api.NodeRangeProperty{{TargetNodes: new("0:"), Container: container}}}
	default:
		d.ContainerProperties = container
	}
	return d
}

// pods are containers of a pod, each with one vCPU.
func pods(names string) (list []api.EksContainer) {
	for name := range strings.SplitSeq(names, ",") {
		if name != "" {
			list = append(list, api.EksContainer{Name: &name, Image: new("image"), Resources: &api.EksContainerResourceRequirements{Limits: map[string]string{"cpu": "1", "memory": "64Mi"}}})
		}
	}
	return list
}

func (s *story) dependencies(c command) (list []api.JobDependency) {
	for name := range strings.SplitSeq(c.args["after"], ",") {
		if name != "" {
			list = append(list, api.JobDependency{JobId: new(string(s.id(name)))})
		}
	}
	if name := c.args["beside"]; name != "" {
		list = append(list, api.JobDependency{JobId: new(string(s.id(name))), Type: api.ArrayJobDependencyNToN})
	}
	if slices.Contains(c.rest, "sequential") {
		list = append(list, api.JobDependency{Type: api.ArrayJobDependencySequential})
	}
	return list
}

func textOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func request(c command) Request {
	var r Request
	if v := c.args["vcpus"]; v != "" && c.verb == "submit" {
		r.Overrides = &api.ContainerOverrides{ResourceRequirements: []api.ResourceRequirement{{Type: api.ResourceTypeVcpu, Value: &v}}}
	}
	if t := c.args["timeout"]; t != "" {
		r.Timeout = &api.JobTimeout{AttemptDurationSeconds: new(int32(atoi(t, 0)))}
	}
	if n := c.args["attempts"]; n != "" {
		r.Retry = &api.RetryStrategy{Attempts: new(int32(atoi(n, 1)))}
		for _, on := range []string{"onExitCode", "onReason", "onStatusReason"} {
			pattern, action, ok := strings.Cut(c.args[on], ":RETRY")
			e := api.EvaluateOnExit{Action: "retry"}
			if !ok {
				pattern, action, ok = strings.Cut(c.args[on], ":EXIT")
				e.Action = "exit"
			}
			if !ok || action != "" {
				continue
			}
			switch on {
			case "onExitCode":
				e.OnExitCode = &pattern
			case "onReason":
				e.OnReason = &pattern
			case "onStatusReason":
				e.OnStatusReason = &pattern
			}
			r.Retry.EvaluateOnExit = append(r.Retry.EvaluateOnExit, e)
		}
	}
	return r
}

func (s *story) report(tx *Tx, c command) {
	name, number, _ := strings.Cut(c.name, "/")
	r := Report{Attempt: AttemptID{s.id(name), atoi(number, 0)}, State: Running, Reason: c.args["reason"], StatusReason: c.args["statusReason"]}
	switch c.rest[0] {
	case "awaits":
		r.State, r.Await = Placed, Await{c.args["container"], c.args["secret"]}
	case "exited":
		r.State = Exited
	case "lost":
		r.State, r.HostLost = Exited, true
	}
	if code := c.args["code"]; code != "" {
		r.ExitCode = new(int32(atoi(code, 0)))
	}
	for text := range strings.SplitSeq(c.args["ends"], ",") {
		if parts := strings.SplitN(text, ":", 3); len(parts) == 3 {
			e := ContainerEnd{Reason: parts[2]}
			if e.Name, e.Init = strings.CutPrefix(parts[0], "init/"); parts[1] != "" {
				e.ExitCode = new(int32(atoi(parts[1], 0)))
			}
			r.Containers = append(r.Containers, e)
		}
	}
	if at := c.args["at"]; at != "" {
		d, err := time.ParseDuration(at)
		if err != nil {
			panic(err)
		}
		r.At = d.Milliseconds()
	}
	tx.Report(r)
}

func (s *story) switchState(tx *Tx, c command) error {
	environment, queue := storyScope.ARN("compute-environment", c.name), storyScope.ARN("job-queue", c.name)
	isQueue := tx.queues.all[queue] != nil
	switch {
	case c.verb == "delete" && isQueue:
		return tx.DeleteQueue(queue)
	case c.verb == "delete":
		return tx.DeleteEnvironment(environment)
	case isQueue:
		return tx.UpdateQueue(queue, func(q *Queue) error {
			q.Detail.State = map[string]api.JQState{"enable": api.JQStateEnabled, "disable": api.JQStateDisabled}[c.verb]
			return nil
		})
	}
	return tx.UpdateEnvironment(environment, func(e *Environment) (EnvironmentChange, error) {
		e.Detail.State = map[string]api.CEState{"enable": api.CEStateEnabled, "disable": api.CEStateDisabled}[c.verb]
		return EnvironmentChange{}, nil
	})
}

// followed tells a commit: the states that each job went through, then what is wanted of attempts.
func (s *story) followed(c Commit) []string {
	var told []string
	last := map[JobID]int{}
	for _, e := range c.Events {
		line, more := last[e.Job]
		if !more {
			from := string(e.From)
			if from == "" {
				from, e.To, e = string(e.To), "", Event{Job: e.Job, Reason: e.Reason}
			}
			last[e.Job] = len(told)
			line = len(told)
			told = append(told, fmt.Sprintf("%-6s %s", s.name(e.Job), from))
		}
		if e.To != "" {
			told[line] += " -> " + string(e.To)
		}
		if e.Reason != "" {
			told[line] += " (" + e.Reason + ")"
		}
	}
	for _, id := range c.Attempts {
		j := s.state.jobs[id.Job]
		if j == nil { // forgotten
			continue
		}
		a := j.Attempts[id.Number-1]
		wish := a.Desired.String()
		if a.State == Exited {
			wish = "over"
		}
		told = append(told, fmt.Sprintf("%-6s attempt %d %s", s.name(id.Job), id.Number, wish))
	}
	for _, change := range c.Changes {
		if j, ok := change.Record.(*Job); ok && j.Waits != nil {
			told = append(told, fmt.Sprintf("%-6s waits: %s needs %d has %d %s", s.name(j.ID), j.Waits.Kind, j.Waits.Needs, j.Waits.Has, j.Waits.Text))
		}
	}
	for i := range told {
		told[i] = strings.TrimSpace(told[i])
	}
	return told
}

func (s *story) show(j *Job) []string {
	if j == nil {
		return []string{"nobody"}
	}
	told := []string{fmt.Sprintf("%s %s reason=%q created=%d started=%d stopped=%d cancelled=%t terminated=%t", j.Name, j.Status, j.StatusReason, j.CreatedAt, j.StartedAt, j.StoppedAt, j.Cancelled, j.Terminated)}
	if j.Array != nil {
		var counts []string
		for _, status := range Statuses() {
			if n := s.state.StatusCounts(j.ID)[status]; n > 0 {
				counts = append(counts, fmt.Sprintf("%s=%d", status, n))
			}
		}
		told = append(told, fmt.Sprintf("  children %d: %s", j.Array.Spawned, strings.Join(counts, " ")))
	}
	for _, a := range j.Attempts {
		code := "none"
		if a.ExitCode != nil {
			code = strconv.Itoa(int(*a.ExitCode))
		}
		told = append(told, fmt.Sprintf("  attempt %d %s code=%s reason=%q statusReason=%q placed=%d started=%d stopped=%d", a.Number, a.State, code, a.Reason, a.StatusReason, a.PlacedAt, a.StartedAt, a.StoppedAt))
		for _, e := range a.Containers {
			code := "none"
			if e.ExitCode != nil {
				code = strconv.Itoa(int(*e.ExitCode))
			}
			told = append(told, strings.TrimRight(fmt.Sprintf("    %s code=%s %s", e.Name, code, e.Reason), " "))
		}
	}
	return told
}

func atoi(text string, otherwise int) int {
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

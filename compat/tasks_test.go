package compat

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestTasks is jobs of ecsProperties with several containers (runtime.md 4), looked at from the inside and through the API.
func TestTasks(t *testing.T) {
	c := newCrew(t)
	type containers = []types.TaskContainerProperties
	exit := func(code string) []string { return do("exit", code) }
	forever := func(code string) []string {
		return do("trap", code, "bye", "then", "echo", "up", "then", "sleep", "10m")
	}
	unable := func(on, of, why string) string {
		return fmt.Sprintf("%s 143 CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [%s] for target [%s] as dependency %s.", of, on, of, why)
	}
	shared := types.Volume{Name: aws.String("box"), Host: &types.Host{}}
	mounted := func(path string) func(*types.TaskContainerProperties) {
		return func(c *types.TaskContainerProperties) {
			c.MountPoints = append(c.MountPoints, types.MountPoint{SourceVolume: aws.String("box"), ContainerPath: &path})
		}
	}

	// Jobs that end by themselves: what is submitted, and all that is said of the end.
	t.Run("ends", func(t *testing.T) {
		for name, test := range map[string]struct {
			containers []types.TaskContainerProperties
			volumes    []types.Volume
			pid, ipc   string
			fargate    bool
			status     string
			ends       []string
			lines      map[string][]string
		}{
			"4.2: START is met by one that runs": {
				containers: containers{hand("main", do("echo", "hello"), after("side", "START")), hand("side", forever("0"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "side 0"), lines: map[string][]string{"main": {"hello"}, "side": {"up", "bye"}},
			},
			"4.2: START is met by one that has stopped": {
				containers: containers{hand("main", do("echo", "hello"), after("side", "START", "other", "COMPLETE")), hand("side", exit("3"), helper), hand("other", do("sleep", "300ms"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "side 3", "other 0"), lines: map[string][]string{"main": {"hello"}, "side": nil, "other": nil},
			},
			"4.2: COMPLETE is met by any exit": {
				containers: containers{hand("main", do("echo", "hello"), after("first", "COMPLETE")), hand("first", do("sleep", "200ms", "then", "echo", "first", "then", "exit", "9"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "first 9"), lines: map[string][]string{"main": {"hello"}, "first": {"first"}},
			},
			"4.2: SUCCESS is met by exit 0, and what it left is there": {
				containers: containers{hand("main", do("cat", "/out/f"), after("first", "SUCCESS"), mounted("/out")), hand("first", do("sleep", "200ms", "then", "write", "/in/f", "made before"), helper, mounted("/in"))},
				volumes:    []types.Volume{shared}, status: "SUCCEEDED" + exited, ends: do("main 0", "first 0"), lines: map[string][]string{"main": {"made before"}, "first": nil},
			},
			"4.2: SUCCESS that fails: 143, a reason, and an essential one ends the task": {
				containers: containers{hand("main", do("echo", "hello"), after("first", "SUCCESS")), hand("first", exit("7"), helper), hand("side", forever("4"), helper)},
				status:     "FAILED: Task failed to start", ends: do(unable("first", "main", "did not exit successfully"), "first 7", "side 4"),
			},
			"4.2: SUCCESS that fails of one that is not essential ends nothing": {
				containers: containers{hand("main", do("sleep", "1500ms"), after("first", "START")), hand("first", exit("7"), helper), hand("side", do("echo", "x"), helper, after("first", "SUCCESS"))},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "first 7", unable("first", "side", "did not exit successfully")), lines: map[string][]string{"main": nil, "first": nil},
			},
			"4.2: a dependency that could not start": {
				containers: containers{hand("main", do("echo", "hello"), after("first", "START")), hand("first", do("x"), helper, func(c *types.TaskContainerProperties) { c.Image = aws.String("batch-local/workload:nosuch") })},
				status:     "FAILED: Task failed to start", ends: do(unable("first", "main", "did not start"), "first *CannotPullContainerError: "),
			},
			"4.2: a startTimeout that passes": {
				containers: containers{hand("main", do("echo", "hello"), after("slow", "COMPLETE")), hand("slow", forever("5"), helper, func(c *types.TaskContainerProperties) { c.StartTimeout = aws.Int32(2) })},
				status:     "FAILED: Task failed to start", ends: do(unable("slow", "main", "has timed out"), "slow 5"),
			},
			"4.2: a startTimeout that does not": {
				containers: containers{hand("main", do("echo", "hello"), after("slow", "COMPLETE")), hand("slow", do("sleep", "1s"), helper, func(c *types.TaskContainerProperties) { c.StartTimeout = aws.Int32(30) })},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "slow 0"), lines: map[string][]string{"main": {"hello"}, "slow": nil},
			},
			"4.3: an essential container that stops, with any code, ends the others": {
				containers: containers{hand("main", do("sleep", "1s", "then", "exit", "3"), after("a", "START", "b", "START")), hand("a", forever("0")), hand("b", forever("6"), helper)},
				status:     "FAILED" + exited, ends: do("main 3", "a 0", "b 6"), lines: map[string][]string{"main": nil, "a": {"up", "bye"}, "b": {"up", "bye"}},
			},
			"4.3: what is stopped afterwards makes no success a failure": {
				containers: containers{hand("main", do("sleep", "1s"), after("a", "START")), hand("a", forever("143"))},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "a 143"), lines: map[string][]string{"main": nil, "a": {"up", "bye"}},
			},
			"4.3: the end of one that is not essential is recorded, and ends nothing": {
				containers: containers{hand("main", do("sleep", "1s")), hand("a", exit("9"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "a 9"), lines: map[string][]string{"main": nil, "a": nil},
			},
			"4.3: stopTimeout, then SIGKILL": {
				containers: containers{hand("main", do("sleep", "500ms"), after("deaf", "START")), hand("deaf", do("ignore", "then", "sleep", "10m"), helper, func(c *types.TaskContainerProperties) { c.StopTimeout = aws.Int32(2) })},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "deaf 137"), lines: map[string][]string{"main": nil, "deaf": nil},
			},
			"4.3: an essential container that cannot start ends the others": {
				containers: containers{hand("main", do("nothing"), func(c *types.TaskContainerProperties) {
					c.Image = aws.String(strings.Replace(workload, ":", ":nosuch-", 1))
				}), hand("a", forever("0"))},
				status: "FAILED: Task failed to start", ends: do("main *CannotPullContainerError: ", "a*"),
			},
			"4.3: its memory is each container's own": {
				containers: containers{hand("main", do("alloc", "60"), func(c *types.TaskContainerProperties) {
					c.ResourceRequirements[1].Value = aws.String("128")
				}), hand("small", do("sleep", "1s", "then", "alloc", "60", "then", "sleep", "10s"), helper), hand("wait", do("sleep", "3s"))},
				status: "SUCCEEDED" + exited, ends: do("main 0", "small*", "wait*"), lines: map[string][]string{"main": nil},
			},
			"4.4: on EC2 they share 127.0.0.1": {
				containers: containers{hand("main", do("connect", "127.0.0.1:7201", "hello"), after("server", "START")), hand("server", do("listen", "127.0.0.1:7201"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "server 0"), lines: map[string][]string{"main": {"hello"}, "server": nil},
			},
			"4.4: on Fargate they share 127.0.0.1": {fargate: true,
				containers: containers{hand("main", do("connect", "127.0.0.1:7201", "hello", "then", "sleep", "500ms"), after("server", "START")), hand("server", do("listen", "127.0.0.1:7201"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "server 0"), lines: map[string][]string{"main": {"hello"}, "server": nil},
			},
			"4.4: a volume is the same in each, at a path of its own": {
				containers: containers{hand("main", do("await", "/a/f", "then", "cat", "/a/f", "then", "write", "/a/g", "back"), mounted("/a")), hand("b", do("write", "/b/f", "there", "then", "await", "/b/g", "then", "echo", "seen", "then", "sleep", "10m"), helper, mounted("/b"))},
				volumes:    []types.Volume{shared}, status: "SUCCEEDED" + exited, ends: do("main 0", "b*"), lines: map[string][]string{"main": {"there"}},
			},
			"4.4: pidMode task": {pid: "task",
				containers: containers{hand("main", do("beside", "sleep 9m", "then", "echo", "seen"), after("b", "START")), hand("b", do("trap", "0", "then", "sleep", "9m"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0"), lines: map[string][]string{"main": {"seen"}, "b": nil},
			},
			"4.4: pidMode task on Fargate": {pid: "task", fargate: true,
				containers: containers{hand("main", do("beside", "sleep 9m", "then", "echo", "seen"), after("b", "START")), hand("b", do("trap", "0", "then", "sleep", "9m"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0"), lines: map[string][]string{"main": {"seen"}, "b": nil},
			},
			"4.4: pidMode task, with a container named pause": {pid: "task",
				containers: containers{hand("pause", do("beside", "sleep 9m", "then", "echo", "seen"), after("b", "START")), hand("b", do("trap", "0", "then", "sleep", "9m"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("pause 0", "b 0"), lines: map[string][]string{"pause": {"seen"}, "b": nil},
			},
			"4.4: without pidMode each has its own processes": {
				containers: containers{hand("main", do("sleep", "1s", "then", "ps"), after("b", "START")), hand("b", do("trap", "0", "then", "sleep", "9m"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0"), lines: map[string][]string{"main": {"1 * /workload sleep 1s then ps"}, "b": nil},
			},
			"4.4: ipcMode task: System V": {ipc: "task",
				containers: containers{hand("main", do("shm", "77", "then", "cat", "/dev/shm/posix"), after("b", "START")), hand("b", do("write", "/dev/shm/posix", " and POSIX", "then", "shm", "77", "System V", "then", "trap", "0", "then", "sleep", "9m"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0"), lines: map[string][]string{"main": {"System V", " and POSIX"}, "b": nil},
			},
			"4.4: ipcMode none": {ipc: "none",
				containers: containers{hand("main", do("try", "ls", "/dev/shm", "then", "mounts", "/dev/shm", "then", "echo", "end"), after("b", "START")), hand("b", exit("0"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0"), lines: map[string][]string{"main": {"open /dev/shm: no such file or directory", "end"}, "b": nil},
			},
			"4.4: without ipcMode shared memory is each one's own": {
				containers: containers{hand("main", do("sleep", "1s", "then", "ls", "/dev/shm", "then", "echo", "end"), after("b", "START")), hand("b", do("write", "/dev/shm/posix", "x", "then", "trap", "0", "then", "sleep", "9m"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0"), lines: map[string][]string{"main": {"end"}, "b": nil},
			},
			"4.5: each has the log of its own, in its order": {
				containers: containers{hand("main", do("sequence", "5", "100ms", "then", "sleep", "500ms")), hand("b", do("lines", "500"), helper), hand("c", do("both", "3"), helper)},
				status:     "SUCCEEDED" + exited, ends: do("main 0", "b 0", "c 0"), lines: map[string][]string{"main": {"1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5"}, "b": numbers(500)},
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				queue := c.ec2
				if test.fargate {
					queue = c.fargate
				}
				task := types.EcsTaskProperties{Containers: test.containers, Volumes: test.volumes}
				if test.pid != "" {
					task.PidMode = &test.pid
				}
				if test.ipc != "" {
					task.IpcMode = &test.ipc
				}
				f := c.finish(t, c.task(t, queue, task))
				wants(t, "status", test.status, f.status())
				for i, want := range test.ends { // a star stands for what differs from engine to engine
					if prefix, rest, star := strings.Cut(want, "*"); star && i < len(f.ends) && strings.HasPrefix(f.ends[i], prefix+rest) {
						f.ends[i] = want
					}
				}
				wants(t, "ends", test.ends, f.ends)
				for name, want := range test.lines {
					got := f.lines[name]
					if len(got) == 1 { // cat prints no newline of its own
						got = strings.Split(got[0], "\n")
					}
					wants(t, "output of "+name, want, likeAll(got, want))
				}
				if test.fargate {
					for _, is := range f.Attempts[0].TaskProperties[0].Containers {
						if len(is.NetworkInterfaces) != 1 || aws.ToString(is.NetworkInterfaces[0].PrivateIpv4Address) == "" {
							t.Errorf("the network interfaces of %s: %v", *is.Name, is.NetworkInterfaces)
						}
					}
				}
			})
		}
	})

	t.Run("4.3: they are stopped after those that depend on them", func(t *testing.T) {
		id := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{hand("a", forever("0")), hand("b", forever("0"), after("a", "START")), hand("c", forever("0"), after("b", "START"))}})
		c.in(t).await(id, "RUNNING")
		for _, name := range []string{"a", "b", "c"} {
			c.in(t).sees(id, name, "up")
		}
		terminate(t, c.s, id)
		f := c.finish(t, id)
		wants(t, "status", "FAILED: enough", f.status())
		wants(t, "ends", do("a 0", "b 0", "c 0"), f.ends)
		var at []int64
		for _, name := range []string{"c", "b", "a"} {
			for _, e := range c.in(t).events(f.stream(name)) {
				if *e.Message == "bye" {
					at = append(at, *e.Timestamp)
				}
			}
		}
		if len(at) != 3 || at[0] > at[1] || at[1] > at[2] {
			t.Errorf("c, b and a were stopped at %v", at)
		}
	})

	t.Run("4.3: retried by the exit code of the essential container", func(t *testing.T) {
		id := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{hand("main", do("sleep", "500ms", "then", "exit", "75"), after("side", "START")), hand("side", exit("4"), helper)}}, func(in *batch.SubmitJobInput) {
			in.RetryStrategy = &types.RetryStrategy{Attempts: aws.Int32(3), EvaluateOnExit: []types.EvaluateOnExit{
				{OnExitCode: aws.String("4"), Action: types.RetryActionExit}, {OnExitCode: aws.String("75"), Action: types.RetryActionRetry}, {OnReason: aws.String("*"), Action: types.RetryActionExit}}}
		})
		f := c.finish(t, id)
		if len(f.Attempts) != 3 {
			t.Fatalf("%d attempts", len(f.Attempts))
		}
		seen := map[string]bool{}
		for _, a := range f.Attempts {
			wants(t, "ends of an attempt", do("main 75", "side 4"), shown(a.TaskProperties[0].Containers))
			seen[*a.TaskProperties[0].TaskArn] = true
		}
		if len(seen) != 3 {
			t.Errorf("the attempts share tasks: %v", seen)
		}
	})

	t.Run("two tasks on one instance with the same names and volumes", func(t *testing.T) {
		one := func(text string) string {
			return c.task(t, c.ec2, types.EcsTaskProperties{Volumes: []types.Volume{shared}, Containers: containers{
				hand("main", do("await", "/v/f", "then", "cat", "/v/f", "then", "ls", "/v"), mounted("/v")), hand("side", do("sleep", "300ms", "then", "write", "/v/f", text), helper, mounted("/v"))}})
		}
		first, second := one("first\n"), one("second\n")
		wants(t, "the first reads", do("first", "f"), c.finish(t, first).lines["main"])
		wants(t, "the second reads", do("second", "f"), c.finish(t, second).lines["main"])
	})

	c.stop(t)
}

func numbers(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprint(i))
	}
	return lines
}

func terminate(t *testing.T, s *server, id string) {
	t.Helper()
	if _, err := s.batch().TerminateJob(t.Context(), &batch.TerminateJobInput{JobId: &id, Reason: aws.String("enough")}); err != nil {
		t.Fatal(err)
	}
}

// inside is what a command prints on the engine of a job's container.
func inside(t *testing.T, job, container string, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-aq", "--no-trunc", "--filter", "label=batch-local.job="+job, "--filter", "label=batch-local.container="+container).Output()
	ids := strings.Fields(string(out))
	if err != nil || len(ids) != 1 {
		t.Fatalf("containers %s of job %s: %q %v", container, job, ids, err)
	}
	for i := range args {
		if args[i] == "ID" {
			args[i] = ids[0]
		}
	}
	out, err = exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

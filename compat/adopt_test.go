package compat

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestCrewsOutliveTheServer: kill -9 in the middle of tasks and pods, and the next server goes on with every container.
func TestCrewsOutliveTheServer(t *testing.T) {
	c := newCrew(t, "--data-dir", t.TempDir())
	type containers = []types.TaskContainerProperties
	type cells = []types.EksContainer
	counted := func(n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("%d of %d", i+1, n))
		}
		return lines
	}
	serves := func(port string) []string { // it answers one who comes late
		return do("echo", "up", "then", "listen", "127.0.0.1:"+port, "then", "trap", "0", "then", "sleep", "10m")
	}
	// What comes after the restart has to find those of before: their network, processes, memory and files.
	late := func(port string) []string { return do("connect", "127.0.0.1:"+port, "hello", "then", "exit", "3") }
	volume := []types.Volume{{Name: aws.String("box"), Host: &types.Host{}}}
	mounted := func(c *types.TaskContainerProperties) {
		c.MountPoints = []types.MountPoint{{SourceVolume: aws.String("box"), ContainerPath: aws.String("/box")}}
	}
	ec2 := c.task(t, c.ec2, types.EcsTaskProperties{PidMode: aws.String("task"), IpcMode: aws.String("task"), Volumes: volume, Containers: containers{
		hand("main", append(do("cat", "/box/f", "then", "cat", "/dev/shm/f", "then", "beside", "127.0.0.1:7401", "then"), late("7401")...), after("first", "SUCCESS", "server", "START"), mounted),
		hand("first", do("write", "/box/f", "file, ", "then", "write", "/dev/shm/f", "memory\n", "then", "sequence", "40", "200ms"), helper, mounted), hand("server", serves("7401"), helper)}})
	fargate := c.task(t, c.fargate, types.EcsTaskProperties{PidMode: aws.String("task"), Containers: containers{
		hand("main", append(do("sequence", "20", "100ms", "then"), late("7402")...), after("server", "START")), hand("server", serves("7402"), helper)}})
	waiting := c.task(t, c.fargate, types.EcsTaskProperties{PidMode: aws.String("task"), Containers: containers{
		hand("main", append(do("beside", "127.0.0.1:7403", "then"), late("7403")...), after("first", "SUCCESS")), hand("first", do("sequence", "40", "200ms"), helper), hand("server", serves("7403"), helper)}})
	failed := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{hand("main", do("sequence", "40", "200ms")), hand("bad", do("x"), helper, func(c *types.TaskContainerProperties) {
		c.Image = aws.String(strings.Replace(workload, ":test", ":bare", 1))
		if tag := strings.TrimPrefix(workload, "batch-local/workload:"); tag != "test" {
			c.Image = aws.String("batch-local/workload:bare-" + tag)
		}
	})}})
	memory := []types.EksVolume{{Name: aws.String("v"), EmptyDir: &types.EksEmptyDir{Medium: aws.String("Memory")}}}
	mount := func(c *types.EksContainer) {
		c.VolumeMounts = []types.EksContainerVolumeMount{{Name: aws.String("v"), MountPath: aws.String("/v")}}
	}
	pod := c.pod(t, types.EksPodProperties{HostNetwork: aws.Bool(false), Volumes: memory, InitContainers: cells{cell("i", do("write", "/v/f", "x", "then", "shm", "79", "y", "then", "sequence", "40", "200ms"), mount)},
		Containers: cells{cell("a", do("ls", "/v", "then", "shm", "79", "then", "connect", "127.0.0.1:7404", "hello", "then", "exit", "6"), mount), cell("b", do("listen", "127.0.0.1:7404"))}})
	running := c.pod(t, types.EksPodProperties{Containers: cells{cell("a", do("sequence", "40", "200ms", "then", "exit", "7")), cell("b", do("exit", "0"))}})

	s := c.s
	for _, id := range []string{fargate, running, failed} {
		s.await(id, "RUNNING")
	}
	s.sees(ec2, "first", "3 of 40")
	s.sees(ec2, "server", "up")
	s.sees(waiting, "server", "up")
	s.sees(waiting, "first", "3 of 40")
	s.awaitContainer(pod, "i")
	s.sees(pod, "i", "3 of 40")
	s.kill()
	s.start()

	f := c.finish(t, ec2)
	wants(t, "the task on EC2", "FAILED"+exited, f.status())
	wants(t, "its containers", do("main 3", "first 0", "server 0"), f.ends)
	wants(t, "what its main said", do("file, memory", "hello"), f.lines["main"])
	wants(t, "what its first said", counted(40), f.lines["first"])
	f = c.finish(t, fargate)
	wants(t, "the containers on Fargate", do("main 3", "server 0"), f.ends)
	wants(t, "what its main said", append(counted(20), "hello"), f.lines["main"])
	f = c.finish(t, waiting)
	wants(t, "the task on Fargate that waited", do("main 3", "first 0", "server 0"), f.ends)
	wants(t, "what its main said", do("hello"), f.lines["main"])
	wants(t, "what its first said", counted(40), f.lines["first"])
	f = c.finish(t, failed)
	wants(t, "the task with one that could not start", do("main 0", "bad CannotStartContainerError: *"), likeAll(f.ends, do("main 0", "bad CannotStartContainerError: *")))
	wants(t, "what its main said", counted(40), f.lines["main"])
	wants(t, "the pod that was in its init container", do("i 0 Completed", "a 6 Error", "b 0 Completed"), c.podEnd(t, pod).ends)
	wants(t, "the pod that ran", do("a 7 Error", "b 0 Completed"), c.podEnd(t, running).ends)

	c.stop(t)
}

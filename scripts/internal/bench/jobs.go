package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

const workload = "batch-local/workload:test"

// jobs compares jobs on EC2 with two bare loops over the same engine: create, wait (registered before the start), start, logs, remove; one
// whose containers join a sandbox as ours do, one on the plain bridge as `docker run` does. The sides take turns; ratios are per
// round. Added latency is from submit to the end told, less from create to exit seen.
func jobs(ctx context.Context, binary string, rounds int) error {
	engine, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer engine.Close()
	s, err := serve(binary, "serve", "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.place("EC2", 10_000, true, workload); err != nil {
		return err
	}
	sandbox, err := pause(ctx, engine)
	if err != nil {
		return err
	}
	defer engine.ContainerRemove(ctx, sandbox, container.RemoveOptions{Force: true})
	ours := func() (time.Duration, error) {
		began := time.Now()
		id, err := s.submit("EC2", "")
		if err == nil {
			err = s.await(id)
		}
		return time.Since(began), err
	}
	bare := func(mode string) func() (time.Duration, error) {
		return func() (time.Duration, error) { return bareRun(ctx, engine, mode) }
	}
	if _, _, err := turn(1, 3, ours); err != nil { // a warm-up
		return err
	}
	for _, at := range []int{1, 4, 8, 200} {
		count := 40
		if at == 1 {
			count = 15
		}
		if at == 200 {
			count = 200
		}
		var joined, bridged, added []float64
		var rate, cpu float64
		for range rounds {
			bareAt := min(at, 8) // an unbounded bare loop only makes the engine thrash
			joinRate, joinTime, err := turn(bareAt, count, bare("container:"+sandbox))
			if err != nil {
				return err
			}
			before := s.cpu()
			ourRate, ourTime, err := turn(at, count, ours)
			if err != nil {
				return err
			}
			cpu = float64((s.cpu() - before).Microseconds()) / 1000 / float64(count)
			bridgeRate, _, err := turn(bareAt, count, bare("bridge"))
			if err != nil {
				return err
			}
			rate = ourRate
			joined, bridged = append(joined, ourRate/joinRate), append(bridged, ourRate/bridgeRate)
			added = append(added, float64((ourTime-joinTime).Microseconds())/1000)
		}
		line := fmt.Sprintf("%3d at a time: %s of the bare rate in a sandbox (aim: 0.95), %s of that on the bridge (aim: 2); %.1f jobs/s, %.1f ms of our processor a job (aim: under 5)", at, median(joined), median(bridged), rate, cpu)
		if at <= 8 {
			line += fmt.Sprintf("; added per job %s ms (aim: under 10)", median(added))
		}
		fmt.Println(line)
	}
	return nil
}

// turn runs count things, so many at a time, and answers their rate and their mean time.
func turn(at, count int, run func() (time.Duration, error)) (rate float64, mean time.Duration, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	var sum time.Duration
	next := make(chan struct{}, count)
	for range count {
		next <- struct{}{}
	}
	close(next)
	began := time.Now()
	for range at {
		all.Go(func() {
			for range next {
				took, failed := run()
				mu.Lock()
				sum += took
				if failed != nil {
					err = failed
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return float64(count) / time.Since(began).Seconds(), sum / time.Duration(count), err
}

// bareRun is the yardstick: what a loop over the engine's API does at least.
func bareRun(ctx context.Context, engine *client.Client, mode string) (seen time.Duration, err error) {
	began := time.Now()
	const memory = 2048 << 20
	c, err := engine.ContainerCreate(ctx, &container.Config{Image: workload, Cmd: []string{"echo", "done"}},
		&container.HostConfig{NetworkMode: container.NetworkMode(mode), Resources: container.Resources{Memory: memory, MemorySwap: memory, CPUShares: 1024}}, nil, nil, "")
	if err != nil {
		return 0, err
	}
	ended, failed := engine.ContainerWait(ctx, c.ID, container.WaitConditionNextExit)
	if err := engine.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		return 0, err
	}
	select {
	case <-ended:
	case err := <-failed:
		return 0, err
	}
	seen = time.Since(began)
	logs, err := engine.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return 0, err
	}
	io.Copy(io.Discard, logs)
	logs.Close()
	return seen, engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// pause is a container that only holds a network.
func pause(ctx context.Context, engine *client.Client) (string, error) {
	c, err := engine.ContainerCreate(ctx, &container.Config{Image: workload, Cmd: []string{"sleep", "24h"}}, nil, nil, nil, "")
	if err != nil {
		return "", err
	}
	return c.ID, engine.ContainerStart(ctx, c.ID, container.StartOptions{})
}

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// crowd measures what many jobs at once cost: an array of 10,000 children from its submission to its end while another caller goes on asking,
// and a chain of a thousand jobs, each of which waits for the one before. Nothing runs them, so what is measured is ours.
func crowd(_ context.Context, binary string, rounds int) error {
	const children, links = 10_000, 1_000
	var array, p99, chain, tail []float64
	var memory int64
	round := func() error {
		s, err := serve(binary, "serve", "--listen", "127.0.0.1:0", "--driver", "simulated")
		if err != nil {
			return err
		}
		defer s.stop()
		if err := s.place("EC2", 1000, true, "image"); err != nil {
			return err
		}
		took, slow, err := arrayOf(s, children)
		if err != nil {
			return err
		}
		memory = max(memory, s.memory())
		whole, after, err := chainOf(s, links)
		array, p99, chain, tail = append(array, took), append(p99, slow), append(chain, whole), append(tail, after)
		return err
	}
	for range rounds {
		if err := round(); err != nil {
			return err
		}
	}
	fmt.Printf("array of %d, submission to end: %s s (aim: under 2); DescribeJobQueues of another caller meanwhile, p99: %s ms (aim: under 10); memory %d MiB\n",
		children, median(array), median(p99), memory>>20)
	fmt.Printf("chain of %d jobs:               %s s with its submissions; it ends %s ms after the last\n", links, median(chain), median(tail))
	return nil
}

// arrayOf answers the seconds that an array takes and the 99th percentile, in milliseconds, of another caller's calls.
func arrayOf(s *server, children int) (took, p99 float64, err error) {
	began := time.Now()
	id, err := s.submit("EC2", fmt.Sprintf(`,"arrayProperties":{"size":%d}`, children))
	if err != nil {
		return 0, 0, err
	}
	over := make(chan struct{})
	var other sync.WaitGroup
	var calls []float64
	other.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			before := time.Now()
			if s.call("describejobqueues", nil, nil) != nil {
				return
			}
			calls = append(calls, float64(time.Since(before).Microseconds())/1000)
			time.Sleep(time.Millisecond)
		}
	})
	err = s.await(id)
	took = time.Since(began).Seconds()
	close(over)
	other.Wait()
	if len(calls) > 0 {
		slices.Sort(calls)
		p99 = calls[len(calls)*99/100]
	}
	return took, p99, err
}

// chainOf answers the seconds that a chain takes and the milliseconds from its last submission to its end. The first link is held back by
// the emulator until all are there, so that nothing of it is done on the way.
func chainOf(s *server, links int) (whole, after float64, err error) {
	if err := s.put("holds", `[{"match":{"jobName":"first"},"state":"RUNNABLE"}]`); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	var out struct {
		JobID string `json:"jobId"`
	}
	if err := s.call("submitjob", []byte(`{"jobName":"first","jobQueue":"EC2","jobDefinition":"EC2"}`), &out); err != nil {
		return 0, 0, err
	}
	last := out.JobID
	for range links - 1 {
		if last, err = s.submit("EC2", fmt.Sprintf(`,"dependsOn":[{"jobId":%q}]`, last)); err != nil {
			return 0, 0, err
		}
	}
	submitted := time.Now()
	if err := s.put("holds", `[]`); err != nil {
		return 0, 0, err
	}
	err = s.await(last)
	return time.Since(began).Seconds(), float64(time.Since(submitted).Microseconds()) / 1000, err
}

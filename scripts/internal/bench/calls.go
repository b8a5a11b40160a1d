package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
)

// start measures from the start of the process to its first answered call, and its memory when it has nothing to do.
func start(_ context.Context, binary string, rounds int) error {
	var took, memory []float64
	for range max(rounds, 5) {
		began := time.Now()
		s, err := serve(binary, "serve", "--listen", "127.0.0.1:0", "--driver", "simulated")
		if err != nil {
			return err
		}
		if err := s.call("describejobqueues", nil, nil); err != nil {
			return err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		time.Sleep(time.Second)
		memory = append(memory, float64(s.memory())/(1<<20))
		s.stop()
	}
	fmt.Printf("start to the first answered call: %s ms\nresident memory, idle:            %s MiB (aim: under 30)\n", median(took), median(memory))
	return nil
}

// calls compares SubmitJob to a DISABLED environment, and DescribeJobs of a hundred jobs, with a process that only decodes and encodes the
// same JSON. The sides take turns.
func calls(_ context.Context, binary string, rounds int) error {
	ours, err := serve(binary, "serve", "--listen", "127.0.0.1:0", "--driver", "simulated")
	if err != nil {
		return err
	}
	defer ours.stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare, err := serve(self, "yardstick")
	if err != nil {
		return err
	}
	defer bare.stop()
	if err := ours.place("EC2", 16, false, "image"); err != nil {
		return err
	}
	var ids []string
	for range 100 {
		id, err := ours.submit("EC2", "")
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	submit := []byte(`{"jobName":"j","jobQueue":"EC2","jobDefinition":"EC2","containerOverrides":{"command":["echo","a"],"environment":[{"name":"A","value":"b"}]}}`)
	describe, err := json.Marshal(api.DescribeJobsInput{Jobs: ids})
	if err != nil {
		return err
	}
	// The yardstick answers what we would.
	var answer json.RawMessage
	if err := ours.call("describejobs", describe, &answer); err != nil {
		return err
	}
	if err := bare.call("remember", answer, nil); err != nil {
		return err
	}
	for _, test := range []struct {
		operation string
		body      []byte
		at, calls int
	}{{"submitjob", submit, 1, 4000}, {"submitjob", submit, 16, 8000}, {"describejobs", describe, 1, 600}, {"describejobs", describe, 16, 1200}} {
		var ratios []float64
		var ourRate, p99 float64
		for range rounds {
			rate, _, err := storm(bare, test.operation, test.body, test.at, test.calls)
			if err != nil {
				return err
			}
			ourRate, p99, err = storm(ours, test.operation, test.body, test.at, test.calls)
			if err != nil {
				return err
			}
			ratios = append(ratios, ourRate/rate)
		}
		fmt.Printf("%-12s %2d at a time: %s of the yardstick's rate (aim: 0.7); %.0f calls/s, p99 %.2f ms\n", test.operation, test.at, median(ratios), ourRate, p99)
	}
	return nil
}

// storm makes calls, so many at a time, and answers their rate and the 99th percentile in milliseconds.
func storm(s *server, operation string, body []byte, at, count int) (rate, p99 float64, err error) {
	took := make([][]float64, at)
	var all sync.WaitGroup
	var once sync.Once
	began := time.Now()
	for w := range at {
		all.Go(func() {
			for range count / at {
				before := time.Now()
				if failed := s.call(operation, body, nil); failed != nil {
					once.Do(func() { err = failed })
					return
				}
				took[w] = append(took[w], float64(time.Since(before).Microseconds())/1000)
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began).Seconds()
	flat := slices.Concat(took...)
	slices.Sort(flat)
	if len(flat) > 0 {
		p99 = flat[len(flat)*99/100]
	}
	return float64(len(flat)) / elapsed, p99, err
}

// yardstick is the process that calls are compared with.
func yardstick() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var described api.DescribeJobsOutput
	answer := func(w http.ResponseWriter, r *http.Request, in, out any) {
		if err := json.NewDecoder(r.Body).Decode(in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out)
	}
	http.HandleFunc("/v1/remember", func(w http.ResponseWriter, r *http.Request) { answer(w, r, &described, struct{}{}) })
	http.HandleFunc("/v1/describejobs", func(w http.ResponseWriter, r *http.Request) { answer(w, r, new(api.DescribeJobsInput), described) })
	http.HandleFunc("/v1/submitjob", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, new(api.SubmitJobInput), api.SubmitJobOutput{JobArn: new(strings.Repeat("a", 80)), JobId: new(strings.Repeat("b", 36)), JobName: new("j")})
	})
	go http.Serve(l, nil)
	for i, arg := range os.Args {
		if arg == "--ready-file" {
			if err := os.WriteFile(os.Args[i+1], []byte("http://"+l.Addr().String()), 0o600); err != nil {
				panic(err)
			}
		}
	}
	select {} // until it is killed
}

// growth compares SubmitJob and ListJobs with a hundred and with a hundred thousand ended jobs, and says what a job takes in memory.
func growth(_ context.Context, binary string, _ int) error {
	s, err := serve(binary, "serve", "--listen", "127.0.0.1:0", "--driver", "simulated")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.place("EC2", 1000, true, "image"); err != nil {
		return err
	}
	body := []byte(`{"jobName":"j","jobQueue":"EC2","jobDefinition":"EC2"}`)
	list := []byte(`{"jobQueue":"EC2","jobStatus":"SUCCEEDED","maxResults":100}`)
	measure := func(stored int) error {
		_, submit, err := storm(s, "submitjob", body, 1, 500)
		if err != nil {
			return err
		}
		_, listed, err := storm(s, "listjobs", list, 1, 200)
		fmt.Printf("%6d jobs stored: SubmitJob p99 %.2f ms, ListJobs of 100 p99 %.2f ms\n", stored, submit, listed)
		return err
	}
	if _, _, err := storm(s, "submitjob", body, 8, 100); err != nil {
		return err
	}
	if err := errorsOf(s.await(""), measure(100), s.await("")); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	before := s.memory()
	if _, _, err := storm(s, "submitjob", body, 8, 100_000); err != nil {
		return err
	}
	if err := s.await(""); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	fmt.Printf("memory of an ended job: %d bytes (aim: under 2,000)\n", (s.memory()-before)/100_000)
	return measure(100_000)
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

package simulated_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

const many = 10_000

// discard keeps nothing, so that only the driver is measured.
func discard(batch.Container) (runner.Log, error) { return runner.DiscardLog{}, nil }

// tasks are made before anything is measured: the core makes them.
func tasks(outcome string) []batch.Task {
	all := make([]batch.Task, many)
	for i := range all {
		all[i] = task(outcome)
		all[i].Attempt.Job = batch.JobID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))
	}
	return all
}

// runAll runs tasks at once, each in a goroutine as the runner does, and answers when all have ended. started, if it is not nil, is told
// of each Running.
func runAll(b *testing.B, d *simulated.Driver, ctx context.Context, all []batch.Task, started func()) {
	var runs sync.WaitGroup
	for _, one := range all {
		runs.Go(func() {
			err := d.Run(ctx, runner.Attempt{Task: one, OpenLog: discard}, func(r batch.Report) {
				if r.State == batch.Running && started != nil {
					started()
				}
			})
			if err != nil {
				b.Error(err)
			}
			if err := d.Remove(ctx, one.Attempt, false); err != nil {
				b.Error(err)
			}
		})
	}
	runs.Wait()
}

// BenchmarkAttempts is 10,000 attempts from Run to Remove, all at once.
func BenchmarkAttempts(b *testing.B) {
	for name, outcome := range map[string]string{
		"default":      "",
		"outcome":      `{"exitCode":[1,2],"reason":"x","oom":[false,true]}`,
		"lines":        `{"logs":["a","b","c","d","e","f","g","h","i","j"]}`,
		"milliseconds": `{"startDelay":"1ms","duration":"10ms","logs":["a","b"]}`,
	} {
		b.Run(name, func(b *testing.B) {
			all := tasks(outcome)
			b.ReportAllocs()
			for b.Loop() {
				runAll(b, simulated.New(simulated.Options{}), context.Background(), all, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/attempt")
		})
	}
}

// BenchmarkIdle is the memory of each of 10,000 attempts that only run, with its goroutine. Processor time they take none: no timer is due.
func BenchmarkIdle(b *testing.B) {
	for name, outcome := range map[string]string{"silent": `{"duration":"10h"}`, "lines": `{"duration":"10h","logs":["a","b","c","d","e","f","g","h","i","j"]}`} {
		b.Run(name, func(b *testing.B) {
			all := tasks(outcome)
			var memory float64
			for b.Loop() {
				driver := simulated.New(simulated.Options{})
				ctx, cancel := context.WithCancelCause(context.Background())
				before := inUse()
				var started, runs sync.WaitGroup
				started.Add(many)
				runs.Go(func() { runAll(b, driver, ctx, all, started.Done) })
				started.Wait()
				memory += inUse() - before
				cancel(runner.ErrStop)
				runs.Wait()
			}
			b.ReportMetric(memory/float64(b.N)/many, "B/attempt")
		})
	}
}

func inUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

package batch

import (
	"fmt"
	"testing"
)

// BenchmarkJob is one job from submit to end, three transitions, in a state that holds so many ended ones. It must stay flat.
func BenchmarkJob(b *testing.B) {
	for _, stored := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("stored=", stored), func(b *testing.B) {
			s := newStory()
			s.play("environment ce max=1000")
			s.play("queue q environments=ce")
			s.play("definition d")
			for range stored {
				oneJob(s)
			}
			b.ResetTimer()
			for b.Loop() {
				oneJob(s)
			}
			b.ReportMetric(3*float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
		})
	}
}

func oneJob(s *story) {
	var id JobID
	do := func(f func(*Tx)) {
		tx := s.state.Begin(0, &s.ids)
		f(tx)
		tx.Commit()
	}
	do(func(tx *Tx) {
		j, err := tx.Submit(Submission{Scope: storyScope, Name: "j", Queue: "q", Definition: "d"})
		if err != nil {
			panic(err)
		}
		id = j.ID
	})
	do(func(tx *Tx) { tx.Report(Report{Attempt: AttemptID{id, 1}, State: Running}) })
	do(func(tx *Tx) { tx.Report(Report{Attempt: AttemptID{id, 1}, State: Exited, ExitCode: new(int32(0))}) })
}

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

// BenchmarkPlacement is the end of one job, the placement of the next and the submission of another that waits, with so many waiting: on 20 queues
// over 5 environments, half of them of instances, with 50 shares each. It must grow no worse than the logarithm of the number that waits.
func BenchmarkPlacement(b *testing.B) {
	for _, waiting := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) { benchmarkPlacement(b, waiting) })
	}
}

func benchmarkPlacement(b *testing.B, waiting int) {
	const queues, shares = 20, 50
	s := newStory()
	s.state.Use(Options{Retention: 1000})
	for e := range 5 {
		line := fmt.Sprintf("environment ce%d max=8", e)
		if e%2 == 1 {
			line += " types=c5.xlarge"
		}
		s.play(line)
	}
	s.play("policy p decay=200 shares=share1*:0.5,share2*:2")
	for q := range queues {
		s.play(fmt.Sprintf("queue q%d environments=ce%d,ce%d policy=p priority=%d", q, q%5, (q+1)%5, q%3))
	}
	s.play("definition d")
	now, next := int64(0), 0
	running := []AttemptID{}
	do := func(f func(*Tx)) {
		tx := s.state.Begin(now, &s.ids)
		f(tx)
		c := tx.Commit()
		for _, id := range c.Attempts {
			if j := s.state.jobs[id.Job]; j != nil && j.Live() != nil && j.Live().Number == id.Number {
				running = append(running, id)
			}
		}
	}
	submit := func(tx *Tx) {
		if _, err := tx.Submit(Submission{Scope: storyScope, Name: "j", Queue: fmt.Sprint("q", next%queues), Definition: "d", Share: fmt.Sprint("share", next/queues%shares)}); err != nil {
			b.Fatal(err)
		}
		next++
	}
	for range waiting + 40 { // 40 find a place
		do(submit)
	}
	b.ResetTimer()
	for b.Loop() {
		now += 10
		first := running[0]
		running = running[1:]
		do(func(tx *Tx) {
			tx.Report(Report{Attempt: first, State: Exited, ExitCode: new(int32(0))})
			submit(tx)
			tx.Tick()
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "placements/s")
	if len(running) < 30 {
		b.Fatalf("%d jobs run: nothing is placed any more", len(running))
	}
}

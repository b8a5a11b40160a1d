package simulated

import (
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// How several containers follow each other, and end together (runtime.md 4.2, 4.3, 5.3). All of it is arithmetic on instants.

// tasks plans the containers of a task of ECS.
func (p *plan) tasks(placed time.Time) {
	if len(p.parts) == 1 {
		is := &p.parts[0]
		is.run(placed)
		p.decides, p.runs, p.running, p.end = 0, is.begins, is.start, is.end
		return
	}
	p.inOrder(placed)
	for i := range p.parts {
		if p.essential(i) && (p.decides < 0 || p.parts[i].end.Before(p.parts[p.decides].end)) {
			p.decides = i
		}
	}
	p.end = p.parts[p.decides].end
	p.whenRunning(func(i int) bool { return p.essential(i) })
	if !p.loseHost() {
		p.cut(cut{at: p.end, begun: p.begunBy(p.end), how: (*part).terminate})
	}
}

// essential says whether the end of a container is that of the task. Where none says it is, each is.
func (p *plan) essential(i int) bool {
	for n := range p.parts {
		if p.parts[n].container.Essential {
			return p.parts[i].container.Essential
		}
	}
	return true
}

// pod plans the containers of a pod: init containers one after another, and then the others together.
func (p *plan) pod(placed time.Time) {
	at, failed := placed, false
	for i := range p.parts {
		switch is := &p.parts[i]; {
		case !is.container.Init:
		case failed:
			is.never(at)
		default:
			is.run(at)
			at, failed = is.end, !is.succeeds()
		}
	}
	p.end = at
	for i := range p.parts {
		switch is := &p.parts[i]; {
		case is.container.Init:
		case failed:
			is.never(at)
		default:
			is.run(at)
		}
	}
	p.lastEnd()
	any := false
	p.whenRunning(func(i int) bool {
		any = any || p.parts[i].begins && !p.parts[i].container.Init
		return false // one that cannot start does not keep the others from running
	})
	p.runs = p.runs && any
	p.loseHost()
}

// whenRunning finds out when the last container has been started, if that is before the end and all that are needed are.
func (p *plan) whenRunning(needed func(int) bool) {
	p.runs = true
	for i := range p.parts {
		is := &p.parts[i]
		if at := is.settled(); at.After(p.running) {
			p.running = at
		}
		if needed(i) && !is.begins {
			p.runs = false
		}
	}
	p.runs = p.runs && !p.running.After(p.end)
}

// loseHost ends everything with the first container whose host goes, if that is before the end.
func (p *plan) loseHost() bool {
	first := -1
	for i := range p.parts {
		if is := &p.parts[i]; is.lost && !is.end.After(p.end) && (first < 0 || is.end.Before(p.parts[first].end)) {
			first = i
		}
	}
	if first < 0 {
		return false
	}
	p.decides = first
	at := p.parts[first].end
	p.cut(cut{at: at, begun: p.begunBy(at), how: (*part).vanish})
	p.runs = p.runs && !p.running.After(p.end)
	return true
}

// begunBy says of containers whether their start is not after an instant.
func (p *plan) begunBy(at time.Time) func(int) bool {
	return func(i int) bool { return p.parts[i].begins && !p.parts[i].start.After(at) }
}

// podResult is the exit code and the reason of a pod: those of its first container that failed.
func podResult(ends []batch.ContainerEnd) (*int32, string) {
	all := true
	for _, e := range ends {
		if e.ExitCode != nil && *e.ExitCode != 0 {
			return e.ExitCode, e.Reason
		}
		all = all && e.ExitCode != nil
	}
	if all {
		return new(int32(0)), ""
	}
	for _, e := range ends {
		if e.ExitCode == nil && e.Reason != "" {
			return nil, e.Reason
		}
	}
	return nil, ""
}

// inOrder gives each container its turn when what it depends on is as far as it has to be.
func (p *plan) inOrder(placed time.Time) {
	const (
		unknown = iota
		asked
		known
	)
	state := make([]int, len(p.parts))
	index := make(map[string]int, len(p.parts))
	for i := range p.parts {
		index[p.parts[i].container.Name] = i
	}
	var turn func(int)
	turn = func(i int) {
		state[i] = asked
		is, ready := &p.parts[i], placed
		for _, d := range is.container.DependsOn {
			n, there := index[api.Value(d.ContainerName)]
			if !there {
				continue
			}
			if state[n] == unknown {
				turn(n)
			}
			if state[n] == asked { // a circle, which no definition may have
				is.gives(up{ready, n, "is part of a circle"}, p)
				break
			}
			at, why := p.parts[n].meets(api.Value(d.Condition))
			if at.After(ready) {
				ready = at
			}
			if why != "" {
				is.gives(up{ready, n, why}, p)
				break
			}
		}
		if is.start.IsZero() {
			is.run(ready)
		}
		state[i] = known
	}
	for i := range p.parts {
		if state[i] == unknown {
			turn(i)
		}
	}
}

// meets is when a container is as far as another needs it, or why it never is and when that is clear.
func (p *part) meets(condition string) (time.Time, string) {
	limit := p.start.Add(time.Duration(p.container.StartSeconds) * time.Second)
	unable := !p.begins && p.result.ExitCode != nil // because of another one; ECS looks at the exit code that it has all the same
	switch {
	case unable && condition == "COMPLETE":
		return p.end, ""
	case unable && condition == "SUCCESS":
		return p.end, batch.NotSuccessful
	case !p.begins:
		return p.end, batch.NotStarted
	case condition == "START":
		return p.start, ""
	case p.container.StartSeconds > 0 && p.end.After(limit):
		return limit, batch.TooLate
	case condition == "SUCCESS" && !p.succeeds():
		return p.end, batch.NotSuccessful
	}
	return p.end, ""
}

// An up is when and why a container's turn will not come.
type up struct {
	at  time.Time
	on  int
	why string
}

// gives marks a container whose turn will not come: it has stopped with 143, as ECS says it (runtime.md 4.2).
func (p *part) gives(u up, all *plan) {
	p.never(u.at)
	p.result.ExitCode = new(int32(batch.UnableCode))
	p.result.Reason = batch.UnableReason(all.parts[u.on].container.Name, p.container.Name, u.why)
}

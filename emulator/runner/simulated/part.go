package simulated

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// A part is what becomes of one container.
type part struct {
	container *batch.Container
	outcome   *Outcome
	attempt   batch.AttemptID
	pod       bool

	// begins says that it starts, at start. One that does not has settled at its end.
	begins     bool
	start, end time.Time
	// lost says that its host goes when it ends.
	lost   bool
	result batch.ContainerEnd
}

func partOf(task batch.Task, i int, o *Outcome) part {
	p := part{container: &task.Containers[i], outcome: o, attempt: task.Attempt, pod: task.Pod != nil}
	p.result = batch.ContainerEnd{Name: p.container.Name, Init: p.container.Init}
	return p
}

// run lets it have its turn at an instant.
func (p *part) run(at time.Time) {
	o, n := p.outcome, p.attempt.Number
	p.start = at.Add(o.StartDelay)
	p.end = p.start
	if p.result.Reason = of(o.StartError, n); p.result.Reason != "" {
		return
	}
	p.begins, p.end = true, p.start.Add(o.Duration)
	if p.pod {
		p.result.ID = p.id()
	}
	p.exits(of(o.ExitCode, n))
	if reason := of(o.Reason, n); reason != "" {
		p.result.Reason = reason
	}
	switch {
	case of(o.HostLost, n):
		p.lost, p.result.ExitCode = true, nil
		if p.pod {
			p.result.Reason = ""
		}
	case of(o.OOM, n):
		p.exits(killed)
		p.result.Reason = batch.ReasonOutOfMemory
		if p.pod {
			p.result.Reason = batch.PodOOMKilled
		}
	}
}

// exits gives it an exit code, and the reason that goes with one.
func (p *part) exits(code int32) {
	p.result.ExitCode, p.result.Reason = &code, ""
	switch {
	case p.pod && code == 0:
		p.result.Reason = batch.PodCompleted
	case p.pod:
		p.result.Reason = batch.PodError
	}
}

// never says that it is not started, as was clear at an instant.
func (p *part) never(at time.Time) {
	p.begins, p.lost, p.start, p.end = false, false, at, at
	p.result.ExitCode, p.result.Reason, p.result.ID = nil, "", ""
}

// succeeds says whether it runs and ends with 0.
func (p *part) succeeds() bool {
	return p.begins && p.result.ExitCode != nil && *p.result.ExitCode == 0
}

// settled is when it is clear whether it starts.
func (p *part) settled() time.Time { return p.start }

// cut ends it at an instant, unless it has ended by then. One that has not begun never does; how is what becomes of one that runs.
func (p *part) cut(at time.Time, begun bool, how func(*part, time.Time)) {
	switch {
	case !p.end.After(at) && (begun || !p.begins):
	case !begun:
		p.never(at)
	default:
		how(p, at)
	}
}

// terminate is SIGTERM for one that runs, and SIGKILL later if it ignores that and does not end before.
func (p *part) terminate(at time.Time) {
	if p.outcome.IgnoreStop {
		if limit := at.Add(time.Duration(p.container.StopSeconds) * time.Second); p.end.After(limit) {
			p.kill(limit)
		}
		return
	}
	code := int32(terminated)
	if p.outcome.StopExitCode != nil {
		code = *p.outcome.StopExitCode
	}
	p.lost, p.end = false, at
	p.exits(code)
}

// kill is SIGKILL.
func (p *part) kill(at time.Time) {
	p.lost, p.end = false, at
	p.exits(killed)
}

// vanish ends it with its host.
func (p *part) vanish(at time.Time) {
	p.lost, p.end = false, at
	p.result.ExitCode, p.result.Reason = nil, ""
}

// lineAt is when line i is written: the first at the start, so that a job of one line says it at once and not when it ends.
func (p *part) lineAt(i int) time.Time {
	n, d := time.Duration(len(p.outcome.Logs)), p.outcome.Duration
	// Not duration * i / n, which a duration of years overflows.
	return p.start.Add(d/n*time.Duration(i) + d%n*time.Duration(i)/n)
}

// id is what an engine would call it, the same whenever it is asked for.
func (p *part) id() string {
	sum := sha256.Sum256(fmt.Append(nil, p.attempt, p.result.Init, p.result.Name))
	return hex.EncodeToString(sum[:])
}

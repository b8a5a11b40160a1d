package simulated

import (
	"net/netip"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Exit codes of signals (jobs.md 2.5).
const (
	killed     = 137
	terminated = 143
)

// reasonSpotInterrupted is the statusReason of a Fargate task that lost its host (jobs.md 2.3).
const reasonSpotInterrupted = "Your Spot Task was interrupted."

// A plan is what becomes of an attempt that nobody stops. It is made when the attempt is placed and never changes.
type plan struct {
	container batch.Container
	start     time.Time // whole milliseconds, as end - start is to be exactly the duration
	duration  time.Duration
	// startError is why it does not start; "" if it does.
	startError string
	address    string // of the task, if it has one of its own
	lines      []string
	// end is the report of its end, but for the time.
	end batch.Report

	// others are all containers of a task that has several.
	others []other

	ignoreStop bool
	stopCode   int32
	grace      time.Duration // from SIGTERM to SIGKILL
}

// planOf makes the plan of a task that is placed now. Of several containers the first essential one to end, or not to start, decides; what it says
// of logs and of stopping is the task's.
func planOf(task batch.Task, outcomes []*Outcome, now time.Time) plan {
	decides := -1
	for i, o := range outcomes {
		switch {
		case len(outcomes) > 1 && !task.Containers[i].Essential:
		case decides < 0, o.ends(task.Attempt.Number) < outcomes[decides].ends(task.Attempt.Number):
			decides = i
		}
	}
	decides = max(decides, 0)
	p := planOfOne(task, task.Containers[decides], outcomes[decides], now)
	if len(outcomes) > 1 {
		p.others = make([]other, len(outcomes))
		for i, o := range outcomes {
			one := planOfOne(task, task.Containers[i], o, now)
			p.others[i] = other{name: task.Containers[i].Name, ends: one.ends(), started: one.startError == "", stopCode: one.stopCode,
				end: batch.ContainerEnd{Name: task.Containers[i].Name, ExitCode: one.end.ExitCode, Reason: one.end.Reason}}
			if one.startError != "" {
				p.others[i].end = batch.ContainerEnd{Name: task.Containers[i].Name, Reason: one.startError}
			}
		}
		p.end.Containers = p.endsAt(p.ends(), -1)
	}
	return p
}

// ends is how long after its placement a container ends by itself.
func (o *Outcome) ends(attempt int) time.Duration {
	if of(o.StartError, attempt) != "" {
		return o.StartDelay
	}
	return o.StartDelay + o.Duration
}

// An other is one of several containers.
type other struct {
	name     string
	ends     time.Time
	started  bool
	stopCode int32
	end      batch.ContainerEnd // by itself
}

// endsAt is how each of several containers has ended if the task is stopped at an instant: those that are left get a code, or with -1 that of SIGTERM.
func (p *plan) endsAt(at time.Time, code int32) []batch.ContainerEnd {
	var list []batch.ContainerEnd
	for _, o := range p.others {
		if o.ends.After(at) && o.started {
			stop := code
			if stop < 0 {
				stop = o.stopCode
			}
			o.end = batch.ContainerEnd{Name: o.name, ExitCode: &stop}
		}
		list = append(list, o.end)
	}
	return list
}

func planOfOne(task batch.Task, c batch.Container, o *Outcome, now time.Time) plan {
	n := task.Attempt.Number
	p := plan{
		container:  c,
		start:      toMillisecond(now).Add(o.StartDelay),
		duration:   o.Duration,
		startError: of(o.StartError, n),
		address:    addressOf(task),
		lines:      o.Logs,
		end:        batch.Report{Attempt: task.Attempt, State: batch.Exited},
		ignoreStop: o.IgnoreStop,
		stopCode:   terminated,
		grace:      time.Duration(c.StopSeconds) * time.Second,
	}
	if o.StopExitCode != nil {
		p.stopCode = *o.StopExitCode
	}
	code := of(o.ExitCode, n)
	p.end.ExitCode, p.end.Reason = &code, of(o.Reason, n)
	switch {
	case of(o.HostLost, n):
		p.end.ExitCode, p.end.StatusReason = nil, reasonSpotInterrupted
		if task.Host != "" {
			p.end.StatusReason = batch.ReasonHostLost(task.Host)
		}
	case of(o.OOM, n):
		code = killed
		p.end.Reason = batch.ReasonOutOfMemory
	}
	return p
}

// refusal is the plan of a task whose outcome cannot be read.
func refusal(task batch.Task, why error, now time.Time) plan {
	return plan{start: toMillisecond(now), startError: why.Error(), end: batch.Report{Attempt: task.Attempt, State: batch.Exited}}
}

// ends is when it ends by itself.
func (p *plan) ends() time.Time { return p.start.Add(p.duration) }

// lineAt is when line i is written: the first at the start, so that a job of one line says it at once and not when it ends.
func (p *plan) lineAt(i int) time.Time {
	n := time.Duration(len(p.lines))
	// Not duration * i / n, which a duration of years overflows.
	return p.start.Add(p.duration/n*time.Duration(i) + p.duration%n*time.Duration(i)/n)
}

// addressOf is the address that the core has put into the host name of a task with a network of its own: "ip-10-0-1-2.ec2.internal".
func addressOf(task batch.Task) string {
	if task.SharesHost() {
		return ""
	}
	name, _, _ := strings.Cut(task.HostName, ".")
	address, err := netip.ParseAddr(strings.ReplaceAll(strings.TrimPrefix(name, "ip-"), "-", "."))
	if err != nil {
		return ""
	}
	return address.String()
}

// cutReason shortens a reason to the 255 characters that AWS keeps (jobs.md 2.4).
func cutReason(reason string) string {
	if len(reason) <= 255 {
		return reason
	}
	if r := []rune(reason); len(r) > 255 {
		return string(r[:255])
	}
	return reason
}

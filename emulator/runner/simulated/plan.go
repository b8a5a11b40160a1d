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

// A plan is what becomes of an attempt that nobody stops. It is made when the attempt is placed and never changes; a stop or a kill makes
// another one of it.
type plan struct {
	attempt batch.AttemptID
	host    batch.HostID
	isPod   bool
	parts   []part // its containers, in their order
	// runs says whether the attempt gets to RUNNING at all; running is when.
	runs    bool
	running time.Time
	end     time.Time
	// decides is the container whose end is that of the attempt: the essential one that ends first, or that which loses its host; -1 is none.
	decides int
	// early says that it was stopped before it ran: no exit code tells of it then, though some of its containers have one.
	early bool
	// refused is why nothing of it starts; "" if it does.
	refused string
	address string // of the task, if it has one of its own
}

// planOf makes the plan of a task that is placed now.
func planOf(task batch.Task, outcomes []*Outcome, now time.Time) plan {
	p := plan{attempt: task.Attempt, host: task.Host, isPod: task.Pod != nil, parts: make([]part, len(outcomes)), decides: -1, address: addressOf(task)}
	for i, o := range outcomes {
		p.parts[i] = partOf(task, i, o)
	}
	placed := toMillisecond(now) // whole milliseconds, as end - start is to be exactly the duration
	if p.isPod {
		p.pod(placed)
	} else {
		p.tasks(placed)
	}
	return p
}

// refusal is the plan of a task whose outcome cannot be read.
func refusal(task batch.Task, why error, now time.Time) plan {
	return plan{attempt: task.Attempt, isPod: task.Pod != nil, decides: -1, end: toMillisecond(now), refused: why.Error()}
}

// A cut ends containers before their time: those that have not begun never do, those that run end as how says.
type cut struct {
	at    time.Time
	begun func(int) bool
	how   func(*part, time.Time)
	ran   bool // the attempt was RUNNING by then
}

// after is the plan after a cut from outside.
func (p plan) after(c cut) plan {
	if is := p.decides; is >= 0 && !c.ran && !(c.begun(is) && !p.parts[is].end.After(c.at)) {
		p.early = true
	}
	p.runs = p.runs && c.ran
	p.parts = append([]part(nil), p.parts...)
	p.cut(c)
	return p
}

func (p *plan) cut(c cut) {
	p.end = c.at
	for i := range p.parts {
		p.parts[i].cut(c.at, c.begun(i), c.how)
	}
	p.lastEnd()
}

// lastEnd moves the end to that of the last container.
func (p *plan) lastEnd() {
	for i := range p.parts {
		if is := &p.parts[i]; is.end.After(p.end) {
			p.end = is.end
		}
	}
}

// report is that of the end.
func (p *plan) report() batch.Report {
	r := batch.Report{Attempt: p.attempt, State: batch.Exited, At: p.end.UnixMilli(), Reason: p.refused}
	if len(p.parts) > 1 || p.isPod {
		for i := range p.parts {
			r.Containers = append(r.Containers, p.parts[i].result)
		}
	}
	switch {
	case p.decides >= 0:
		is := &p.parts[p.decides]
		r.ExitCode, r.Reason = is.result.ExitCode, is.result.Reason
		if p.early {
			r.ExitCode = nil
		}
		if is.lost {
			r.StatusReason = reasonSpotInterrupted
			if p.host != "" {
				r.StatusReason = batch.ReasonHostLost(p.host)
			}
		}
	case p.isPod && p.refused == "":
		r.ExitCode, r.Reason = podResult(r.Containers)
	}
	return r
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

package docker

import (
	"github.com/batch-local/batch-local/emulator/batch"
)

// verdict says of the ends of its containers how a task has ended, in the order in which they ended.
//
// Of ECS the essential container that stopped first decides (runtime.md 4.3); one that ended by itself and badly before it could be stopped
// counts before others. Of a pod all count, and the first that failed is told (runtime.md 5.3).
func verdict(t batch.Task, units []progress, order []int) batch.Report {
	decides := decisive(t, units, order)
	d := units[decides].end
	p := batch.Report{State: batch.Exited, ExitCode: d.code, Reason: d.reason}
	for _, u := range units {
		p.At = max(p.At, u.end.at)
	}
	if t.Pod == nil && len(units) == 1 {
		return p
	}
	if d.detail != "" {
		p.StatusReason = cut("Pod failed: container " + t.Containers[decides].Name + ": " + d.reason + ": " + d.detail)
	}
	for i, u := range units {
		c := t.Containers[i]
		p.Containers = append(p.Containers, batch.ContainerEnd{Name: c.Name, Init: c.Init, ExitCode: u.end.code, Reason: u.end.reason})
	}
	return p
}

func decisive(t batch.Task, units []progress, order []int) int {
	if t.Pod != nil {
		for i, u := range units {
			if u.end.code == nil && !u.end.unable || u.end.code != nil && *u.end.code != 0 {
				return i
			}
		}
		return len(units) - 1
	}
	first := -1
	for _, i := range order {
		switch u := units[i]; {
		case !t.Containers[i].Essential && len(units) > 1:
		case !u.end.stopped && (u.end.code == nil || *u.end.code != 0):
			return i
		case first < 0:
			first = i
		}
	}
	return max(first, 0)
}

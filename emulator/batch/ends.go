package batch

import (
	"fmt"
	"slices"
	"strings"
)

// How several containers of one attempt make one result (runtime.md 4.3, 5.3).

// ran says whether a report of an end tells of something that ran. A pod's init containers come before that, and a container that could
// not start because of what it depends on has an exit code all the same.
//
// Guess: the statusReason of such a task was not seen; it is that of others that did not start (runtime.md 4.2).
func (r Report) ran(pod bool) bool {
	if !pod || len(r.Containers) == 0 {
		return r.ExitCode != nil && !strings.HasPrefix(r.Reason, "CannotStartContainerError: ")
	}
	return slices.ContainsFunc(r.Containers, func(e ContainerEnd) bool { return !e.Init && e.ExitCode != nil && e.Reason != PodStartError })
}

// failed says whether a container of a pod is one because of which the pod failed. One that never got its turn is not.
func (e ContainerEnd) failed() bool {
	return e.ExitCode != nil && *e.ExitCode != 0 || e.ExitCode == nil && e.Reason != ""
}

// NeverRan says whether a container of an ECS task that has ended was never started. Of one that went with its host, or that vanished, no exit code
// is known either.
func (a *Attempt) NeverRan(e ContainerEnd) bool {
	if e.ExitCode != nil {
		return strings.HasPrefix(e.Reason, "CannotStartContainerError: ")
	}
	lost := a.StatusReason == ReasonSpotTask || a.Host != "" && a.StatusReason == ReasonHostLost(a.Host)
	return !lost && !strings.HasPrefix(e.Reason, "ContainerVanishedError: ")
}

// podReason is the statusReason of a pod that ended.
//
// Guess: none of the texts was seen. One that succeeded has none, as in a public capture (jobs.md 17).
func podReason(r Report, ran bool) string {
	if r.ExitCode != nil && *r.ExitCode == 0 {
		return ""
	}
	for _, e := range r.Containers {
		if !e.failed() {
			continue
		}
		text := "Pod failed: "
		if e.Init {
			text += "init "
		}
		text += "container " + e.Name
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		if e.ExitCode != nil {
			text += fmt.Sprintf(", exit code %d", *e.ExitCode)
		}
		if all := []rune(text); len(all) > maxReason {
			text = string(all[:maxReason])
		}
		return text
	}
	if ran {
		return "Pod failed"
	}
	return "Pod failed to start"
}

// UnableCode is what ECS shows of a container that can never start because of another one (runtime.md 4.2).
const UnableCode = 143

// Why a container cannot do what another one waits for.
const (
	NotStarted    = "did not start"
	NotSuccessful = "did not exit successfully"
	TooLate       = "has timed out"
)

// UnableReason is the reason of such a container.
//
// Guess: the agent's sentence (amazon-ecs-agent, dependencygraph/graph.go) has whole descriptions of both containers in its brackets, which would not fit
// into a reason; that of a dependency that did not start is ours.
func UnableReason(on, target, why string) string {
	return fmt.Sprintf("CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [%s] for target [%s] as dependency %s.", on, target, why)
}

// maxReason is how many characters a reason has at most (jobs.md 2.4).
const maxReason = 255

// An exit is what evaluateOnExit compares with onExitCode and onReason.
type exit struct {
	code   *int32
	reason string
}

// exits are those of an attempt that failed: one, but of a pod those of each container that failed, any of which will do.
//
// Guess: AWS does not say which container counts. Both patterns of an entry look at the same one, and those that ended well explain nothing
// (runtime.md 5.3).
func (a *Attempt) exits(pod bool) []exit {
	var list []exit
	if pod {
		for _, e := range a.Containers {
			if e.failed() {
				list = append(list, exit{e.ExitCode, e.Reason})
			}
		}
	}
	if len(list) == 0 {
		return []exit{{a.ExitCode, a.Reason}}
	}
	return list
}

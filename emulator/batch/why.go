package batch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Why says why a job is not further than it is. Obstacles is empty of one that nothing keeps.
type Why struct {
	Status Status
	// Reason is the statusReason that the API shows, if there is one, with what containers say of their ends if it has failed, and then a sentence of ours for
	// each obstacle.
	Reason    string
	Obstacles []Obstacle
}

// Units of numbers.
const (
	unitVCPUs = "vCPUs"
	unitMiB   = "MiB"
	unitGPUs  = "GPUs"
)

// farBack is how far from the front of a queue places are counted.
const farBack = 1000

// Why is asked of any job, at a time.
func (s *State) Why(j *Job, now int64) Why {
	w := Why{Status: j.Status, Reason: j.StatusReason, Obstacles: s.obstacles(j, now)}
	words := []string{}
	if j.StatusReason != "" {
		words = append(words, j.StatusReason+s.containerReasons(j))
	}
	for _, o := range w.Obstacles {
		if sentence := o.Sentence(); sentence != j.StatusReason {
			words = append(words, sentence)
		}
	}
	w.Reason = strings.Join(words, " ")
	return w
}

// containerReasons are what containers say of the end of a job that failed with them, behind its statusReason. That of a pod has them already.
func (s *State) containerReasons(j *Job) string {
	a := j.Attempt()
	if j.Status != Failed || a == nil || a.StatusReason != j.StatusReason || j.Service != nil || s.isPod(j) {
		return ""
	}
	if len(a.Containers) == 0 && a.Reason != "" {
		return ": " + a.Reason
	}
	var list []string
	for _, e := range a.Containers {
		if e.Reason != "" {
			list = append(list, fmt.Sprintf("container %s: %s", e.Name, e.Reason))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(list, "; ")
}

func (s *State) obstacles(j *Job, now int64) []Obstacle {
	switch {
	case Ended(j.Status):
		return nil
	case j.Held:
		return []Obstacle{{Kind: ObstacleHold, Where: ARN(j.Status)}}
	case j.Live() != nil && j.Live().Desired == Stop:
		return []Obstacle{{Kind: ObstacleStop, Where: j.ARN()}}
	case j.Live() != nil && len(j.Live().Awaits) > 0:
		var list []Obstacle
		for _, w := range j.Live().Awaits {
			if o := (Obstacle{Kind: ObstacleSecret, Where: ARN(w.Secret)}); !slices.Contains(list, o) {
				list = append(list, o)
			}
		}
		return list
	case len(j.WaitsFor) > 0:
		var list []Obstacle
		for _, id := range j.WaitsFor {
			list = append(list, Obstacle{Kind: ObstacleDependency, Where: ARN(id)})
		}
		return list
	case j.Array != nil:
		for child := range s.Members(j, 0) {
			if live := child.Live(); live == nil && !Ended(child.Status) || live != nil && len(live.Awaits) > 0 {
				return append([]Obstacle{{Kind: ObstacleChild, Where: ARN(child.ID)}}, s.obstacles(child, now)...)
			}
		}
	case j.Status == Runnable:
		return s.inLine(j, now)
	}
	return nil
}

// inLine is about a RUNNABLE job.
func (s *State) inLine(j *Job, now int64) []Obstacle {
	q := s.queues.all[j.Queue]
	if q == nil {
		return nil
	}
	for _, c := range j.Consumes {
		r := s.consumables.all[c.Resource]
		switch {
		case r == nil:
			return []Obstacle{{Kind: ObstacleConsumable, Where: c.Resource, Needs: c.Quantity}}
		case s.Free(r) < c.Quantity:
			return []Obstacle{{Kind: ObstacleConsumable, Where: c.Resource, Needs: c.Quantity, Has: max(0, s.Free(r))}}
		}
	}
	if head := s.headFor(q, j, now); head != nil && head.ID != j.ID {
		place := int64(farBack)
		for i, other := range s.Front(q, now, farBack) {
			if other.ID == j.ID {
				place = int64(i + 1)
			}
		}
		return append([]Obstacle{{Kind: ObstacleQueue, Where: ARN(head.ID), Needs: 1, Has: place}}, s.atHead(q, head, now)...)
	}
	return s.atHead(q, j, now)
}

// headFor is the job that comes before j and before all others, in j's own line where each has a head.
func (s *State) headFor(q *Queue, j *Job, now int64) *Job {
	if s.quotaManaged(q) {
		return s.QuotaFront(q)[j.lineOf()]
	}
	return s.headAt(q, now)
}

// atHead says what stands in the way of the head of a queue: in each of its environments, in their order.
func (s *State) atHead(q *Queue, j *Job, now int64) (list []Obstacle) {
	if q.Service == "" {
		if o := s.reserved(q, j, now); o != nil {
			return []Obstacle{*o}
		}
		for _, arn := range q.Environments {
			if e := s.environments.all[arn]; e != nil && e.valid() {
				if _, o := s.chooseIn(e, j); o != nil {
					list = append(list, *o)
				}
			}
		}
	}
	if w := j.Waits; w != nil && (len(list) == 0 || w.Where == "") {
		list = append(list, *w)
	}
	return list
}

// Numbers are what is needed and what is free, in a unit; "" is none, and then both are 0.
func (o Obstacle) Numbers() (needs, has float64, unit string) {
	switch o.Kind {
	case ObstacleVCPUs, ObstacleMaxVCPUs, ObstacleReservation, ObstacleCPU:
		return float64(o.Needs) / 1000, float64(o.Has) / 1000, unitVCPUs
	case ObstacleInstances, ObstacleMemory:
		return float64(o.Needs), float64(o.Has), unitMiB
	case ObstacleInstance, ObstacleAlone:
		scale := 1.0
		if o.Unit == unitVCPUs {
			scale = 1000
		}
		return float64(o.Needs) / scale, float64(o.Has) / scale, o.Unit
	case ObstacleCapacity, ObstacleMaxCapacity, ObstacleQuota, ObstacleMaxQuota:
		return float64(o.Needs), float64(o.Has), "instances"
	case ObstacleConsumable:
		return float64(o.Needs), float64(o.Has), "units"
	case ObstacleQueue:
		return float64(o.Needs), float64(o.Has), "place"
	}
	return 0, 0, ""
}

// Sentence is the obstacle in our own words, for people.
func (o Obstacle) Sentence() string {
	needs, has, unit := o.Numbers()
	amount := func(n float64) string {
		text := strconv.FormatFloat(n, 'f', -1, 64) + " " + unit
		if n == 1 {
			text = strings.TrimSuffix(text, "s")
		}
		return text
	}
	free := strconv.FormatFloat(has, 'f', -1, 64)
	_, _, name, ok := o.Where.Parts()
	if !ok {
		name = string(o.Where)
	}
	switch o.Kind {
	case ObstacleEngine:
		return o.Text
	case ObstacleVCPUs:
		return fmt.Sprintf("It needs %s; compute environment %s has %s free.", amount(needs), name, free)
	case ObstacleMaxVCPUs:
		return fmt.Sprintf("It needs %s; compute environment %s never has more than %s.", amount(needs), name, free)
	case ObstacleInstance:
		return fmt.Sprintf("It needs %s on one instance; of the instance types of compute environment %s that would do otherwise none has more than %s for jobs.", amount(needs), name, free)
	case ObstacleInstances:
		return fmt.Sprintf("No instance of compute environment %s has room for it, and maxvCpus allows no more of them: it needs %s of memory, and the most that is free on one is %s.", name, amount(needs), amount(has))
	case ObstacleStarting:
		return fmt.Sprintf("An instance of compute environment %s is starting.", name)
	case ObstacleDisabled:
		return fmt.Sprintf("%s is DISABLED.", name)
	case ObstacleEnvironments:
		return "None of the queue's environments can be used."
	case ObstaclePlatform:
		return fmt.Sprintf("It is a Windows job; compute environment %s is of Fargate Spot, which has no Windows.", name)
	case ObstacleReservation:
		return fmt.Sprintf("It needs %s; the scheduling policy keeps capacity for other shares, and leaves %s.", amount(needs), free)
	case ObstacleMemory, ObstacleCPU:
		return fmt.Sprintf("It needs %s; this machine has %s free for jobs.", amount(needs), free)
	case ObstacleAlone:
		return fmt.Sprintf("It needs %s, and this machine has %s for jobs: it waits until it can run alone, and may not get what it asks for.", amount(needs), free)
	case ObstacleCapacity:
		return fmt.Sprintf("It needs %s; service environment %s has %s free.", amount(needs), name, free)
	case ObstacleMaxCapacity:
		return fmt.Sprintf("It needs %s; service environment %s never has more than %s.", amount(needs), name, free)
	case ObstacleQuota:
		return fmt.Sprintf("It needs %s; quota share %s has %s free, with what it may borrow.", amount(needs), name, free)
	case ObstacleMaxQuota:
		return fmt.Sprintf("It needs %s; quota share %s never has more than %s, with what it may borrow.", amount(needs), name, free)
	case ObstacleConsumable:
		return fmt.Sprintf("It needs %s of consumable resource %s; %s are free.", amount(needs), name, free)
	case ObstacleHold:
		return fmt.Sprintf("A hold of /_emulator/holds keeps it in %s.", name)
	case ObstacleStop:
		return "It is being stopped: its containers have been sent SIGTERM, and are killed when their stop time, 30 seconds unless they say otherwise, is over."
	case ObstacleDependency:
		return fmt.Sprintf("It depends on job %s, which has not ended.", name)
	case ObstacleChild:
		return fmt.Sprintf("Its child %s waits.", name)
	case ObstacleSecret:
		return fmt.Sprintf("It waits for the secret %s of its cluster, which the file of --secrets does not have.", name)
	case ObstacleQueue:
		return fmt.Sprintf("It is number %d in its queue, behind job %s.", int64(has), name)
	}
	return o.Text
}

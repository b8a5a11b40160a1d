package docker

import (
	"slices"
	"sync"

	"github.com/batch-local/batch-local/emulator/batch"
)

// made is what this process made for attempts, so that it need not ask the engine to take it away. The zero value has nothing.
type made struct {
	mu  sync.Mutex
	all map[batch.AttemptID]things
}

// things belong to one attempt.
type things struct {
	containers, volumes []string
	gpus                map[string][]int // by container
	// boxes are sandboxes of the attempt alone that were left because a container may run on in them. If nothing takes them over, they go with the attempt.
	boxes []string
	// more says that there may be more, which only labels tell: an earlier process made it, or the engine did without our hearing of it.
	more bool
}

func (m *made) change(id batch.AttemptID, f func(*things)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[batch.AttemptID]things{}
	}
	t := m.all[id]
	f(&t)
	m.all[id] = t
}

func (m *made) container(id batch.AttemptID, container string) {
	m.change(id, func(t *things) { t.containers = append(t.containers, container) })
}

// unsure notes that something may have been made for an attempt.
func (m *made) unsure(id batch.AttemptID) {
	m.change(id, func(t *things) { t.more = true })
}

// unanswered notes that the engine may make something for the attempt all the same, though a call failed.
func (r *run) unanswered(err error) {
	if unanswered(err) {
		r.driver.made.unsure(r.attempt.Attempt)
	}
}

func (m *made) volume(id batch.AttemptID, volume string) {
	m.change(id, func(t *things) { t.volumes = append(t.volumes, volume) })
}

func (m *made) of(id batch.AttemptID) (things, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.all[id]
	return t, ok
}

// box notes a sandbox that is left.
func (m *made) box(id batch.AttemptID, box string) {
	m.change(id, func(t *things) {
		if !slices.Contains(t.boxes, box) {
			t.boxes = append(t.boxes, box)
		}
	})
}

// takeBoxes answers what sandboxes were left, and forgets them.
func (m *made) takeBoxes(id batch.AttemptID) (boxes []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.all[id]
	if boxes = t.boxes; ok {
		t.boxes = nil
		m.all[id] = t
	}
	return boxes
}

// again notes once more what was taken and is not all away. The engine is asked for the rest then, but for what only we know.
func (m *made) again(id batch.AttemptID, was things) {
	m.change(id, func(t *things) {
		t.more, t.boxes = true, append(t.boxes, was.boxes...)
		for container, gpus := range was.gpus { // nobody else gets them meanwhile
			t.give(container, gpus)
		}
	})
}

// take answers what is known of an attempt, and forgets it.
func (m *made) take(id batch.AttemptID) (things, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.all[id]
	delete(m.all, id)
	return t, ok
}

// devices gives a container of an attempt GPUs of the engine's machine that nobody else has, the lowest numbers first. How many there are only the
// engine's toolkit knows; it refuses one that is not there.
func (m *made) devices(id batch.AttemptID, container string, n int) []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[batch.AttemptID]things{}
	}
	t := m.all[id]
	if has := t.gpus[container]; len(has) == n { // it is brought up once more
		return has
	}
	used := map[int]bool{}
	for _, t := range m.all {
		for _, gpus := range t.gpus {
			for _, g := range gpus {
				used[g] = true
			}
		}
	}
	var free []int
	for g := 0; len(free) < n; g++ {
		if !used[g] {
			free = append(free, g)
		}
	}
	t.give(container, free)
	m.all[id] = t
	return free
}

func (t *things) give(container string, gpus []int) {
	if t.gpus == nil {
		t.gpus = map[string][]int{}
	}
	t.gpus[container] = gpus
}

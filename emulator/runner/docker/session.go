package docker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/endpoint"
)

// A task at the endpoint (runtime.md 6, 7): each of its containers is added before it is made, or when it is taken over.

// endpointVariables registers a container and answers what it finds the endpoint by.
func (r *run) endpointVariables(u *unit) []string {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if !r.hasEndpoint() {
		return nil
	}
	r.open(endpoint.IDs{})
	return r.shared.session.Environment(r.shared.session.Container(endpoint.Container{Name: u.container.Name, Source: u.source}))
}

// hasEndpoint says whether this is a task of ECS, and tasks have an endpoint here.
func (r *run) hasEndpoint() bool {
	return r.attempt.Pod == nil && r.attempt.Definition != "" && r.driver.boxes.relay.offered()
}

// open begins to answer for the task. The lock is held.
func (r *run) open(known endpoint.IDs) {
	if r.shared.session != nil {
		return
	}
	r.shared.session = r.driver.options.Endpoint.Open(r.attempt.Task, known)
	if !r.attempt.SharesHost() {
		r.shared.session.Container(endpoint.Container{Name: endpoint.PauseName, Source: &source{driver: r.driver, name: r.called(endpoint.PauseName), id: r.boxID, box: r.boxID}})
	}
}

// adopted notes a container that an earlier process made, and goes on answering where it asks.
func (r *run) adopted(u *unit, is container.InspectResponse) {
	var gpus []int
	for _, request := range is.HostConfig.DeviceRequests {
		for _, id := range request.DeviceIDs {
			if g, err := strconv.Atoi(id); err == nil {
				gpus = append(gpus, g)
			}
		}
	}
	r.driver.made.change(r.attempt.Attempt, func(t *things) {
		t.more = true
		t.give(u.container.Name, gpus)
	})
	known := endpoint.Known(is.Config.Env)
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared.box == nil && is.HostConfig != nil {
		r.takeBox(is)
	}
	if known.Container == "" || !r.hasEndpoint() {
		return
	}
	if len(r.units) == 1 && r.shared.session != nil { // of a container that it turned out was there already
		r.shared.session.Close()
		r.shared.session = nil
	}
	if of, err := r.driver.client.ImageInspect(r.asking, is.Image); err == nil { // it may be gone, and with it its labels
		u.source.image(of)
	}
	r.open(known)
	r.shared.session.Pulling(instant(is.Created)) // the true times went with the earlier process; no image came later
	r.shared.session.Pulled(instant(is.Created))
	r.shared.session.Container(endpoint.Container{Name: u.container.Name, ID: known.Container, Source: u.source})
}

// takeBox takes over the sandbox of a container that was there. If it was taken away while nobody looked, a container that runs on has lost its host; one that
// has ended did so by itself. The lock is held.
func (r *run) takeBox(is container.InspectResponse) {
	id := is.HostConfig.NetworkMode.ConnectedContainer()
	if id == "" {
		return
	}
	box, err := r.driver.boxes.takeOver(r.asking, r.attempt.Task, r, id)
	switch {
	case err == nil:
		r.shared.box = box
	case errors.Is(err, errGone) && is.State.Running:
		r.lose()
	case !errors.Is(err, errGone):
		r.driver.log.Warn("the sandbox of a job that was taken over could not be", "attempt", r.attempt.Attempt, "error", err)
	}
}

// desireStop tells the endpoint that the task is to end.
func (r *run) desireStop() {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared.session != nil {
		r.shared.session.Stopping()
	}
}

// pulling and pulled tell the endpoint when the images of the task were fetched.
func (r *run) pulling(at time.Time) {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.hasEndpoint() {
		r.open(endpoint.IDs{})
		r.shared.session.Pulling(at)
	}
}

func (r *run) pulled(at time.Time) {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared.session != nil {
		r.shared.session.Pulled(at)
	}
}

// called begins the name that the ECS agent would give a container (runtime.md 1).
func (r *run) called(container string) string {
	legal := strings.Map(func(c rune) rune {
		if c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return c
		}
		return -1
	}, container)
	return fmt.Sprintf("ecs-%s-%d-%s", r.attempt.Family, r.attempt.Revision, legal)
}

func (r *run) boxID() string {
	r.sharing.Lock()
	defer r.sharing.Unlock()
	if r.shared.box == nil {
		return ""
	}
	return r.shared.box.id
}

// newSource is what the endpoint asks of a unit.
func (r *run) newSource(u *unit) *source {
	return &source{driver: r.driver, name: r.called(u.container.Name), box: r.boxID, id: func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return u.id
	}}
}

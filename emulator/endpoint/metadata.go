package endpoint

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// answerTime is how long the engine may take to tell of a task.
const answerTime = 20 * time.Second

// serveMetadata answers what is below /v3/<id> and /v4/<id>.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, version, id, view string) {
	s.mu.RLock()
	m := s.members[id]
	s.mu.RUnlock()
	limiter := s.strangers
	if m != nil {
		limiter = m.limiter
	}
	if !allowed(w, limiter) {
		return
	}
	answer, known := map[string]func(context.Context, *member, bool) (any, error){
		"":             s.containerView,
		"task":         s.taskView,
		"taskWithTags": s.taskWithTagsView,
		"stats":        s.statsView,
		"task/stats":   s.taskStatsView,
	}[view]
	switch {
	case !known: // associations, which only accelerators had
		http.NotFound(w, r)
	case m == nil:
		status, text := stranger(version, view, id)
		writeJSON(w, status, text)
	default:
		// The request's own context ends when the client closes its half of the connection, which says that it has asked, not that it is gone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTime)
		defer cancel()
		body, err := answer(ctx, m, version == "v4")
		if err != nil {
			s.log.Warn("a container's metadata", "container", m.name, "job", m.session.task.Attempt.Job, "view", view, "error", err)
			writeJSON(w, http.StatusInternalServerError, failure(m, version, view))
			return
		}
		writeJSON(w, http.StatusOK, body)
	}
}

// stranger is the answer for an id that nobody has. v4 has one status for all of them, v3 does not (its handlers of the same names).
func stranger(version, view, id string) (int, string) {
	var who, what string
	status := http.StatusNotFound
	switch view {
	case "":
		who, what = "container metadata", "unable to get container ID from request: unable to get docker ID from v3 endpoint ID: "
	case "task", "taskWithTags":
		who, what = "task metadata", "unable to get task arn from request: unable to get task Arn from v3 endpoint ID: "
	case "stats":
		who, what = "container stats", "unable to get task arn from request: unable to get task Arn from v3 endpoint ID: "
	case "task/stats":
		who, what = "task stats", "unable to get task arn from request: unable to get task Arn from v3 endpoint ID: "
	}
	if version == "v3" {
		status = http.StatusBadRequest
		if who == "task metadata" {
			status = http.StatusInternalServerError
		}
	}
	return status, fmt.Sprintf("%s %s handler: %s%s", strings.ToUpper(version), who, what, id)
}

// failure is the answer when the engine does not say what a container is like.
func failure(m *member, version, view string) string {
	switch view {
	case "":
		// Guess: the agent names the container's Docker id here, which is what we could not find out.
		return fmt.Sprintf("unable to generate metadata for container '%s'", m.name)
	case "stats":
		return "Unable to get container stats for: " + m.name
	case "task/stats":
		return "Unable to get task stats for: " + taskARN(m.session.task)
	}
	if version == "v3" {
		return fmt.Sprintf("Unable to generate metadata for task: '%s'", taskARN(m.session.task))
	}
	return fmt.Sprintf("Unable to generate metadata for v4 task: '%s'", taskARN(m.session.task))
}

func (s *Server) containerView(ctx context.Context, m *member, v4 bool) (any, error) {
	f, err := m.source.Facts(ctx)
	if err != nil {
		return nil, err
	}
	return m.describe(f, m.session.desired([]seen{{m, f}}), v4), nil
}

func (s *Server) taskView(ctx context.Context, m *member, v4 bool) (any, error) {
	return m.session.describe(m.session.look(ctx), v4), nil
}

// taskWithTagsView is like /task on Fargate.
// Guess: its documentation does not mention the view.
func (s *Server) taskWithTagsView(ctx context.Context, m *member, v4 bool) (any, error) {
	body := m.session.describe(m.session.look(ctx), v4)
	if m.session.fargate() {
		return body, nil
	}
	// Guess: the container instances of Batch have no tags of their own.
	body.TaskTags = taskTags(m.session.task)
	return body, nil
}

// seen is a container at one moment.
type seen struct {
	*member
	facts Facts
}

// look asks for all containers of a task. One that the engine does not answer for is left out, as the agent does.
func (s *Session) look(ctx context.Context) []seen {
	var list []seen
	for _, m := range s.all() {
		f, err := m.source.Facts(ctx)
		if err != nil {
			s.server.log.Warn("a container's metadata", "container", m.name, "job", s.task.Attempt.Job, "error", err)
			continue
		}
		list = append(list, seen{m, f})
	}
	return list
}

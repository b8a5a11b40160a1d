package endpoint

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/batch-local/batch-local/emulator/batch"
)

// A Session is a task at the endpoint, from Open to Close.
type Session struct {
	server *Server
	task   batch.Task
	lease  *lease // nil: the task has no role
	leased string // its id

	mu                       sync.Mutex
	members                  []*member // in the order in which they came
	pullStarted, pullStopped time.Time
	stopping, closed         bool
}

// A Container is added to a session.
type Container struct {
	// Name is one of the task's, or PauseName.
	Name string
	// ID is what Known found in the environment of a container that is already there; empty makes a new one.
	ID string
	// Source tells what the container is like.
	Source Source
}

// PauseName is the container that holds the network of a task which has its own.
const PauseName = "~internal~ecs~pause"

// member is a container of a session.
type member struct {
	session *Session
	id      string
	name    string
	source  Source
	limiter *rate.Limiter
	samples sampler
}

// IDs are what a container's addresses are made of.
type IDs struct {
	Container   string
	Credentials string // the same in all containers of a task; empty without a role
}

const (
	metadataVariable    = "ECS_CONTAINER_METADATA_URI"
	metadataVariableV4  = "ECS_CONTAINER_METADATA_URI_V4"
	agentVariable       = "ECS_AGENT_URI"
	credentialsVariable = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
)

// Known reads the ids back from the environment ("NAME=value") of a container of an earlier process.
func Known(environment []string) IDs {
	var ids IDs
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		switch name {
		case metadataVariableV4:
			ids.Container, _ = strings.CutPrefix(value, "http://"+Address+"/v4/")
		case credentialsVariable:
			ids.Credentials, _ = strings.CutPrefix(value, "/v2/credentials/")
		}
	}
	return ids
}

// Open begins to answer for a task. Its credentials, if it has a role, have the known id or else a new one, and are fetched at once, so that they
// are there when a container asks. Close ends it.
func (s *Server) Open(t batch.Task, known IDs) *Session {
	session := &Session{server: s, task: t}
	if t.JobRole != "" {
		session.leased = known.Credentials
		if session.leased == "" {
			session.leased = uuid.NewString()
		}
		session.lease = newLease(s.newLimiter(), func(ctx context.Context) (Credentials, error) {
			return s.roles.Credentials(ctx, t.Scope, RoleARN(t.Scope, t.JobRole), t.ID)
		}, s.log.With("job", t.Attempt.Job, "role", t.JobRole))
		session.lease.renew()
		s.mu.Lock()
		s.leases[session.leased] = session.lease
		s.mu.Unlock()
	}
	return session
}

// Container begins to answer for one container and returns the id of its addresses. The same name again replaces the earlier one, which keeps
// nothing: a container that was made once more is another.
func (s *Session) Container(c Container) string {
	m := &member{session: s, id: c.ID, name: c.Name, source: c.Source, limiter: s.server.newLimiter()}
	if m.id == "" {
		m.id = s.newID()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return m.id
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.members = slices.DeleteFunc(s.members, func(earlier *member) bool {
		if earlier.name == c.Name {
			s.server.forget(earlier)
			return true
		}
		return false
	})
	s.members = append(s.members, m)
	s.server.members[m.id] = m
	return m.id
}

// newID is a random one, as the platform makes it (runtime.md 2.11).
func (s *Session) newID() string {
	if s.task.Platform != batch.Fargate {
		return uuid.NewString()
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1e10))
	if err != nil { // never, says crypto/rand
		panic(err)
	}
	return fmt.Sprintf("%s-%010d", s.task.ID, n)
}

// Environment are the variables of the container with that id, "NAME=value" (runtime.md 2.11).
func (s *Session) Environment(id string) []string {
	list := []string{
		metadataVariable + "=http://" + Address + "/v3/" + id,
		metadataVariableV4 + "=http://" + Address + "/v4/" + id,
		agentVariable + "=http://" + Address + "/api/" + id,
	}
	if s.lease != nil {
		list = append(list, credentialsVariable+"=/v2/credentials/"+s.leased)
	}
	return list
}

// Pulling tells that the images are being pulled from now on; Pulled that an image is there. The first and the last are shown.
func (s *Session) Pulling(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pullStarted.IsZero() {
		s.pullStarted = at
	}
}

// Pulled is told with Pulling.
func (s *Session) Pulled(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pullStopped = at
}

// Stopping tells that the task is to end: its desired status is STOPPED then.
func (s *Session) Stopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// Close ends the answers.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.closed = true
	for _, m := range s.members {
		s.server.forget(m)
	}
	if s.lease != nil {
		if s.server.leases[s.leased] == s.lease {
			delete(s.server.leases, s.leased)
		}
		s.lease.close()
	}
}

// forget drops a member, unless its id belongs to another by now. The lock is held.
func (s *Server) forget(m *member) {
	if s.members[m.id] == m {
		delete(s.members, m.id)
	}
}

// all are the containers of the task in the order in which its definition names them, a pause last.
func (s *Session) all() []*member {
	s.mu.Lock()
	list := slices.Clone(s.members)
	s.mu.Unlock()
	place := func(m *member) int {
		i := slices.IndexFunc(s.task.Containers, func(c batch.Container) bool { return c.Name == m.name })
		if i < 0 {
			return len(s.task.Containers)
		}
		return i
	}
	slices.SortStableFunc(list, func(a, b *member) int { return place(a) - place(b) })
	return list
}

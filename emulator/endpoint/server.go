package endpoint

import (
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// Address is where containers look for the endpoint.
const Address = "169.254.170.2"

// What the agent allows (runtime.md 6). We count for each id, because callers cannot be told apart by their addresses.
const (
	perSecond = 40
	burst     = 60
)

// Options of a Server. The zero value works.
type Options struct {
	// Roles gives credentials; nil is Static.
	Roles Roles
	// Other answers what the agent would not: jobs may be allowed to call this emulator's API here. Nil is 404.
	Other http.Handler
	// Log takes our own log; nil discards it.
	Log *slog.Logger
}

// A Server answers for all tasks. It is safe for concurrent use.
type Server struct {
	roles     Roles
	other     http.Handler
	log       *slog.Logger
	limit     rate.Limit
	strangers *rate.Limiter // of ids that nobody has

	tokens tokens

	mu         sync.RWMutex
	members    map[string]*member // by the id in their address
	leases     map[string]*lease  // by the id in their address
	heldLeases map[heldKey]*lease // of instance roles
}

// New is a Server without tasks.
func New(o Options) *Server {
	s := &Server{roles: o.Roles, other: o.Other, log: o.Log, limit: perSecond, members: map[string]*member{}, leases: map[string]*lease{},
		heldLeases: map[heldKey]*lease{}, tokens: newTokens()}
	if s.roles == nil {
		s.roles = Static{}
	}
	if s.other == nil {
		s.other = http.NotFoundHandler()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.strangers = s.newLimiter()
	return s
}

func (s *Server) newLimiter() *rate.Limiter { return rate.NewLimiter(s.limit, burst) }

// Handler answers what comes to 169.254.170.2.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	// The agent redirects to the clean path; that costs clients a round trip, and some do not follow.
	first, rest, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"), "/")
	id, view, _ := strings.Cut(rest, "/")
	ours := first == "v1" && rest == "credentials" || first == "v2" || first == "v3" || first == "v4"
	switch {
	case !ours:
		s.other.ServeHTTP(w, r)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	case first == "v1":
		s.serveCredentials(w, r, "CredentialsV1Request", r.URL.Query().Get("id"))
	case first == "v2" && id == "credentials":
		s.serveCredentials(w, r, "CredentialsV2Request", view)
	case first == "v3" || first == "v4":
		s.serveMetadata(w, r, first, id, view)
	default: // what is left of v2 goes by the caller's address, which networks hide
		http.NotFound(w, r)
	}
}

// allowed counts a request, and answers one too many.
func allowed(w http.ResponseWriter, l *rate.Limiter) bool {
	if l.Allow() {
		return true
	}
	http.Error(w, "You have reached maximum request limit.", http.StatusTooManyRequests)
	return false
}

package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/batch-local/batch-local/emulator/api"
)

// An Emulator is what control needs of one.
type Emulator interface {
	Info() Info
	// Health is why calls cannot be answered as they should; nil is well.
	Health() error
	// Reset stops what runs and removes all state, and answers when it is done.
	Reset(ctx context.Context, scope Scope) error
	// Wait answers the job when it has reached a status or a later one; an empty status is its end. ErrUnknown if there is no such job.
	Wait(ctx context.Context, job string, until api.JobStatus) (*api.JobDetail, error)
	// WaitIdle answers when no job is on its way.
	WaitIdle(ctx context.Context, scope Scope) error
	// Why says why a job is not further than it is. ErrUnknown if there is no such job.
	Why(ctx context.Context, job string) (Why, error)
	// Reclaim takes an instance away, or what a job runs on. ErrUnknown if there is no such instance or job, ErrConflict if the job runs on nothing.
	Reclaim(ctx context.Context, r Reclaim) error
	// Exec finds a container of a job that runs, by its name or, for an empty one, the first, and answers how to run commands in it. ErrUnknown if there
	// is no such job or container, ErrConflict if the job does not run or has no containers.
	Exec(ctx context.Context, job, container string) (Start, error)
	// Reproduce says how to run a job without us. ErrUnknown if there is no such job.
	Reproduce(ctx context.Context, job string) (Reproduction, error)
	// Clock is the emulator's time; MoveClock answers when everything that was due has happened.
	Clock() Clock
	MoveClock(ctx context.Context, m Move) (Clock, error)
	// Script answers the outcomes or the holds that are in force; SetScript replaces them by a JSON list.
	Script(which Script) any
	SetScript(ctx context.Context, which Script, list []byte) error
	// Follow calls tell for each event of a span, until ctx ends or tell answers an error. It calls ready when none that comes will be missed.
	Follow(ctx context.Context, scope Scope, span Span, ready func(), tell func(number uint64, event []byte) error) error
}

// Scope narrows a call to one account, one region, or both; the zero value is all.
type Scope struct{ Account, Region string }

// A Span of events begins after the one with a number, or, if After is nil, with the next that comes. If Past is true it ends with the newest
// that there is.
type Span struct {
	After *uint64
	Past  bool
}

// ErrUnknown is something that is not there, ErrInvalid something that cannot be meant, ErrConflict something that cannot be done now, or here.
var (
	ErrUnknown  = errors.New("unknown")
	ErrInvalid  = errors.New("invalid")
	ErrConflict = errors.New("conflict")
)

// Info is what /_emulator/info answers.
type Info struct {
	Version   string   `json:"version"`
	Instance  string   `json:"instance"`
	Driver    string   `json:"driver"`
	Engine    Engine   `json:"engine"`
	Addresses []string `json:"addresses"`
	Account   string   `json:"account"`
	Region    string   `json:"region"`
	Limits    Limits   `json:"limits"`
	DataDir   string   `json:"dataDir,omitempty"`
	// PodLogs says that what pods print is kept.
	PodLogs bool  `json:"podLogs"`
	Clock   Clock `json:"clock"`
}

// Engine is the container engine behind the driver. State is "ready", "absent" or, for a driver that has none, "none".
type Engine struct {
	State    string `json:"state"`
	Version  string `json:"version,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Limits are bounds of this process.
type Limits struct {
	// RequestBytes is the size of the largest request that is read.
	RequestBytes int64 `json:"requestBytes"`
	// MemoryMiB and VCPUs are what all jobs together may take of the machine at the same time; 0 is without bound.
	MemoryMiB int64   `json:"memoryMiB"`
	VCPUs     float64 `json:"vcpus"`
}

// New answers /_emulator/, /livez, /readyz and /_localstack/.
func New(e Emulator) http.Handler {
	r := mux.NewRouter()
	r.HandleFunc("/livez", alive).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/readyz", ready(e)).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/_localstack/health", localstackHealth(e)).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/_localstack/init", localstackInit).Methods(http.MethodGet)
	r.HandleFunc("/_emulator/info", info(e)).Methods(http.MethodGet)
	r.HandleFunc("/_emulator/reset", reset(e)).Methods(http.MethodPost)
	r.HandleFunc("/_emulator/wait", wait(e)).Methods(http.MethodGet)
	r.HandleFunc("/_emulator/why", why(e)).Methods(http.MethodGet)
	r.HandleFunc("/_emulator/exec", execute(e)).Methods(http.MethodGet, http.MethodPost)
	r.HandleFunc("/_emulator/reproduce", reproduce(e)).Methods(http.MethodGet)
	r.HandleFunc("/_emulator/reclaim", reclaim(e)).Methods(http.MethodPost)
	r.HandleFunc("/_emulator/clock", readClock(e)).Methods(http.MethodGet)
	r.HandleFunc("/_emulator/clock", moveClock(e)).Methods(http.MethodPost)
	for _, which := range []Script{Outcomes, Holds} {
		path := "/_emulator/" + string(which)
		r.HandleFunc(path, readScript(e, which)).Methods(http.MethodGet)
		r.HandleFunc(path, writeScript(e, which)).Methods(http.MethodPut)
		r.HandleFunc(path, dropScript(e, which)).Methods(http.MethodDelete)
	}
	r.HandleFunc("/_emulator/events", follow(e)).Methods(http.MethodGet)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "there is no "+r.URL.Path)
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusMethodNotAllowed, r.Method+" is not for "+r.URL.Path)
	})
	return r
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is out; a caller that went away is its own affair.
	_ = json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

func alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "alive"})
}

func ready(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := e.Health(); err != nil {
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, map[string]any{"status": "ready", "engine": e.Info().Engine})
	}
}

func info(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, e.Info()) }
}

func scopeOf(r *http.Request) Scope {
	q := r.URL.Query()
	return Scope{Account: q.Get("account"), Region: q.Get("region")}
}

func reset(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := e.Reset(r.Context(), scopeOf(r)); err != nil {
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, struct{}{})
	}
}

// Time limits of /_emulator/wait.
const (
	defaultWait = 30 * time.Second
	longestWait = 24 * time.Hour
)

func wait(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		limit := defaultWait
		if text := q.Get("timeout"); text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d < 0 || d > longestWait {
				refuse(w, http.StatusBadRequest, "timeout "+text+" is not a duration such as 30s, up to 24h")
				return
			}
			limit = d
		}
		until, ok := statusOf(q.Get("until"))
		if !ok {
			refuse(w, http.StatusBadRequest, "until "+q.Get("until")+" is not a status of a job")
			return
		}
		job := q.Get("job")
		if job == "" && q.Has("job") { // a variable that is empty, in a script that would go on before its job has ended
			refuse(w, http.StatusBadRequest, "say which job: ?job=ID; without job it is waited until none is on its way")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		if job == "" {
			told(w, struct{}{}, e.WaitIdle(ctx, scopeOf(r)), "jobs are still on their way")
			return
		}
		detail, err := e.Wait(ctx, job, until)
		told(w, detail, err, "job "+job+" is not there yet")
	}
}

// statusOf also takes ENDED for the end, whichever it is.
func statusOf(text string) (api.JobStatus, bool) {
	switch s := api.JobStatus(text); s {
	case "", "ENDED":
		return "", true
	case api.JobStatusSubmitted, api.JobStatusPending, api.JobStatusRunnable, api.JobStatusStarting, api.JobStatusRunning, api.JobStatusSucceeded, api.JobStatusFailed:
		return s, true
	}
	return "", false
}

func told(w http.ResponseWriter, value any, err error, late string) {
	switch {
	case err == nil:
		answer(w, http.StatusOK, value)
	case errors.Is(err, ErrUnknown):
		refuse(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrInvalid):
		refuse(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, ErrConflict):
		refuse(w, http.StatusConflict, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		refuse(w, http.StatusRequestTimeout, late)
	case errors.Is(err, context.Canceled): // the caller went away, or we are about to
		refuse(w, http.StatusServiceUnavailable, "the server ended before the wait was over")
	default:
		refuse(w, http.StatusServiceUnavailable, err.Error())
	}
}

func localstackHealth(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		status, state := http.StatusOK, "running"
		if e.Health() != nil {
			status, state = http.StatusServiceUnavailable, "error"
		}
		answer(w, status, map[string]any{
			"services": map[string]string{"batch": state, "logs": state},
			"edition":  "batch-local",
			"version":  e.Info().Version,
		})
	}
}

func localstackInit(w http.ResponseWriter, _ *http.Request) {
	stages := map[string]bool{"BOOT": true, "START": true, "READY": true, "SHUTDOWN": false}
	answer(w, http.StatusOK, map[string]any{"completed": stages, "scripts": []string{}})
}

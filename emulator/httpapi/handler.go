package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"github.com/batch-local/batch-local/emulator/api"
)

// Options of New. The zero value works.
type Options struct {
	// Callers says who asks where a signature does not.
	Callers Callers
	// MaxBody is the size of the largest body that is read, in bytes; 0 is 4 MiB.
	MaxBody int64
	// Log takes what went wrong on our side; nil discards it.
	Log *slog.Logger
}

const defaultMaxBody = 4 << 20

type handler struct {
	service api.Service
	options Options
}

// New answers the operations of the service.
func New(service api.Service, o Options) http.Handler {
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{service: service, options: o}
	posts := map[string]api.Operation{}
	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, op := range api.Operations() {
		if strings.Contains(op.Path, "{") {
			// The ARN is one label, escaped; some clients leave its slash as it is.
			r.Handle(strings.Replace(op.Path, "{resourceArn}", "{resourceArn:.+}", 1), h.answer(op, bindTags)).Methods(op.Method)
			continue
		}
		posts[strings.TrimPrefix(op.Path, "/v1/")] = op
	}
	// One route for all of them: a router that tries 45 patterns costs more than decoding the request.
	answers := map[string]http.HandlerFunc{}
	for name, op := range posts {
		answers[name] = h.answer(op, nil)
	}
	r.HandleFunc("/v1/{operation:[a-z]+}", func(w http.ResponseWriter, r *http.Request) {
		if answer := answers[mux.Vars(r)["operation"]]; answer != nil {
			answer(w, r)
			return
		}
		h.unknown(w, r)
	}).Methods(http.MethodPost)
	r.NotFoundHandler = http.HandlerFunc(h.unknown)
	r.MethodNotAllowedHandler = http.HandlerFunc(h.unknown)
	return r
}

// unknown answers paths that the service does not have as its gateway does, whatever the signature.
func (h *handler) unknown(w http.ResponseWriter, _ *http.Request) {
	writeError(w, uuid.NewString(), missingToken)
}

// bind puts what is not in the body into an input.
type bind func(r *http.Request, in api.Input) error

func (h *handler) answer(op api.Operation, bind bind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				h.options.Log.Error("an operation panicked", "operation", op.Name, "request", id, "panic", p, "stack", string(debug.Stack()))
				writeError(w, id, api.ServerError())
			}
		}()
		out, err := h.call(w, r, op, bind, id)
		if err != nil {
			h.refuse(w, r, op, id, err)
			return
		}
		writeAnswer(w, id, out)
	}
}

func (h *handler) call(w http.ResponseWriter, r *http.Request, op api.Operation, bind bind, id string) (any, error) {
	caller, err := h.options.Callers.Of(r)
	if err != nil {
		return nil, err
	}
	caller.RequestID = id
	in := op.New()
	if caller.Size, err = decode(w, r, h.options.MaxBody, in); err != nil {
		return nil, err
	}
	if bind != nil {
		if err := bind(r, in); err != nil {
			return nil, err
		}
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	return op.Call(api.WithCaller(r.Context(), caller), h.service, in)
}

func (h *handler) refuse(w http.ResponseWriter, r *http.Request, op api.Operation, id string, err error) {
	var refusal *api.Error
	if errors.As(err, &refusal) {
		writeError(w, id, refusal)
		return
	}
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to hear it
	}
	h.options.Log.Error("an operation failed", "operation", op.Name, "request", id, "error", err)
	writeError(w, id, api.ServerError())
}

// bindTags reads the label and the query of the tag operations.
func bindTags(r *http.Request, in api.Input) error {
	arn, err := url.PathUnescape(mux.Vars(r)["resourceArn"])
	if err != nil {
		return api.SerializationError("The path cannot be decoded: %v", err)
	}
	switch in := in.(type) {
	case *api.ListTagsForResourceInput:
		in.ResourceArn = &arn
	case *api.TagResourceInput:
		in.ResourceArn = &arn
	case *api.UntagResourceInput:
		in.ResourceArn = &arn
		in.TagKeys = r.URL.Query()["tagKeys"]
	default:
		return fmt.Errorf("%T has no label", in)
	}
	return nil
}

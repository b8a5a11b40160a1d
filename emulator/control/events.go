package control

import (
	"fmt"
	"net/http"
	"strconv"
)

// follow answers server-sent events: each has a number as its id, with which a client that comes back says what it had (Last-Event-ID; 0 is
// everything that is kept). With ?past=true the answer ends with the newest event that there is, and begins with the oldest.
func follow(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var span Span
		switch past := r.URL.Query().Get("past"); past {
		case "", "false":
		case "true":
			span = Span{After: new(uint64), Past: true}
		default:
			refuse(w, http.StatusBadRequest, "past is "+past+", not true or false")
			return
		}
		if last := r.Header.Get("Last-Event-ID"); last != "" {
			n, err := strconv.ParseUint(last, 10, 64)
			if err != nil {
				refuse(w, http.StatusBadRequest, "Last-Event-ID "+last+" is not the number of an event")
				return
			}
			span.After = &n
		}
		flusher := http.NewResponseController(w)
		begun := false
		err := e.Follow(r.Context(), scopeOf(r), span, func() {
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusOK)
			// Who cannot take it in pieces gets it at the end.
			_ = flusher.Flush()
		}, func(number uint64, event []byte) error {
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", number, event); err != nil {
				return err
			}
			return flusher.Flush()
		})
		if err != nil && !begun {
			told(w, nil, err, "not in time")
		}
	}
}

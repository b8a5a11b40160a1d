package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/batch-local/batch-local/emulator/api"
)

// writeAnswer sends the output of an operation; an empty one is the object {} (jobs.md 1).
func writeAnswer(w http.ResponseWriter, id string, out any) {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		panic(err) // an output that cannot be encoded is a mistake of ours
	}
	body := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	head(w, id, len(body))
	// A caller that went away is its own affair.
	_, _ = w.Write(body)
	if b.Cap() <= keptBuffer {
		buffers.Put(b)
	}
}

func head(w http.ResponseWriter, id string, size int) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["X-Amzn-Requestid"] = []string{id}
	h["Content-Length"] = []string{strconv.Itoa(size)}
}

// writeError sends an error: its type in a header, its message in the body, wrapped where the service wraps it (jobs.md 1.1).
func writeError(w http.ResponseWriter, id string, e *api.Error) {
	message := e.Message
	if e.Wrapped {
		message = "Error executing request, Exception : " + message + ", RequestId: " + id
	}
	body, err := json.Marshal(struct {
		Message string `json:"message"`
	}{message})
	if err != nil {
		panic(err) // a string cannot fail
	}
	w.Header()["X-Amzn-Errortype"] = []string{e.Code}
	head(w, id, len(body))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body)
}

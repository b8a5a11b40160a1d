package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/batch-local/batch-local/emulator/api"
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBuffer is the capacity above which a buffer is not kept for the next request.
const keptBuffer = 1 << 16

// decode reads the body, a missing one as an empty object, and answers its size.
func decode(w http.ResponseWriter, r *http.Request, most int64, in api.Input) (int, error) {
	if r.ContentLength > most {
		return 0, tooLarge
	}
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	defer func() {
		if b.Cap() <= keptBuffer {
			buffers.Put(b)
		}
	}()
	if _, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, most)); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return 0, tooLarge
		}
		return 0, api.SerializationError("The body could not be read.")
	}
	body := bytes.TrimSpace(b.Bytes())
	if len(body) == 0 {
		return 0, nil
	}
	if err := checkType(r); err != nil {
		return 0, err
	}
	if !utf8.Valid(body) {
		return 0, api.SerializationError("The body is not UTF-8.")
	}
	if body[0] != '{' {
		return 0, api.SerializationError("The body is not a JSON object.")
	}
	return b.Len(), unmarshal(body, in)
}

func unmarshal(body []byte, in api.Input) error {
	err := json.Unmarshal(body, in)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return api.SerializationError("%s can not be a %s.", orWhole(wrong.Field), wrong.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return api.SerializationError("The body ends too early.")
	}
	return api.SerializationError("The body is not JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
}

func orWhole(field string) string {
	if field == "" {
		return "The body"
	}
	return field
}

// checkType takes JSON, and clients that do not say. Browsers can send the simple types of forms to anybody without
// asking first, so these are refused.
func checkType(r *http.Request) error {
	given := r.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(given)
	if err == nil && (kind == "application/json" || strings.HasPrefix(kind, "application/x-amz-json-")) {
		return nil
	}
	return &api.Error{Code: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType, Message: "The content type " + given + " is not supported; send application/json."}
}

var tooLarge = &api.Error{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Message: "Request size exceeded the limit."}

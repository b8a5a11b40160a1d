package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A closedBody is read as the SDK's is that was closed because the answer has begun.
type closedBody struct{ io.Reader }

func (closedBody) Close() error { return nil }

func (closedBody) WriteTo(io.Writer) (int64, error) { return 0, errors.New("it is closed") }

// TestAnswerWhileTheBodyIsClosed: an answer is whole also when the SDK has closed what it asked with before net/http looked whether anything is left of it.
func TestAnswerWhileTheBodyIsClosed(t *testing.T) {
	answer := strings.Repeat("x", 4<<20)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	c := New(Endpoint{URL: s.URL}, Identity{})
	defer c.Close()
	const asked = "{}"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, closedBody{strings.NewReader(asked)})
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(len(asked))
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || len(got) != len(answer) {
		t.Errorf("%d of %d bytes, %v", len(got), len(answer), err)
	}
}

package endpoint_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/endpoint"
)

// BenchmarkMetadata asks for a task of one container, among a thousand tasks.
func BenchmarkMetadata(b *testing.B) { benchmark(b, "/v4/", "/task") }

// BenchmarkCredentials asks for those of one task, among a thousand.
func BenchmarkCredentials(b *testing.B) { benchmark(b, "/v2/credentials/", "") }

func benchmark(b *testing.B, before, after string) {
	s := endpoint.Unlimited(endpoint.New(endpoint.Options{}))
	var paths []string
	for range 1000 {
		session := s.Open(withRole(), endpoint.IDs{})
		known := endpoint.Known(session.Environment(session.Container(endpoint.Container{Name: "default", Source: running()})))
		id := known.Container
		if after == "" {
			id = known.Credentials
		}
		paths = append(paths, before+id+after)
	}
	time.Sleep(10 * time.Millisecond) // the first fetches
	h := s.Handler()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", paths[i%len(paths)], nil))
		if w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}

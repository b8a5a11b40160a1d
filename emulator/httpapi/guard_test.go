package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/batch-local/batch-local/emulator/httpapi"
)

// TestGuard is interface.md 3, first paragraph.
func TestGuard(t *testing.T) {
	h := httpapi.Guard{Hosts: []string{"Batch-Local"}, Listen: []string{"192.0.2.7:22824", "0.0.0.0:4566"}}.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, test := range []struct {
		host, origin, site string
		status             int
	}{
		{"127.0.0.1:22824", "", "", 200},
		{"127.8.9.10", "", "", 200},
		{"[::1]:22824", "", "", 200},
		{"[::1]", "", "", 200},
		{"[::ffff:127.0.0.1]:1", "", "", 200},
		{"localhost:1", "", "", 200},
		{"LOCALHOST.", "", "", 200},
		{"logs.localhost:22824", "", "", 200},
		{"stream-logs.localhost", "", "", 200},
		{"streaming-localhost", "", "", 200},
		{"stream-127.0.0.1:22824", "", "", 200},
		{"host.docker.internal:22824", "", "", 200},
		{"batch-local:22824", "", "", 200},
		{"stream-batch-local", "", "", 200},
		{"192.0.2.7:22824", "", "", 200},
		{"0.0.0.0:4566", "", "", 200},
		{"[::]:4566", "", "", 200},
		{"[::]", "", "", 200},
		{"0.0.0.0:4566", "http://evil.example", "", 403},
		{"evil.example", "", "", 403},
		{"localhost.evil.example", "", "", 403},
		{"evillocalhost", "", "", 403},
		{"127.0.0.1.evil.example", "", "", 403},
		{"10.0.0.1", "", "", 403},
		{"", "", "", 403},
		{"localhost:1", "http://localhost:1", "same-origin", 200},
		{"localhost:1", "http://localhost:2", "", 403},
		{"localhost:1", "https://localhost:1", "", 403},
		{"localhost:1", "http://evil.example", "", 403},
		{"localhost:1", "null", "", 403},
		{"localhost:1", "", "cross-site", 403},
		{"localhost:1", "", "none", 200},
	} {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "/", nil)
			r.Host = test.host
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			if test.site != "" {
				r.Header.Set("Sec-Fetch-Site", test.site)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s of host %q, origin %q, site %q: got %d, want %d", method, test.host, test.origin, test.site, w.Code, test.status)
			}
		}
	}
}

// TestGuardOfTheLoopback: who listens on the loopback alone is not called by the address of all.
func TestGuardOfTheLoopback(t *testing.T) {
	h := httpapi.Guard{Listen: []string{"127.0.0.1:22824"}}.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, host := range []string{"0.0.0.0:22824", "[::]:22824"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusForbidden {
			t.Errorf("host %s: %d", host, w.Code)
		}
	}
}

package docker

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner/docker/relay"
)

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// handler answers what the relay hands on: what is for the endpoint of tasks, and, to tasks on an instance, what is for the instance metadata service. Both are
// this process's, so that no job finds the metadata of a real instance on which the engine may run.
func (r *relayer) handler() http.Handler {
	tasks := r.driver.options.Endpoint.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, _ := q.Context().Value(connKey{}).(net.Conn)
		from := relay.OriginOf(c)
		if !from.Instance {
			tasks.ServeHTTP(w, q)
			return
		}
		t, ok := r.driver.boxes.guest(from.From)
		if !ok || t.Platform == batch.Fargate {
			panic(http.ErrAbortHandler) // hangs up: on Fargate the address is not reached (runtime.md 2.8)
		}
		r.driver.options.Endpoint.ServeInstance(w, q, t, from.From)
	})
}

// guest is a task in the sandbox with that address; of those that share one, any.
func (s *sandboxes) guest(address netip.Addr) (batch.Task, bool) {
	ipv4 := address.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, box := range s.live {
		if box.ipv4 == ipv4 {
			for r := range box.inside {
				return r.attempt.Task, true
			}
		}
	}
	return batch.Task{}, false
}

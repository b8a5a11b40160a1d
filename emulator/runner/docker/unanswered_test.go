package docker

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// TestCreateThatIsNotAnswered: a container that the engine makes after all, when nobody waits for it any more, goes with its attempt.
func TestCreateThatIsNotAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		err  error // nil waits for ever
		told string
	}{
		"in time":                      {nil, timedOut},
		"for the connection broke off": {errors.New("read tcp: connection reset by peer"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var removed []string
				e := engineOf(func(r *http.Request) (*http.Response, error) {
					body := `{}`
					switch path := strings.TrimPrefix(r.URL.Path, "/v1.41"); {
					case path == "/containers/create" && test.err != nil:
						return nil, test.err
					case path == "/containers/create":
						<-r.Context().Done()
						return nil, r.Context().Err()
					case path == "/containers/json":
						body = `[{"Id":"late"}]`
					case r.Method == http.MethodDelete:
						removed = append(removed, path)
					}
					return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
				})
				d := e.driver(t, Options{Instance: "x", Network: modeHost})
				d.engine.is.Ready = true
				task := batch.Task{Attempt: batch.AttemptID{Job: "j", Number: 1}, Containers: []batch.Container{{Name: "default"}}}
				d.made.container(task.Attempt, "known") // another one of the task
				r := d.newRun(t.Context(), runner.Attempt{Task: task}, nil)
				began := time.Now()
				err := r.units[0].create(t.Context(), asked{config: &container.Config{}, host: &container.HostConfig{}})
				var f *failure
				if err == nil || errors.As(err, &f) != (test.told != "") || f != nil && f.name != test.told || time.Since(began) > createTime {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				if err := d.Remove(t.Context(), task.Attempt, true); err != nil {
					t.Error(err)
				}
				if !slices.Contains(removed, "/containers/late") {
					t.Errorf("removed: %q", removed)
				}
			})
		})
	}
}

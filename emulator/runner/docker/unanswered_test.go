package docker

import (
	"context"
	"crypto/sha256"
	"encoding/json"
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

// TestMakingThatIsNotAnswered: what a stop does not cut short is waited for as long as ECS does, not for ever: others wait for the same. It has a name of ours,
// and the attempt is looked through for it.
func TestMakingThatIsNotAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		begins string // the name on the engine
		what   func(r *run) error
		shared bool // with other attempts
	}{
		"a container that looks at a disk": {"batch-local-x-look-", func(r *run) error {
			_, err := r.driver.within(r.coming, "/disk", "folder")
			return err
		}, true},
		"a container that looks at the attempt's own": {"batch-local-x-look-", func(r *run) error {
			_, _, err := r.within(r.coming, "/own", "folder")
			return err
		}, false},
		"a volume": {"batch-local-j-1-", func(r *run) error {
			_, _, err := r.ownVolume(r.coming, "v", nil)
			return err
		}, false},
		"a container that fills a volume": {"batch-local-x-fill-", func(r *run) error {
			r.shared.volumes = map[string]string{taskName(r.attempt.Attempt) + "-" + d12(sha256.Sum256([]byte("v"))): "/v"} // it is there
			_, _, err := r.filledVolume(r.coming, "v", []batch.File{{Path: "f"}})
			return err
		}, false},
		"a container that makes a folder in one": {"batch-local-x-fill-", func(r *run) error {
			_, err := r.subFolder(r.coming, "v", "dir", "/v/dir", "sub")
			return err
		}, false},
		"what holds the namespaces of a task": {"batch-local-j-1.pause", func(r *run) error {
			r.sharing.Lock()
			defer r.sharing.Unlock()
			return fail(cannotCreate, "created", "4m0s", r.holder(r.coming))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := ""
				d := engineOf(func(r *http.Request) (*http.Response, error) {
					if strings.HasSuffix(r.URL.Path, "/create") {
						body := struct{ Name string }{r.URL.Query().Get("name")}
						if body.Name == "" {
							_ = json.NewDecoder(r.Body).Decode(&body)
						}
						if asked = body.Name; strings.HasPrefix(asked, test.begins) {
							<-r.Context().Done()
							return nil, r.Context().Err()
						}
					}
					status := http.StatusOK
					if strings.HasSuffix(r.URL.Path, "/archive") { // in which a folder is looked for
						status = http.StatusNotFound
					}
					return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(`{"Id":"made"}`)), Request: r}, nil
				}).driver(t, Options{Instance: "x", Network: modeHost})
				d.boxes.arch = "amd64"
				ctx, cancel := context.WithCancelCause(t.Context())
				task := batch.Task{Attempt: batch.AttemptID{Job: "j", Number: 1}}
				r := d.newRun(ctx, runner.Attempt{Task: task}, nil)
				defer time.AfterFunc(time.Second, func() { cancel(runner.ErrStop) }).Stop()
				began := time.Now()
				var f *failure
				if err := test.what(r); !errors.As(err, &f) || f.name != timedOut || time.Since(began) != createTime {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				if !strings.HasPrefix(asked, test.begins) {
					t.Errorf("its name is %q", asked)
				}
				if there, _ := d.made.of(task.Attempt); there.more == test.shared {
					t.Errorf("the attempt may have more: %v", there.more)
				}
			})
		})
	}
}

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

package emulator

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/httpapi"
	"github.com/batch-local/batch-local/emulator/logs"
	"github.com/batch-local/batch-local/emulator/operations"
	"github.com/batch-local/batch-local/emulator/runner"
)

// routes puts the services on one port (events-logs-schedules.md 1) and the guard in front of them.
func (e *Emulator) routes() http.Handler {
	callers := httpapi.Callers{Account: e.config.Account, Region: e.config.Region}
	service := httpapi.New(operations.New(e.engine), httpapi.Options{Callers: callers, MaxBody: maxRequest, Log: e.config.Log})
	own := control.New(e)
	cloudwatch := logs.NewHandler(e.logs, logs.HandlerOptions{Log: e.config.Log, Caller: func(r *http.Request) (account, region string, err error) {
		c, err := callers.Of(r)
		return c.Account, c.Region, err
	}})
	guard := httpapi.Guard{Hosts: e.config.AllowHosts, Listen: e.config.Listen}
	return guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_emulator/"), strings.HasPrefix(r.URL.Path, "/_localstack/"), r.URL.Path == "/livez", r.URL.Path == "/readyz":
			own.ServeHTTP(w, r)
		case r.URL.Path == "/" && strings.HasPrefix(r.Header.Get("X-Amz-Target"), logs.TargetPrefix):
			cloudwatch.ServeHTTP(w, r)
		default:
			service.ServeHTTP(w, r)
		}
	}))
}

// containerLog is a stream of the store as a driver writes it.
type containerLog struct{ writer *logs.Writer }

func (e *Emulator) openLog(t batch.Task, c batch.Container) (runner.Log, error) {
	if c.LogGroup == "" { // another log driver takes the output; nothing of it is kept here
		return runner.DiscardLog{}, nil
	}
	w, err := e.logs.Create(logs.Key{Account: t.Scope.Account, Region: t.Scope.Region, Group: c.LogGroup, Stream: c.LogStream})
	if err != nil {
		return nil, err
	}
	return containerLog{w}, nil
}

// Writer implements runner.Log.
func (l containerLog) Writer(std runner.Std) io.Writer { return l.writer.Output(logs.Std(std)) }

// Append implements runner.Log.
func (l containerLog) Append(std runner.Std, at time.Time, line []byte) error {
	return l.writer.Append(logs.Std(std), at, line)
}

// Lines implements runner.Log.
func (l containerLog) Lines() (stdout, stderr int64) { return l.writer.Lines() }

// Close implements runner.Log.
func (l containerLog) Close() error { return l.writer.Close() }

// Abandon implements runner.Log.
func (l containerLog) Abandon() error { return l.writer.Abandon() }

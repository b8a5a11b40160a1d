package emulator

import (
	"net/http"
	"strings"

	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/httpapi"
	"github.com/batch-local/batch-local/emulator/logs"
	"github.com/batch-local/batch-local/emulator/operations"
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

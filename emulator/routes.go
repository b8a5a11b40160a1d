package emulator

import (
	"net/http"
	"strings"

	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/endpoint"
	"github.com/batch-local/batch-local/emulator/httpapi"
	"github.com/batch-local/batch-local/emulator/logs"
	"github.com/batch-local/batch-local/emulator/operations"
)

// routes puts everything on one port (events-logs-schedules.md 1) and the guard in front of it.
func (e *Emulator) routes() http.Handler {
	own, services := control.New(e), e.services()
	guard := httpapi.Guard{Hosts: e.config.AllowHosts, Listen: e.config.Listen}
	return guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_emulator/"), strings.HasPrefix(r.URL.Path, "/_localstack/"), r.URL.Path == "/livez", r.URL.Path == "/readyz":
			own.ServeHTTP(w, r)
		default:
			services.ServeHTTP(w, r)
		}
	}))
}

// services are what is AWS's.
func (e *Emulator) services() http.Handler {
	callers := httpapi.Callers{Account: e.config.Account, Region: e.config.Region}
	service := httpapi.New(operations.New(e.engine), httpapi.Options{Callers: callers, MaxBody: maxRequest, Log: e.config.Log})
	cloudwatch := logs.NewHandler(e.logs, logs.HandlerOptions{Log: e.config.Log, Caller: func(r *http.Request) (account, region string, err error) {
		c, err := callers.Of(r)
		return c.Account, c.Region, err
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && strings.HasPrefix(r.Header.Get("X-Amz-Target"), logs.TargetPrefix) {
			cloudwatch.ServeHTTP(w, r)
			return
		}
		service.ServeHTTP(w, r)
	})
}

// forJobs is what jobs may call at the address of their endpoint: what is AWS's, and nothing unless the user sent them there.
func (e *Emulator) forJobs() http.Handler {
	if !e.config.sendsJobsHere() {
		return nil
	}
	return httpapi.Guard{Hosts: []string{endpoint.Address}}.Wrap(e.services())
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/batch-local/batch-local/emulator"
)

// ErrTimeLimit says that a job was not where it was waited for in time.
var ErrTimeLimit = errors.New("the time limit has passed")

var errGone = errors.New("the server ended in the middle of a call")

// A StrangerError says that something answers which is no batch-local.
type StrangerError struct {
	Endpoint Endpoint
	Status   string
	Server   string // as it calls itself, if it does
}

func (e *StrangerError) Error() string {
	what := "something else than batch-local"
	if e.Server != "" {
		what = e.Server
	}
	return fmt.Sprintf("%s answers at %s: %s", what, e.Endpoint.Said(), e.Status)
}

// Info describes the server.
func (c *Client) Info(ctx context.Context) (emulator.Info, error) {
	var info emulator.Info
	err := c.control(ctx, http.MethodGet, "/_emulator/info", nil, &info)
	if err == nil && info.Instance == "" { // a server that answers anything with JSON
		err = &StrangerError{Endpoint: c.Endpoint, Status: "200 OK"}
	}
	return info, err
}

// Reset stops what runs and removes all state of all accounts; it returns when that is done.
func (c *Client) Reset(ctx context.Context) error {
	return c.control(ctx, http.MethodPost, "/_emulator/reset", nil, nil)
}

// Why says why a job is not further than it is.
func (c *Client) Why(ctx context.Context, job string) (emulator.Why, error) {
	var why emulator.Why
	err := c.control(ctx, http.MethodGet, "/_emulator/why", url.Values{"job": {job}}, &why)
	return why, err
}

// Reproduce says how to run a job by hand.
func (c *Client) Reproduce(ctx context.Context, job string) (emulator.Reproduction, error) {
	var is emulator.Reproduction
	err := c.control(ctx, http.MethodGet, "/_emulator/reproduce", url.Values{"job": {job}}, &is)
	return is, err
}

// Ready answers nil if the server says that it can work.
func (c *Client) Ready(ctx context.Context) error {
	return c.control(ctx, http.MethodGet, "/readyz", nil, nil)
}

// longestWait is the longest time that one call of /_emulator/wait may ask for.
const longestWait = 24 * time.Hour

// Wait answers the job when it has reached a status or a later one; "" is its end, and its end is late enough for every status.
// A limit of 0 is none; after any other comes ErrTimeLimit.
func (c *Client) Wait(ctx context.Context, job string, until types.JobStatus, limit time.Duration) (types.JobDetail, error) {
	var deadline time.Time
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	for {
		patience := longestWait
		if limit > 0 {
			patience = max(0, min(patience, time.Until(deadline)))
		}
		query := url.Values{"job": {job}, "timeout": {patience.String()}}
		if until != "" {
			query.Set("until", string(until))
		}
		var detail types.JobDetail // its members have the API's names but for their first letter, which encoding/json lets pass
		err := c.control(ctx, http.MethodGet, "/_emulator/wait", query, &detail)
		if errors.Is(err, ErrTimeLimit) && (limit == 0 || time.Now().Before(deadline)) {
			continue
		}
		return detail, err
	}
}

// control makes one call that is not AWS's.
func (c *Client) control(ctx context.Context, method, path string, query url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.Endpoint.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return lost(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return lost(ctx, err)
	}
	if into != nil && len(body) == 0 && response.StatusCode == http.StatusOK { // a wait that the server's end cut short
		return errGone
	}
	if response.StatusCode == http.StatusRequestTimeout {
		return ErrTimeLimit
	}
	if response.StatusCode != http.StatusOK {
		return c.refused(response, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return &StrangerError{c.Endpoint, response.Status, response.Header.Get("Server")}
	}
	return nil
}

// lost words an error of the connection; what was asked of which URL is no news to the user.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) {
		return unreachable
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset") {
		return errGone
	}
	return err
}

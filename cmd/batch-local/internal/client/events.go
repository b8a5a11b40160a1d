package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// An Event is a job's change of status as EventBridge tells it.
type Event struct {
	ID         string
	DetailType string    `json:"detail-type"`
	Time       time.Time // to the second
	Detail     types.JobDetail
	// Text is the whole event as it came.
	Text json.RawMessage `json:"-"`
}

// account is what an access key has to look like to be one.
var account = regexp.MustCompile(`^[0-9]{12}$`)

// Events tells every event that the server has kept, and with follow true those that come, until ctx ends or tell answers an error.
func (c *Client) Events(ctx context.Context, follow bool, tell func(Event) error) error {
	query := url.Values{"region": {c.Identity.Region}}
	if account.MatchString(c.Identity.AccessKey) {
		query.Set("account", c.Identity.AccessKey)
	} else {
		info, err := c.Info(ctx)
		if err != nil {
			return err
		}
		query.Set("account", info.Account)
	}
	if !follow {
		query.Set("past", "true")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Endpoint.URL+"/_emulator/events?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Last-Event-ID", "0")
	response, err := c.http.Do(request)
	if err != nil {
		return lost(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return &StrangerError{c.Endpoint, response.Status, response.Header.Get("Server")}
	}
	for lines := bufio.NewReader(response.Body); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && !follow {
			return nil
		}
		if err != nil {
			return lost(ctx, err)
		}
		data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: "))
		if !ok {
			continue
		}
		e := Event{Text: data}
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if err := tell(e); err != nil {
			return err
		}
	}
}

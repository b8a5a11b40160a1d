package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/frames"
)

// An Exec is a command to be run in a container of a job.
type Exec struct {
	Container string // empty: the only one, or the first
	Command   []string
	TTY       bool
	Stdin     io.Reader // nil: none
	Stdout    io.Writer
	Stderr    io.Writer
	Sizes     <-chan Size // of the terminal; nil: never
}

// A Size of a terminal.
type Size struct{ Rows, Columns uint16 }

// Exec runs a command in a container of a job and answers its exit code. When ctx ends, so does the command. A read of Stdin may go on for
// longer than the command.
func (c *Client) Exec(ctx context.Context, job string, e Exec) (exitCode int, err error) {
	query := url.Values{"job": {job}, "command": e.Command}
	set := func(name, value string, really bool) {
		if really {
			query.Set(name, value)
		}
	}
	set("container", e.Container, e.Container != "")
	set("tty", "1", e.TTY)
	set("stdin", "1", e.Stdin != nil)
	conn, err := c.upgrade(ctx, "/_emulator/exec", query)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	out, done := frames.NewWriter(conn), make(chan struct{})
	defer close(done)
	room := newRoom()
	defer room.close()
	if e.Stdin != nil {
		go send(out, e.Stdin, room)
	}
	if e.Sizes != nil {
		go resize(out, e.Sizes, done)
	}
	in := bufio.NewReader(conn)
	for {
		kind, content, err := frames.Read(in)
		if err != nil {
			return 0, lost(ctx, io.ErrUnexpectedEOF)
		}
		switch kind {
		case frames.Stdout:
			_, err = e.Stdout.Write(content)
		case frames.Stderr:
			_, err = e.Stderr.Write(content)
		case frames.Taken:
			var n int
			n, err = frames.Number(content)
			room.give(n)
		case frames.Exit:
			return frames.Number(content)
		case frames.Failure:
			return 0, errors.New(string(content))
		default:
			err = fmt.Errorf("the server sent a frame of an unknown kind, %q", kind)
		}
		if err != nil {
			return 0, err
		}
	}
}

// upgrade makes a call whose connection then is ours.
func (c *Client) upgrade(ctx context.Context, path string, query url.Values) (io.ReadWriteCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", control.ExecProtocol)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, lost(ctx, err)
	}
	if conn, ok := response.Body.(io.ReadWriteCloser); ok && response.StatusCode == http.StatusSwitchingProtocols {
		return conn, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, lost(ctx, err)
	}
	return nil, c.refused(response, body)
}

// refused is what an answer that is no success says.
func (c *Client) refused(response *http.Response, body []byte) error {
	var refusal struct{ Message string }
	if json.Unmarshal(body, &refusal) != nil || refusal.Message == "" {
		return &StrangerError{c.Endpoint, response.Status, response.Header.Get("Server")}
	}
	return errors.New(refusal.Message)
}

// send hands input on, and its end. Where writing fails, reading finds out why.
func send(out *frames.Writer, in io.Reader, room *room) {
	part := make([]byte, frames.Most)
	for {
		n, err := in.Read(part)
		if n > 0 && (!room.take(n) || out.Write(frames.Stdin, part[:n]) != nil) {
			return
		}
		if err != nil {
			_ = out.Write(frames.End, nil)
			return
		}
	}
}

func resize(out *frames.Writer, sizes <-chan Size, done <-chan struct{}) {
	for {
		select {
		case s := <-sizes:
			if out.Resize(s.Rows, s.Columns) != nil {
				return
			}
		case <-done:
			return
		}
	}
}

// room is how much input may still be sent.
type room struct {
	mu   sync.Mutex
	more sync.Cond
	left int
	over bool
}

func newRoom() *room {
	r := &room{left: frames.Window}
	r.more.L = &r.mu
	return r
}

// take waits until there is room; false is that there will be none any more.
func (r *room) take(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.left < n && !r.over {
		r.more.Wait()
	}
	r.left -= n
	return !r.over
}

func (r *room) give(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += n
	r.more.Broadcast()
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.more.Broadcast()
}

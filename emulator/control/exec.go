package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/batch-local/batch-local/emulator/frames"
)

// ExecProtocol is what a connection of /_emulator/exec is upgraded to.
const ExecProtocol = "batch-local-exec"

// An Exec is a command to be run in a container of a job.
type Exec struct {
	Container string // its name; empty is the only one, or the first
	Command   []string
	TTY       bool
	Stdin     io.Reader // nil for none
	Stdout    io.Writer
	Stderr    io.Writer
	Resize    <-chan Size // of the terminal
}

// A Size of a terminal.
type Size struct{ Rows, Columns uint16 }

// A Start runs a command and answers its exit code when it has ended, or an error when ctx is done. It waits neither for the end of Stdin nor, when
// ctx is done, for a write.
type Start func(ctx context.Context, e Exec) (exitCode int, err error)

// execute upgrades the connection to the streams of a command. What can be known to be wrong is refused before.
func execute(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked, job, stdin, err := execOf(r)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		start, err := e.Exec(r.Context(), job, asked.Container)
		if err != nil {
			told(w, nil, err, "no answer came in time")
			return
		}
		conn, streams, err := http.NewResponseController(w).Hijack()
		if err != nil {
			refuse(w, http.StatusBadRequest, "this connection cannot be upgraded: "+err.Error())
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Time{}) // the server's, for requests
		if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+ExecProtocol+"\r\n\r\n"); err != nil {
			return
		}
		converse(r.Context(), conn, streams.Reader, start, asked, stdin)
	}
}

// execOf reads a request.
func execOf(r *http.Request) (e Exec, job string, stdin bool, err error) {
	q := r.URL.Query()
	for name := range q {
		switch name {
		case "job", "container", "command", "tty", "stdin":
		default:
			return e, "", false, fmt.Errorf("%s is nothing that is known here", name)
		}
	}
	truth := func(name string) (bool, error) {
		switch text := q.Get(name); text {
		case "", "0", "false":
			return false, nil
		case "1", "true":
			return true, nil
		default:
			return false, fmt.Errorf("%s is %s, not 1 or 0", name, text)
		}
	}
	e = Exec{Container: q.Get("container"), Command: q["command"]}
	tty, wrong := truth("tty")
	stdin, wrong2 := truth("stdin")
	e.TTY, job = tty, q.Get("job")
	switch {
	case job == "":
		err = errors.New("say which job: ?job=ID")
	case len(e.Command) == 0 || e.Command[0] == "":
		err = errors.New("say what to run: ?command=WORD&command=WORD")
	case !strings.EqualFold(r.Header.Get("Upgrade"), ExecProtocol) || !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade"):
		err = errors.New("the connection must be upgraded: Connection: Upgrade, Upgrade: " + ExecProtocol)
	default:
		err = errors.Join(wrong, wrong2)
	}
	return e, job, stdin, err
}

// farewell is how long a caller has to take the last of it when we want to end.
const farewell = 2 * time.Second

// converse runs the command over the connection. It ends with the command, when the caller goes away, and when ctx is done; then nothing of it is left.
func converse(ctx context.Context, conn net.Conn, in *bufio.Reader, start Start, e Exec, stdin bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Nor must one hold up the end of the server.
	defer context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(farewell)) })()
	out := frames.NewWriter(conn)
	given := newInput(func(n int) { _ = out.Number(frames.Taken, n) }) // who cannot be told is gone, which the reading finds out
	sizes := make(chan Size, 1)
	e.Stdout, e.Stderr, e.Resize = out.Stream(frames.Stdout), out.Stream(frames.Stderr), sizes
	if stdin {
		e.Stdin = given
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		defer cancel()
		hear(in, given, sizes)
	}()
	code, err := start(ctx, e)
	given.end()
	if err != nil {
		// A caller that does not read, and keeps the command in a write, must not hold this up.
		_ = conn.SetWriteDeadline(time.Now().Add(farewell))
		_ = out.Write(frames.Failure, []byte(err.Error()[:min(len(err.Error()), frames.Most)]))
	} else {
		_ = out.Number(frames.Exit, code)
	}
	conn.Close()
	<-heard
}

// hear takes what the caller sends, until it is gone or sends what makes no sense.
func hear(r io.Reader, given *input, sizes chan Size) {
	defer given.end()
	for {
		kind, content, err := frames.Read(r)
		if err != nil {
			return
		}
		switch kind {
		case frames.Stdin:
			if !given.add(content) {
				return
			}
		case frames.End:
			given.end()
		case frames.Resize:
			rows, columns, err := frames.Size(content)
			if err != nil {
				return
			}
			select { // only the newest counts
			case <-sizes:
			default:
			}
			sizes <- Size{rows, columns}
		default:
			return
		}
	}
}

// input is what the caller sent and the command has not read.
type input struct {
	taken func(n int)
	mu    sync.Mutex
	more  sync.Cond
	bytes []byte
	ended bool
}

func newInput(taken func(n int)) *input {
	i := &input{taken: taken}
	i.more.L = &i.mu
	return i
}

// add answers false for more than may be on the way.
func (i *input) add(p []byte) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ended {
		return true
	}
	i.bytes = append(i.bytes, p...)
	i.more.Broadcast()
	return len(i.bytes) <= frames.Window
}

func (i *input) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ended = true
	i.more.Broadcast()
}

// Read implements io.Reader.
func (i *input) Read(p []byte) (int, error) {
	i.mu.Lock()
	for len(i.bytes) == 0 && !i.ended {
		i.more.Wait()
	}
	n := copy(p, i.bytes)
	i.bytes = i.bytes[n:]
	i.mu.Unlock()
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	i.taken(n)
	return n, nil
}

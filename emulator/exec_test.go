package emulator

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/frames"
	"github.com/batch-local/batch-local/emulator/operations"
	"github.com/batch-local/batch-local/emulator/runner"
)

// An actor runs what a test says.
type actor func(ctx context.Context, e runner.Exec) (int, error)

func (a actor) Exec(ctx context.Context, _ batch.AttemptID, e runner.Exec) (int, error) {
	return a(ctx, e)
}

// stage is an emulator with a server, and jobs in containers "default" that an actor plays.
type stage struct {
	*testing.T
	*Emulator
	server *httptest.Server
}

func perform(t *testing.T, act func(ctx context.Context, e runner.Exec) (int, error)) *stage {
	t.Helper()
	e, err := New(Config{Driver: "simulated"})
	if err != nil {
		t.Fatal(err)
	}
	if act != nil {
		e.powers.execer = actor(act)
	}
	s := &stage{t, e, httptest.NewServer(e.Handler())}
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ctx := api.WithCaller(context.Background(), api.Caller{Account: "000000000000", Region: "us-east-1"})
	service := operations.New(e.engine)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := new("a")
	must(service.CreateComputeEnvironment(ctx, &api.CreateComputeEnvironmentInput{ComputeEnvironmentName: name, Type: api.CETypeManaged, ComputeResources: &api.ComputeResource{
		Type: api.CRTypeFargate, MaxvCpus: new(int32(4)), Subnets: []string{"s"}, SecurityGroupIds: []string{"g"}}}))
	must(service.CreateJobQueue(ctx, &api.CreateJobQueueInput{JobQueueName: name, Priority: new(int32(1)), ComputeEnvironmentOrder: []api.ComputeEnvironmentOrder{{Order: new(int32(1)), ComputeEnvironment: name}}}))
	must(service.RegisterJobDefinition(ctx, &api.RegisterJobDefinitionInput{JobDefinitionName: name, Type: api.JobDefinitionTypeContainer,
		PlatformCapabilities: []api.PlatformCapability{api.PlatformCapabilityFargate}, ContainerProperties: &api.ContainerProperties{Image: new("image"), ExecutionRoleArn: new("arn:aws:iam::000000000000:role/r"),
			ResourceRequirements: []api.ResourceRequirement{{Type: api.ResourceTypeVcpu, Value: new("0.25")}, {Type: api.ResourceTypeMemory, Value: new("512")}}}}))
	return s
}

// job submits one and answers its id when it has reached a status.
func (s *stage) job(outcome string, until api.JobStatus, more ...func(*api.SubmitJobInput)) string {
	s.Helper()
	ctx := api.WithCaller(s.Context(), api.Caller{Account: "000000000000", Region: "us-east-1"})
	in := &api.SubmitJobInput{JobName: new("j"), JobQueue: new("a"), JobDefinition: new("a"),
		ContainerOverrides: &api.ContainerOverrides{Environment: []api.KeyValuePair{{Name: new("BATCH_LOCAL_OUTCOME"), Value: &outcome}}}}
	for _, edit := range more {
		edit(in)
	}
	out, err := operations.New(s.engine).SubmitJob(ctx, in)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.Wait(ctx, *out.JobId, until); err != nil {
		s.Fatal(err)
	}
	return *out.JobId
}

// A call is a caller's end of a command.
type call struct {
	*testing.T
	net.Conn
	in  *bufio.Reader
	out *frames.Writer
}

// call upgrades a connection, or answers what it was refused with.
func (s *stage) call(job, query string, head ...string) (*call, string) {
	s.Helper()
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	if len(head) == 0 {
		head = []string{"Connection: Upgrade", "Upgrade: " + control.ExecProtocol}
	}
	fmt.Fprintf(conn, "POST /_emulator/exec?job=%s&%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", url.QueryEscape(job), query, strings.Join(head, "\r\n"))
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		s.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(answer.Body)
		return nil, fmt.Sprint(answer.StatusCode, " ", strings.TrimSpace(string(text)))
	}
	return &call{s.T, conn, in, frames.NewWriter(conn)}, ""
}

// end reads up to the last frame: what was printed, and how it ended.
func (c *call) end() (stdout, stderr, how string) {
	c.Helper()
	for {
		kind, content, err := frames.Read(c.in)
		switch {
		case err != nil:
			c.Fatal(err)
		case kind == frames.Stdout:
			stdout += string(content)
		case kind == frames.Stderr:
			stderr += string(content)
		case kind == frames.Exit:
			code, _ := frames.Number(content)
			how = fmt.Sprint("exit code ", code)
		case kind == frames.Failure:
			how = string(content)
		}
		if how != "" {
			if _, _, err := frames.Read(c.in); err != io.EOF {
				c.Errorf("after the last frame: %v", err)
			}
			return stdout, stderr, how
		}
	}
}

// TestExecKeepsItsEnd: what a command ended with is not lost to the end of its own context.
func TestExecKeepsItsEnd(t *testing.T) {
	wrong := errors.New("wrong")
	s := perform(t, func(_ context.Context, e runner.Exec) (int, error) {
		if e.Command[0] == "wrong" {
			return 0, wrong
		}
		return 7, nil
	})
	start, err := s.Exec(t.Context(), s.job(`{"duration":"1h"}`, "RUNNING"), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if code, err := start(t.Context(), control.Exec{Command: []string{"right"}}); code != 7 || err != nil {
			t.Fatalf("%d, %v", code, err)
		}
		if _, err := start(t.Context(), control.Exec{Command: []string{"wrong"}}); !errors.Is(err, wrong) {
			t.Fatal(err)
		}
	}
}

// TestExec: input, both outputs, the size of a terminal and the exit code get through.
func TestExec(t *testing.T) {
	s := perform(t, func(_ context.Context, e runner.Exec) (int, error) {
		fmt.Fprintf(e.Stderr, "%s %q %t ", e.Container, e.Command, e.TTY)
		if e.TTY {
			size := <-e.Resize
			fmt.Fprintf(e.Stderr, "%dx%d", size.Rows, size.Columns)
		}
		if e.Stdin != nil {
			data, err := io.ReadAll(e.Stdin)
			e.Stdout.Write(bytes.ToUpper(data))
			return 7, err
		}
		return 0, nil
	})
	id := s.job(`{"duration":"1h"}`, "RUNNING")
	c, refused := s.call(id, "stdin=1&command=tr&command=a+b")
	if c == nil {
		t.Fatal(refused)
	}
	c.out.Write(frames.Stdin, []byte("hello, "))
	c.out.Write(frames.Stdin, []byte("world"))
	c.out.Write(frames.End, nil)
	if out, err, how := c.end(); out != "HELLO, WORLD" || err != `default ["tr" "a b"] false ` || how != "exit code 7" {
		t.Errorf("%q, %q, %s", out, err, how)
	}
	c, _ = s.call(id, "tty=1&container=default&command=sh")
	c.out.Resize(24, 80)
	if _, err, how := c.end(); err != `default ["sh"] true 24x80` || how != "exit code 0" {
		t.Errorf("%q, %s", err, how)
	}
}

// TestExecRefused: what can be known before the connection is a stream is an answer like others.
func TestExecRefused(t *testing.T) {
	s := perform(t, func(context.Context, runner.Exec) (int, error) { return 0, nil })
	id, ended := s.job(`{"duration":"1h"}`, "RUNNING"), s.job(`{}`, "")
	array := s.job(`{"duration":"1h"}`, "PENDING", func(in *api.SubmitJobInput) { in.ArrayProperties = &api.ArrayProperties{Size: new(int32(2))} })
	upgrade := []string{"Connection: Upgrade", "Upgrade: " + control.ExecProtocol}
	for _, test := range []struct {
		job, query string
		head       []string
		want       string
	}{
		{"nobody", "command=sh", nil, `404 {"message":"there is no job nobody"}`},
		{id, "command=sh&container=side", nil, `404 {"message":"job ` + id + ` has no container side; it has [default]"}`},
		{ended, "command=sh", nil, `409 {"message":"job ` + ended + ` is SUCCEEDED, not RUNNING"}`},
		{array, "command=sh", nil, `409 {"message":"job ` + array + ` is an array; its children run, the first is ` + array + `:0"}`},
		{id, "", nil, `400 {"message":"say what to run: ?command=WORD\u0026command=WORD"}`},
		{"", "command=sh", nil, `400 {"message":"say which job: ?job=ID"}`},
		{id, "command=sh&tty=perhaps", nil, `400 {"message":"tty is perhaps, not 1 or 0"}`},
		{id, "command=sh&user=root", nil, `400 {"message":"user is nothing that is known here"}`},
		{id, "command=sh", []string{"X: y"}, `400 {"message":"the connection must be upgraded: Connection: Upgrade, Upgrade: batch-local-exec"}`},
		{id, "command=sh", append(upgrade, "Origin: http://evil.test"), `403 {"message":"Requests of other origins are refused."}`},
		{id, "command=sh", append(upgrade, "Sec-Fetch-Site: cross-site"), `403 {"message":"Requests of other sites are refused."}`},
	} {
		c, got := s.call(test.job, test.query, test.head...)
		if c != nil || got != test.want {
			t.Errorf("%s?%s: %s, want %s", test.job, test.query, got, test.want)
		}
	}
}

// TestExecSimulated: a driver without containers says so.
func TestExecSimulated(t *testing.T) {
	s := perform(t, nil)
	id := s.job(`{"duration":"1h"}`, "RUNNING")
	if _, got := s.call(id, "command=sh"); got != `409 {"message":"jobs of the simulated driver have no containers in which a command could run"}` {
		t.Error(got)
	}
}

// TestExecAbandoned: when the caller goes away, even one whose input nobody reads, the command ends; so it does with the emulator, which says why.
func TestExecAbandoned(t *testing.T) {
	begun, over := make(chan bool), make(chan error)
	s := perform(t, func(ctx context.Context, _ runner.Exec) (int, error) {
		begun <- true
		<-ctx.Done()
		over <- ctx.Err()
		return 0, ctx.Err()
	})
	id := s.job(`{"duration":"1h"}`, "RUNNING")
	ends := func(what string) {
		t.Helper()
		select {
		case err := <-over:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the command goes on after %s", what)
		}
	}
	c, _ := s.call(id, "command=sh&stdin=1")
	<-begun
	io.CopyN(c.out.Stream(frames.Stdin), zeros{}, frames.Window)
	c.Close()
	ends("its caller")

	c, _ = s.call(id, "command=sh&stdin=1")
	<-begun
	io.CopyN(c.out.Stream(frames.Stdin), zeros{}, frames.Window+1)
	ends("more input than may be on the way")

	c, _ = s.call(id, "command=sh")
	<-begun
	go s.commands.end()
	ends("the emulator")
	if _, _, how := c.end(); how != "the server ends" {
		t.Errorf("the caller was told %q", how)
	}
	c, _ = s.call(id, "command=sh")
	if _, _, how := c.end(); how != "the server ends" {
		t.Errorf("a later caller was told %q", how)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestExecTooLate: that the container is gone may show only when the connection is a stream.
func TestExecTooLate(t *testing.T) {
	s := perform(t, func(context.Context, runner.Exec) (int, error) {
		return 0, fmt.Errorf("look: %w", runner.ErrNotRunning)
	})
	id := s.job(`{"duration":"1h"}`, "RUNNING")
	c, _ := s.call(id, "command=sh")
	if _, _, how := c.end(); how != "job "+id+": look: the container does not run (any more)" {
		t.Error(how)
	}
}

// TestExecUnread: a caller that stopped reading keeps neither the emulator nor the command from ending.
func TestExecUnread(t *testing.T) {
	begun, over := make(chan bool), make(chan error, 1)
	s := perform(t, func(_ context.Context, e runner.Exec) (int, error) {
		begun <- true
		_, err := io.Copy(e.Stdout, zeros{})
		over <- err
		return 0, err
	})
	s.call(s.job(`{"duration":"1h"}`, "RUNNING"), "command=yes")
	<-begun
	time.Sleep(50 * time.Millisecond) // until it is in a write that goes no further
	from := time.Now()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-over; err == nil || time.Since(from) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(from))
	}
}

package main

import (
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// outcome is the variable that scripts a simulated job.
func outcome(json string) string { return "BATCH_LOCAL_OUTCOME=" + json }

// TestRunInterrupted: the first signal terminates the job, whose reason says which it was, and run still ends with the job's exit code.
func TestRunInterrupted(t *testing.T) {
	_, url := serve(t)
	for s, name := range map[os.Signal]string{os.Interrupt: "Ctrl-C", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"} {
		t.Run(name, func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("the tests run under nohup, and so would the command, which then goes on")
			}
			p := start(t, nil, "run", "--endpoint", url, "--env", outcome(`{"duration":"1h","logs":["up"]}`), "image")
			p.until(p.err, "RUNNING")
			p.until(p.out, "up")
			p.signal(s)
			code, _, said := p.end()
			if code != 143 || !strings.Contains(said, "FAILED") || !strings.Contains(said, "Terminated by "+name+" in") || !strings.Contains(said, name+" again") {
				t.Errorf("exit code %d, want 143; it said:\n%s", code, said)
			}
		})
	}
}

// TestRunInterruptedTwice: the second one leaves at once, also while the job does not mind the first.
func TestRunInterruptedTwice(t *testing.T) {
	_, url := serve(t)
	p := start(t, nil, "run", "--endpoint", url, "--env", outcome(`{"duration":"1h","ignoreStop":true}`), "image")
	p.until(p.err, "RUNNING")
	p.signal(os.Interrupt)
	p.until(p.err, "Ctrl-C again")
	p.signal(os.Interrupt)
	if code, _, said := p.end(); code != 130 {
		t.Errorf("exit code %d, want 130; it said:\n%s", code, said)
	}
}

// TestRunUnread: a reader that goes away ends the job, as it would end the program itself.
func TestRunUnread(t *testing.T) {
	_, url := serve(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := prepare(t, nil, "run", "--endpoint", url, "--env", outcome(`{"duration":"1h","logs":["1"]}`), "image")
	p.Stdout = write
	p.launch()
	write.Close()
	read.Close()
	if code, _, said := p.end(); code != 143 || !strings.Contains(said, "cannot be written") {
		t.Errorf("exit code %d, want 143; it said:\n%s", code, said)
	}
}

// TestRunOnItsOwn: without a server, run has one of its own, for as long as it lasts.
func TestRunOnItsOwn(t *testing.T) {
	p := start(t, []string{"BATCH_LOCAL_DRIVER=simulated", "BATCH_LOCAL_LISTEN=127.0.0.1:9"},
		"run", "--env", outcome(`{"duration":"50ms","logs":["hello","world"],"exitCode":7}`), "registry.test:5000/some/image:1")
	code, out, said := p.end()
	if code != 7 || out != "hello\nworld\n" || !strings.Contains(said, "this run starts its own") {
		t.Errorf("exit code %d, want 7; it printed %q and said:\n%s", code, out, said)
	}
}

// TestRunOnItsOwnInterrupted: the job is terminated, then the server ends.
func TestRunOnItsOwnInterrupted(t *testing.T) {
	p := start(t, []string{"BATCH_LOCAL_DRIVER=simulated", "BATCH_LOCAL_LISTEN=127.0.0.1:9"},
		"run", "--env", outcome(`{"duration":"1h"}`), "image")
	p.until(p.err, "RUNNING")
	p.signal(os.Interrupt)
	if code, _, said := p.end(); code != 143 {
		t.Errorf("exit code %d, want 143; it said:\n%s", code, said)
	}
}

// TestLogsFollow: lines come while the job runs, and its end ends the following.
func TestLogsFollow(t *testing.T) {
	_, url := serve(t)
	p := start(t, nil, "run", "--detach", "--endpoint", url, "--env", outcome(`{"duration":"600ms","logs":["first","last"]}`), "image")
	_, id, _ := p.end()
	follow := start(t, nil, "logs", "-f", "--endpoint", url, strings.TrimSpace(id))
	follow.until(follow.out, "first")
	if code, out, said := follow.end(); code != 0 || out != "last\n" {
		t.Errorf("exit code %d, want 0; then it printed %q, want the last line; it said:\n%s", code, out, said)
	}
}

// TestLogsFollowInterrupted: Ctrl-C ends the following, not the job.
func TestLogsFollowInterrupted(t *testing.T) {
	_, url := serve(t)
	p := start(t, nil, "run", "--detach", "--endpoint", url, "--env", outcome(`{"duration":"1h","logs":["up"]}`), "image")
	_, id, _ := p.end()
	id = strings.TrimSpace(id)
	follow := start(t, nil, "logs", "-f", "--endpoint", url, id)
	follow.until(follow.out, "up")
	follow.signal(os.Interrupt)
	if code, _, said := follow.end(); code != 130 || said != "" {
		t.Errorf("exit code %d, want 130; it said %q, want nothing", code, said)
	}
	if code, _, said := start(t, nil, "wait", "--until", "RUNNING", "--endpoint", url, id).end(); code != 0 {
		t.Errorf("the job does not run any more: %s", said)
	}
}

// TestRunWhoseServerEnds: the job is stopped with its server, and run says why it knows no more.
func TestRunWhoseServerEnds(t *testing.T) {
	server, url := serve(t)
	p := start(t, nil, "run", "--endpoint", url, "--env", outcome(`{"duration":"1h"}`), "image")
	p.until(p.err, "RUNNING")
	server.signal(os.Interrupt)
	if code, _, log := server.end(); code != 0 {
		t.Errorf("the server ended with %d:\n%s", code, log)
	}
	code, _, said := p.end()
	if code != 1 || !strings.Contains(said, "the server ended") && !strings.Contains(said, "nothing answers") {
		t.Errorf("exit code %d, want 1; it said:\n%s", code, said)
	}
}

// TestJobsByTheEmulatorsClock: how long ago a job was made, and has run, is told by the clock that made it.
func TestJobsByTheEmulatorsClock(t *testing.T) {
	_, url := serve(t)
	start(t, nil, "run", "--detach", "--endpoint", url, "--env", outcome(`{"duration":"24h"}`), "image").end()
	start(t, nil, "wait", "--until", "RUNNING", "--endpoint", url, "image").end()
	answer, err := http.Post(url+"/_emulator/clock", "application/json", strings.NewReader(`{"advance":"90m"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if _, out, said := start(t, nil, "jobs", "--endpoint", url).end(); !regexp.MustCompile(`RUNNING +1h30m ago +1h30m`).MatchString(out) {
		t.Errorf("it printed:\n%s\nand said:\n%s", out, said)
	}
}

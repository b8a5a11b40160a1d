package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestServeEndsAsTold(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("the tests run under nohup, and so would the server, which then goes on")
			}
			file := filepath.Join(t.TempDir(), "ready")
			p := start(t, nil, "serve", "--driver", "simulated", "--listen", "127.0.0.1:0", "--ready-file", file)
			banner := p.until(p.out, "Ready.")
			url, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^http://127\.0\.0\.1:[0-9]+\n$`).Match(url) {
				t.Errorf("the ready file has %q", url)
			}
			for _, want := range []string{strings.TrimSpace(string(url)), "export AWS_ENDPOINT_URL_BATCH=" + strings.TrimSpace(string(url)), "simulated"} {
				if !strings.Contains(banner, want) {
					t.Errorf("the banner lacks %q:\n%s", want, banner)
				}
			}
			// Testcontainers modules for LocalStack wait for this, at the end of a line.
			if !strings.HasSuffix(banner, "\nReady.\n") {
				t.Errorf("the banner does not end with its own line Ready.:\n%s", banner)
			}
			p.signal(s)
			if code, _, log := p.end(); code != 0 {
				t.Errorf("exit code %d, want 0; log:\n%s", code, log)
			}
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Errorf("the ready file is still there: %v", err)
			}
		})
	}
}

func TestServeLogsJSONWhereNobodyReadsAlong(t *testing.T) {
	p, _ := serve(t, "--log-level", "debug")
	p.signal(os.Interrupt)
	_, _, log := p.end()
	if !strings.Contains(log, `"msg":"answering calls"`) {
		t.Errorf("the log does not tell that calls are answered:\n%s", log)
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// TestServeOnAllAddresses: what it writes for others to call is an address that it answers.
func TestServeOnAllAddresses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready")
	p := start(t, nil, "serve", "--driver", "simulated", "--listen", "0.0.0.0:0", "--ready-file", file)
	p.until(p.out, "Ready.")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(string(text))
	port, ok := strings.CutPrefix(url, "http://127.0.0.1:")
	if !ok {
		t.Fatalf("the ready file has %q", url)
	}
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "[::]"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host + ":" + port
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("as %s: %s", r.Host, answer.Status)
		}
	}
	p.signal(os.Interrupt)
	if _, _, log := p.end(); !strings.Contains(log, `"addresses":["`+url+`"]`) {
		t.Errorf("the log lacks the address %s:\n%s", url, log)
	}
}

func TestServeSaysWhoHasThePort(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := other.Addr().String()
	go func() { // takes calls and hangs up
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	code, _, said := start(t, nil, "serve", "--driver", "simulated", "--listen", address).end()
	if want := "another program listens on " + address; code != 1 || !strings.Contains(said, want) {
		t.Errorf("exit code %d, want 1; it said %q, want %q", code, said, want)
	}
	other.Close()

	_, url := serve(t)
	address = strings.TrimPrefix(url, "http://")
	code, _, said = start(t, nil, "serve", "--driver", "simulated", "--listen", address).end()
	if want := "another batch-local"; code != 1 || !strings.Contains(said, want) || !strings.Contains(said, address) {
		t.Errorf("exit code %d, want 1; it said %q, want %q and %q", code, said, want, address)
	}
}

func TestServeSaysWhatItWaitsForAtTheEnd(t *testing.T) {
	p, url := serve(t)
	run := start(t, []string{`BATCH_LOCAL_OUTCOME={"duration":"1h"}`}, "run", "--endpoint", url, "--detach", "--env", "BATCH_LOCAL_OUTCOME", "--name", "long", "busybox")
	if code, _, said := run.end(); code != 0 {
		t.Fatal(said)
	}
	if code, _, said := start(t, nil, "wait", "long", "--endpoint", url, "--until", "RUNNING").end(); code != 0 {
		t.Fatal(said)
	}
	p.signal(os.Interrupt)
	if _, _, log := p.end(); !regexp.MustCompile(`"waiting for what runs to stop.*"attempts":1,"atMost":"(3[0-9]|40)s"`).MatchString(log) {
		t.Errorf("the log does not tell what it waits for:\n%s", log)
	}
}

func TestServeNamesTheFlagOfABadSeed(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(bad, []byte("jobQueues:\n  - jobQueueName: a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		bad:         "--seed: " + bad + ":2: jobQueues a: priority is required.",
		bad + "not": "--seed: open " + bad + "not: no such file",
	} {
		code, _, said := start(t, nil, "serve", "--driver", "simulated", "--listen", "127.0.0.1:0", "--seed", file).end()
		if code != 1 || !strings.Contains(said, want) {
			t.Errorf("exit code %d, want 1; it said %q, want %q", code, said, want)
		}
	}
}

func TestHealthcheckFollowsTheSettingsOfServe(t *testing.T) {
	_, url := serve(t)
	check := func(variables ...string) int {
		code, _, _ := start(t, variables, "healthcheck").end()
		return code
	}
	address := "0.0.0.0" + strings.TrimPrefix(url, "http://127.0.0.1")
	if code := check("BATCH_LOCAL_LISTEN="+address, "AWS_ENDPOINT_URL=http://127.0.0.1:9"); code != 0 {
		t.Errorf("of the address that serve listens on: exit code %d, want 0", code)
	}
	if code := check("AWS_ENDPOINT_URL=" + url); code != 0 {
		t.Errorf("of AWS_ENDPOINT_URL: exit code %d, want 0", code)
	}
	if code := check("AWS_ENDPOINT_URL=http://127.0.0.1:9"); code != 1 {
		t.Errorf("of an address where nothing is: exit code %d, want 1", code)
	}
}

// TestShells lets the shells that are here read what env prints.
func TestShells(t *testing.T) {
	const url = "http://127.0.0.1:4711"
	for shell, script := range map[string]string{
		"sh":   `eval "$(batch-local env --endpoint ` + url + `)"; echo "$AWS_ENDPOINT_URL_BATCH"`,
		"bash": `eval $(batch-local env --endpoint ` + url + `); echo "$AWS_ENDPOINT_URL_BATCH"`,
		"fish": `batch-local env --shell fish --endpoint ` + url + ` | source; echo $AWS_ENDPOINT_URL_BATCH`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip(err)
			}
			out, err := exec.CommandContext(t.Context(), shell, "-c", script).Output()
			if err != nil || strings.TrimSpace(string(out)) != url {
				t.Errorf("%q, %v; want %s", out, err, url)
			}
		})
	}
}

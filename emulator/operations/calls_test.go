package operations_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/engine"
	"github.com/batch-local/batch-local/emulator/httpapi"
	"github.com/batch-local/batch-local/emulator/operations"
)

// TestCalls plays testdata/calls: stories of calls, each chapter with what was answered. A line is an operation and its request, or
//
//	x = Operation {...}     $x is then the jobId or the quotaShareArn of the answer, $next its nextToken
//	! lifelike              changes of state take their time from here on: first line of a file
//	! quotas                the service's quotas are kept: first line of a file
//	! wait 10m              time passes
//	! exited $x 3           the attempt of a job ended so; "! running $x" it runs
//	! exited $x 3 [...]     and so its containers, as batch.ContainerEnd writes them
//	! times 50 Operation {...%d...}   the same call again and again; only refusals are told
//
// In answers what has a name is shown as $x, other ids and times as <uuid>, <hex> and <ms>.
func TestCalls(t *testing.T) {
	files, err := filepath.Glob("testdata/calls/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) {
				c := &calls{T: t, values: map[string]string{}}
				got = c.tell(string(text))
				c.engine.Close()
			})
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("%s (-file +now); go test -update writes it:\n%s", file, diff)
			}
		})
	}
}

type calls struct {
	*testing.T
	engine  *engine.Engine
	handler http.Handler
	values  map[string]string
	options batch.Options
}

func (c *calls) tell(text string) string {
	var chapters []string
	for chapter := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines, _, _ := strings.Cut(chapter, "\n----")
		told := []string{lines, "----"}
		for line := range strings.Lines(lines) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				told = append(told, c.play(line)...)
			}
		}
		chapters = append(chapters, strings.Join(told, "\n"))
	}
	return strings.Join(chapters, "\n\n") + "\n"
}

func (c *calls) play(line string) []string {
	c.Helper()
	words := strings.Fields(line)
	if words[0] == "!" && len(words) == 2 {
		switch words[1] {
		case "lifelike":
			c.options.Lifelike = true
		case "quotas":
			c.options.Quotas = true
		}
		return nil
	}
	if c.engine == nil {
		e, err := engine.New(engine.Options{State: c.options})
		if err != nil {
			c.Fatal(err)
		}
		c.engine, c.handler = e, httpapi.New(operations.New(e), httpapi.Options{})
		c.update(func(tx *batch.Tx) { tx.SetHost(batch.Host{Ready: true}) })
	}
	for name, value := range c.values {
		line = strings.ReplaceAll(line, "$"+name, value)
	}
	words = strings.Fields(line)
	switch {
	case words[0] != "!":
		name, operation, named := strings.Cut(line, " = ")
		if !named || strings.Contains(name, " ") {
			name, operation = "", line
		}
		status, answer := c.call(operation)
		if status == http.StatusOK {
			c.keep(name, answer)
		}
		return []string{c.shown(status, answer)}
	case words[1] == "wait":
		d, err := time.ParseDuration(words[2])
		if err != nil {
			c.Fatal(err)
		}
		time.Sleep(d)
		synctest.Wait()
	case words[1] == "running", words[1] == "exited":
		c.update(func(tx *batch.Tx) {
			j := tx.AnyJob(batch.JobID(words[2]))
			if j == nil || j.Live() == nil {
				c.Fatalf("%s: nothing of it runs; it is %+v", line, j)
			}
			r := batch.Report{Attempt: batch.AttemptID{Job: j.ID, Number: j.Live().Number}, State: batch.Running}
			if words[1] == "exited" {
				var code int32
				if _, err := fmt.Sscan(words[3], &code); err != nil {
					c.Fatal(err)
				}
				r.State, r.ExitCode = batch.Exited, &code
				if _, ends, some := strings.Cut(line, " ["); some {
					if err := json.Unmarshal([]byte("["+ends), &r.Containers); err != nil {
						c.Fatalf("%s: %v", line, err)
					}
				}
			}
			tx.Report(r)
		})
	case words[1] == "times":
		var n int
		if _, err := fmt.Sscan(words[2], &n); err != nil {
			c.Fatal(err)
		}
		_, operation, _ := strings.Cut(line, words[2]+" ")
		var told []string
		for i := range n {
			if status, answer := c.call(strings.ReplaceAll(operation, "%d", fmt.Sprint(i))); status != http.StatusOK {
				told = append(told, fmt.Sprint(i, ": ", c.shown(status, answer)))
			}
		}
		return told
	default:
		c.Fatalf("what is %s?", line)
	}
	return nil
}

func (c *calls) update(f func(*batch.Tx)) {
	err := c.engine.Update(c.Context(), func(tx *batch.Tx) error {
		f(tx)
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
}

// call makes one call; tags are not among those it can.
func (c *calls) call(line string) (int, []byte) {
	operation, body, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(c.Context(), http.MethodPost, "/v1/"+strings.ToLower(operation), strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=any")
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

func (c *calls) keep(name string, answer []byte) {
	var said struct{ JobID, QuotaShareArn, NextToken string }
	if err := json.Unmarshal(answer, &said); err != nil {
		c.Fatal(err)
	}
	c.values["next"] = said.NextToken
	if name != "" {
		c.values[name] = said.JobID + said.QuotaShareArn
	}
}

var (
	hexID       = regexp.MustCompile(`[0-9a-f]{32}`)
	nodeAddress = regexp.MustCompile(`ip-192-168-\d+-\d+\.`)
	timeStamp   = regexp.MustCompile(`:9\d{11}\b`) // the years of a bubble
	tokenValue  = regexp.MustCompile(`"nextToken":"[^"]*"`)
)

func (c *calls) shown(status int, answer []byte) string {
	text := bytes.TrimSpace(answer)
	for name, value := range c.values {
		if name != "next" && value != "" && !strings.HasPrefix(value, "arn:") {
			text = bytes.ReplaceAll(text, []byte(value), []byte("$"+name))
		}
	}
	text = requestID.ReplaceAll(text, []byte("<uuid>"))
	text = hexID.ReplaceAll(text, []byte("<hex>"))
	text = nodeAddress.ReplaceAll(text, []byte("ip-192-168-<n>."))
	text = timeStamp.ReplaceAll(text, []byte(":<ms>"))
	text = tokenValue.ReplaceAll(text, []byte(`"nextToken":"<token>"`))
	if status == http.StatusOK {
		return string(text)
	}
	var refusal struct{ Message string }
	if json.Unmarshal(text, &refusal) != nil {
		return fmt.Sprint(status, " ", string(text))
	}
	return fmt.Sprint(status, " ", refusal.Message)
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a batch-local process, or the yardstick of calls.
type server struct {
	cmd    *exec.Cmd
	url    string
	folder string
	client *http.Client
}

// serve starts a command that writes its address into a ready file.
func serve(name string, args ...string) (*server, error) {
	folder, err := os.MkdirTemp("", "batch-local-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	ready := filepath.Join(folder, "ready")
	s.cmd = exec.Command(name, append(args, "--ready-file", ready)...)
	s.cmd.Stderr = os.Stderr
	if log, err := os.Create(filepath.Join(folder, "log")); err == nil {
		s.cmd.Stderr = log
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 4000 {
		if data, err := os.ReadFile(ready); err == nil {
			s.url = strings.TrimSpace(string(data))
			return s, nil
		}
		time.Sleep(time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("%s is not ready", name)
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
	os.RemoveAll(s.folder)
}

const signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=0"

// call makes one call; into may be nil.
func (s *server) call(operation string, body []byte, into any) error {
	request, err := http.NewRequest(http.MethodPost, s.url+"/v1/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", signature)
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", operation, answer.Status, data)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data, into)
}

// place makes an environment, a queue and a definition of the workload. A DISABLED environment runs nothing.
func (s *server) place(kind string, vcpus int, enabled bool, image string) error {
	resources := fmt.Sprintf(`{"type":%q,"maxvCpus":%d,"subnets":["s"],"securityGroupIds":["g"]`, kind, vcpus)
	definition := fmt.Sprintf(`{"jobDefinitionName":%q,"type":"container"`, kind)
	properties := fmt.Sprintf(`{"image":%q,"command":["echo","done"],"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"2048"}]`, image)
	if kind == "EC2" {
		resources += `,"minvCpus":0,"instanceTypes":["optimal"],"instanceRole":"r"`
	} else {
		properties += `,"executionRoleArn":"arn:aws:iam::000000000000:role/r"`
		definition += `,"platformCapabilities":["FARGATE"]`
	}
	calls := [][2]string{
		{"createcomputeenvironment", fmt.Sprintf(`{"computeEnvironmentName":%q,"type":"MANAGED","computeResources":%s}}`, kind, resources)},
		{"createjobqueue", fmt.Sprintf(`{"jobQueueName":%q,"priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":%q}]}`, kind, kind)},
		{"registerjobdefinition", definition + `,"containerProperties":` + properties + `}}`},
	}
	if !enabled {
		calls = append(calls, [2]string{"updatecomputeenvironment", fmt.Sprintf(`{"computeEnvironment":%q,"state":"DISABLED"}`, kind)})
	}
	for _, c := range calls {
		if err := s.call(c[0], []byte(c[1]), nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) submit(kind, more string) (string, error) {
	var out struct {
		JobID string `json:"jobId"`
	}
	err := s.call("submitjob", fmt.Appendf(nil, `{"jobName":"j","jobQueue":%q,"jobDefinition":%q%s}`, kind, kind, more), &out)
	return out.JobID, err
}

// put replaces one of the emulator's own lists.
func (s *server) put(list, body string) error {
	request, err := http.NewRequest(http.MethodPut, s.url+"/_emulator/"+list, strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", list, answer.Status)
	}
	return nil
}

// await returns when a job has ended, or without one when none is on its way.
func (s *server) await(job string) error {
	path := s.url + "/_emulator/wait?timeout=10m"
	if job != "" {
		path += "&job=" + job
	}
	answer, err := s.client.Get(path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("wait: %s %s", answer.Status, body)
	}
	return err
}

// cpu is the processor time that the process has used.
func (s *server) cpu() time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+2:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is a hundredth of a second on every Linux of today
}

// memory is what the process has in memory, in bytes.
func (s *server) memory() int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

package docker_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/docker"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
)

// printed runs a task of one container with a command of testdata/workload, and answers what it printed.
func printed(t *testing.T, d *docker.Driver, task batch.Task, command ...string) string {
	t.Helper()
	logs := &runnertest.Logs{}
	container := batch.Container{Name: "default", Image: workload, Command: command, MemoryMiB: 64, MilliVCPU: 1000, LogStream: "s", Essential: true}
	if task.Pod != nil {
		container.Kubernetes = &api.EksContainer{Name: new("default")}
	}
	task.Containers = []batch.Container{container}
	var end batch.Report
	if err := d.Run(t.Context(), runner.Attempt{Task: task, OpenLog: logs.Open}, func(r batch.Report) { end = r }); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), task.Attempt, false); err != nil {
		t.Error(err)
	}
	log := logs.Of("s")
	if end.ExitCode == nil || *end.ExitCode != 0 || log == nil {
		t.Fatalf("it ended with %+v", end)
	}
	return strings.Join(log.Text(runner.Stdout), "\n")
}

// TestAccount is runtime.md 5.1: what clients of Kubernetes read before they talk is there, and its certificate is one that they take.
func TestAccount(t *testing.T) {
	realEngine(t)
	instance := newInstance()
	d, err := docker.New(docker.Options{Instance: instance, Sandboxes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background(), false)
	const folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
	var all []string
	for n := range 2 {
		task := batch.Task{
			Attempt: batch.AttemptID{Job: batch.JobID(instance + "-0000"), Number: n + 1}, Platform: batch.EKS, OwnNetwork: true, HostName: "aws-batch.1",
			Pod: &batch.Pod{Name: "aws-batch.1", Namespace: "jobs", NodeName: "node", NodeUID: "uid", Properties: &api.EksPodProperties{}},
		}
		all = append(all, printed(t, d, task, "cat", folder+"ca.crt", "then", "ls", folder, "then", "cat", folder+"namespace", "then", "echo"))
	}
	text, rest, _ := strings.Cut(all[0], "-----END CERTIFICATE-----\n")
	if text == "" || rest != "ca.crt\nnamespace\ntoken\njobs" || all[1] != all[0] {
		t.Fatalf("the pods print %q", all)
	}
	block, _ := pem.Decode([]byte(text + "-----END CERTIFICATE-----\n"))
	if block == nil || block.Type != "CERTIFICATE" {
		t.Fatalf("ca.crt is %q", text)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := ca.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil || !ca.IsCA {
		t.Errorf("%v; an authority: %t", err, ca.IsCA)
	}
}

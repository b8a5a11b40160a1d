package simulated_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
	"github.com/batch-local/batch-local/emulator/runner/runnertest"
	"github.com/batch-local/batch-local/emulator/runner/simulated"
)

// TestSuite runs the suite of all drivers, in real time and in bubbles.
func TestSuite(t *testing.T) {
	options := runnertest.Options{
		New:  func(*testing.T) runner.Driver { return simulated.New(simulated.Options{}) },
		Make: script,
	}
	t.Run("real time", func(t *testing.T) { runnertest.Suite(t, options) })
	options.Bubble, options.StopSeconds, options.AtOnce = synctest.Test, 30, 500
	t.Run("bubble", func(t *testing.T) { runnertest.Suite(t, options) })
}

// script makes an outcome of a work.
func script(t *testing.T, w runnertest.Work) func(*batch.Task) {
	if len(w.Stderr) > 0 {
		t.Skip("simulated jobs print on stdout only")
	}
	if w.Rest != "" {
		t.Skip("simulated jobs print whole lines only")
	}
	if w.StopSays != "" {
		t.Skip("simulated jobs print nothing when they are stopped")
	}
	outcome := map[string]any{"exitCode": w.Exit, "duration": w.For.String(), "stopExitCode": w.StopExit, "ignoreStop": w.IgnoreStop, "oom": w.OutOfMemory}
	if len(w.Stdout) > 0 {
		outcome["logs"] = w.Stdout
	}
	if w.Wait {
		outcome["duration"] = "10000h"
	}
	if w.NoImage {
		outcome["startError"] = "CannotPullContainerError: Error response from daemon: manifest for x not found"
	}
	if w.NoCommand {
		outcome["startError"] = "CannotStartContainerError: Error response from daemon: no such program"
	}
	text, err := json.Marshal(outcome)
	if err != nil {
		t.Fatal(err)
	}
	return withOutcome(string(text))
}

// withOutcome gives a task its outcome as a job does.
func withOutcome(text string) func(*batch.Task) {
	return func(task *batch.Task) {
		name := simulated.Variable
		c := &task.Containers[0]
		c.Environment = append(c.Environment, api.KeyValuePair{Name: &name, Value: &text})
	}
}

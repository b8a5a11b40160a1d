package docker_test

import (
	"context"
	"strings"
	"testing"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// TestPanic: a fault of ours costs the attempt a try, and Run says where it was; the process and what else runs in it go on.
func TestPanic(t *testing.T) {
	for name, containers := range map[string]int{"of one container": 1, "of several, each on its own": 2} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t)
			d.answers("/containers/json", []string{}) // no earlier process made one
			driver := d.driver()
			defer driver.Close(context.Background(), false)
			task := d.task()
			for len(task.Containers) < containers {
				c := task.Containers[0]
				c.Name = "another"
				task.Containers = append(task.Containers, c)
			}
			faulty := func(batch.Container) (runner.Log, error) { panic("a fault") }
			err := driver.Run(t.Context(), runner.Attempt{Task: task, OpenLog: faulty}, func(r batch.Report) { t.Errorf("it reported %+v", r) })
			if err == nil || !strings.Contains(err.Error(), "a fault") || !strings.Contains(err.Error(), "panic_test.go") {
				t.Errorf("Run says %v", err)
			}
		})
	}
}

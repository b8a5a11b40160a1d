package emulator_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/batch-local/batch-local/emulator"
	"github.com/batch-local/batch-local/emulator/journal"
)

// TestAnotherDriver: a data folder with attempts under way is only for the driver that runs them; it is as it was afterwards. Without any it is for every
// driver, as is one of which the driver is not known.
func TestAnotherDriver(t *testing.T) {
	dir := t.TempDir()
	from := func(f func(w *world)) {
		t.Helper()
		w := open(t, emulator.Config{DataDir: dir})
		f(w)
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(driver string) (was string) {
		t.Helper()
		j, err := journal.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		was = j.Driver()
		if err := j.KeepDriver(driver); err != nil {
			t.Fatal(err)
		}
		return was
	}
	from(func(w *world) { w.place(w.batch, 4) })
	if was := kept("docker"); was != "simulated" {
		t.Errorf("the driver is %q", was)
	}
	var id string
	from(func(w *world) { // nothing is under way
		id = w.submit(`{"duration":"1h"}`)
		w.await(id, "RUNNING")
	})
	if was := kept("simulated"); was != "simulated" {
		t.Errorf("the driver is %q", was)
	}
	_, err := emulator.New(emulator.Config{Driver: "docker", DataDir: dir})
	if err == nil {
		t.Fatal("another driver took over what runs")
	}
	for _, part := range []string{dir, "under way with --driver simulated (1)", "--driver docker cannot", "start it with --driver simulated", "another --data-dir"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	for _, driver := range []string{"simulated", ""} {
		kept(driver)
		from(func(w *world) {
			if j := w.job(id); j.Status == types.JobStatusSucceeded || len(j.Attempts) > 1 {
				t.Errorf("after a driver %q it is %s", driver, j.Status)
			}
		})
	}
}

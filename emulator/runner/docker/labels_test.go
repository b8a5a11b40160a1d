package docker

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

// TestNobodyHasTheNameOfTheHolder: no name that a definition may give makes a container's name that of what holds the task's namespaces.
func TestNobodyHasTheNameOfTheHolder(t *testing.T) {
	names := []string{"pause", "-pause", ".pause", "~internal~ecs~pause", "", "1.pause", "1-pause", "pause_"}
	task := batch.Task{Attempt: batch.AttemptID{Job: "01234567-89ab", Number: 1}}
	for _, name := range names {
		task.Containers = append(task.Containers, batch.Container{Name: name})
	}
	for i, name := range names {
		if got := containerName(task, i); got == holderName(task.Attempt) {
			t.Errorf("the container %q is %s, as is the holder", name, got)
		}
	}
}

// TestEarlierHolder: of containers that have the holder's name, only that of the same attempt is it.
func TestEarlierHolder(t *testing.T) {
	id := batch.AttemptID{Job: "01234567-89ab", Number: 1}
	for what, labels := range map[string]map[string]string{
		"ours":                   {labelInstance: "x", labelJob: "01234567-89ab", labelAttempt: "1", labelContainer: pauseName},
		"another instance's":     {labelInstance: "y", labelJob: "01234567-89ab", labelAttempt: "1", labelContainer: pauseName},
		"another attempt's":      {labelInstance: "x", labelJob: "01234567-89ab", labelAttempt: "2", labelContainer: pauseName},
		"a container of the job": {labelInstance: "x", labelJob: "01234567-89ab", labelAttempt: "1", labelContainer: "pause"},
		"somebody's":             {},
	} {
		d := engineOf(func(r *http.Request) (*http.Response, error) {
			body, err := json.Marshal(map[string]any{"Id": "c0ffee", "Config": map[string]any{"Labels": labels}})
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, err
		}).driver(t, Options{Instance: "x"})
		r := &run{driver: d, attempt: runner.Attempt{Task: batch.Task{Attempt: id}}}
		got, err := r.earlierHolder(t.Context(), holderName(id))
		if is := what == "ours"; is != (err == nil) || is != (got == "c0ffee") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

// TestNobodyGivesHimselfOurLabels: by them things of ours are found, and taken away (decisions, behaviour 7).
func TestNobodyGivesHimselfOurLabels(t *testing.T) {
	d := &Driver{options: Options{Instance: "x"}}
	ours := map[string]string{labelInstance: "y", labelJob: "y", labelAttempt: "y", labelContainer: "y", labelSandbox: "y", labelVolume: "y", labelLooker: "y", labelEndpoint: "y", "batch-local.later": "y", "team": "blue"}
	task := batch.Task{Attempt: batch.AttemptID{Job: "01234567-89ab", Number: 2}, Scope: batch.Scope{Account: "1", Region: "r"}}
	for name, metadata := range map[string]*api.EksMetadata{"labels": {Labels: ours}, "annotations": {Annotations: ours}, "none": nil} {
		task.Pod = &batch.Pod{Properties: &api.EksPodProperties{Metadata: metadata}}
		labels := d.labels(task, batch.Container{Name: "a"})
		disown(labels, ours)
		given := map[string]string{}
		for label, value := range labels {
			if strings.HasPrefix(label, "batch-local.") && value != "" {
				given[label] = value
			}
		}
		if len(given) != 6 || given[labelInstance] != "x" || given[labelAccount] != "1" || given[labelRegion] != "r" || given[labelJob] != "01234567-89ab" || given[labelAttempt] != "2" || given[labelContainer] != "a" {
			t.Errorf("%s: ours are %v", name, given)
		}
		for label := range ours { // what is not told, the engine takes from the image
			if _, told := labels[label]; !told && label != "team" {
				t.Errorf("%s: the image's %s is let through", name, label)
			}
		}
		if metadata != nil && labels["team"] != "blue" {
			t.Errorf("%s: team is %q", name, labels["team"])
		}
	}
}

package docker

import (
	"strings"
	"testing"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

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

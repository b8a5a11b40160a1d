package batch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
)

// TestTaskTags is jobs.md 10.7: a task gets the tags of its job's definition and of the job, which win, if somebody says propagateTags and
// the job does not say otherwise.
func TestTaskTags(t *testing.T) {
	yes, no := new(true), new(false)
	both := map[string]string{"team": "job's", "only-definition": "1", "only-job": "2"}
	for name, test := range map[string]struct {
		definition, job *bool
		want            map[string]string
	}{
		"nobody says":         {nil, nil, nil},
		"the definition says": {yes, nil, both},
		"the job says":        {nil, yes, both},
		"the job says no":     {yes, no, nil},
	} {
		s := NewState()
		s.definitions["d"] = &Definition{Detail: &api.JobDefinition{PropagateTags: test.definition, Tags: map[string]string{"team": "definition's", "only-definition": "1"}}}
		parent := &Job{ID: "a", Definition: "d", Tags: map[string]string{"team": "job's", "only-job": "2"}, Request: &Request{PropagateTags: test.job}}
		child := &Job{ID: "a:0", Definition: "d"}
		s.jobs[parent.ID], s.jobs[child.ID] = parent, child
		for _, j := range []*Job{parent, child} {
			if diff := cmp.Diff(test.want, s.taskTags(j)); diff != "" {
				t.Errorf("%s: the task of %s (-want +got):\n%s", name, j.ID, diff)
			}
		}
	}
}

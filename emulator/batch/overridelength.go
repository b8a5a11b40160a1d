package batch

import (
	"encoding/json"

	"github.com/batch-local/batch-local/emulator/api"
)

// maxOverrides is how many characters the overrides of ECS's RunTask may have. SubmitJob takes more, and the job fails when it is to be
// placed (jobs.md 2.3, 16).
const maxOverrides = 8192

// overridesTooLong says whether ECS would refuse to run a job for what was said about it at its submission: overrides, and a command with
// references, which travels with its values (jobs.md 8.1).
//
// Guess: what counts is the JSON of the overrides of each container.
func (s *State) overridesTooLong(j *Job) bool {
	r := s.requestOf(j)
	if r.Overrides == nil && r.Ecs == nil && r.Nodes == nil && len(r.Parameters) == 0 {
		return false
	}
	d := s.definitions[j.Definition]
	if d == nil {
		return false
	}
	var said []any
	if r.Overrides != nil {
		said = append(said, r.Overrides)
	}
	if r.Ecs != nil {
		said = append(said, r.Ecs)
	}
	if r.Nodes != nil {
		said = append(said, r.Nodes)
	}
	if len(r.Parameters) > 0 && (r.Overrides == nil || len(r.Overrides.Command) == 0) {
		for c := range s.Blueprint(j).containers() {
			said = append(said, api.ContainerOverrides{Command: c.Command})
		}
	}
	data, err := json.Marshal(map[string]any{"containerOverrides": said})
	return err == nil && len(data) > maxOverrides
}

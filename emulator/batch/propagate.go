package batch

import "maps"

// taskTags are the tags that a job's task gets: those of its definition and its own, which win, if propagateTags is true (jobs.md 10.7).
func (s *State) taskTags(j *Job) map[string]string {
	if p := s.PropagateTags(j); p == nil || !*p {
		return nil
	}
	tags := map[string]string{}
	if d := s.definitions[j.Definition]; d != nil && d.Detail != nil {
		maps.Copy(tags, d.Detail.Tags)
	}
	// Guess: children and nodes cannot be tagged, so their tasks get what their parent has.
	if parent := s.jobs[j.ID.Parent()]; j.ID.Mark() != 0 && parent != nil {
		j = parent
	}
	maps.Copy(tags, j.Tags)
	return tags
}

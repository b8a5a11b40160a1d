package batch

import "maps"

// taskTags are the tags that a job's task gets: those of its definition and its own, which win, if propagateTags is true (jobs.md 10.7).
func (s *State) taskTags(j *Job) map[string]string {
	if p := s.PropagateTags(j); p == nil || !*p {
		return nil
	}
	tags := map[string]string{}
	definitions, own := s.tagsFor(j)
	maps.Copy(tags, definitions)
	maps.Copy(tags, own)
	return tags
}

// tagsFor are those of a job's definition, and its own.
func (s *State) tagsFor(j *Job) (definitions, own map[string]string) {
	if d := s.definitions[j.Definition]; d != nil && d.Detail != nil {
		definitions = d.Detail.Tags
	}
	// Guess: children and nodes cannot be tagged, so their tasks get what their parent has.
	if parent := s.jobs[j.ID.Parent()]; j.ID.Mark() != 0 && parent != nil {
		j = parent
	}
	return definitions, j.Tags
}

// tooManyTags says whether ECS would refuse to run a job for the tags that its task gets: then the job is FAILED (jobs.md 10.7). Pods get none.
//
// Guess: a name that both have counts once, for the task has it once.
func (s *State) tooManyTags(j *Job) bool {
	definitions, own := s.tagsFor(j)
	if len(definitions)+len(own) <= maxTags { // of nearly all jobs
		return false
	}
	d := s.definitions[j.Definition]
	return d != nil && d.Platform != EKS && len(s.taskTags(j)) > maxTags
}

package batch

import (
	"maps"
	"strings"
)

// TagsOf answers the tags of a resource.
func (s *State) TagsOf(scope Scope, arn ARN) (map[string]string, error) {
	r, err := s.tagged(scope, arn)
	if err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case *Definition:
		return r.Detail.Tags, nil
	case *Environment:
		return r.Detail.Tags, nil
	case *Queue:
		return r.Detail.Tags, nil
	case *Policy:
		return r.Detail.Tags, nil
	case *ServiceEnvironment:
		return r.Detail.Tags, nil
	case *Consumable:
		return r.Tags, nil
	case *QuotaShare:
		return r.Tags, nil
	case *Job:
		return r.Tags, nil
	}
	return nil, nil
}

// maxTags is how many tags a resource may have (resources.md 7).
const maxTags = 50

// EditTags replaces a resource's tags with what edit makes of a copy of them.
func (tx *Tx) EditTags(scope Scope, arn ARN, edit func(map[string]string)) error {
	r, err := tx.tagged(scope, arn)
	if err != nil {
		return err
	}
	tags, _ := tx.TagsOf(scope, arn)
	if tags = edited(tags, edit); len(tags) > maxTags {
		// Guess: the text was not seen (resources.md 7).
		return refused("Tag limit exceeded.")
	}
	switch r := r.(type) {
	case *Definition:
		changed, detail := *r, *r.Detail
		detail.Tags, changed.Detail = tags, &detail
		tx.put(r, &changed)
	case *Environment:
		changed, detail := *r, *r.Detail
		detail.Tags, changed.Detail = tags, &detail
		tx.put(r, &changed)
	case *Queue:
		changed, detail := *r, *r.Detail
		detail.Tags, changed.Detail = tags, &detail
		tx.put(r, &changed)
	case *Policy:
		changed, detail := *r, *r.Detail
		detail.Tags, changed.Detail = tags, &detail
		tx.put(r, &changed)
	case *ServiceEnvironment:
		changed, detail := *r, *r.Detail
		detail.Tags, changed.Detail = tags, &detail
		tx.put(r, &changed)
	case *Consumable:
		changed := *r
		changed.Tags = tags
		tx.put(r, &changed)
	case *QuotaShare:
		changed := *r
		changed.Tags = tags
		tx.put(r, &changed)
	case *Job:
		tx.change(r, func(j *Job) { j.Tags = tags })
	}
	return nil
}

func (s *State) tagged(scope Scope, arn ARN) (Record, error) {
	at, kind, name, ok := arn.Parts()
	if !ok {
		// Guess: the text was not seen (resources.md 7).
		return nil, refused("Invalid ARN: %s", arn)
	}
	var key Key
	switch kind {
	case "job-definition":
		key = Key{KindDefinition, string(arn)}
	case "compute-environment":
		key = Key{KindEnvironment, string(arn)}
	case "job-queue":
		key = Key{KindQueue, string(arn)}
		if strings.Contains(name, "/quota-share/") {
			key.Kind = KindQuotaShare
		}
	case "scheduling-policy":
		key = Key{KindPolicy, string(arn)}
	case "service-environment":
		key = Key{KindServiceEnvironment, string(arn)}
	case "consumable-resource":
		key = Key{KindConsumable, string(arn)}
	case "service-job":
		key = Key{KindJob, name}
	case "job":
		if _, child := JobID(name).Index(); child {
			// Guess: children and nodes cannot be tagged; the text was not seen (jobs.md 15).
			return nil, refused("Tagging is not supported for %s", arn)
		}
		key = Key{KindJob, name}
	}
	if j, ok := s.record(key).(*Job); ok && (j.Service != nil) != (kind == "service-job") {
		key = Key{}
	}
	if r := s.record(key); r != nil && at == scope {
		return r, nil
	}
	// Guess: the text was not seen (resources.md 7).
	return nil, refused("%s does not exist", arn)
}

// edited is a changed copy of tags.
func edited(tags map[string]string, edit func(map[string]string)) map[string]string {
	tags = maps.Clone(tags)
	if tags == nil {
		tags = map[string]string{}
	}
	edit(tags)
	return tags
}

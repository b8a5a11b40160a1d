package logs

import (
	"maps"
	"strings"
	"unicode/utf8"
)

// Limits of tags.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

func checkTags(tags map[string]string) error {
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey:
			return constraint("tags", key, "satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]")
		case utf8.RuneCountInString(value) > maxTagValue:
			return constraint("tags", value, "satisfy constraint: [Member must have length less than or equal to 256]")
		}
	}
	return limitTags(tags)
}

func limitTags(tags map[string]string) error {
	if len(tags) > maxTags {
		// Guess: the limit and the code are in the model, the text was not seen.
		return &Error{"TooManyTagsException", "A resource can have no more than 50 tags."}
	}
	return nil
}

// resource is the group that an ARN names, as it is without ":*" at its end (events-logs-schedules.md 2.3).
func (c caller) resource(arn *string) (string, error) {
	a, err := required("resourceArn", arn)
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(a, c.arn(""))
	switch {
	case !strings.HasPrefix(a, "arn:"):
		return "", constraint("resourceArn", a, `satisfy regular expression pattern: [\w+=/:,.@\-\*]*`)
	case !ok || name == "":
		// Guess: ARNs of another account, region or kind are treated as a group that is not there. So is one with ":*".
		return "", errNoGroup
	}
	return name, nil
}

type tagsInput struct {
	ResourceArn  *string           `json:"resourceArn"`
	LogGroupName *string           `json:"logGroupName"` // of the older operations
	Tags         map[string]string `json:"tags"`
}

func (h *handler) tagResource(c caller, in tagsInput) error {
	name, err := c.resource(in.ResourceArn)
	if err != nil {
		return err
	}
	return h.tag(c, name, in.Tags)
}

func (h *handler) tagLogGroup(c caller, in tagsInput) error {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return err
	}
	return h.tag(c, name, in.Tags)
}

func (h *handler) tag(c caller, name string, tags map[string]string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	return h.store.changeGroup(c, name, func(set *groupSettings) error {
		if set.Tags == nil {
			set.Tags = map[string]string{}
		}
		maps.Copy(set.Tags, tags)
		return limitTags(set.Tags)
	})
}

type untagResourceInput struct {
	ResourceArn *string  `json:"resourceArn"`
	TagKeys     []string `json:"tagKeys"`
}

func (h *handler) untagResource(c caller, in untagResourceInput) error {
	name, err := c.resource(in.ResourceArn)
	if err != nil {
		return err
	}
	return h.untag(c, name, in.TagKeys)
}

type untagLogGroupInput struct {
	LogGroupName *string  `json:"logGroupName"`
	Tags         []string `json:"tags"`
}

func (h *handler) untagLogGroup(c caller, in untagLogGroupInput) error {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return err
	}
	return h.untag(c, name, in.Tags)
}

func (h *handler) untag(c caller, name string, keys []string) error {
	return h.store.changeGroup(c, name, func(set *groupSettings) error {
		for _, key := range keys {
			delete(set.Tags, key)
		}
		return nil
	})
}

type tagsOutput struct {
	Tags map[string]string `json:"tags"`
}

func (h *handler) listTagsForResource(c caller, in tagsInput) (*tagsOutput, error) {
	name, err := c.resource(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return h.tagsOf(c, name)
}

func (h *handler) listTagsLogGroup(c caller, in groupInput) (*tagsOutput, error) {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return h.tagsOf(c, name)
}

func (h *handler) tagsOf(c caller, name string) (*tagsOutput, error) {
	h.store.mu.RLock()
	defer h.store.mu.RUnlock()
	g, ok := h.store.groups.Get(groupKey(c.account, c.region, name))
	if !ok {
		return nil, errNoGroup
	}
	out := &tagsOutput{Tags: map[string]string{}}
	maps.Copy(out.Tags, g.Tags) // a group's own map is replaced when it changes, but may be nil
	return out, nil
}

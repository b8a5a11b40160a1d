package operations

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Limits of tags (resources.md 7).
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// tagText is what keys and values are made of: letters, digits and spaces of every script, and a few signs (resources.md 7).
var tagText = regexp.MustCompile(`^[\p{L}\p{N}\p{Z}_.:/=+\-@]*$`)

// checkTags holds the rules for tags that a caller sets.
//
// Guess: none of the texts was seen (resources.md 7).
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return api.Invalid("Tag limit exceeded.")
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) { // in order, so that the same request gets the same answer
		value := tags[key]
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey:
			return api.Invalid("Tag keys must have 1 to %d characters.", maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return api.Invalid("Tag values must have 0 to %d characters.", maxTagValue)
		case reservedTag(key) || reservedTag(value):
			return api.Invalid("Tag keys and values must not start with aws:, which is reserved.")
		case !tagText.MatchString(key) || !tagText.MatchString(value):
			return api.Invalid("Tags may only have letters, digits, spaces and the characters _ . : / = + - @")
		}
	}
	return nil
}

func reservedTag(text string) bool {
	return len(text) >= 4 && strings.EqualFold(text[:4], "aws:")
}

// TagResource adds tags to a resource and replaces values of those that it has (resources.md 7).
func (s *Service) TagResource(ctx context.Context, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	if err := checkTags(in.Tags); err != nil {
		return nil, bare(err)
	}
	err := s.update(ctx, func(tx *batch.Tx) error {
		return tx.EditTags(scope(ctx), batch.ARN(api.Value(in.ResourceArn)), func(tags map[string]string) { maps.Copy(tags, in.Tags) })
	})
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, nil
}

// UntagResource takes tags away from a resource (resources.md 7).
//
// Guess: keys that the resource does not have are no error.
func (s *Service) UntagResource(ctx context.Context, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	err := s.update(ctx, func(tx *batch.Tx) error {
		return tx.EditTags(scope(ctx), batch.ARN(api.Value(in.ResourceArn)), func(tags map[string]string) {
			for _, key := range in.TagKeys {
				delete(tags, key)
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, nil
}

// ListTagsForResource answers the tags of a resource (resources.md 7).
func (s *Service) ListTagsForResource(ctx context.Context, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	var out api.ListTagsForResourceOutput
	err := s.view(ctx, func(state *batch.State) error {
		tags, err := state.TagsOf(scope(ctx), batch.ARN(api.Value(in.ResourceArn)))
		out.Tags = orEmpty(tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

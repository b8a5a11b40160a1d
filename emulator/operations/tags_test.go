package operations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

func (w *world) tags(arn string) map[string]string {
	w.Helper()
	return must(w.ListTagsForResource(w.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &arn}))(w.T).Tags
}

func (w *world) tag(arn string, tags map[string]string) error {
	_, err := w.TagResource(w.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: tags})
	return err
}

// TestTags is resources.md 7, for every kind there is: merged, replaced, taken away, and shown where the resource is described.
func TestTags(t *testing.T) {
	given := map[string]string{"one": "1", "two": "2"}
	w := withEnvironments(t)
	w.create(managed(compute(types.CRTypeEc2, func(r *resource) { r.Tags = map[string]string{"Name": "node"} }), func(in *environment) { in.Tags = given }))
	must(w.CreateJobQueue(t.Context(), queueWith(func(in *sdk.CreateJobQueueInput) { in.Tags = given }, "e1")))(t)
	must(w.RegisterJobDefinition(t.Context(), onEC2(head(func(in *definition) { in.Tags = given }))))(t)
	for _, resource := range []string{arn("compute-environment", "e"), arn("job-queue", "q"), arn("job-definition", "a:1")} {
		t.Run(resource, func(t *testing.T) {
			if diff := cmp.Diff(given, w.tags(resource)); diff != "" {
				t.Errorf("at first (-want +got):\n%s", diff)
			}
			if err := w.tag(resource, map[string]string{"two": "zwei", "three": ""}); err != nil {
				t.Fatal(err)
			}
			w.shows(`{}`, w.sent())
			if diff := cmp.Diff(map[string]string{"one": "1", "two": "zwei", "three": ""}, w.tags(resource)); diff != "" {
				t.Errorf("with more (-want +got):\n%s", diff)
			}
			must(w.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &resource, TagKeys: []string{"one", "three", "unknown"}}))(t)
			w.shows(`{}`, w.sent())
			if diff := cmp.Diff(map[string]string{"two": "zwei"}, w.tags(resource)); diff != "" {
				t.Errorf("with fewer (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(map[string]any{"two": "zwei"}, w.described("e")["tags"]); diff != "" {
		t.Errorf("described (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"Name": "node"}, resourcesOf(w.described("e"))["tags"]); diff != "" {
		t.Errorf("tags of instances are something else (-want +got):\n%s", diff)
	}
	if err := w.close("e"); err != nil {
		t.Fatal(err)
	}
	w.create(ec2())
	w.tags(arn("compute-environment", "e"))
	w.shows(`{"tags": {}}`, w.sent())
}

func many(n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint("k", i)] = "v"
	}
	return tags
}

// TestTagRules is resources.md 7; wrapped where a resource is made, bare where one is tagged.
func TestTagRules(t *testing.T) {
	const (
		keys     = "Tag keys must have 1 to 128 characters."
		values   = "Tag values must have 0 to 256 characters."
		reserved = "Tag keys and values must not start with aws:, which is reserved."
		letters  = "Tags may only have letters, digits, spaces and the characters _ . : / = + - @"
	)
	for name, c := range map[string]struct {
		tags map[string]string
		text string
	}{
		"longest":            {map[string]string{strings.Repeat("ä", 128): strings.Repeat("ü", 256)}, ""},
		"characters":         {map[string]string{"a b+c-d=e.f_g:h/i@j": "größe 名前"}, ""},
		"not quite reserved": {map[string]string{"awsome": "aws"}, ""},
		"case matters":       {map[string]string{"Key": "1", "key": "2"}, ""},
		"50":                 {many(50), ""},
		"51":                 {many(51), "Tag limit exceeded."},
		"129":                {map[string]string{strings.Repeat("k", 129): "v"}, keys},
		"257":                {map[string]string{"k": strings.Repeat("v", 257)}, values},
		"no key":             {map[string]string{"": "v"}, keys},
		"reserved":           {map[string]string{"AwS:k": "v"}, reserved},
		"reserved value":     {map[string]string{"k": "aws:v"}, reserved},
		"key":                {map[string]string{"k*": "v"}, letters},
		"value":              {map[string]string{"k": "v;"}, letters},
	} {
		t.Run(name, func(t *testing.T) {
			w := withEnvironments(t)
			kept := arn("compute-environment", "e1")
			err := w.tag(kept, c.tags)
			_, made := w.CreateJobQueue(t.Context(), queueWith(func(in *sdk.CreateJobQueueInput) { in.Tags = c.tags }, "e1"))
			if c.text == "" {
				if err := firstError(err, made); err != nil {
					t.Fatal(err)
				}
				return
			}
			refuses(t, err, c.text)
			refuses(t, made, wrapped(c.text))
			if got := w.tags(kept); len(got) > 0 {
				t.Errorf("a refused request left %v", got)
			}
		})
	}
}

// TestTagLimit is resources.md 7: old and new together; another value is no new tag.
func TestTagLimit(t *testing.T) {
	w := withEnvironments(t)
	e := arn("compute-environment", "e1")
	if err := w.tag(e, many(50)); err != nil {
		t.Fatal(err)
	}
	refuses(t, w.tag(e, map[string]string{"more": "v"}), "Tag limit exceeded.")
	if err := w.tag(e, map[string]string{"k0": "other"}); err != nil {
		t.Error(err)
	}
}

// TestTagsOfNothing is resources.md 7.
func TestTagsOfNothing(t *testing.T) {
	w := withEnvironments(t)
	for _, given := range []string{
		"nonsense", "arn:aws:batch", "arn:aws:s3:::bucket", arn("planet", "mars"), arn("job-queue", "nowhere"), arn("job-definition", "a"),
		"arn:aws:batch:us-east-1:" + account + ":compute-environment/e1", "arn:aws:batch:" + region + ":999999999999:compute-environment/e1",
	} {
		_, err := w.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: aws.String(given)})
		refusesSomehow(t, err)
		refusesSomehow(t, w.tag(given, map[string]string{"k": "v"}))
		_, err = w.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: aws.String(given), TagKeys: []string{"k"}})
		refusesSomehow(t, err)
	}
}

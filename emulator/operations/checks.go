package operations

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// oneOf refuses a value that an enumeration does not have; an absent one is fine.
//
// Guess: the sentence is that of the values for which it was seen (jobs.md 10.6, task dependencies).
func oneOf[E interface {
	~string
	Values() []E
}](member string, value E) error {
	if value == "" || slices.Contains(value.Values(), value) {
		return nil
	}
	var all []string
	for _, v := range value.Values() {
		all = append(all, string(v))
	}
	return api.Invalid("%s %s is not valid. Valid values are: [%s]", member, value, strings.Join(all, ", "))
}

// firstOf is the first refusal of several.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// bare takes the wrapping off a refusal: the checks of Create and Register operations are the same in Update operations and in
// TagResource, which answer in the bare style (resources.md 0.2).
func bare(err error) error {
	var refusal *api.Error
	if !errors.As(err, &refusal) || !refusal.Wrapped {
		return err
	}
	unwrapped := *refusal
	unwrapped.Wrapped = false
	return &unwrapped
}

// checkList is what the Describe operations say about a list of names (resources.md 0.3).
func checkList(member string, names []string, maxResults *int32) error {
	switch {
	case len(names) > 0 && maxResults != nil:
		return api.Invalid("%s and MaxResults cannot both be set", member)
	case len(names) > maxDescribed:
		// Guess: the limit is the model's; the text was not seen.
		return api.Invalid("%s can have at most %d entries", member, maxDescribed)
	}
	return nil
}

// arnOf is the ARN that a name or an ARN stands for. What is elsewhere does not exist (resources.md 0.3).
func arnOf(at batch.Scope, kind, given string) (batch.ARN, error) {
	arn := batch.Resolve(at, kind, given)
	if arn == "" {
		return "", api.ClientError("%s does not exist", given)
	}
	return arn, nil
}

// page reads what the Describe operations of numbered resources have in common: the size of a page, and the number that it comes after.
func page(of string, maxResults *int32, nextToken *string) (limit int, after uint64, err error) {
	if limit, err = pageSize(maxResults); err != nil {
		return 0, 0, err
	}
	after, err = number(of, nextToken)
	return limit, after, err
}

func numberToken(of string, n uint64) *string { return token(of, strconv.FormatUint(n, 10)) }

package batch

import (
	"fmt"
	"slices"
	"strings"
)

// tags are those of a command: tags=3-5 is tag3, tag4 and tag5.
func tags(c command) map[string]string {
	first, last, ok := strings.Cut(c.args["tags"], "-")
	if !ok {
		return nil
	}
	all := map[string]string{}
	for i := atoi(first, 1); i <= atoi(last, 0); i++ {
		all[fmt.Sprintf("tag%d", i)] = "of " + c.name
	}
	return all
}

// propagates is what a command says of propagateTags.
func propagates(c command) *bool {
	for _, says := range []bool{true, false} {
		if slices.Contains(c.rest, map[bool]string{true: "propagate", false: "keep"}[says]) {
			return &says
		}
	}
	return nil
}

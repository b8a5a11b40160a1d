package batch

import (
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// NodeRange reads targetNodes: "a:b", ":b", "a:", ":" or a single "a", with the last node included (jobs.md 7.1).
func NodeRange(text string, count int32) (first, last int32, err error) {
	from, to, isRange := strings.Cut(text, ":")
	if !isRange {
		to = from
	}
	number := func(text string, otherwise int32) int32 {
		if text == "" && isRange {
			return otherwise
		}
		n, parseErr := strconv.ParseUint(text, 10, 31)
		if parseErr != nil {
			err = invalid("targetNodes should contain only digits.")
		}
		return int32(n)
	}
	first, last = number(from, 0), number(to, count-1)
	return first, last, err
}

// openEnded says whether a range goes to the last node, however many there are.
func openEnded(text string) bool { return strings.HasSuffix(text, ":") }

// checkNodeOverrides holds the rules of jobs.md 7.3.
func checkNodeOverrides(base *api.NodeProperties, o *api.NodeOverrides) error {
	targets := map[string]bool{}
	open := ""
	for _, r := range base.NodeRangeProperties {
		target := api.Value(r.TargetNodes)
		targets[target] = true
		if openEnded(target) {
			open = target
		}
	}
	var strangers []string
	for _, p := range o.NodePropertyOverrides {
		if target := api.Value(p.TargetNodes); !targets[target] {
			strangers = append(strangers, target)
		}
	}
	if len(strangers) > 0 {
		// Guess: several are joined by commas; the text was seen with one.
		return refused("NodeOverride targets should match job definition. Non matching targets - %s", strings.Join(strangers, ", "))
	}
	if o.NumNodes == nil {
		return nil
	}
	count := *o.NumNodes
	first, _, _ := NodeRange(open, count)
	// Guess: the rules are documented, none of the texts was seen.
	switch {
	case count < 1 || count > MaxNodes:
		return refused("Number of nodes must be between 1 and %d.", MaxNodes)
	case open == "":
		return refused("numNodes can only be overridden if the job definition has an open-ended node range.")
	case first >= count:
		return refused("numNodes must be greater than the lower bound of the open-ended node range %s.", open)
	case api.Value(base.MainNode) >= count:
		return refused("Main node index is out of range, must be less than numNodes.")
	}
	return nil
}

// MaxNodes is how many nodes a multi-node job may have (jobs.md 16).
const MaxNodes = 1000

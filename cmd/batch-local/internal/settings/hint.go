package settings

import (
	"iter"
	"maps"
)

// hint names the known word that was most likely meant, or nothing.
func hint(word string, known map[string]bool) string {
	best := Nearest(word, maps.Keys(known))
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// Nearest is the known word that was most likely meant, or nothing.
func Nearest(word string, known iter.Seq[string]) string {
	best, least := "", 3 // farther than two slips of the finger is a guess
	for candidate := range known {
		if d := distance(word, candidate); d < least || d == least && best != "" && candidate < best {
			best, least = candidate, d
		}
	}
	return best
}

// distance is how many letters must be inserted, dropped, changed, or swapped with the next one to get from a to b.
func distance(a, b string) int {
	var before []int // the row before the last
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

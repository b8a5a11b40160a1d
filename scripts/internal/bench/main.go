// Command bench measures batch-local against yardsticks in the same run, and prints ratios: absolute times say more about the machine
// than about the program. The method is in the comment of each part. scripts/bench runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "yardstick" {
		yardstick()
		return
	}
	binary := flag.String("binary", "build/batch-local", "what is measured")
	only := flag.String("only", "", "parts to measure, by their names: start,calls,growth,crowd,jobs")
	rounds := flag.Int("rounds", 3, "how often each side has its turn")
	flag.Parse()
	wanted := func(part string) bool {
		return *only == "" || slices.Contains(strings.Split(*only, ","), part)
	}
	ctx := context.Background()
	var failed error
	for _, part := range []struct {
		name string
		run  func(context.Context, string, int) error
	}{{"start", start}, {"calls", calls}, {"growth", growth}, {"crowd", crowd}, {"jobs", jobs}} {
		if !wanted(part.name) {
			continue
		}
		fmt.Printf("\n== %s\n", part.name)
		if err := part.run(ctx, *binary, *rounds); err != nil {
			fmt.Printf("%s: %v\n", part.name, err)
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		os.Exit(1)
	}
}

// median of numbers, and their range.
func median(values []float64) string {
	slices.Sort(values)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", values[len(values)/2], values[0], values[len(values)-1])
}

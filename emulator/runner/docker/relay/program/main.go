// Command program is the relay alone, for emulators that do not run on Linux and so cannot be it themselves. scripts/build makes it.
package main

import (
	"fmt"
	"os"

	"github.com/batch-local/batch-local/emulator/runner/docker/relay"
)

// main is not reached by the relay, which begins and ends in its package's init.
func main() {
	fmt.Fprintln(os.Stderr, "this is batch-local's relay; it runs in a container, as", relay.Program)
	os.Exit(2)
}

// Command batch-local is AWS Batch on your own machine.
package main

import (
	"os"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/command"
)

// version is set by releases (-ldflags "-X main.version=1.2.3"); other builds are known by their commit.
var version string

func main() { os.Exit(command.Main(version)) }

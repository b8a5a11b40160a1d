//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// resized has a value when our terminal got another size.
func resized() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}

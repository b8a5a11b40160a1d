package command

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interrupt is the user's wish to end: the first signal asks, the second insists.
type interrupt struct {
	context  context.Context // ends with the first
	insisted chan struct{}   // closes with the second
	signal   atomic.Int32    // that came first
	close    func()
}

func catchInterrupts() *interrupt {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	caught := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it, and then the closing of a terminal is nothing to us
		caught = append(caught, syscall.SIGHUP)
	}
	signal.Notify(signals, caught...)
	// A reader that goes away (batch-local run ... | head) makes a write fail instead of killing us: there may be a job to stop.
	signal.Ignore(syscall.SIGPIPE)

	i := &interrupt{context: ctx, insisted: make(chan struct{})}
	done := make(chan struct{})
	i.close = func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
	go func() {
		for n := 0; n < 2; n++ {
			select {
			case s := <-signals:
				if n == 1 {
					close(i.insisted)
					signal.Stop(signals) // a third one kills
					return
				}
				if number, ok := s.(syscall.Signal); ok {
					i.signal.Store(int32(number))
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return i
}

// name is what the signal is called; people know SIGINT by its keys.
func (i *interrupt) name() string {
	switch syscall.Signal(i.signal.Load()) {
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGHUP:
		return "SIGHUP"
	}
	return "Ctrl-C"
}

// code is the exit code of a process that ended because of the signal, as shells have it.
func (i *interrupt) code() int { return 128 + int(i.signal.Load()) }

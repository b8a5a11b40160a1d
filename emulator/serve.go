package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Times of a server.
const (
	headerTime   = 10 * time.Second       // for the head of a request
	idleTime     = 2 * time.Minute        // of a connection without a request
	engineTime   = 250 * time.Millisecond // for the first word of the engine before we say that we are ready
	shutdownTime = 40 * time.Second       // for containers to stop: their own 30 s and some
)

// Serve listens, calls ready when calls are answered, and goes on until ctx is done. Then it ends everything in order; hurry
// is closed to have that at once.
func (e *Emulator) Serve(ctx context.Context, hurry <-chan struct{}, ready func(Info)) error {
	listeners, err := listen(e.config.Listen)
	if err != nil {
		return errors.Join(err, e.Close(ended()))
	}
	server := &http.Server{
		Handler:           e.handler,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // a call that waits ends with the server
	}
	failed := make(chan error, len(listeners))
	e.mu.Lock()
	for _, l := range listeners {
		e.addresses = append(e.addresses, "http://"+l.Addr().String())
	}
	e.mu.Unlock()
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	remove, err := writeReady(e.config.ReadyFile, BaseURL(listeners[0].Addr().String()))
	if err == nil {
		if ready != nil {
			e.driver.known(engineTime)
			ready(e.Info())
		}
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	}
	remove()
	return errors.Join(err, e.end(server, hurry))
}

// end stops answering, then everything else.
func (e *Emulator) end(server *http.Server, hurry <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-hurry:
			cancel()
		case <-stop:
		}
	}()
	// Calls that are being answered end in a moment: those that wait were told by their context.
	if err := server.Shutdown(ctx); err != nil {
		server.Close()
	}
	return e.Close(ctx)
}

// ended is a context that is done.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// listen opens every address, or none.
func listen(addresses []string) ([]net.Listener, error) {
	var open []net.Listener
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		open = append(open, l)
	}
	return open, nil
}

// BaseURL is how to call, on this machine, a server that listens on an address.
func BaseURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// writeReady writes the ready file whole, and answers how to remove it.
func writeReady(path, url string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return func() {}, fmt.Errorf("write the ready file: %w", err)
	}
	_, err = temporary.WriteString(url + "\n")
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		os.Remove(temporary.Name())
		return func() {}, fmt.Errorf("write the ready file: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
)

// The emulator is a library too: whatever program it is part of has to be able to be the relay, before its own main looks at anything.
func init() {
	if os.Args[0] != Program {
		return
	}
	if err := run(os.Stdin, os.Stdout, listenAll); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run hands connections on until the other side closes the input. It listens before it says a word: whoever hears it may let jobs call.
func run(in io.ReadCloser, out io.WriteCloser, listen func() ([]net.Listener, error)) error {
	listeners, err := listen()
	for _, l := range listeners {
		defer l.Close()
	}
	if err != nil {
		return err
	}
	session, err := yamux.Client(stdio{in, out}, config())
	if err != nil {
		return err
	}
	defer session.Close()
	for i, l := range listeners {
		go accept(l, session, byte(i))
	}
	<-session.CloseChan()
	return nil
}

// listenAll listens at all addresses, in their order. With an error it answers those that it has already.
func listenAll() (all []net.Listener, err error) {
	for i, address := range addresses {
		if err := addAddress(fmt.Sprint("lo:", i+1), address); err != nil {
			return all, fmt.Errorf("add the address %s: %w", address, err)
		}
		l, err := listen(net.JoinHostPort(address, port))
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	return all, nil
}

// Time for the relay of a process that was killed to notice that, and to leave an address. For both it is less than the other side waits for a word (yamux, 10
// seconds).
const (
	listenTime  = 4 * time.Second
	listenPause = 20 * time.Millisecond
)

func listen(address string) (net.Listener, error) {
	for end := time.Now().Add(listenTime); ; time.Sleep(listenPause) {
		l, err := net.Listen("tcp4", address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			return l, err
		}
	}
}

func accept(l net.Listener, session *yamux.Session, to byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go pass(session, c, to)
	}
}

// pass carries one connection, after the word from where it comes and to which of the addresses.
func pass(session *yamux.Session, c net.Conn, to byte) {
	defer c.Close()
	stream, err := session.Open()
	if err != nil {
		return
	}
	defer stream.Close()
	if _, err := stream.Write(preamble(c.RemoteAddr(), to)); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(stream, c) // whoever breaks it off knows
		stream.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(c, stream)
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	})
	both.Wait()
}

func config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive = false // a process that ends closes its output
	c.LogOutput = io.Discard
	return c
}

// stdio is standard input and output as one connection.
type stdio struct {
	io.ReadCloser
	io.WriteCloser
}

func (s stdio) Close() error { return errors.Join(s.ReadCloser.Close(), s.WriteCloser.Close()) }

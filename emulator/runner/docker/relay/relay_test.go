package relay

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestRelayListensFirst: when it answers, whoever calls is heard; the relay of an earlier process may still have the addresses (runtime.md 8).
func TestRelayListensFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, toRelay := io.Pipe()
		fromRelay, out := io.Pipe()
		ended := make(chan error, 1)
		const takes = 3 * time.Second
		go func() {
			ended <- run(in, out, func() ([]net.Listener, error) { time.Sleep(takes); return nil, nil })
		}()
		began := time.Now()
		session, err := Listen(stdio{fromRelay, toRelay})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Ping(); err != nil || time.Since(began) < takes {
			t.Errorf("it answers after %v: %v", time.Since(began), err)
		}
		session.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestRelayThatCannotListen says why, and the other side hears that there is nobody.
func TestRelayThatCannotListen(t *testing.T) {
	in, _ := io.Pipe()
	_, out := io.Pipe()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := errors.New("the address is taken")
	if err := run(in, out, func() ([]net.Listener, error) { return []net.Listener{l}, taken }); err != taken {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the other address is still listened at: %v", err)
	}
}

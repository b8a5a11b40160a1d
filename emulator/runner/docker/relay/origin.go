package relay

import (
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/hashicorp/yamux"
)

// addresses are where the relay listens; a connection's preamble names one by its index.
var addresses = []string{Address, InstanceAddress}

// An Origin is what the relay says of a connection.
type Origin struct {
	// From is who called: the address of a sandbox on the network of jobs.
	From netip.Addr
	// Instance says that the call was to InstanceAddress, not to Address.
	Instance bool
}

// preambleSize is an index, and an IPv4 address.
const preambleSize = 5

func preamble(from net.Addr, to byte) []byte {
	p := make([]byte, preambleSize)
	p[0] = to
	if tcp, ok := from.(*net.TCPAddr); ok {
		copy(p[1:], tcp.IP.To4())
	}
	return p
}

// A Listener is the emulator's side: each connection that the relay took.
type Listener struct{ *yamux.Session }

// Listen begins to take connections from a relay at the other end of conn. Close ends both.
func Listen(conn io.ReadWriteCloser) (Listener, error) {
	s, err := yamux.Server(conn, config())
	return Listener{s}, err
}

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Session.Accept()
	if err != nil {
		return nil, err
	}
	return &handed{Conn: c}, nil
}

// handed is a connection that begins with a preamble. It is read with the first data, so that no connection keeps others waiting.
type handed struct {
	net.Conn
	once   sync.Once
	origin Origin
	err    error
}

// Read implements io.Reader.
func (h *handed) Read(p []byte) (int, error) {
	h.once.Do(func() {
		var b [preambleSize]byte
		if _, h.err = io.ReadFull(h.Conn, b[:]); h.err == nil {
			h.origin = Origin{From: netip.AddrFrom4([4]byte(b[1:])), Instance: b[0] == 1}
		}
	})
	if h.err != nil {
		return 0, h.err
	}
	return h.Conn.Read(p)
}

// OriginOf is where a connection of a Listener comes from; it is known once something was read.
func OriginOf(c net.Conn) Origin {
	h, ok := c.(*handed)
	if !ok {
		return Origin{}
	}
	return h.origin
}

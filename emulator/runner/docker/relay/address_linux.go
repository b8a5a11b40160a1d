package relay

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// addAddress gives the loopback a further address, by a name of its own ("lo:1"). It is there already if an earlier relay ran in the same container.
func addAddress(name, address string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ip := netip.MustParseAddr(address).As4()
	if err := r.SetInet4Addr(ip[:]); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFADDR, r)
}

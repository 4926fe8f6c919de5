package member

import (
	"context"
	"net"
	"net/netip"
)

// Network is how a node reaches others: datagrams and streams at one address and port. Sockets is the real one. All
// methods may be called at once by many goroutines, except that one at a time calls ReadFrom and one AcceptStream. After
// Close all return net.ErrClosed, and those that block do so at once. Slices stay the caller's.
type Network interface {
	// Local is where it listens. The IP is unspecified (0.0.0.0, ::) where it listens at all of a machine's.
	Local() netip.AddrPort
	// Route is the IP of this machine from which packets to another leave; for an IP of this machine that IP. It
	// sends nothing and does not block.
	Route(to netip.Addr) (netip.Addr, error)
	// Lookup resolves a name, anew at each call.
	Lookup(ctx context.Context, name string) ([]netip.Addr, error)

	// ReadFrom blocks until a datagram is there; what does not fit into b is lost.
	ReadFrom(b []byte) (n int, from netip.AddrPort, err error)
	// WriteTo sends a datagram, which may be lost, without blocking for long.
	WriteTo(b []byte, to netip.AddrPort) error
	// DialStream opens a stream; the caller closes it.
	DialStream(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// AcceptStream blocks until a peer opens one; the caller closes it.
	AcceptStream() (net.Conn, error)

	// Close ends all of the above. Open streams stay open.
	Close() error
}

package member

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// Sockets is the Network of the operating system: a UDP socket and a listener of streams, at one address and port.
type Sockets struct {
	packets net.PacketConn
	streams net.Listener
}

// readBuffer is what the kernel holds of datagrams while the node is busy: 2 MiB are 10,000 of memberlist's.
const readBuffer = 2 << 20

// NewSockets makes a Network of a UDP socket and a listener, which Close closes. The listener may be one part of a TCP
// port that is shared: of all streams that begin with a byte of 0 to 13, or 244.
func NewSockets(packets net.PacketConn, streams net.Listener) *Sockets {
	if c, ok := packets.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(readBuffer) // the kernel may allow less, which works too
	}
	return &Sockets{packets: packets, streams: streams}
}

// Local implements Network.
func (s *Sockets) Local() netip.AddrPort { return addrPort(s.packets.LocalAddr()) }

// Route implements Network: a UDP socket that is connected has its source address, and sends nothing.
func (s *Sockets) Route(to netip.Addr) (netip.Addr, error) {
	const anyPort = 9
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, anyPort)))
	if err != nil {
		return netip.Addr{}, err
	}
	return addrPort(c.LocalAddr()).Addr(), c.Close()
}

// Lookup implements Network.
func (s *Sockets) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range list {
		list[i] = list[i].Unmap()
	}
	return list, err
}

// ReadFrom implements Network.
func (s *Sockets) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	if c, ok := s.packets.(*net.UDPConn); ok { // which allocates nothing
		n, from, err := c.ReadFromUDPAddrPort(b)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, from, err := s.packets.ReadFrom(b)
	return n, addrPort(from), err
}

// WriteTo implements Network.
func (s *Sockets) WriteTo(b []byte, to netip.AddrPort) error {
	if c, ok := s.packets.(*net.UDPConn); ok {
		_, err := c.WriteToUDPAddrPort(b, to)
		return err
	}
	_, err := s.packets.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

// DialStream implements Network.
func (s *Sockets) DialStream(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}

// AcceptStream implements Network.
func (s *Sockets) AcceptStream() (net.Conn, error) { return s.streams.Accept() }

// Close implements Network.
func (s *Sockets) Close() error { return errors.Join(s.packets.Close(), s.streams.Close()) }

// addrPort is the address of a socket; zero where it has no IP.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case *net.TCPAddr:
		return unmap(a.AddrPort())
	}
	return netip.AddrPort{}
}

// unmap gives IPv4 addresses one form.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

package gossip

import (
	"net"

	"anode/actors/gossip/member"
)

// listener makes a net.Listener of a network's streams.
type listener struct{ Network }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) { return l.AcceptStream() }

// Addr implements net.Listener.
func (l listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.Local()) }

// streamed is a network of which memberlist gets its own streams only.
type streamed struct {
	member.Network
	streams net.Listener
}

// AcceptStream implements Network.
func (s streamed) AcceptStream() (net.Conn, error) { return s.streams.Accept() }

package link

import (
	"crypto/tls"
	"net"

	"anode/messages"
	"anode/messages/wire/frame"
)

// Conn is a connection whose two ends have proven themselves to each other. It belongs to who got it, until it is
// given to New or closed.
type Conn struct {
	// Peer is who the other end is.
	Peer messages.NodeID
	// Hello is what it said of itself.
	Hello *frame.Hello
	// Version is the highest that both speak.
	Version uint16
	// Dialed: this side dialled.
	Dialed bool

	pipe     *pipe
	tls      *tls.Conn
	in       *inbox
	counters *Counters
}

// Remote is the peer's address on this connection.
func (c *Conn) Remote() net.Addr { return c.pipe.RemoteAddr() }

// Close ends a connection that nothing was made of.
func (c *Conn) Close() error {
	c.in.drop()
	return c.pipe.Close()
}

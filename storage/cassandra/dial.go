package cassandra

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialer opens connections that all end when it is closed: gocql makes a session without a context, and would go on for as long as a
// server that says nothing lets it. It gives plain TCP connections, because only such take many buffers in one call.
type dialer struct {
	net.Dialer

	mu     sync.Mutex // guards what follows; a leaf
	open   []*net.TCPConn
	closed bool
	busy   chan struct{} // closed when nobody has it held; nil is nobody
}

func newDialer(timeout time.Duration) *dialer {
	return &dialer{Dialer: net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}}
}

// DialContext implements gocql.Dialer.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.isClosed() {
		return nil, net.ErrClosed
	}
	conn, err := d.Dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && !d.keep(tcp) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (d *dialer) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// keep notes a connection, and forgets those that gocql has closed.
func (d *dialer) keep(conn *net.TCPConn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	open := d.open[:0]
	for _, c := range d.open {
		if alive(c) {
			open = append(open, c)
		}
	}
	clear(d.open[len(open):])
	d.open = append(open, conn)
	return true
}

// alive tells whether a connection was not closed on this side.
func alive(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	return err == nil && raw.Control(func(uintptr) {}) == nil
}

// hold has close wait, for releaseWithin at most, until letGo is called: something is still to be said. One does so at a time.
func (d *dialer) hold() (letGo func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	busy := make(chan struct{})
	d.busy = busy
	return func() { close(busy) }
}

// close ends all connections, and refuses new ones.
func (d *dialer) close() {
	d.mu.Lock()
	d.closed = true
	busy := d.busy
	d.mu.Unlock()
	if busy != nil {
		wait := time.NewTimer(releaseWithin)
		defer wait.Stop()
		select {
		case <-busy:
		case <-wait.C:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.open {
		_ = c.Close()
	}
	d.open = nil
}

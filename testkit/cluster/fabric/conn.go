package fabric

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// conn is one end of a stream: a net.Conn with CloseWrite, as *net.TCPConn has it.
type conn struct {
	stream  *stream
	port    *Port
	local   netip.AddrPort
	far     *conn
	in, out *half

	// The stream's mu guards what follows.
	closed          bool
	readBy, writeBy time.Time
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, wait, err := c.tryRead(b)
		if wait == nil {
			return n, err
		}
		wait()
	}
}

// tryRead reads what is there; wait waits for more where it is not nil.
func (c *conn) tryRead(b []byte) (n int, wait func(), err error) {
	s := c.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case c.closed:
		return 0, nil, c.fault("read", net.ErrClosed)
	case over(c.readBy, now):
		return 0, nil, c.fault("read", os.ErrDeadlineExceeded)
	case len(b) == 0:
		return 0, nil, nil
	}
	here, due := c.in.arrived(now)
	if !here {
		return 0, c.waiter(now, due, c.readBy), nil
	}
	switch c.in.segments[0].kind {
	case fin:
		return 0, nil, io.EOF
	case reset:
		return 0, nil, c.fault("read", syscall.ECONNRESET)
	}
	n = c.in.read(b, !c.out.way.isCut())
	s.stir()
	return n, nil, nil
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (n int, err error) {
	for {
		wrote, wait, err := c.tryWrite(b[n:])
		n += wrote
		switch {
		case err != nil:
			return n, err
		case n == len(b):
			return n, nil
		case wait != nil:
			wait()
		}
	}
}

func (c *conn) tryWrite(b []byte) (n int, wait func(), err error) {
	s := c.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	broken, due := c.in.broken(now)
	switch {
	case c.closed:
		return 0, nil, c.fault("write", net.ErrClosed)
	case broken:
		return 0, nil, c.fault("write", syscall.ECONNRESET)
	case c.out.ended:
		return 0, nil, c.fault("write", syscall.EPIPE)
	case over(c.writeBy, now):
		return 0, nil, c.fault("write", os.ErrDeadlineExceeded)
	case c.out.deaf: // nobody reads it, and the other end says so
		c.far.sendReset()
		s.stir()
		return len(b), nil, nil
	}
	room := s.fabric.cfg.Window - c.out.used
	if room <= 0 {
		return 0, c.waiter(now, due, c.writeBy), nil
	}
	n = min(room, len(b))
	if n > 0 {
		c.out.put(data, append([]byte(nil), b[:n]...))
		s.stir()
	}
	return n, nil, nil
}

func over(by, now time.Time) bool { return !by.IsZero() && !now.Before(by) }

// waiter waits for a change, or for the earlier of two times that are not zero.
func (c *conn) waiter(now, due, by time.Time) func() {
	changed := c.stream.watch()
	if due.IsZero() || !by.IsZero() && by.Before(due) {
		due = by
	}
	if due.IsZero() {
		return func() { <-changed }
	}
	return func() {
		timer := time.NewTimer(due.Sub(now))
		defer timer.Stop()
		select {
		case <-changed:
		case <-timer.C:
		}
	}
}

// sendReset ends the stream for the other end: what had not come there is lost. Its caller has the stream's mu.
func (c *conn) sendReset() {
	c.out.ended = true
	if n := len(c.out.segments); n > 0 && c.out.segments[n-1].kind == reset {
		return
	}
	c.out.drop(time.Now())
	c.out.put(reset, nil)
}

// CloseWrite ends what this end says; it can go on to hear.
func (c *conn) CloseWrite() error {
	s := c.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	if !c.out.ended {
		c.out.ended = true
		c.out.put(fin, nil)
		s.stir()
	}
	return nil
}

// Close implements net.Conn. What was written comes, unless something was not read.
func (c *conn) Close() error {
	unread := func() bool {
		for i := range c.in.segments {
			if g := &c.in.segments[i]; g.kind == data && !g.stuck && !g.due.After(time.Now()) {
				return true
			}
		}
		return false
	}
	return c.end(func() {
		if unread() {
			c.sendReset()
		} else if !c.out.ended {
			c.out.ended = true
			c.out.put(fin, nil)
		}
	})
}

// kill is the end of the process.
func (c *conn) kill() { _ = c.end(c.sendReset) }

// end closes this end, with what the other hears of it.
func (c *conn) end(say func()) error {
	s := c.stream
	s.mu.Lock()
	if c.closed {
		s.mu.Unlock()
		return c.fault("close", net.ErrClosed)
	}
	c.closed, c.in.deaf = true, true
	say()
	c.in.segments, c.in.used, c.in.unheard = nil, 0, 0
	s.stir()
	both := c.far.closed
	s.mu.Unlock()
	if both {
		s.fabric.forget(s)
	}
	return nil
}

func (c *conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.far.local) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *conn) setDeadlines(read, write *time.Time) error {
	s := c.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closed {
		return c.fault("set", net.ErrClosed)
	}
	if read != nil {
		c.readBy = *read
	}
	if write != nil {
		c.writeBy = *write
	}
	s.stir()
	return nil
}

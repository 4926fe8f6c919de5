package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// What a Mux takes where nothing else is said.
const (
	// DefaultPeek is how long a connection has for its first byte: a lost packet is sent again after 1 s.
	DefaultPeek = 2 * time.Second
	// DefaultPeeks is the most connections that may be waited for at a time, DefaultPeeksPerAddress of one address.
	// One that waits takes about 4 KB.
	DefaultPeeks           = 256
	DefaultPeeksPerAddress = 32
)

// MuxConfig says how patient a Mux is. Zeros stand for the defaults.
type MuxConfig struct {
	Peek                    time.Duration
	MaxPeeks, MaxPerAddress int
	// Refused, where there is one, is told of each connection that was cut. It may be called by many at a time, and
	// in a flood very often.
	Refused func(remote net.Addr, err error)
	// Counters are counted up; nil are none.
	Counters *Counters
}

// Mux shares one TCP port between peer links and memberlist: the first byte tells which.
type Mux struct {
	cfg            MuxConfig
	from           net.Listener
	gate           *gate
	links, streams *branch
}

// NewMux makes a Mux of a listener, which Run closes at its end.
func NewMux(from net.Listener, cfg MuxConfig) *Mux {
	cfg.Peek = or(cfg.Peek, DefaultPeek)
	cfg.MaxPeeks, cfg.MaxPerAddress = or(cfg.MaxPeeks, DefaultPeeks), or(cfg.MaxPerAddress, DefaultPeeksPerAddress)
	cfg.Counters = or(cfg.Counters, new(Counters))
	return &Mux{
		cfg: cfg, from: from, gate: newGate(cfg.MaxPeeks, cfg.MaxPerAddress),
		links: newBranch(from.Addr()), streams: newBranch(from.Addr()),
	}
}

// or is what was given, or else the default.
func or[T comparable](given, otherwise T) T {
	var zero T
	if given == zero {
		return otherwise
	}
	return given
}

// Links listens for what begins with a TLS handshake.
func (m *Mux) Links() net.Listener { return m.links }

// Streams listens for memberlist's streams.
func (m *Mux) Streams() net.Listener { return m.streams }

// Run accepts until ctx ends or the listener is closed. Then both listeners end too, and so do all connections
// that nobody took.
func (m *Mux) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var peeks sync.WaitGroup
	defer peeks.Wait()
	defer cancel()
	end := func() {
		_ = m.from.Close()
		_ = m.links.Close()
		_ = m.streams.Close()
	}
	defer end() // the listener may be what has ended
	defer onDone(ctx, end)()
	for {
		conn, err := accept(ctx, m.from, func() { m.cfg.Counters.AcceptFailures.Add(1) })
		if err != nil {
			return ended(ctx, err)
		}
		if !m.gate.enter(conn.RemoteAddr()) {
			m.refuse(conn, ErrLimit)
			continue
		}
		peeks.Go(func() {
			defer m.gate.leave(conn.RemoteAddr())
			var err error
			if fault := guarded(func() { err = m.route(ctx, conn) }); fault != nil {
				err = fault
			}
			if err != nil {
				m.refuse(conn, err)
			}
		})
	}
}

// ended is what ended a loop: the end of ctx, if it did.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (m *Mux) refuse(conn net.Conn, err error) {
	m.cfg.Counters.refuse(err)
	if m.cfg.Refused != nil {
		m.cfg.Refused(conn.RemoteAddr(), err)
	}
	cut(conn)
}

// route waits for the first byte of a connection, and hands it to whom it is for.
func (m *Mux) route(ctx context.Context, conn net.Conn) error {
	m.cfg.Counters.Peeks.Add(1)
	defer m.cfg.Counters.Peeks.Add(-1)
	defer onDone(ctx, func() { _ = conn.Close() })()
	until := time.Now().Add(m.cfg.Peek)
	if err := conn.SetDeadline(until); err != nil {
		return ended(ctx, err)
	}
	p := &peeked{Conn: conn}
	if _, err := conn.Read(p.first[:]); err != nil {
		return fmt.Errorf("first byte: %w", ended(ctx, why(err)))
	}
	to := m.branchOf(p.first[0])
	if to == nil {
		return fmt.Errorf("%w: %#02x", ErrStranger, p.first[0])
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return ended(ctx, err)
	}
	p.has = true
	return to.give(ctx, p, time.Until(until))
}

// The first bytes: of a TLS handshake (RFC 8446), and of memberlist's messages, where labelled streams begin with
// a byte of their own.
const (
	tlsHandshake = 0x16
	lastMessage  = 13
	labelled     = 244
)

func (m *Mux) branchOf(first byte) *branch {
	switch {
	case first == tlsHandshake:
		return m.links
	case first <= lastMessage || first == labelled:
		return m.streams
	}
	return nil
}

// peeked is a connection of which the first byte was read.
type peeked struct {
	net.Conn
	first [1]byte
	has   bool
}

// Read implements net.Conn.
func (p *peeked) Read(b []byte) (int, error) {
	if p.has && len(b) > 0 {
		p.has = false
		return copy(b, p.first[:]), nil
	}
	return p.Conn.Read(b)
}

// NetConn gives the connection below.
func (p *peeked) NetConn() net.Conn { return p.Conn }

// branch is one of the listeners of a Mux.
type branch struct {
	addr   net.Addr
	taken  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newBranch(addr net.Addr) *branch {
	return &branch{addr: addr, taken: make(chan net.Conn), closed: make(chan struct{})}
}

// give hands a connection over, if somebody takes it in time.
func (b *branch) give(ctx context.Context, conn net.Conn, within time.Duration) error {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case b.taken <- conn:
		return nil
	case <-late.C:
		return fmt.Errorf("%w: nobody took the connection", ErrTimeout)
	case <-b.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Accept implements net.Listener.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case conn := <-b.taken:
		return conn, nil
	case <-b.closed:
		return nil, &net.OpError{Op: "accept", Net: b.addr.Network(), Addr: b.addr, Err: net.ErrClosed}
	}
}

// Close implements net.Listener.
func (b *branch) Close() error {
	b.close.Do(func() { close(b.closed) })
	return nil
}

// Addr implements net.Listener.
func (b *branch) Addr() net.Addr { return b.addr }

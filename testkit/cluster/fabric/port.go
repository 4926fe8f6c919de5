package fabric

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// packetsQueued is how many datagrams wait for their reader, backlog how many streams for who accepts them. What finds no
	// room is lost; a stream is tried again.
	packetsQueued, backlog = 256, 128
	// firstCall is the pause before a call that was lost is made again, doubling to lastCall: Linux's for a SYN.
	firstCall, lastCall = time.Second, time.Minute
)

// Port is where a process listens on a machine. It implements gossip.Network.
type Port struct {
	fabric  *Fabric
	local   netip.AddrPort
	packets chan packet
	streams chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// packet is a datagram that came.
type packet struct {
	bytes []byte
	from  netip.AddrPort
}

func newPort(f *Fabric, at netip.AddrPort) *Port {
	return &Port{fabric: f, local: at, packets: make(chan packet, packetsQueued), streams: make(chan net.Conn, backlog), closed: make(chan struct{})}
}

// Local is where it listens.
func (p *Port) Local() netip.AddrPort { return p.local }

// Route is the IP from which packets to another leave: a machine has one.
func (p *Port) Route(netip.Addr) (netip.Addr, error) { return p.local.Addr(), nil }

// Lookup gives the addresses of a name.
func (p *Port) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	return p.fabric.lookup(ctx, name)
}

// ReadFrom waits for a datagram; what does not fit into b is lost.
func (p *Port) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	select {
	case <-p.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	default:
	}
	select {
	case d := <-p.packets:
		return copy(b, d.bytes), d.from, nil
	case <-p.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteTo sends a datagram, which may be lost.
func (p *Port) WriteTo(b []byte, to netip.AddrPort) error {
	if p.isClosed() {
		return net.ErrClosed
	}
	there, _ := p.fabric.between(p.local.Addr(), to.Addr())
	takes, comes := there.once()
	if !comes {
		return nil
	}
	d := packet{append([]byte(nil), b...), p.local}
	time.AfterFunc(takes, func() {
		at, _ := p.fabric.at(to)
		if at == nil {
			return
		}
		select {
		case at.packets <- d:
		default: // as a socket does whose buffer is full
		}
	})
	return nil
}

// DialStream opens a stream. Until ctx ends it calls again where nobody answers.
func (p *Port) DialStream(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	there, back := p.fabric.between(p.local.Addr(), to.Addr())
	for again := firstCall; ; again = min(2*again, lastCall) {
		out, goes := there.once()
		home, comes := back.once()
		wait := again
		if goes && comes {
			wait = out + home
		}
		if err := p.pause(ctx, wait); err != nil {
			return fail(err)
		}
		if !goes || !comes {
			continue
		}
		switch at, known := p.fabric.at(to); {
		case at == nil && known:
			return fail(errors.New("connection refused"))
		case at != nil:
			if c := p.connect(at, there, back); c != nil {
				return c, nil
			}
		}
		if err := p.pause(ctx, again); err != nil {
			return fail(err)
		}
	}
}

// pause waits.
func (p *Port) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.closed:
		return net.ErrClosed
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("i/o timeout: %w", ctx.Err())
		}
		return ctx.Err()
	}
}

// connect makes a stream to a port; nil is that its backlog is full.
func (p *Port) connect(at *Port, there, back *way) net.Conn {
	s := newStream(p.fabric, there, back)
	s.ends[0].port, s.ends[1].port = p, at
	s.ends[0].local, s.ends[1].local = p.fabric.from(p.local.Addr()), at.local
	p.fabric.keep(s)
	select {
	case at.streams <- &s.ends[1]:
		if p.isClosed() || at.isClosed() { // killed meanwhile: Kill may have looked before
			s.ends[0].kill()
			s.ends[1].kill()
		}
		return &s.ends[0]
	default:
		p.fabric.forget(s)
		return nil
	}
}

// AcceptStream waits for a stream.
func (p *Port) AcceptStream() (net.Conn, error) {
	if p.isClosed() {
		return nil, net.ErrClosed
	}
	select {
	case c := <-p.streams:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *Port) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// Close ends listening, and resets streams that nobody accepted. Open streams stay open.
func (p *Port) Close() error {
	p.once.Do(func() {
		p.fabric.leave(p)
		close(p.closed)
		for {
			select {
			case c := <-p.streams:
				c.(*conn).kill()
				continue
			default:
			}
			return
		}
	})
	return nil
}

// Kill is the death of the process that has the port: it hears and says nothing more, and its streams are reset.
func (p *Port) Kill() {
	open := p.fabric.leave(p)
	_ = p.Close() // it has no error
	for _, c := range open {
		c.kill()
	}
}

package gossip_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"anode/actors/gossip"
)

// Two nodes that call each other at the same time keep one of the two links: neither has called off the one that the other keeps.
func TestTwoThatCallEachOtherAtOnceAreLinkedByThat(t *testing.T) {
	const way = 200 * time.Millisecond // on which both have time to let the other one in
	var mu sync.Mutex
	calls := 0
	both := make(chan struct{}) // is closed when each calls the other
	tune := func(own string) func() {
		return func() {
			mu.Lock()
			if calls++; calls == 2 {
				close(both)
			}
			mu.Unlock()
			select {
			case <-both:
			case <-time.After(10 * time.Second):
				t.Errorf("%s is not called", own)
			}
		}
	}
	a := newGossiper(t, nil)
	var pair [2]*gossiper
	for i := range pair {
		g := newGossiper(t, nil)
		g.first = &distant{Network: g.first, way: way}
		pair[i] = g
	}
	for i, g := range pair {
		n := g.first.(*distant)
		n.to, n.calls = pair[1-i].addr, tune(g.addr)
	}
	a.start()
	pair[0].start(a.addr)
	pair[1].start(a.addr)
	await(t, "all are linked", func() bool { return a.linked() == 2 && pair[0].linked() == 2 && pair[1].linked() == 2 })
	await(t, "each hears the other", func() bool {
		for i, g := range pair {
			if g.Ask(t.Context(), pair[1-i].id, []byte("?"), func([]byte) error { return nil }) != nil {
				return false
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	if calls != 2 {
		t.Errorf("they called each other %d times, want once each", calls)
	}
}

// distant is a network on which what is sent over streams comes later. It tells of links that are made to one address.
type distant struct {
	gossip.Network
	way   time.Duration
	to    string
	calls func()
}

func (d *distant) DialStream(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	c, err := d.Network.DialStream(ctx, to)
	if err != nil {
		return nil, err
	}
	conn := newDistantConn(c, d.way)
	if to.String() == d.to {
		conn.begins = d.calls
	}
	return conn, nil
}

func (d *distant) AcceptStream() (net.Conn, error) {
	c, err := d.Network.AcceptStream()
	if err != nil {
		return nil, err
	}
	return newDistantConn(c, d.way), nil
}

// distantConn sends what is written to it, and its end, after a time.
type distantConn struct {
	net.Conn
	way  time.Duration
	sent chan parcel
	// begins, where there is one, is called before a link begins.
	begins func()

	mu   sync.Mutex
	over bool
}

type parcel struct {
	at time.Time
	b  []byte
}

func newDistantConn(c net.Conn, way time.Duration) *distantConn {
	d := &distantConn{Conn: c, way: way, sent: make(chan parcel, 1024)}
	go d.carry()
	return d
}

func (d *distantConn) carry() {
	for p := range d.sent {
		<-time.After(time.Until(p.at))
		_, _ = d.Conn.Write(p.b) // who reads finds out
	}
	<-time.After(d.way)
	_ = d.Conn.Close()
}

func (d *distantConn) Write(b []byte) (int, error) {
	const handshake = 0x16 // of TLS, which memberlist does not speak
	if begins := d.begins; begins != nil && b[0] == handshake {
		d.begins = nil
		begins()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return 0, net.ErrClosed
	}
	d.sent <- parcel{time.Now().Add(d.way), bytes.Clone(b)}
	return len(b), nil
}

// SetDeadline is for reading: what is on its way comes, whatever becomes of who sent it.
func (d *distantConn) SetDeadline(at time.Time) error { return d.SetReadDeadline(at) }

func (*distantConn) SetWriteDeadline(time.Time) error { return nil }

func (d *distantConn) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return net.ErrClosed
	}
	d.over = true
	close(d.sent)
	return d.Conn.SetReadDeadline(time.Unix(1, 0))
}

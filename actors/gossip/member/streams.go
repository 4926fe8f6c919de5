package member

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// acceptStreams takes streams, each with a goroutine of its own.
func (t *transport) acceptStreams() {
	for failures := 0; t.ctx.Err() == nil; {
		conn, err := t.network.AcceptStream()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				t.lost("streams", err)
				return
			}
			failures++
			t.rest(failures)
			continue
		}
		failures = 0
		from := block(addrPort(conn.RemoteAddr()).Addr())
		if !t.enter(from) {
			t.count.busy.Add(1)
			_ = conn.Close() // who called tries again
			continue
		}
		v := &visit{Conn: conn, done: func() { t.drop(conn); t.leave(from) }}
		if t.keep(conn) != nil {
			_ = v.Close()
			return
		}
		t.spawn(func() { t.admit(v) })
	}
}

// enter takes a place for a stream that came in, if there is one for its address. leave gives it back.
func (t *transport) enter(from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.visits >= maxStreams || t.visitors[from] >= maxStreamsOfOne {
		return false
	}
	t.visits++
	t.visitors[from]++
	return true
}

func (t *transport) leave(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.visits--
	if t.visitors[from]--; t.visitors[from] == 0 {
		delete(t.visitors, from)
	}
}

// block is what one host may have of addresses: an IPv4 address, or the /64 around an IPv6 one.
func block(ip netip.Addr) netip.Addr {
	if !ip.Is6() {
		return ip
	}
	const bits = 64
	p, err := ip.Prefix(bits)
	if err != nil { // it is not valid
		return ip
	}
	return p.Addr()
}

// admit opens what a peer sends, and hands it to memberlist, which closes it.
func (t *transport) admit(conn net.Conn) {
	from := addrPort(conn.RemoteAddr()).Addr()
	if err := conn.SetDeadline(time.Now().Add(streamTimeout)); err != nil {
		_ = conn.Close()
		return
	}
	stream, err := t.gate.stream(conn)
	switch {
	case err == nil:
	case refusal(err):
		t.refused(from, err)
		refuse(conn, err)
		return
	default:
		if errors.Is(err, errGarbage) {
			t.refused(from, err)
		}
		_ = conn.Close()
		return
	}
	t.count.streamsIn.Add(1)
	select {
	case t.streams <- stream:
	case <-t.ctx.Done():
		_ = conn.Close()
	}
}

func (t *transport) refused(from netip.Addr, why error) {
	t.count.refused(why)
	t.stranger(from, why)
}

// keep remembers an open stream, so that Shutdown closes it.
func (t *transport) keep(c net.Conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errors.Join(net.ErrClosed, c.Close())
	}
	t.open[c] = struct{}{}
	return nil
}

func (t *transport) drop(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

// visit is a stream that came in. It gives its place back when it is closed, once.
type visit struct {
	net.Conn
	once sync.Once
	done func()
}

func (v *visit) Close() error {
	v.once.Do(v.done)
	return v.Conn.Close()
}

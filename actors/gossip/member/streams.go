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
		select {
		case t.places <- struct{}{}:
		default:
			t.count.busy.Add(1)
			_ = conn.Close() // who called tries again
			continue
		}
		if t.keep(conn) != nil {
			return
		}
		t.spawn(func() { t.admit(&visit{Conn: conn, done: func() { t.drop(conn); <-t.places }}) })
	}
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

package member

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// transport is how memberlist reaches the Network: through the gate. It owns the Network and all goroutines that it
// starts; Shutdown ends and waits for them.
type transport struct {
	network Network
	gate    *gate
	at      netip.AddrPort // advertised
	count   *counters
	// stranger is told who was refused, and why; it must not block.
	stranger func(from netip.Addr, why error)
	// fail is told what ended a goroutine that should go on; it must not block.
	fail func(error)

	packets chan *memberlist.Packet
	streams chan net.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	mirror  atomic.Pointer[mirror] // of the survey that is under way

	mu    sync.Mutex // guards what follows, and is a leaf
	open  map[net.Conn]struct{}
	calls map[string]func(error) // by the name that was given to memberlist.Join
	last  uint64                 // of the names
	ended bool
	// visits are how many streams that came in are open, visitors how many of each address.
	visits   int
	visitors map[netip.Addr]int
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(network Network, g *gate, at netip.AddrPort, count *counters) *transport {
	ctx, cancel := context.WithCancel(context.Background())
	return &transport{
		network: network, gate: g, at: at, count: count,
		stranger: func(netip.Addr, error) {}, fail: func(error) {},
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		ctx: ctx, cancel: cancel,
		open: make(map[net.Conn]struct{}), calls: make(map[string]func(error)), visitors: make(map[netip.Addr]int),
	}
}

// start begins to take what comes.
func (t *transport) start() {
	t.spawn(t.readPackets)
	t.spawn(t.acceptStreams)
}

// spawn starts a goroutine that Shutdown waits for. What it panics with ends the List, not the process.
func (t *transport) spawn(do func()) {
	t.running.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				t.fail(fmt.Errorf("panic: %v", p))
			}
		}()
		do()
	})
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// WriteTo implements memberlist.Transport.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress implements memberlist.NodeAwareTransport. Errors are net.OpError: only then memberlist
// suspects a node that can't be written to.
func (t *transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr.Addr)
	if err == nil {
		err = t.network.WriteTo(b, to)
	}
	if err != nil {
		var op *net.OpError
		if !errors.As(err, &op) {
			op = &net.OpError{Op: "write", Net: "udp", Err: err}
		}
		return time.Time{}, op
	}
	t.count.packetsOut.Add(1)
	return time.Now(), nil
}

// DialTimeout implements memberlist.Transport.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if addr.Name == mirrorName {
		return t.mirror.Load(), nil
	}
	tell := t.told(addr.Name)
	to, err := netip.ParseAddrPort(addr.Addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.ctx, min(timeout, dialTimeout))
	defer cancel()
	conn, err := t.network.DialStream(ctx, to)
	if err == nil {
		err = t.keep(conn)
	}
	if err != nil {
		tell(err)
		return nil, err
	}
	t.count.streamsOut.Add(1)
	return &call{Conn: conn, tell: tell, done: func() { t.drop(conn) }}, nil
}

// PacketCh implements memberlist.Transport.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh implements memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown implements memberlist.Transport: it closes the Network and all streams, and waits.
func (t *transport) Shutdown() error {
	t.cancel()
	err := t.network.Close()
	t.mu.Lock()
	t.ended = true
	for c := range t.open {
		_ = c.Close() // who uses it is told
	}
	t.mu.Unlock()
	t.running.Wait()
	return err
}

// lost reports that the Network was closed by somebody else.
func (t *transport) lost(what string, err error) {
	if t.ctx.Err() == nil {
		t.fail(fmt.Errorf("%s: %w", what, err))
	}
}

// rest waits after an error, longer each time: a process out of file descriptors gets them back by itself, and must not
// spin meanwhile.
func (t *transport) rest(failures int) {
	const least, most = 5 * time.Millisecond, time.Second
	wait := most
	if failures < 8 {
		wait = min(most, least<<failures)
	}
	select {
	case <-time.After(wait):
	case <-t.ctx.Done():
	}
}

// named registers a call that memberlist is to make, and gives the name for it: Join tells why it failed in words only.
func (t *transport) named(tell func(error)) (name string, done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	name = fmt.Sprintf("call-%d", t.last)
	t.calls[name] = tell
	return name, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.calls, name)
	}
}

// told is who wants to know why a call fails.
func (t *transport) told(name string) func(error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tell, ok := t.calls[name]; ok {
		return tell
	}
	return func(error) {}
}

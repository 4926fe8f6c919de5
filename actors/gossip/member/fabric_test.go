package member_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// fabric is a network in memory. Datagrams and streams take delay, and are lost by chance or cut between some hosts.
type fabric struct {
	mu    sync.Mutex // guards all, and is a leaf
	rand  *rand.Rand
	hosts map[netip.AddrPort]*host
	names map[string][]netip.Addr
	loss  float64
	delay time.Duration
	cut   func(a, b netip.Addr) bool
	noUDP bool
}

func newFabric() *fabric {
	return &fabric{
		rand: rand.New(rand.NewPCG(1, 2)), hosts: make(map[netip.AddrPort]*host), names: make(map[string][]netip.Addr),
		delay: time.Millisecond, cut: func(netip.Addr, netip.Addr) bool { return false },
	}
}

func (f *fabric) change(do func(f *fabric)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

// lost tells whether what goes from a to b does not come.
func (f *fabric) lost(a, b netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut(a, b) || f.rand.Float64() < f.loss
}

func (f *fabric) isCut(a, b netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut(a, b)
}

func (f *fabric) isDeaf() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.noUDP
}

func (f *fabric) at(addr netip.AddrPort) *host {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[addr]
}

// host is a node's Network.
type host struct {
	*fabric
	local   netip.AddrPort
	packets chan datagram
	streams chan net.Conn
	once    sync.Once
	ended   chan struct{}
}

type datagram struct {
	bytes []byte
	from  netip.AddrPort
}

func (f *fabric) host(addr string) *host {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := &host{
		fabric: f, local: netip.MustParseAddrPort(addr), packets: make(chan datagram, 256), streams: make(chan net.Conn, 64),
		ended: make(chan struct{}),
	}
	f.hosts[h.local] = h
	return h
}

func (h *host) Local() netip.AddrPort                { return h.local }
func (h *host) Route(netip.Addr) (netip.Addr, error) { return h.local.Addr(), nil }
func (h *host) AcceptStream() (net.Conn, error)      { return take(h, h.streams) }

func take[T any](h *host, c chan T) (T, error) {
	select {
	case x := <-c:
		return x, nil
	case <-h.ended:
		var zero T
		return zero, net.ErrClosed
	}
}

func (h *host) Lookup(_ context.Context, name string) ([]netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if list := h.names[name]; len(list) > 0 {
		return list, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (h *host) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	d, err := take(h, h.packets)
	return copy(b, d.bytes), d.from, err
}

func (h *host) WriteTo(b []byte, to netip.AddrPort) error {
	select {
	case <-h.ended:
		return net.ErrClosed
	default:
	}
	if h.lost(h.local.Addr(), to.Addr()) || h.isDeaf() {
		return nil
	}
	d := datagram{append([]byte(nil), b...), h.local}
	time.AfterFunc(h.delay, func() {
		if o := h.at(to); o != nil {
			select {
			case o.packets <- d:
			default: // its buffer is full
			}
		}
	})
	return nil
}

func (h *host) DialStream(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	wait := 2 * h.delay
	for h.lost(h.local.Addr(), to.Addr()) {
		wait += time.Second // until the next SYN
		if h.isCut(h.local.Addr(), to.Addr()) {
			wait = time.Hour
			break
		}
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	o := h.at(to)
	if o == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	near, far := newPipe(h.local, to)
	select {
	case o.streams <- far:
		return near, nil
	default:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
}

func (h *host) Close() error {
	h.once.Do(func() {
		h.mu.Lock()
		if h.hosts[h.local] == h {
			delete(h.hosts, h.local)
		}
		h.mu.Unlock()
		close(h.ended)
	})
	return nil
}

// half is one direction of a stream.
type half struct {
	mu     sync.Mutex // guards bytes and closed, and is a leaf
	bytes  []byte
	closed bool
	ready  chan struct{}
}

func newHalf() *half { return &half{ready: make(chan struct{}, 1)} }

func (h *half) wake() {
	select {
	case h.ready <- struct{}{}:
	default:
	}
}

func (h *half) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, io.ErrClosedPipe
	}
	h.bytes = append(h.bytes, b...)
	h.wake()
	return len(b), nil
}

func (h *half) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.wake()
}

// take reads what is there; done is false when there is nothing yet.
func (h *half) take(b []byte) (n int, done bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.bytes) > 0 {
		n = copy(b, h.bytes)
		h.bytes = h.bytes[n:]
		return n, true, nil
	}
	if h.closed {
		h.wake()
		return 0, true, io.EOF
	}
	return 0, false, nil
}

// pipe is one end of a stream with a buffer, as TCP has.
type pipe struct {
	in, out     *half
	local, peer netip.AddrPort
	mu          sync.Mutex // guards deadline, and is a leaf
	deadline    time.Time
}

func newPipe(near, far netip.AddrPort) (*pipe, *pipe) {
	a, b := newHalf(), newHalf()
	return &pipe{in: a, out: b, local: near, peer: far}, &pipe{in: b, out: a, local: far, peer: near}
}

func (p *pipe) Read(b []byte) (int, error) {
	for {
		if n, done, err := p.in.take(b); done {
			return n, err
		}
		p.mu.Lock()
		deadline := p.deadline
		p.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			late = time.After(time.Until(deadline))
		}
		select {
		case <-p.in.ready:
		case <-late:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (p *pipe) Write(b []byte) (int, error) { return p.out.write(b) }
func (p *pipe) LocalAddr() net.Addr         { return net.TCPAddrFromAddrPort(p.local) }
func (p *pipe) RemoteAddr() net.Addr        { return net.TCPAddrFromAddrPort(p.peer) }

func (p *pipe) Close() error {
	p.in.close()
	p.out.close()
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	return nil
}

func (p *pipe) SetReadDeadline(t time.Time) error { return p.SetDeadline(t) }
func (p *pipe) SetWriteDeadline(time.Time) error  { return nil }

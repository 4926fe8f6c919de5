package chaos

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	// chunk is what is read at a time; mostChunks wait on each way: 1 MiB.
	chunk      = 16 << 10
	mostChunks = 64
	// window is what the kernel takes from a sender before the proxy does: as little as a router with a short queue.
	window = 32 << 10
	// dialPatience bounds a connection to the node behind.
	dialPatience = 3 * time.Second
)

// pipe is one connection through the proxy.
type pipe struct {
	cancel context.CancelFunc

	mu    sync.Mutex // guards what follows; a leaf
	conns []*net.TCPConn
	ended bool
}

// own takes a connection into the pipe; false is that the pipe has ended.
func (p *pipe) own(c *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = c.SetReadBuffer(window)
	if p.ended {
		reset(c)
		return false
	}
	p.conns = append(p.conns, c)
	return true
}

// reset ends the pipe as a router does that says so.
func (p *pipe) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.cancel()
	for _, c := range p.conns {
		reset(c)
	}
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// connect carries one connection to the node behind a front, to its end.
func (w *Ways) connect(f *front, c *net.TCPConn) {
	from, known := w.owner(c.RemoteAddr().(*net.TCPAddr).AddrPort(), c.LocalAddr().(*net.TCPAddr).AddrPort())
	if !known { // a process that died meanwhile, or a stranger
		reset(c)
		return
	}
	there, back := w.lanes[from][f.node], w.lanes[f.node][from]
	ctx, cancel := context.WithCancel(w.life)
	p := &pipe{cancel: cancel}
	defer p.reset()
	if !p.own(c) {
		return
	}
	for _, l := range []*lane{there, back} {
		l.add(p)
		defer l.remove(p)
		if way, _ := l.now(); way.Cut {
			return
		}
	}
	// The first packet of a connection is lost in a hole like any other.
	if !there.open(ctx) || !back.open(ctx) {
		return
	}
	d := net.Dialer{Timeout: dialPatience}
	raw, err := d.DialContext(ctx, "tcp", f.behind.String())
	if err != nil {
		return
	}
	behind := raw.(*net.TCPConn)
	if !p.own(behind) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(ctx, there, c, behind) })
	both.Go(func() { p.carry(ctx, back, behind, c) })
	both.Wait()
}

// piece is what was read, and when it arrives.
type piece struct {
	at   time.Time
	data []byte
}

// carry brings bytes over a lane until one end closes, or the pipe ends.
func (p *pipe) carry(ctx context.Context, l *lane, from, to *net.TCPConn) {
	queue := make(chan piece, mostChunks)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(queue)
		p.read(ctx, l, from, queue)
	})
	for next := range queue {
		if !sleep(ctx, time.Until(next.at)) || !l.open(ctx) {
			break
		}
		if _, err := to.Write(next.data); err != nil {
			break
		}
	}
	if ctx.Err() == nil && l.open(ctx) {
		_ = to.CloseWrite()
	}
	_ = from.CloseRead() // where the writing failed, reading ends too
	for range queue {    // what waits goes nowhere
	}
	reading.Wait()
}

func (p *pipe) read(ctx context.Context, l *lane, from *net.TCPConn, queue chan<- piece) {
	buffer := make([]byte, chunk)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			way, _ := l.now()
			at, _ := l.turn(n, time.Hour)
			if !sleep(ctx, time.Until(at)) {
				return
			}
			select {
			case queue <- piece{at.Add(way.Delay), append([]byte(nil), buffer[:n]...)}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

package chaos

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// mostDatagrams wait in a lane, and none longer than mostWait for their turn: what comes beyond is lost, as it is in a router.
	mostDatagrams = 256
	mostWait      = 300 * time.Millisecond
)

// lane is one direction between two nodes.
type lane struct {
	// from is the socket that datagrams leave by, so that they come from the address that the sender advertises.
	from  *net.UDPConn
	to    netip.AddrPort
	queue chan packet

	mu      sync.Mutex // guards what follows; a leaf
	way     Way
	changed chan struct{}
	// free is when all that was let through so far is through.
	free  time.Time
	pipes map[*pipe]struct{}
}

// packet is a datagram and when it arrives.
type packet struct {
	at   time.Time
	data []byte
}

func newLane(from *net.UDPConn, to netip.AddrPort) *lane {
	return &lane{from: from, to: to, queue: make(chan packet, mostDatagrams), changed: make(chan struct{}), pipes: make(map[*pipe]struct{})}
}

// now is how the lane is, and what ends when it changes.
func (l *lane) now() (Way, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.way, l.changed
}

func (l *lane) set(way Way) {
	l.mu.Lock()
	l.way = way
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	if way.Cut {
		l.reset()
	}
}

// reset ends all connections in which the lane has a part.
func (l *lane) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pipes {
		p.reset()
	}
}

func (l *lane) add(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pipes[p] = struct{}{}
}

func (l *lane) remove(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pipes, p)
}

// turn gives when n bytes are through, and takes the lane for them; false is that they would wait longer than most.
func (l *lane) turn(n int, most time.Duration) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.way.Rate <= 0 {
		return now, true
	}
	at := now
	if l.free.After(now) {
		at = l.free
	}
	at = at.Add(time.Duration(int64(n) * int64(time.Second) / l.way.Rate))
	if at.Sub(now) > most {
		return at, false
	}
	l.free = at
	return at, true
}

// datagram sends one on, or loses it.
func (l *lane) datagram(b []byte) {
	way, _ := l.now()
	if way.Cut || way.Hole {
		return
	}
	if way == (Way{}) {
		_, _ = l.from.WriteToUDPAddrPort(b, l.to)
		return
	}
	at, ok := l.turn(len(b), mostWait)
	if !ok {
		return
	}
	select {
	case l.queue <- packet{at.Add(way.Delay), append([]byte(nil), b...)}:
	default:
	}
}

// deliver sends what waits, until ctx ends.
func (l *lane) deliver(ctx context.Context) {
	for {
		select {
		case p := <-l.queue:
			if sleep(ctx, time.Until(p.at)) {
				_, _ = l.from.WriteToUDPAddrPort(p.data, l.to)
			}
		case <-ctx.Done():
			return
		}
	}
}

// open waits until something can pass; false is that ctx ended.
func (l *lane) open(ctx context.Context) bool {
	for {
		way, changed := l.now()
		if !way.Hole {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// sleep waits; false is that ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// pipe is the connection below TLS. It bounds what a stranger may send, tells progress from standstill, and counts.
// One goroutine reads and one writes; mu guards what stands behind it.
type pipe struct {
	net.Conn
	counters *Counters

	// credit is how many bytes may be read while the peer has proven nothing; below 0 there is no bound.
	credit int
	// partial, where there is one, is called when bytes were read and more are needed, for what belongs to the reader
	// since it last called settle.
	partial func()
	fresh   bool

	mu sync.Mutex
	// patience is how long a write may stand still; 0 before the link began, when one deadline is over all.
	patience time.Duration
	// last: no deadline is set any more.
	last bool
}

func newPipe(conn net.Conn, counters *Counters) *pipe {
	return &pipe{Conn: conn, counters: counters, credit: strangerBytes}
}

// Read implements net.Conn.
func (p *pipe) Read(b []byte) (int, error) {
	if p.fresh && p.partial != nil {
		p.partial()
	}
	if p.credit == 0 {
		return 0, fmt.Errorf("%w: more than %d bytes before the link began", ErrFrame, strangerBytes)
	}
	if p.credit > 0 {
		b = b[:min(len(b), p.credit)]
	}
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.fresh = true
		p.counters.BytesIn.Add(uint64(n))
	}
	if p.credit > 0 {
		p.credit -= n
	}
	return n, err
}

// settle says that what was read has become something whole.
func (p *pipe) settle() { p.fresh = false }

// trust lifts the bounds of a handshake: writes now end only when they stand still for so long.
func (p *pipe) trust(patience time.Duration) error {
	p.credit = -1
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patience = patience
	return p.SetDeadline(time.Time{})
}

// Write implements net.Conn. A write that takes long is no fault as long as some of it is taken.
func (p *pipe) Write(b []byte) (int, error) {
	for done := 0; ; {
		if err := p.extend(); err != nil {
			return done, err
		}
		n, err := p.Conn.Write(b[done:])
		done += n
		p.counters.Writes.Add(1)
		p.counters.BytesOut.Add(uint64(n))
		if err == nil || n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || p.isLast() {
			return done, err
		}
	}
}

// extend gives a write its time.
func (p *pipe) extend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.patience == 0 || p.last {
		return nil
	}
	return p.SetWriteDeadline(time.Now().Add(p.patience))
}

// endBy makes all reads and writes end by then, whatever progress they make.
func (p *pipe) endBy(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = true
	_ = p.SetDeadline(at)
}

func (p *pipe) isLast() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// NetConn gives the connection below.
func (p *pipe) NetConn() net.Conn { return p.Conn }

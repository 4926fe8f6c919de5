package source

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// lettingGo is how long a feed has to let an exclusive connection go.
const lettingGo = time.Second

// Dial makes a network connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Pipes are the network connections of one connection of a source: that of its request, and those of redirects. Each
// byte that comes over them is a sign of life. Where the source is exclusive, they are closed so
// that the feed has let them go afterwards. It is safe for concurrent use.
type Pipes struct {
	line *Line
	dial Dial

	mu     sync.Mutex // guards what follows; a leaf
	open   []*pipe
	closed bool
}

// Pipes makes those of a connection.
func (l *Line) Pipes(dial Dial) *Pipes { return &Pipes{line: l, dial: dial} }

// DialContext connects. What it gives is closed by Close at the latest.
func (p *Pipes) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := &pipe{Conn: conn, line: p.line, lingers: p.line.job.spec.Exclusive}
	if p.closed {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	p.open = append(p.open, one)
	return one, nil
}

// Break ends what is read and written; Close is still to be called.
func (p *Pipes) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.open {
		_ = one.Close() // its reader sees it
	}
}

// Close closes all, and no more can be made. Where the source is exclusive it waits until the feed has ended
// them too, a second at most.
func (p *Pipes) Close() {
	p.Break()
	p.mu.Lock()
	p.closed = true
	all := p.open
	p.open = nil
	p.mu.Unlock()
	for _, one := range all {
		one.end()
	}
}

// pipe is one network connection.
type pipe struct {
	net.Conn
	line    *Line
	lingers bool
}

// Read notes each byte that comes.
func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.line.Heard()
	}
	return n, err
}

// Close closes it, but where it lingers for end: then it tells the other side that nothing more comes.
func (p *pipe) Close() error {
	half, can := p.Conn.(interface{ CloseWrite() error })
	if !p.lingers || !can {
		return p.Conn.Close()
	}
	return errors.Join(p.Conn.SetReadDeadline(time.Now().Add(lettingGo)), half.CloseWrite())
}

// end closes it for good.
func (p *pipe) end() {
	if p.lingers {
		_, _ = io.Copy(io.Discard, p.Conn) // up to its end, or to the deadline
	}
	_ = p.Conn.Close() // it is over
}

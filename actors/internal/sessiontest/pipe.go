package sessiontest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Pipe is an Outlet that takes so many bytes until its reader takes some. mu guards all of it.
type Pipe struct {
	events bool
	mu     sync.Mutex
	room   int
	data   bytes.Buffer
	more   chan struct{}
	closed bool
}

// NewPipe makes an outlet with room for so many bytes; events makes it one of server-sent events.
func NewPipe(room int, events bool) *Pipe {
	return &Pipe{room: room, events: events, more: make(chan struct{}, 1)}
}

// Frame implements command.Outlet: a message is a line.
func (p *Pipe) Frame(dst, head, body []byte) []byte {
	dst = append(append(dst, head...), body...)
	if p.events {
		return dst
	}
	return append(dst, '\n')
}

// Farewell implements command.Outlet.
func (p *Pipe) Farewell(dst []byte, code int, reason string) []byte {
	if p.events {
		return append(dst, ": "+reason+"\n\n"...)
	}
	return append(dst, fmt.Sprintf(`{"op":"closed","code":"%d","message":%q}`+"\n", code, reason)...)
}

// Events implements command.Outlet.
func (p *Pipe) Events() bool { return p.events }

// TryWrite implements command.Outlet.
func (p *Pipe) TryWrite(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, errors.New("closed")
	}
	n := min(len(b), p.room)
	p.room -= n
	p.data.Write(b[:n])
	return n, nil
}

// Write implements command.Outlet.
func (p *Pipe) Write(b []byte, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		n, err := p.TryWrite(b)
		if b = b[n:]; err != nil || len(b) == 0 {
			return err
		}
		select {
		case <-p.more:
		case <-timer.C:
			return errors.New("patience is over")
		}
	}
}

// Close implements command.Outlet.
func (p *Pipe) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.wake()
}

// Closed tells whether it was closed.
func (p *Pipe) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Take gives what was written, and makes room for so much more.
func (p *Pipe) Take(room int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := bytes.Clone(p.data.Bytes())
	p.data.Reset()
	p.room = room
	p.wake()
	return out
}

func (p *Pipe) wake() {
	select {
	case p.more <- struct{}{}:
	default:
	}
}

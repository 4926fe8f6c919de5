package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

const (
	// Patience is how long a link may take nothing: as long as one may say nothing before the core closes it.
	Patience = 5 * time.Second
	// Farewell is how long Close sends what waits.
	Farewell = time.Second
	// heardEvery is how often a frame that takes long is told of.
	heardEvery = 100 * time.Millisecond
)

// Handler is who a link belongs to. Frame and Heard are called by one goroutine, Queued by another, while Run runs.
type Handler interface {
	// Frame takes a frame that came. While it blocks nothing is read, so that the peer waits; it must not block for
	// ever. The frame belongs to the handler.
	Frame(f frame.Frame)
	// Heard says that bytes of a frame came that is not whole yet, at most each 100 ms.
	Heard()
	// Queued says how many bytes of frames that were given to Send wait: when Run begins, and later when 16 KiB went or nothing
	// waits any more. What Serve reads is not counted. It must not block.
	Queued(bytes int)
}

// Link is a connection between two peers at work. It sends and takes frames; what they mean is for others to say. Its
// methods may be called by many at a time, before Run too.
type Link struct {
	*Conn
	handler Handler

	// written is how many bytes of frames went to the peer.
	written atomic.Uint64

	// partAt is since when a frame is under way; zero where none is. It is the reader's.
	partAt time.Time

	mu     sync.Mutex // guards what stands below
	work   *sync.Cond // something of it changed
	queue  queue
	serves []*serve
	// reading: a goroutine reads for the first serve; ready is what it has read.
	reading bool
	ready   *portion
	// closing is why the link is to end when all that waits was sent, end why it has.
	closing, end error
}

// New makes a link of a connection, which is the Link's from here on. Run must be called.
func New(conn *Conn, handler Handler) *Link {
	l := &Link{Conn: conn, handler: handler}
	l.work = sync.NewCond(&l.mu)
	conn.pipe.partial = l.part
	return l
}

// Run runs the link until it ends, and says why: ErrGone, ErrFrame, ErrStuck, ErrClosed, ErrPanic, or the cause of
// ctx's end. All that the link started has ended when it returns.
func (l *Link) Run(ctx context.Context) error {
	l.counters.Links.Add(1)
	defer l.counters.Links.Add(-1)
	defer onDone(ctx, func() { l.fail(context.Cause(ctx)) })()
	l.handler.Queued(l.Waiting())
	var writer sync.WaitGroup
	writer.Go(func() { l.guard(l.write) })
	l.guard(func() { l.fail(l.receive()) })
	writer.Wait()
	l.in.drop()
	return l.end
}

// receive reads frames until there are no more.
func (l *Link) receive() error {
	for {
		f, err := l.in.next()
		l.pipe.settle()
		l.partAt = time.Time{}
		switch {
		case err == nil:
			l.give(f)
		case errors.Is(err, frame.ErrUnknown):
			l.counters.Unknown.Add(1)
		case errors.Is(err, wire.ErrChecksum) || errors.Is(err, wire.ErrFormat):
			l.counters.Damaged.Add(1)
		case errors.Is(err, frame.ErrFrame):
			return fmt.Errorf("%w: %w", ErrFrame, err)
		default:
			return fmt.Errorf("%w: %w", ErrGone, err)
		}
	}
}

// give gives a frame to the handler. A second Hello is for nobody.
func (l *Link) give(f frame.Frame) {
	if f.Type() == frame.TypeHello {
		l.counters.Unknown.Add(1)
		return
	}
	l.counters.FramesIn[f.Type()].Add(1)
	l.handler.Frame(f)
}

// part notes that a frame is under way, and tells of it when it takes long.
func (l *Link) part() {
	now := time.Now()
	switch {
	case l.partAt.IsZero():
		l.partAt = now
	case now.Sub(l.partAt) >= heardEvery:
		l.partAt = now
		l.handler.Heard()
	}
}

// Send lets a frame wait for its turn: those of a class before it go first, and within a class those that came
// first. It never blocks. The frame must pass frame.Check, and must not be changed any more. What would make more than
// MaxQueue wait ends the link with ErrStuck. A link that has ended, or is closing, drops it.
func (l *Link) Send(f frame.Frame, class Class) {
	l.mu.Lock()
	if l.end != nil || l.closing != nil {
		l.mu.Unlock()
		return
	}
	fits := l.queue.put(f, class)
	l.mu.Unlock()
	l.work.Signal()
	if !fits {
		l.fail(fmt.Errorf("%w: more than %d bytes wait", ErrStuck, MaxQueue))
	}
}

// Serve answers a pull: its batches are read in order and sent as repairs, up to pull.Bytes, one batch at least. They
// are read when nothing else waits and the connection takes more, a few at a time, by a goroutine of the link. done
// is told, by a goroutine of the link too, when all is on its way: what could not be read is missing, unless it was
// ErrLater. It must not block. It is not called when the link ends before.
func (l *Link) Serve(pull *frame.Pull, read func(messages.BatchID) (wire.Sealed, error), done func(missing []messages.Range)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.end != nil:
		return l.end
	case l.closing != nil:
		return l.closing
	case len(l.serves) >= MaxServes:
		return ErrServes
	}
	l.serves = append(l.serves, &serve{pull: pull, read: read, done: done})
	l.work.Signal()
	return nil
}

// Close ends the link after what waits was sent, within Farewell; pulls are not answered any more. It does
// not wait: Run returns when it is done, with ErrClosed and the reason.
func (l *Link) Close(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil || l.closing != nil {
		return
	}
	l.closing = fmt.Errorf("%w: %s", ErrClosed, reason)
	l.serves = nil
	l.pipe.endBy(time.Now().Add(Farewell))
	l.work.Signal()
}

// Waiting is how many bytes of frames wait to be sent.
func (l *Link) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.bytes
}

// Sent is how many bytes of frames were written to the peer, without what TLS adds.
func (l *Link) Sent() uint64 { return l.written.Load() }

// fail ends the link. The first error is the reason; when the link is closing, that is.
func (l *Link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return
	}
	if l.closing != nil {
		err = l.closing
	}
	l.end = err
	l.serves = nil
	if errors.Is(err, ErrStuck) {
		l.counters.Stuck.Add(1)
	}
	_ = l.pipe.Close()
	l.work.Signal()
}

// sayEnd tells the peer that nothing more comes. What it still says is read until it ends the connection too:
// closing with something unread would take back what is on its way.
func (l *Link) sayEnd() error {
	if err := l.tls.CloseWrite(); err != nil {
		return err
	}
	if tcp := tcpOf(l.pipe); tcp != nil {
		return tcp.CloseWrite()
	}
	return nil
}

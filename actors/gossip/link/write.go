package link

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"anode/messages/wire/frame"
)

// writeBytes is how much is written at once: two full records of TLS. More saves little, and can't be overtaken.
const writeBytes = 32 << 10

// buffers are kept between writes.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, writeBytes); return &b }}

// task is what a writer does next.
type task struct {
	// list is what is to be sent; of is the portion that it is from, if it is.
	list []waiting
	of   *portion
	// fetch: nothing waits, and the first serve may read on.
	fetch *serve
	// leave: the link is closing, and all was sent.
	leave bool
}

// write sends what waits until the link ends.
func (l *Link) write() {
	var fetches sync.WaitGroup
	defer fetches.Wait()
	var list []waiting
	for {
		t, ok := l.next(list)
		if !ok {
			return
		}
		switch {
		case t.fetch != nil:
			fetches.Go(func() { l.guard(func() { l.fetch(t.fetch) }) })
		case t.leave:
			if err := l.sayEnd(); err != nil {
				l.fail(err)
			}
			return
		default:
			if err := l.send(t.list); err != nil {
				l.fail(err)
				return
			}
			l.sent(t)
		}
		clear(t.list)
		if list = t.list[:0]; cap(list) > keptFrames {
			list = nil
		}
	}
}

// next waits for something to do; false is the end. Frames come before what was read for a serve, which comes
// before reading on.
func (l *Link) next(list []waiting) (task, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.end != nil {
			return task{}, false
		}
		if list = l.queue.take(list); len(list) > 0 {
			return task{list: list}, true
		}
		switch {
		case l.closing != nil:
			return task{leave: true}, true
		case l.ready != nil:
			p := l.ready
			l.ready = nil
			return task{list: p.pushes, of: p}, true
		case len(l.serves) > 0 && !l.reading:
			l.reading = true
			return task{fetch: l.serves[0]}, true
		}
		l.work.Wait()
	}
}

// fetch reads on for a serve.
func (l *Link) fetch(s *serve) {
	p := s.portion(l.alive, l.counters)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil && l.closing == nil {
		l.ready = p
	}
	l.work.Signal()
}

// alive tells whether there is use for reading on.
func (l *Link) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end == nil && l.closing == nil
}

// sent notes that something was written.
func (l *Link) sent(t task) {
	for _, w := range t.list {
		l.counters.FramesOut[w.frame.Type()].Add(1)
	}
	if t.of != nil {
		l.sentPortion(t.of)
		return
	}
	l.mu.Lock()
	tell := l.queue.sent(t.list)
	bytes := l.queue.bytes
	l.mu.Unlock()
	if tell {
		l.handler.Queued(bytes)
	}
}

func (l *Link) sentPortion(p *portion) {
	l.mu.Lock()
	l.reading = false
	if p.last && len(l.serves) > 0 {
		l.serves = slices.Delete(l.serves, 0, 1)
	}
	l.mu.Unlock()
	if p.last {
		p.serve.done(p.serve.missing)
	}
}

// send writes frames with as few calls as can be.
func (l *Link) send(list []waiting) error {
	if len(list) == 0 {
		return nil
	}
	kept := buffers.Get().(*[]byte)
	b, rest := encode((*kept)[:0], list)
	_, err := l.tls.Write(b)
	if err == nil && len(rest) > 0 {
		_, err = l.tls.Write(rest)
	}
	if cap(b) <= 2*writeBytes {
		*kept = b
	}
	buffers.Put(kept)
	switch {
	case err == nil:
		l.written.Add(uint64(len(b) + len(rest)))
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: nothing for %s", ErrStuck, Patience)
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// encode appends frames to b. Of a long batch only so much is copied as fills one write; the rest is written from
// where it is.
func encode(b []byte, list []waiting) (lead, rest []byte) {
	for _, w := range list {
		p, ok := w.frame.(*frame.Push)
		if !ok || w.size <= writeBytes {
			b = frame.Append(b, w.frame)
			continue
		}
		b = p.AppendHead(b) // it is the last of its list
		batch := p.Batch.Bytes()
		n := min(len(batch), max(0, writeBytes-len(b)))
		return append(b, batch[:n]...), batch[n:]
	}
	return b, nil
}

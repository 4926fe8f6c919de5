package gossip

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"anode/actors/gossip/link"
	"anode/messages/wire/frame"
)

const (
	// MostAnswering is how many questions of one peer are answered at a time.
	MostAnswering = 64
	// answerQueue is how many bytes may wait in a link for more of an answer to be put there.
	answerQueue = 512 << 10
	// answerPause is how often it is looked whether there is room.
	answerPause = 5 * time.Millisecond
	// mostKept is how many bytes of an answer are kept, to be said again.
	mostKept = 32 << 10
)

// errUnasked is why an answer ends of which nobody wants more.
var errUnasked = errors.New("nobody listens any more")

// answer is what this node says to a question of a peer. It may be said again from the beginning over another link, as long as all
// of it is kept.
type answer struct {
	id    uint64
	epoch uint64 // of who asked
	off   context.CancelCauseFunc
	// lostAt is since when it has no link, overAt when it ended, size what was kept of it then. They are the loop's.
	lostAt, overAt time.Time
	size           int

	mu sync.Mutex // guards what follows; a leaf
	// to is where it is said; nil is that the link is down: the peer may ask again over the next one.
	to *peer
	// parts are all that was said, bytes together; torn: they are not all any more.
	parts []*frame.Answer
	bytes int
	torn  bool
}

// answer has a peer's question answered, called off where it has no body, or said again where it came before, over a link that is
// down.
func (l *loop) answer(p *peer, f *frame.Ask) {
	all := l.gossip.answers.of(p.id)
	all.meet(p.hello.Epoch)
	if len(f.Body) == 0 {
		if a := all.open[f.ID]; a != nil {
			all.end(a, errUnasked)
		}
		return
	}
	known, was := all.find(f.ID)
	switch {
	case known != nil && known.again(p):
		return
	case was:
		l.log.Warn("a peer asks again, and what was said is not kept: it gets an empty answer", "peer", p.id)
		if known != nil {
			all.end(known, errUnasked)
		}
	case l.cfg.Answer != nil && len(all.open) < MostAnswering:
		l.think(p, f, all)
		return
	}
	p.link.Send(&frame.Answer{ID: f.ID, Last: true}, link.Control) // an empty answer is that there is none
}

// think has a goroutine answer a question.
func (l *loop) think(p *peer, f *frame.Ask, all *answered) {
	ctx, cancel := context.WithCancelCause(l.network)
	a := &answer{id: f.ID, epoch: p.hello.Epoch, off: cancel, to: p}
	all.open[f.ID] = a
	l.spawn("answer", func() {
		defer cancel(nil)
		defer l.call(func() { all.end(a, nil) })
		last := l.say(ctx, a, p, f)
		if ctx.Err() != nil {
			return // nobody listens
		}
		if err := a.reply(ctx, &frame.Answer{ID: f.ID, Last: true, Body: last}); errors.Is(err, frame.ErrFrame) {
			l.log.Error("an answer to a peer is too long, and is left out", "peer", p.id, "error", err)
			_ = a.reply(ctx, &frame.Answer{ID: f.ID, Last: true}) // else nobody listens
		}
	})
}

// say makes the answer to a question. A panic in it is an empty answer: what a peer asks must not end more than that.
func (l *loop) say(ctx context.Context, a *answer, p *peer, f *frame.Ask) (last []byte) {
	defer func() {
		if r := recover(); r != nil {
			l.log.Error("who answers a peer's question panicked", "peer", p.id, "panic", r, "stack", string(debug.Stack()))
			last = nil
		}
	}()
	return l.cfg.Answer(ctx, p.id, f.Body, func(part []byte) error { return a.reply(ctx, &frame.Answer{ID: f.ID, Body: part}) })
}

// reply sends a part of an answer, when the link has room for it. One that does not fit into a frame would end the link.
func (a *answer) reply(ctx context.Context, f *frame.Answer) error {
	if err := frame.Check(f); err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if a.put(f) {
			return nil
		}
		select {
		case <-time.After(answerPause):
		case <-ctx.Done():
		}
	}
}

// put sends a part, or keeps it for the next link; false is that there is no room for it.
func (a *answer) put(f *frame.Answer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	fits := !a.torn && a.bytes+len(f.Body) <= mostKept
	if a.to == nil && !fits || a.to != nil && a.to.link.Waiting() > answerQueue {
		return false
	}
	if fits {
		a.parts = append(a.parts, f)
		a.bytes += len(f.Body)
	} else {
		a.tear()
	}
	if a.to != nil {
		a.to.link.Send(f, link.Repair)
	}
	return true
}

// again says over another link what was said, and what follows; false is that it can't: it was not kept.
func (a *answer) again(p *peer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.torn {
		return false
	}
	a.to = p
	for _, part := range a.parts {
		p.link.Send(part, link.Repair)
	}
	return true
}

// leave takes it off a link that is down; false is that it was not on that.
func (a *answer) leave(p *peer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.to != p {
		return false
	}
	a.to = nil
	return true
}

// close tells how many bytes are kept; of one that is not whole, none.
func (a *answer) close(whole bool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !whole {
		a.tear()
	}
	return a.bytes
}

// tear lets go of what was said. The caller has the lock.
func (a *answer) tear() { a.parts, a.bytes, a.torn = nil, 0, true }

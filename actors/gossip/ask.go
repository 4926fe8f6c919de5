package gossip

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

const (
	// MostAsked is how many questions of this node are open at a time.
	MostAsked = 1024
	// mostAnswer is how many bytes of an answer wait to be taken: beyond, the question is called off.
	mostAnswer = 4 << 20
	// mostSent is over how many links a question goes, one after the other.
	mostSent = 3
	// againPatience is for how long a question waits for another link where its own was lost. A node that was asked keeps what it
	// says for longer.
	againPatience = 5 * time.Second
	// askedShift is how many questions a node may number in a millisecond, as a power of two: the first number of a process is its
	// epoch, so that no other one of it has the same.
	askedShift = 20
)

// ErrSilent is the error where the node that was asked can't be reached, or does not answer any more.
var ErrSilent = fmt.Errorf("%w: the node that was asked can't be reached", command.ErrUnavailable)

// asked is an open question of this node.
type asked struct {
	id   uint64
	node messages.NodeID
	body []byte
	// sent is the link that it went over, links how many there were, and epoch what the node numbered with on them. begun: a
	// part of the answer came. lostAt is when the link was lost; zero is that none was. All are the loop's.
	sent   *peer
	links  int
	epoch  uint64
	begun  bool
	lostAt time.Time

	// stir wakes who asked.
	stir chan struct{}
	mu   sync.Mutex // guards what follows; a leaf
	// parts wait to be taken, bytes in all.
	parts [][]byte
	bytes int
	// over: nothing more comes, for the reason of err.
	over bool
	err  error
}

// put brings a part of the answer; false is that nobody takes them.
func (a *asked) put(part []byte, last bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	if a.bytes += len(part); a.bytes > mostAnswer {
		a.over, a.err = true, fmt.Errorf("%w: the answer comes faster than it is taken", command.ErrUnavailable)
	} else {
		a.parts = append(a.parts, part)
		a.over = last
	}
	a.wake()
	return !a.over || last
}

// end ends it with an error.
func (a *asked) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.over, a.err = true, err
	}
	a.wake()
}

func (a *asked) wake() {
	select {
	case a.stir <- struct{}{}:
	default:
	}
}

// taken gives what waits, and whether more may come.
func (a *asked) taken() (parts [][]byte, over bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	parts, a.parts, a.bytes = a.parts, nil, 0
	return parts, a.over, a.err
}

// Ask asks another node, over a link that is made for it where there is none, and gives each part of the answer to take,
// in order. It returns after the last one, with the error of take, with ErrSilent, or at the end of ctx; then the node is told that
// nobody listens any more. Where the link is lost before any part came, it is asked again over the next one, within 5 s; the node
// does what it is asked once at most.
func (g *Gossip) Ask(ctx context.Context, node messages.NodeID, question []byte, take func(part []byte) error) error {
	if err := frame.Check(&frame.Ask{Body: question}); err != nil {
		return fmt.Errorf("%w: %w", command.ErrInvalid, err)
	}
	l := g.loop.Load()
	if l == nil {
		return ErrSilent
	}
	a := &asked{node: node, body: question, stir: make(chan struct{}, 1)}
	if !l.callBy(ctx, func() { l.ask(a) }) {
		return errors.Join(ErrSilent, context.Cause(ctx))
	}
	defer func() { l.callBy(context.WithoutCancel(ctx), func() { l.forget(a) }) }()
	for {
		parts, over, err := a.taken()
		for _, part := range parts {
			if err := take(part); err != nil {
				return err
			}
		}
		if over {
			return err
		}
		select {
		case <-a.stir:
		case <-l.ended:
			return ErrSilent
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ask sends a question, or has a link made for it.
func (l *loop) ask(a *asked) {
	switch {
	case len(l.asked) >= MostAsked:
		a.end(fmt.Errorf("%w: too many questions are open", command.ErrTooMany))
		return
	case a.node == l.cfg.Node:
		a.end(fmt.Errorf("%w: it is this node", command.ErrInvalid))
		return
	}
	l.gossip.askedLast++
	a.id = l.gossip.askedLast
	l.asked[a.id] = a
	if p := l.links[a.node]; p != nil {
		l.put(p, a)
		return
	}
	l.reach(a.node)
	if d := l.dials[a.node]; d != nil { // whatever was before: somebody waits for it now
		d.hurry()
	}
}

// reach has a link made for the questions to a node, or ends them.
func (l *loop) reach(node messages.NodeID) {
	if l.links[node] != nil || !l.asks(node) {
		return
	}
	if _, known := (*l.places.Load())[node]; known {
		l.dial(node)
	}
	if l.dials[node] == nil {
		l.unanswered(node)
	}
}

func (l *loop) put(p *peer, a *asked) {
	a.sent, a.epoch = p, p.hello.Epoch
	if a.links++; a.links > 1 {
		l.gossip.metrics.again.Inc()
	}
	p.link.Send(&frame.Ask{ID: a.id, Body: a.body}, link.Control)
}

// askOn sends what was to be asked of a node that is linked now, in the order of the numbers.
func (l *loop) askOn(p *peer) {
	for _, id := range slices.Sorted(maps.Keys(l.asked)) {
		a := l.asked[id]
		switch {
		case a.node != p.id || a.sent != nil:
		case a.links > 0 && a.epoch != p.hello.Epoch: // it may be another process, which does not know what was done
			l.silent(a)
		default:
			l.put(p, a)
		}
	}
}

// silent ends a question without an answer.
func (l *loop) silent(a *asked) {
	delete(l.asked, a.id)
	a.end(ErrSilent)
}

// unanswered ends the questions to a node that can't be reached.
func (l *loop) unanswered(node messages.NodeID) {
	for _, a := range l.asked {
		if a.node == node {
			l.silent(a)
		}
	}
}

// cutOff takes the questions back that went over a link which is down. They are asked again over the next one to the same node: two
// that a pair made at the same time are one in a moment, and it may be the other one that stays. Who was asked does
// what it is asked again once. Where a part of the answer came it may be that others did not, and who said
// goodbye does not come back.
func (l *loop) cutOff(p *peer) {
	for _, a := range l.asked {
		if a.sent != p {
			continue
		}
		if a.begun || p.said != "" || a.links >= mostSent {
			l.silent(a)
			continue
		}
		a.sent, a.lostAt = nil, time.Now()
	}
}

// watchAsked ends the questions whose link was lost, and for which there is no other one in time.
func (l *loop) watchAsked() {
	for _, a := range l.asked {
		if a.sent == nil && !a.lostAt.IsZero() && time.Since(a.lostAt) >= againPatience {
			l.silent(a)
		}
	}
}

// answered takes a part of an answer.
func (l *loop) answered(p *peer, f *frame.Answer) {
	a := l.asked[f.ID]
	if a == nil || a.sent != p {
		return // it was called off
	}
	a.begun = true
	if f.Last {
		delete(l.asked, f.ID)
	}
	if !a.put(f.Body, f.Last) {
		l.forget(a)
	}
}

// asks tells whether a question to a node is open.
func (l *loop) asks(node messages.NodeID) bool {
	for _, a := range l.asked {
		if a.node == node {
			return true
		}
	}
	return false
}

// forget calls a question off, if it is still open.
func (l *loop) forget(a *asked) {
	if l.asked[a.id] == a {
		delete(l.asked, a.id)
		if p := a.sent; p != nil && l.links[p.id] == p {
			p.link.Send(&frame.Ask{ID: a.id}, link.Control)
		}
	}
	if !l.wished[a.node] && l.links[a.node] == nil && !l.asks(a.node) {
		l.hangUp(a.node)
	}
}

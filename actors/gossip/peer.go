package gossip

import (
	"sync/atomic"
	"time"

	"anode/actors/actor"
	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/wire/frame"
)

// peer is a node to which a link is up. It is the link's Handler; what is not atomic is the loop's.
type peer struct {
	loop *loop
	id   messages.NodeID
	// hello is what it said of itself.
	hello  *frame.Hello
	dialed bool
	upAt   time.Time
	link   *link.Link
	// number tells links to one peer apart. ref is the child that runs it: the actor's.
	number uint64
	ref    *actor.Ref
	// closing is why the core wants it closed, said why the peer does.
	closing, said string

	// dirty: the loop is to be told that the link's queue has changed.
	dirty atomic.Bool
	// ran: the link runs, or did, or is not to any more.
	ran atomic.Bool
}

// input is a frame that came over a link; nil is a part of one.
type input struct {
	from  *peer
	frame frame.Frame
}

// Frame implements link.Handler: it waits until the loop has room.
func (p *peer) Frame(f frame.Frame) {
	select {
	case p.loop.frames <- input{p, f}:
	case <-p.loop.ended:
	}
}

// Heard implements link.Handler.
func (p *peer) Heard() { p.Frame(nil) }

// Queued implements link.Handler. How many bytes wait the loop asks when it comes to it: what it sent meanwhile counts.
func (p *peer) Queued(int) {
	if p.dirty.CompareAndSwap(false, true) {
		p.loop.mail.queue(p)
	}
}

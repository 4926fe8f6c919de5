package core

import (
	"math/bits"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// mask is a set of links by their slots.
type mask uint64

func (m mask) has(slot int) bool { return slot >= 0 && m&(1<<slot) != 0 }

// each yields the slots of a mask, ascending.
func (m mask) each(yield func(int) bool) {
	for m != 0 {
		slot := bits.TrailingZeros64(uint64(m))
		m &= m - 1
		if !yield(slot) {
			return
		}
	}
}

// nobody is the slot of no link.
const nobody = -1

// link is a link that is up. Its slot is its place in all masks, until it is down.
type link struct {
	peer messages.NodeID
	slot int
	bit  mask
	// heardAt and saidAt are when something came and went last.
	heardAt, saidAt time.Duration
	// upAt is since when it is up, pingAt when a ping was sent last.
	upAt, pingAt time.Duration
	// silent: it has left the trees. closing: Close was said.
	silent, closing bool
	// queue is how many bytes wait to be sent, as far as is known; counted: the shell tells. full: it has
	// left the live path.
	queue         int
	counted, full bool
	// pulling is how many bytes are asked for, serving how many pulls of the peer are being answered.
	pulling, serving int
	// asked is how many pulls of this node are open.
	asked int
	// ends are the ends of the answers.
	ends []frame.End
	rtt  time.Duration
	// cameAt is when a part of an answer came last, of whichever pull: answers come one after the other.
	cameAt time.Duration
	// busyUntil is when it may be asked again after it said that it is busy.
	busyUntil time.Duration
	// claimedAt is when somebody claimed to be the peer, who is then asked for a sign of life; 0 is nobody.
	claimedAt time.Duration
	claim     uint64
	// greeting is what is still to be told because the link is new, or because much differs.
	greeting []frame.Frame
	// listedAt is when closed epochs were compared in full, listed the origin at which that was left off.
	listedAt time.Duration
	listed   int
}

// trip takes in how long a ping took.
func (l *link) trip(took time.Duration) {
	switch {
	case took < 0 || took > time.Minute:
	case l.rtt == 0:
		l.rtt = took
	default:
		l.rtt += (took - l.rtt) / 8
	}
}

// linkUp gives a link a slot and brings it into all trees.
func (c *Core) linkUp(peer messages.NodeID, hello *frame.Hello) {
	switch {
	case c.links[peer] != nil:
		c.stats.Ignored++
		return
	case peer == c.cfg.Node:
		c.put(Output{Kind: Close, Peer: peer, Reason: "it is this node"})
		return
	case c.stall.stalled:
		c.put(Output{Kind: Close, Peer: peer, Reason: c.stall.reason})
		return
	case c.up == ^mask(0):
		c.put(Output{Kind: Close, Peer: peer, Reason: "there are too many links"})
		return
	}
	slot := bits.TrailingZeros64(^uint64(c.up))
	l := &link{peer: peer, slot: slot, bit: 1 << slot, upAt: c.now.Mono, heardAt: c.now.Mono, saidAt: c.now.Mono, listedAt: -time.Hour}
	c.links[peer], c.slots[slot] = l, l
	c.up |= l.bit
	c.join(l)
	c.overlay.reached(peer)
	c.met(hello)
	c.sendDigest(l)
	c.greet(l)
	c.owe(l)
	c.wakeAll()
	c.trim()
}

// join brings a link into the trees: it begins eager.
func (c *Core) join(l *link) {
	l.silent = false
	c.live |= l.bit
	for _, o := range c.order {
		if f := o.latest; f != nil {
			f.eager |= l.bit
		}
	}
}

// leave takes a link out of the trees; where it was the parent another one is asked.
func (c *Core) leave(l *link) {
	c.live &^= l.bit
	for _, o := range c.order {
		for _, f := range o.flows {
			f.eager &^= l.bit
			f.cancelFrom(c, l)
			if f.parent == l.slot {
				c.orphan(f)
			}
		}
	}
}

func (c *Core) linkDown(peer messages.NodeID) {
	l := c.links[peer]
	if l == nil {
		c.redial(peer, 0)
		c.overlay.missed(c, peer)
		return
	}
	c.leave(l)
	delete(c.links, peer)
	c.slots[l.slot] = nil
	c.up &^= l.bit
	for _, o := range c.order {
		for _, f := range o.flows {
			f.forget(l.slot)
		}
	}
	for i := range c.gaps {
		c.gaps[i].owed &^= l.bit
	}
	c.forgetTeller(l)
	c.redial(peer, c.now.Mono-l.upAt)
	c.overlay.missed(c, peer)
	c.wakeAll()
}

// close asks for the end of a link.
func (c *Core) close(l *link, reason string) {
	if l.closing {
		return
	}
	l.closing = true
	if !l.silent {
		l.silent = true
		c.leave(l)
	}
	c.put(Output{Kind: Close, Peer: l.peer, Reason: reason})
}

// bye ends a link with a word to the peer.
func (c *Core) bye(l *link, reason string) {
	if !l.closing {
		c.send(l, &frame.Bye{Reason: reason}, Control)
		c.close(l, reason)
	}
}

func (c *Core) heard(peer messages.NodeID) {
	if l := c.links[peer]; l != nil && !l.closing {
		c.hear(l)
		l.cameAt = c.now.Mono
	}
}

// hear notes a sign of life.
func (c *Core) hear(l *link) {
	l.heardAt = c.now.Mono
	if l.silent {
		c.join(l)
	}
}

func (c *Core) queued(peer messages.NodeID, bytes int) {
	l := c.links[peer]
	if l == nil {
		return
	}
	l.counted, l.queue = true, bytes
	if l.full && bytes <= c.cfg.MaxQueue/4 {
		l.full = false
	}
	c.greetOn(l)
}

// claim asks the peer of an old link for a sign of life.
func (c *Core) claim(peer messages.NodeID) {
	l := c.links[peer]
	if l == nil || l.closing {
		return
	}
	if l.claimedAt == 0 {
		l.claimedAt, l.claim = c.now.Mono, c.rand.Uint64()
		c.send(l, &frame.Ping{Nonce: l.claim, Time: int64(c.now.Mono)}, Control)
	}
}

// pong takes the answer to a ping: how long it took, and whether the peer lives that another one says to be.
func (c *Core) pong(l *link, p *frame.Pong) {
	l.trip(c.now.Mono - time.Duration(p.Time))
	if l.claimedAt != 0 && p.Nonce == l.claim {
		l.claimedAt = 0
		c.put(Output{Kind: Refuse, Peer: l.peer, Reason: "identity in use"})
	}
}

// send queues a frame for a link.
func (c *Core) send(l *link, f frame.Frame, class Class) { c.sendSized(l, f, class, f.Size()) }

func (c *Core) sendSized(l *link, f frame.Frame, class Class, size int) {
	l.saidAt = c.now.Mono
	if l.counted {
		l.queue += size
	}
	if class == Control {
		c.stats.Control += uint64(size)
	}
	c.put(Output{Kind: Send, Class: class, Peer: l.peer, Frame: f})
}

// tend looks after the links: those that say nothing, and those to which nothing was said.
func (c *Core) tend() {
	for slot := range c.up.each {
		l := c.slots[slot]
		silence := c.now.Mono - l.heardAt
		switch {
		case l.closing:
		case l.claimedAt != 0 && c.now.Mono-l.claimedAt >= c.cfg.Silent:
			c.close(l, "another link took its place")
		case silence >= c.cfg.Dead:
			c.close(l, "nothing came for "+silence.Round(time.Millisecond).String())
		case l.counted && l.queue > 2*c.cfg.MaxQueue:
			c.close(l, "it takes nothing")
		default:
			c.keep(l, silence)
		}
	}
}

// greetOn tells more of what a new link is to hear, as long as its queue is short.
func (c *Core) greetOn(l *link) {
	for len(l.greeting) > 0 && !l.closing && (!l.counted || l.queue <= c.cfg.MaxQueue/4) {
		f := l.greeting[0]
		l.greeting[0] = nil
		l.greeting = l.greeting[1:]
		c.send(l, f, Control)
	}
}

// keep does what a link needs that is no worse than silent.
func (c *Core) keep(l *link, silence time.Duration) {
	c.greetOn(l)
	if silence >= c.cfg.Silent && !l.silent {
		l.silent = true
		c.leave(l)
	}
	// A link that is never idle is measured, too.
	if c.now.Mono-l.saidAt >= c.cfg.Ping-c.beat()/2 || c.now.Mono-l.pingAt >= c.cfg.Silent {
		l.pingAt = c.now.Mono
		c.send(l, &frame.Ping{Nonce: c.nextPull, Time: int64(c.now.Mono)}, Control)
	}
}

// Links are the peers to which a link is up, in no order.
func (c *Core) Links() []messages.NodeID {
	list := make([]messages.NodeID, 0, len(c.links))
	for slot := range c.up.each {
		list = append(list, c.slots[slot].peer)
	}
	return list
}

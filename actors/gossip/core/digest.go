package core

import (
	"slices"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

const (
	// listEvery is how often closed epochs are compared in full with one peer, and mostClosed about how many are told
	// at a time; the rest follows the next time.
	listEvery  = 5 * time.Second
	mostClosed = 10_000
	// greetEvery is with how many of the digests the versions of all ephemeral records are told: of those that are
	// published seldom one may have been missed.
	greetEvery = 10
)

// compare sends what is held to one peer, at random: what was lost on the way shows there at the latest.
func (c *Core) compare() {
	if c.live == 0 {
		return
	}
	pick := c.rand.IntN(len(c.links))
	for slot := range c.up.each {
		if pick--; pick < 0 {
			if l := c.slots[slot]; c.live.has(slot) && !c.choked(l) {
				c.sendDigest(l)
				if c.compared++; c.compared%greetEvery == 0 && len(l.greeting) == 0 {
					c.greet(l)
				}
			}
			return
		}
	}
}

// sendDigest tells a peer what is held.
func (c *Core) sendDigest(l *link) {
	since := c.since()
	d := &frame.Digest{Compare: true, Since: since, Days: c.days.list(since), Registry: c.registry.hash()}
	for _, o := range c.order {
		e, ok := o.line.Epoch(o.line.Newest())
		if !ok || e.Head == 0 {
			continue
		}
		d.Latest = append(d.Latest, holding(o.id, &e))
	}
	c.sendParts(l, d)
}

func (c *Core) sendParts(l *link, d *frame.Digest) {
	for _, part := range frame.SplitDigest(d) {
		c.send(l, part, Control)
	}
}

func holding(id messages.NodeID, e *messages.EpochDigest) frame.Holding {
	h := frame.Holding{Origin: id, EpochDigest: *e}
	h.Holes = slices.Clone(e.Holes[max(0, len(e.Holes)-frame.MaxHoles):])
	return h
}

// since is the first day of which the node keeps all closed epochs.
func (c *Core) since() uint32 {
	if oldest := c.oldest(); oldest > 0 {
		return dayOf(messages.HLCFromMillis(oldest)) + 1
	}
	return 0
}

// oldest is the Unix ms before which nothing is remembered; 0 is that all is.
func (c *Core) oldest() int64 {
	if c.cfg.RetentionAge <= 0 {
		return 0
	}
	return max(0, c.now.Wall-2*c.cfg.RetentionAge.Milliseconds())
}

// digest takes in what a peer holds.
func (c *Core) digest(l *link, d *frame.Digest) {
	for i := range d.Latest {
		c.consider(l, &d.Latest[i])
	}
	for i := range d.Closed[:min(len(d.Closed), mostClosed)] {
		c.consider(l, &d.Closed[i])
	}
	if len(d.Want) > 0 {
		c.sendClosed(l, d.Want, false)
	}
	if !d.Compare {
		return
	}
	if d.Registry != c.registry.hash() && len(l.greeting) == 0 {
		c.send(l, &frame.Registry{Hashes: c.registry.hashes()}, Control)
	}
	since := max(d.Since, c.since())
	days := differing(c.days.list(since), d.Days, since)
	if len(days) > 0 && c.now.Mono-l.listedAt >= listEvery {
		l.listedAt = c.now.Mono
		c.sendClosed(l, days, true)
	}
}

// sendClosed tells a peer the closed epochs of some days, and asks for its own.
func (c *Core) sendClosed(l *link, wanted []uint32, ask bool) {
	in := make(map[uint32]bool, len(wanted))
	for _, day := range wanted[max(0, len(wanted)-mostDays):] {
		in[day] = true
	}
	d := &frame.Digest{}
	// Where it was too much the last time, it goes on there.
	first := l.listed
	l.listed = 0
	for i := range c.order {
		at := (first + i) % len(c.order)
		o := c.order[at]
		if len(d.Closed) >= mostClosed {
			l.listed = at
			break
		}
		for e := range o.closed() {
			if in[dayOf(e.HeadHLC)] {
				d.Closed = append(d.Closed, holding(o.id, &e))
			}
		}
	}
	if ask {
		d.Want = wanted
	}
	c.sendParts(l, d)
}

// consider takes in what a peer holds of one epoch.
func (c *Core) consider(l *link, h *frame.Holding) {
	o := c.meet(h.Origin)
	if o == nil || c.bygone(o, h) {
		return
	}
	f := c.flow(o, h.Epoch)
	if f == nil {
		return
	}
	c.outdone(o, h.Epoch, h.Head)
	if h.Floor > h.Head {
		c.emptied(f, h)
		return
	}
	k := f.peer(l.slot)
	k.floor, k.head, k.run, k.from = h.Floor, h.Head, h.Floor, max(h.Floor, 1)
	k.holes = slices.Clone(h.Holes)
	if n := len(h.Holes); n > 0 {
		k.run = h.Holes[n-1].To + 1
		if n >= frame.MaxHoles {
			k.from = h.Holes[0].From
		}
		if h.Holes[n-1].To >= h.Head { // known to exist, not held
			k.head = h.Holes[n-1].From - 1
			k.run = min(k.run, k.head+1)
		}
	}
	if k.from <= k.head {
		held := messages.Ranges{{From: k.from, To: k.head}}.Minus(k.holes)
		f.redeem(l.slot, held)
		if _, own := o.line.Epoch(h.Epoch); own && o == c.self { // what is announced from now on says no more of these
			for _, r := range held {
				c.put(Output{Kind: Cover, Peer: l.peer, Epoch: h.Epoch, Range: r})
			}
		}
	}
	c.reclaim(f)
	c.hears(f, k.head, h.HeadHLC)
	c.settle(f)
}

// bygone tells whether an epoch is not taken up: it was forgotten here, or everywhere by now, or is older than
// what the node keeps. Nothing comes back from the dead.
func (c *Core) bygone(o *origin, h *frame.Holding) bool {
	if _, known := o.line.Epoch(h.Epoch); known || o.find(h.Epoch) != nil {
		return false
	}
	if c.dead(o, h.Epoch) {
		return true
	}
	alive := o == c.self || c.overlay.members.Has(o.id)
	return !alive && h.HeadHLC.Millis() < c.oldest()
}

// emptied takes in that a peer remembers an epoch of which it holds nothing: so that all remember the same,
// the node does too, if it holds nothing of it either.
func (c *Core) emptied(f *flow, h *frame.Holding) {
	if _, known := f.origin.line.Epoch(f.epoch); !known {
		d := h.EpochDigest
		d.Holes = nil
		f.origin.line.Recall(d)
		f.based = true
		c.raise(f, h.Floor)
	}
	c.settle(f)
}

// met takes in what a peer said of itself at the beginning of a link.
func (c *Core) met(hello *frame.Hello) {
	if hello == nil {
		return
	}
	known := hello.Known
	f := c.self.find(c.cfg.Epoch)
	head := c.lineOf(c.cfg.Node).Head()
	if known.IsZero() || known.Origin != c.cfg.Node {
		return
	}
	c.recall(known.Epoch)
	switch {
	case known.Epoch > c.cfg.Epoch, known.Epoch == c.cfg.Epoch && (f == nil || known.Sequence > f.top()):
		c.put(Output{Kind: Renew, Epoch: known.Epoch, Prior: known})
	case (f == nil || f.top() == 0) && known.Compare(head) > 0:
		c.put(Output{Kind: Prior, Prior: known})
	}
}

// hello is what a peer is to know.
func (c *Core) hello(to messages.NodeID) frame.Hello {
	h := frame.Hello{Node: c.cfg.Node, Epoch: c.cfg.Epoch}
	if o := c.origins[to]; o != nil {
		// Only what is held: hearsay would be named in the first batch of an epoch, and be missed for ever.
		for e := range o.line.Epochs() {
			if head := heldHead(&e); head > 0 {
				h.Known = messages.Position{Origin: to, Epoch: e.Epoch, Sequence: head, Index: messages.IndexEnd}
			}
		}
	}
	return h
}

// heldHead is the highest sequence that is held, or was before retention took it; 0 is none.
func heldHead(e *messages.EpochDigest) uint64 {
	if n := len(e.Holes); n > 0 && e.Holes[n-1].To >= e.Head {
		return e.Holes[n-1].From - 1
	}
	return e.Head
}

// renewed takes the epoch that the node numbers with from now on.
func (c *Core) renewed(epoch uint64) {
	if epoch > c.cfg.Epoch {
		c.cfg.Epoch = epoch
		c.refresh = refresh{at: c.refresh.at}
		if c.above.Epoch <= epoch {
			c.above = above{}
		}
	}
}

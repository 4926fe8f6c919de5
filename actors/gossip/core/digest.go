package core

import (
	"slices"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

const (
	// listEvery is how often closed epochs are compared in full with one peer, and mostClosed how many are told at
	// a time: the newest days first, the rest the next time.
	listEvery  = 5 * time.Second
	mostClosed = 10_000
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
		if len(d.Latest) == mostFlows {
			c.send(l, d, Control)
			d = &frame.Digest{}
		}
		d.Latest = append(d.Latest, holding(o.id, &e))
	}
	c.send(l, d, Control)
}

func holding(id messages.NodeID, e *messages.EpochDigest) frame.Holding {
	h := frame.Holding{Origin: id, EpochDigest: *e}
	h.Holes = slices.Clone(e.Holes[max(0, len(e.Holes)-frame.MaxHoles):])
	return h
}

// since is the first day of which the node keeps all closed epochs.
func (c *Core) since() uint32 {
	since := dayOf(c.old.kept)
	if c.old.kept != 0 {
		since++
	}
	if oldest := c.oldest(); oldest > 0 {
		since = max(since, dayOf(messages.HLCFromMillis(oldest))+1)
	}
	return since
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
	for i := range d.Closed {
		c.consider(l, &d.Closed[i])
	}
	if len(d.Want) > 0 {
		c.sendClosed(l, d.Want, false)
	}
	if !d.Compare {
		return
	}
	if d.Registry != c.registry.hash() {
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
	for _, o := range c.order {
		for e := range o.closed() {
			if in[dayOf(e.HeadHLC)] && len(d.Closed) < mostClosed {
				d.Closed = append(d.Closed, holding(o.id, &e))
			}
		}
	}
	if ask {
		d.Want = wanted
	}
	c.send(l, d, Control)
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
	c.hears(f, h.Head, h.HeadHLC)
	c.settle(f)
}

// bygone tells whether an epoch is not taken up: it was forgotten here, or everywhere by now, or is older than
// what the node keeps. Nothing comes back from the dead.
func (c *Core) bygone(o *origin, h *frame.Holding) bool {
	if h.Epoch <= o.line.Horizon() {
		return true
	}
	if _, known := o.line.Epoch(h.Epoch); known || o.find(h.Epoch) != nil {
		return false
	}
	alive := o == c.self || c.overlay.members.Has(o.id)
	switch {
	case h.HeadHLC != 0 && h.HeadHLC <= c.old.kept && h.Epoch < o.line.Newest():
		return true
	case !alive && h.HeadHLC.Millis() < c.oldest():
		return true
	}
	return false
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
	switch {
	case known.IsZero() || known.Origin != c.cfg.Node:
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
		if h.Known = o.line.Head(); h.Known.Sequence == 0 {
			h.Known = messages.Position{}
		}
		if f := o.latest; f != nil && f.hi > 0 && (messages.Position{Origin: to, Epoch: f.epoch, Sequence: f.hi}).Compare(h.Known) > 0 {
			h.Known = messages.Position{Origin: to, Epoch: f.epoch, Sequence: f.hi, Index: messages.IndexEnd}
		}
	}
	return h
}

// renewed takes the epoch that the node numbers with from now on.
func (c *Core) renewed(epoch uint64) {
	if epoch > c.cfg.Epoch {
		c.cfg.Epoch = epoch
		c.refresh = refresh{at: c.refresh.at}
	}
}

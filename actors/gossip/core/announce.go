package core

import (
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// mark notes that what is held of a flow is to be announced.
func (c *Core) mark(f *flow) {
	if f.dirty {
		return
	}
	f.dirty = true
	if len(c.changed) == 0 {
		// The first change after a pause is announced at once; what follows waits for the others.
		c.announceAt = max(c.announceAt, c.now.Mono)
	}
	c.changed = append(c.changed, f)
}

const (
	// fewFlows is how many flows are announced at the usual pace; more make it slower, so that announcements take no more
	// than about 80 KB/s of a link, down to once in mostPause.
	fewFlows  = 100
	mostPause = 10
)

// announce tells all peers what changed, those that sent it included: so they know what is safe here.
func (c *Core) announce() {
	c.announceAt = c.now.Mono + c.cfg.Announce*time.Duration(min(max(1, len(c.changed)/fewFlows), mostPause))
	var flows []frame.Held
	if c.live != 0 {
		flows = make([]frame.Held, 0, len(c.changed))
	}
	for i, f := range c.changed {
		f.dirty = false
		c.changed[i] = nil
		if held, ok := f.told(); ok && c.live != 0 {
			flows = append(flows, held)
		}
		c.settle(f)
	}
	c.changed = c.changed[:0]
	for _, h := range frame.SplitHave(flows) {
		c.tell(h)
	}
}

func (c *Core) tell(h *frame.Have) {
	size := h.Size()
	for slot := range c.live.each {
		if l := c.slots[slot]; !c.choked(l) {
			c.sendSized(l, h, Control, size)
		}
	}
}

// choked tells whether a link takes so little that what can be said again later is not said now.
func (c *Core) choked(l *link) bool { return l.counted && l.queue > c.cfg.MaxQueue+c.cfg.MaxQueue/4 }

// told is what is announced of a flow; false where nothing of it is held.
func (f *flow) told() (frame.Held, bool) {
	e := f.held()
	run := e.Floor
	for i := len(e.Holes) - 1; i >= 0; i-- {
		if h := e.Holes[i]; h.To < e.Head {
			run = h.To + 1
			break
		}
		e.Head = e.Holes[i].From - 1 // known to exist, not held
	}
	if e.Head < run || e.Head == 0 {
		return frame.Held{}, false
	}
	return frame.Held{Origin: f.origin.id, Epoch: f.epoch, Floor: e.Floor, Run: run, Head: e.Head, HLC: e.HeadHLC}, true
}

// have takes in what a peer announces.
func (c *Core) have(l *link, h *frame.Have) {
	for i := range h.Flows {
		c.heldBy(l, &h.Flows[i])
	}
}

func (c *Core) heldBy(l *link, h *frame.Held) {
	o := c.meet(h.Origin)
	if o == nil || h.Head == 0 {
		return
	}
	if o == c.self {
		c.cover(l, h)
		c.outdone(o, h.Epoch, h.Head)
	}
	holding := frame.Holding{EpochDigest: messages.EpochDigest{Epoch: h.Epoch, HeadHLC: h.HLC}}
	if c.bygone(o, &holding) {
		return
	}
	f := c.flow(o, h.Epoch)
	if f == nil {
		return
	}
	k := f.peer(l.slot)
	if k.from != 0 && h.Run > k.head+1 {
		k.holes = k.holes.Add(messages.Range{From: k.head + 1, To: h.Run - 1})
	}
	k.run, k.head = h.Run, max(k.head, h.Head)
	k.floor = max(k.floor, h.Floor)
	k.holes = k.holes.Drop(messages.Range{From: h.Run, To: h.Head}).Above(k.floor)
	k.bound()
	f.redeem(l.slot, messages.Ranges{{From: h.Run, To: h.Head}})
	c.suit(f, l, h.Head)
	c.reclaim(f)
	c.hears(f, h.Head, h.HLC)
	if f.parent == l.slot && c.leftOut(f) {
		c.look(f, c.now.Mono)
	}
}

// suit asks the first that announces something new to be the parent, where there is none: who has a batch before
// this node did not get it from here.
func (c *Core) suit(f *flow, l *link, head uint64) {
	top := f.top()
	if f.parent == nobody && top > 0 && head > max(top, f.base) && f == f.origin.latest && f.origin != c.self {
		c.graftTo(f, l)
		f.raise(c, head)
		c.look(f, c.now.Mono)
	}
}

// hears notes that a flow has sequences up to one. What was not there a moment ago may be on its way by the tree.
func (c *Core) hears(f *flow, head uint64, hlc messages.HLC) {
	f.hlc = max(f.hlc, hlc)
	if !f.based && head > 0 {
		c.base(f, head)
	}
	f.raise(c, head)
	switch {
	case head <= f.top() && len(f.held().Holes) == 0:
	case head <= f.base:
		c.old.add(f)
	default:
		c.look(f, c.now.Mono+c.cfg.Patience)
	}
}

// cover tells that own batches are safe with a peer.
func (c *Core) cover(l *link, h *frame.Held) {
	if f := c.self.find(h.Epoch); f != nil && l.slot < len(f.known) && f.known[l.slot].head >= h.Head && f.known[l.slot].run <= h.Run {
		return // it was said
	}
	if _, own := c.self.line.Epoch(h.Epoch); own {
		c.put(Output{Kind: Cover, Peer: l.peer, Epoch: h.Epoch, Range: messages.Range{From: h.Run, To: h.Head}})
	}
}

// local spreads a batch of the node's own.
func (c *Core) local(b *wire.Sealed) {
	if b.Origin != c.cfg.Node {
		c.stats.Ignored++
		return
	}
	c.renewed(b.Epoch) // if it was not said
	f := c.flow(c.self, b.Epoch)
	if f == nil {
		c.stats.Ignored++
		return
	}
	f.based = true
	c.hold(f, b)
	c.stall.landed(c, Stored)
	p := frame.Push{Hop: 1, Refresh: c.refresh.due(c)}
	if p.Refresh {
		f.choose(b.Sequence, c.live)
	}
	c.spread(f, f.eager&c.live, b, p)
}

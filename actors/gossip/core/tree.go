package core

import (
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// push takes a batch in.
func (c *Core) push(l *link, p *frame.Push) {
	b := p.Batch
	o := c.meet(b.Origin)
	if o == nil {
		return
	}
	f := c.flow(o, b.Epoch)
	if f == nil {
		c.stats.Ignored++
		return
	}
	if o == c.self && c.doubled(f, p) {
		return
	}
	c.outdone(o, b.Epoch, b.Sequence)
	f.note(l.slot, b.Sequence)
	f.raise(c, b.Sequence)
	f.hlc = max(f.hlc, b.Last)
	if p.Repair {
		l.cameAt = c.now.Mono
	}
	asked := c.progress(f, l, b)
	if f.holds(b.Sequence) {
		c.duplicate(f, l, p)
		c.settle(f)
		return
	}
	size := len(b.Bytes())
	if c.appending+size > c.cfg.MaxAppending {
		c.stats.Refused++
		c.look(f, c.now.Mono+c.cfg.Patience)
		return
	}
	mends := false
	if !p.Repair {
		c.lead(f, l, p)
	} else if f.fresh(c, b.Sequence) {
		mends = c.mend(f, l, b.Sequence, asked)
	}
	c.arrive(f, l, p, size, mends)
}

// arrive gives a batch to the journal.
func (c *Core) arrive(f *flow, l *link, p *frame.Push, size int, mends bool) {
	b := p.Batch
	old := b.Sequence <= f.base || !f.based
	f.arriving.add(arrival{
		batch: b, slot: l.slot, peer: l.peer, hop: p.Hop, refresh: p.Refresh || mends, repair: p.Repair, old: old || p.Repair && !f.fresh(c, b.Sequence),
	})
	f.coming = f.coming.Add(messages.Range{From: b.Sequence, To: b.Sequence})
	if !f.sized {
		f.size, f.sized = size, true
	}
	f.size += (size - f.size) / 8
	c.appending += size
	c.stall.begin(c)
	c.put(Output{Kind: Append, Peer: l.peer, Batch: b, Backfill: old})
}

// duplicate answers a batch that was not needed: who is not the parent is asked to push no more. Who is,
// is never pruned, or two nodes could cut each other off; but then the one that was faster this time is.
func (c *Core) duplicate(f *flow, l *link, p *frame.Push) {
	c.stats.Redundant++
	switch {
	case p.Repair, p.Batch.Sequence < f.chosen:
		// It says nothing about the tree, or about one that is gone.
	case l.slot != f.parent:
		c.pruneLink(f, l, p.Batch.Sequence)
	case f.rival != nobody && f.rivalAt >= p.Batch.Sequence:
		if rival := c.slots[f.rival]; rival != nil && f.rival != f.parent {
			c.pruneLink(f, rival, p.Batch.Sequence)
		}
		f.rival, f.strays = nobody, 0
	}
	if l.slot == f.parent {
		f.strays = 0
	}
}

func (c *Core) pruneLink(f *flow, l *link, sequence uint64) {
	f.eager &^= l.bit
	c.stats.Prunes++
	c.send(l, &frame.Prune{Origin: f.origin.id, Epoch: f.epoch, Sequence: sequence}, Control)
}

// appended takes in what the journal did with a batch, and passes it on.
func (c *Core) appended(b *wire.Sealed, result Result) {
	o := c.origins[b.Origin]
	var f *flow
	if o != nil {
		f = o.find(b.Epoch)
	}
	if f == nil {
		c.stats.Ignored++
		return
	}
	a, ok := f.land(b)
	if !ok {
		c.stats.Ignored++
		return
	}
	c.appending -= len(b.Bytes())
	c.stall.landed(c, result)
	if result == Failed {
		c.look(f, c.now.Mono+c.cfg.Retry)
		return
	}
	c.hold(f, b)
	if result == Fork {
		c.stats.Forks++
	}
	if result == Stored {
		c.count(&a)
		c.forward(f, &a)
	}
	if f.dirty || f == o.latest {
		return
	}
	c.settle(f)
}

// land takes a batch out of those that wait to be appended.
func (f *flow) land(b *wire.Sealed) (arrival, bool) {
	a, ok := f.arriving.take(b)
	if ok {
		f.coming = f.coming.Drop(messages.Range{From: b.Sequence, To: b.Sequence})
	}
	return a, ok
}

// hold notes that a batch is held.
func (c *Core) hold(f *flow, b *wire.Sealed) {
	o := f.origin
	o.line.Hold(&b.Header)
	f.raise(c, b.Sequence)
	f.unstick(messages.Range{From: b.Sequence, To: b.Sequence})
	if f != o.latest {
		c.soil(o)
	}
	if b.Sequence == 1 {
		c.soil(o)
		if p := b.Prior; !p.IsZero() { // it names how far the epoch before went
			if before := c.flow(o, p.Epoch); before != nil {
				before.raise(c, p.Sequence)
				if !before.based {
					c.base(before, p.Sequence)
				}
				c.wake(before)
			}
		}
	}
	c.mark(f)
}

func (c *Core) count(a *arrival) {
	switch {
	case !a.repair:
		c.stats.Pushed++
		c.stats.Hops += uint64(a.hop)
	default:
		c.stats.Repaired++
		if a.old {
			c.stats.Backfilled++
		}
	}
}

func (c *Core) prune(l *link, p *frame.Prune) {
	if f := c.asked(p.Origin, p.Epoch); f != nil && p.Sequence >= f.chosen {
		f.eager &^= l.bit
	}
}

// asked is the flow that a peer names; nil where there is none.
func (c *Core) asked(origin messages.NodeID, epoch uint64) *flow {
	if o := c.origins[origin]; o != nil {
		return o.find(epoch)
	}
	c.stats.Ignored++
	return nil
}

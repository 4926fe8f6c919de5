package core

import (
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// forward passes a batch on, as the tree says.
func (c *Core) forward(f *flow, a *arrival) {
	to := f.eager
	switch {
	case a.refresh:
		to = c.live
	case a.repair && (a.old || !f.fresh(c, a.batch.Sequence)):
		return
	}
	switch {
	case a.batch.Sequence < f.chosen:
		to |= f.before
	case !a.refresh && f.parent != nobody:
		to &^= 1 << f.parent
	}
	to &= c.live
	if l := c.links[a.peer]; l != nil && l.slot == a.slot {
		to &^= l.bit
	}
	c.spread(f, to, a.batch, frame.Push{Refresh: a.refresh, Repair: a.repair && !a.refresh, Hop: next(a.hop)})
}

func next(hop uint8) uint8 {
	if hop == 255 {
		return hop
	}
	return hop + 1
}

// spread sends a batch to some links, but not to those that are full, and repairs not to whom it is no news.
func (c *Core) spread(f *flow, to mask, b *wire.Sealed, p frame.Push) {
	if to == 0 {
		return
	}
	p.Batch = b
	push := c.newPush(p)
	size := push.Size()
	for slot := range to.each {
		l := c.slots[slot]
		if p.Repair && slot < len(f.known) && f.known[slot].has(b.Sequence) {
			continue
		}
		if l.counted && (l.full || l.queue+size > c.cfg.MaxQueue) {
			c.overflow(l)
			continue
		}
		c.stats.Sent++
		c.sendSized(l, push, Live, size)
	}
}

// overflow takes a link that is too slow out of the live path: its peer pulls what it misses, and comes back
// with a Graft.
func (c *Core) overflow(l *link) {
	c.stats.Skipped++
	if l.full {
		return
	}
	l.full = true
	for _, o := range c.order {
		if f := o.latest; f != nil {
			f.eager &^= l.bit
		}
	}
}

// newPush makes a frame out of a slab: one allocation for many.
func (c *Core) newPush(p frame.Push) *frame.Push {
	if len(c.pushes) == 0 {
		c.pushes = make([]frame.Push, 64)
	}
	push := &c.pushes[0]
	c.pushes = c.pushes[1:]
	*push = p
	return push
}

package core

import (
	"anode/messages/wire/frame"
)

// manyStrays is how many batches in a row come from another link before that one is taken for the parent.
const manyStrays = 3

// lead lets a push choose the tree.
func (c *Core) lead(f *flow, l *link, p *frame.Push) {
	if !f.based {
		c.base(f, p.Batch.Sequence-1)
	}
	top := f.top()
	f.repairs = 0
	switch {
	case f.parent == nobody || p.Refresh && p.Batch.Sequence > f.chosen:
		f.follow(c, l, true)
		f.choose(p.Batch.Sequence, c.live&^l.bit)
	case f.parent == l.slot:
		f.strays, f.proven = 0, true
	case p.Batch.Sequence < f.chosen:
		// It comes by the tree that was.
	default:
		if f.strays++; f.strays >= manyStrays {
			c.graftTo(f, l) // it may have been told not to push
			f.proven = true
		}
		f.rival, f.rivalAt = l.slot, p.Batch.Sequence
	}
	if p.Batch.Sequence > top+1 {
		c.look(f, c.now.Mono+c.cfg.Patience)
	}
}

// choose begins a tree anew with a batch.
func (f *flow) choose(sequence uint64, eager mask) {
	if sequence > f.chosen {
		f.chosen, f.before = sequence, f.eager
	}
	f.eager = eager
}

// follow takes a link for the parent.
func (f *flow) follow(c *Core, l *link, proven bool) {
	if f.parent != l.slot {
		f.ledAt = c.now.Mono
	}
	f.parent, f.strays, f.repairs, f.proven = l.slot, 0, 0, proven
}

// orphan notes that the parent is gone. Who had what it left out is asked to be the parent, if that was a moment
// ago; else the first that announces something new will be.
func (c *Core) orphan(f *flow) {
	f.parent, f.strays, f.repairs, f.proven = nobody, 0, 0, false
	if c.live.has(f.helper) && c.now.Mono-f.helpedAt <= 2*c.cfg.Silent && f == f.origin.latest && f.origin != c.self {
		c.graftTo(f, c.slots[f.helper])
	}
}

// severed tells whether the tree does not bring the flow: the parent is gone or about to be, or was asked and has
// brought nothing, or has left out several batches.
func (c *Core) severed(f *flow) bool {
	if f.parent == nobody || !f.proven || f.repairs >= manyRepairs {
		return true
	}
	l := c.slots[f.parent]
	return l == nil || c.now.Mono-l.heardAt >= 2*c.cfg.Ping+l.rtt
}

// mend makes a tree out of a batch that came because it was missed: who had it is the parent, and what hangs on
// this node chooses anew. All who take part choose by the same batch, and nobody has it before his parent: no
// circle comes of it.
func (c *Core) mend(f *flow, l *link, sequence uint64, asked bool) bool {
	if asked {
		f.repairs++
		f.helper, f.helpedAt = l.slot, c.now.Mono
	}
	if f != f.origin.latest || f.origin == c.self || !c.severed(f) || sequence < f.hi || sequence <= f.chosen {
		return false
	}
	f.choose(sequence, c.live&^l.bit)
	if f.parent != l.slot || asked {
		c.graftTo(f, l)
	}
	return true
}

// graftTo asks a peer to push the flow.
func (c *Core) graftTo(f *flow, l *link) {
	f.follow(c, l, false)
	c.stats.Grafts++
	c.send(l, &frame.Graft{Origin: f.origin.id, Epoch: f.epoch}, Control)
}

// graft takes a peer among those to which the flow is pushed.
func (c *Core) graft(l *link, g *frame.Graft) {
	f := c.asked(g.Origin, g.Epoch)
	if f == nil || l.full {
		return
	}
	f.eager |= l.bit & c.live
	if f.parent == l.slot {
		// Each took the other for its parent: the next announcement of something new finds another one.
		f.parent, f.repairs = nobody, 0
	}
}

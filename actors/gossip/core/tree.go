package core

import (
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// manyStrays is how many batches in a row come from another link before that one is taken for the parent.
const manyStrays = 3

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

// arrive gives a batch to the journal.
func (c *Core) arrive(f *flow, l *link, p *frame.Push, size int, mends bool) {
	b := p.Batch
	old := b.Sequence <= f.base || !f.based
	f.arriving.add(arrival{
		batch: b, slot: l.slot, peer: l.peer, hop: p.Hop, refresh: p.Refresh || mends, repair: p.Repair, old: old || p.Repair && !f.fresh(c, b.Sequence),
	})
	f.coming = f.coming.Add(messages.Range{From: b.Sequence, To: b.Sequence})
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

// has tells whether the peer is known to hold a batch.
func (k *known) has(sequence uint64) bool {
	switch {
	case k.head == 0 || sequence > k.head || sequence < k.floor:
		return false
	case sequence >= k.run:
		return true
	}
	return k.from != 0 && sequence >= k.from && !k.holes.Has(sequence)
}

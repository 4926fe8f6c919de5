package core

import (
	"cmp"
	"slices"

	"anode/messages"
)

// origin is what is known of one origin: its line, and a flow for the newest epoch and for each older one of
// which something is still to come.
type origin struct {
	id   messages.NodeID
	line *messages.Line
	// flows are in order of epoch; nearly always there is one.
	flows []*flow
	// latest is the flow of the newest epoch that is known; nil before any is.
	latest *flow
	// first is the epoch from which on all is wanted in order: readers stand there. What came before
	// the node met the origin is old, and is fetched newest first.
	first uint64
	// sums are what the closed epochs add to the hashes of days; stale: they are to be counted again.
	sums  []dayHash
	stale bool
}

// mostOrigins is how many origins a node knows of: a hundred times what a mesh is made for.
const mostOrigins = 100_000

// meet gives an origin, made where it is not known; nil where there are too many.
func (c *Core) meet(id messages.NodeID) *origin {
	if o := c.origins[id]; o != nil {
		return o
	}
	if len(c.order) >= mostOrigins {
		c.stats.Ignored++
		return nil
	}
	return c.adopt(id)
}

// part forgets an origin of which nothing is remembered, and which is no member.
func (c *Core) part(o *origin) {
	if o == c.self || o.line.Newest() != 0 || c.overlay.members.Has(o.id) {
		return
	}
	for _, f := range o.flows {
		if f.arriving.len() > 0 || len(f.pulls) > 0 || f.dirty || c.wanting(f) {
			return
		}
	}
	for len(o.flows) > 0 {
		c.drop(o.flows[0])
	}
	c.days.count()
	delete(c.origins, o.id)
	delete(c.lines, o.id)
	c.order = slices.DeleteFunc(c.order, func(p *origin) bool { return p == o })
}

// sweep forgets origins of which nothing is known any more.
func (c *Core) sweep() {
	for _, o := range slices.Clone(c.order) {
		if o.line.Newest() == 0 {
			c.part(o)
		}
	}
}

// adopt makes an origin of what the journal holds of it.
func (c *Core) adopt(id messages.NodeID) *origin {
	o := &origin{id: id, line: c.lines.Open(id)}
	o.first = o.line.Oldest()
	if newest := o.line.Newest(); newest != 0 {
		o.latest = c.newFlow(o, newest)
		c.soil(o)
	}
	c.origins[id] = o
	c.order = append(c.order, o)
	return o
}

// find gives the flow of an epoch, or nil.
func (o *origin) find(epoch uint64) *flow {
	if o.latest != nil && o.latest.epoch == epoch {
		return o.latest
	}
	if i, ok := o.search(epoch); ok {
		return o.flows[i]
	}
	return nil
}

func (o *origin) search(epoch uint64) (int, bool) {
	return slices.BinarySearchFunc(o.flows, epoch, func(f *flow, epoch uint64) int { return cmp.Compare(f.epoch, epoch) })
}

// flow gives the flow of an epoch that is known or may become so: nil where the epoch was forgotten.
func (c *Core) flow(o *origin, epoch uint64) *flow {
	if f := o.find(epoch); f != nil {
		return f
	}
	if _, known := o.line.Epoch(epoch); epoch == 0 || !known && c.dead(o, epoch) {
		return nil
	}
	f := c.newFlow(o, epoch)
	if o.latest == nil || epoch > o.latest.epoch {
		c.succeed(o, f)
	}
	return f
}

// dead tells whether an epoch was forgotten, or is older than one that was. The newest of an origin that lives may be
// forgotten, if it was idle for long, and goes on.
func (c *Core) dead(o *origin, epoch uint64) bool {
	horizon := o.line.Horizon()
	goesOn := epoch == horizon && o.line.Newest() <= epoch && (o == c.self || c.overlay.members.Has(o.id))
	return epoch <= horizon && !goesOn
}

// drop forgets a flow.
func (c *Core) drop(f *flow) {
	o := f.origin
	for _, p := range f.pulls {
		c.release(p)
	}
	f.pulls = nil
	c.work.drop(f)
	c.old.drop(f)
	if f.dirty {
		c.changed = slices.DeleteFunc(c.changed, func(g *flow) bool { return g == f })
	}
	if i, ok := o.search(f.epoch); ok {
		o.flows = slices.Delete(o.flows, i, i+1)
	}
	if o.latest == f {
		o.latest = nil
		if n := len(o.flows); n > 0 {
			o.latest = o.flows[n-1]
		}
	}
}

// succeed makes a flow the newest of its origin. The one before it closes.
func (c *Core) succeed(o *origin, f *flow) {
	old := o.latest
	o.latest = f
	if o.first == 0 {
		o.first = f.epoch
	}
	f.eager = c.live
	if old != nil {
		c.soil(o)
		c.settle(old)
	}
}

// chain makes flows for all epochs of an origin with holes that are not given up: the first batch of an epoch
// names how far the one before it went.
func (c *Core) chain(o *origin) {
	for e := range o.line.Epochs() {
		if len(e.Holes) > 0 && !covered(e.Holes, o.line.GivenUp(e.Epoch)) {
			if f := c.flow(o, e.Epoch); f != nil {
				c.wake(f)
			}
		}
	}
}

// covered tells whether all holes were given up.
func covered(holes []messages.Range, given messages.Ranges) bool {
	for _, h := range holes {
		if all, ok := given.At(h.From); !ok || all.To < h.To {
			return false
		}
	}
	return true
}

// settle forgets the flow of an older epoch of which nothing is to come.
func (c *Core) settle(f *flow) {
	o := f.origin
	if f == o.latest || f.arriving.len() > 0 || len(f.pulls) > 0 || f.dirty || c.wanting(f) || c.claims(f) {
		return
	}
	c.drop(f)
}

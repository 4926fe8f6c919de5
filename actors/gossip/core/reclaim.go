package core

import (
	"slices"
	"time"

	"anode/messages"
)

// gap names an epoch of which something was given up. Hashes of days leave holes out, and who comes by a batch
// says so once: if that was lost nobody would ever ask again. So each new peer is asked once, and one at random
// now and then.
type gap struct {
	origin messages.NodeID
	epoch  uint64
	// owed are the links that are to be asked, at is when another one is.
	owed mask
	at   time.Duration
}

// mostGaps is how many gaps are remembered so: of more the oldest is forgotten, and fetched only from who announces it.
const mostGaps = 256

// regret remembers that something of an epoch was given up.
func (c *Core) regret(origin messages.NodeID, epoch uint64) {
	for i := range c.gaps {
		if g := &c.gaps[i]; g.origin == origin && g.epoch == epoch {
			return
		}
	}
	if len(c.gaps) >= mostGaps {
		c.gaps = slices.Delete(c.gaps, 0, 1)
	}
	c.gaps = append(c.gaps, gap{origin: origin, epoch: epoch, at: c.now.Mono + 2*c.cfg.Patient})
}

// owe has a link asked for all gaps.
func (c *Core) owe(l *link) {
	for i := range c.gaps {
		c.gaps[i].owed |= l.bit
	}
}

// owes has a link asked for a gap once more: it brought a part of it, and said nothing of the rest.
func (c *Core) owes(f *flow, l *link) {
	for i := range c.gaps {
		if g := &c.gaps[i]; g.origin == f.origin.id && g.epoch == f.epoch {
			g.owed |= l.bit
		}
	}
}

// tendGaps asks those that are to be, and forgets gaps that are none any more.
func (c *Core) tendGaps() {
	c.gaps = slices.DeleteFunc(c.gaps, func(g gap) bool {
		o := c.origins[g.origin]
		return o == nil || len(o.line.GivenUp(g.epoch)) == 0
	})
	for i := range c.gaps {
		g := &c.gaps[i]
		if c.now.Mono >= g.at {
			g.at = c.now.Mono + 2*c.cfg.Patient
			if l := c.anyone(); l != nil {
				g.owed |= l.bit
			}
		}
		for slot := range (g.owed & c.live).each {
			c.inquire(g, c.slots[slot])
		}
	}
}

// anyone is a link at random, or nil.
func (c *Core) anyone() *link {
	if len(c.links) == 0 {
		return nil
	}
	pick := c.rand.IntN(len(c.links))
	for slot := range c.up.each {
		if pick--; pick < 0 {
			return c.slots[slot]
		}
	}
	return nil
}

// inquire asks a peer for a gap, unless it has enough to do: what is wanted more comes first.
func (c *Core) inquire(g *gap, l *link) {
	if l.closing || l.asked >= pullParts || !c.affords(l) {
		return
	}
	o := c.origins[g.origin]
	f := c.flow(o, g.epoch)
	if f == nil || len(f.pulls) >= mostPulls {
		return
	}
	g.owed &^= l.bit
	if wanted := f.given(); len(wanted) > 0 {
		c.pullFrom(f, l, take(wanted, messages.MaxSequence, messages.MaxSequence), true)
	}
	c.settle(f)
}

// affords tells whether a peer may be asked for what nobody waits for.
func (c *Core) affords(l *link) bool {
	return l.pulling+c.pullBytes() <= c.cfg.MaxPull && l.asked < mostServing && c.now.Mono >= l.busyUntil && c.appending <= c.cfg.MaxAppending/2
}

// given is what was given up and is neither arriving nor asked for.
func (f *flow) given() messages.Ranges {
	list := f.origin.line.GivenUp(f.epoch)
	if len(list) == 0 {
		return nil
	}
	list = list.Minus(f.coming)
	for _, p := range f.pulls {
		list = list.Minus(p.rest)
	}
	return list
}

// offered is what a peer is known to hold of what was given up.
func (f *flow) offered(slot int, given messages.Ranges) messages.Ranges {
	if len(given) == 0 || slot >= len(f.known) {
		return nil
	}
	k := &f.known[slot]
	from := k.run
	if k.from != 0 {
		from = min(from, k.from)
	}
	if from = max(from, k.floor, 1); from > k.head {
		return nil
	}
	held := messages.Ranges{{From: from, To: k.head}}.Minus(k.holes).Minus(f.denied[slot])
	return given.Minus(given.Minus(held))
}

// claims tells whether something that was given up is known to be held by a peer.
func (c *Core) claims(f *flow) bool {
	given := f.origin.line.GivenUp(f.epoch)
	if len(given) == 0 {
		return false
	}
	for slot := range c.live.each {
		if len(f.offered(slot, given)) > 0 {
			return true
		}
	}
	return false
}

// reclaim asks for what was given up and turns out to be there: it is kept, and in history, though readers
// have passed it.
func (c *Core) reclaim(f *flow) {
	if len(f.origin.line.GivenUp(f.epoch)) == 0 {
		return
	}
	later := false
	for slot := range c.live.each {
		l := c.slots[slot]
		wanted := f.offered(slot, f.given())
		switch {
		case len(wanted) == 0 || l.closing:
		case f.avoid.has(slot) || len(f.pulls) >= mostPulls || !c.affords(l) || c.now.Mono < f.restUntil:
			later = true
		default:
			c.pullFrom(f, l, take(wanted, messages.MaxSequence, c.most(f)), true)
		}
	}
	if !later {
		return
	}
	if len(f.pulls) == 0 {
		f.avoid = 0
	}
	c.work.put(f, max(f.restUntil, c.now.Mono+c.cfg.Retry))
}

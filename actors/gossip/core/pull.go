package core

import (
	"slices"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

const (
	// manyTries is how many pulls in a row may bring nothing before the flow is left alone for restAfter.
	manyTries = 4
	restAfter = time.Second
	// manyRepairs is how many answered pulls, without a batch from the parent, show that it is none.
	manyRepairs = 3
	// mostPulls is how many pulls of one flow are open at a time: each to another peer, or for another part.
	mostPulls = 4
	// pullParts is how many pulls are open over one link: one is on its way while the next ones wait.
	pullParts = 4
	// far is how many batches a node must be behind to be catching up: it asks without waiting for the tree.
	far = 64
	// manyWaits is how many times its own patience a pull waits behind others over the same link.
	manyWaits = 20
)

// pull is a question for batches that is not answered in full.
type pull struct {
	id    uint64
	slot  int
	rest  messages.Ranges
	bytes int
	// at is when something of it came last, or when it was asked.
	at, askedAt time.Duration
	// old: it is for what nobody waits for. came: something did.
	old, came bool
}

// deadline is when a pull has brought nothing for too long. A peer answers one after the other: what it brings of
// others counts too.
func (c *Core) deadline(p *pull) time.Duration {
	wait, at := c.cfg.Retry, p.at
	if p.old {
		wait = c.cfg.Slow
	}
	if l := c.slots[p.slot]; l != nil {
		wait, at = max(wait, 2*l.rtt+c.cfg.Announce), max(at, l.cameAt)
	}
	return min(at, max(p.at, p.askedAt+manyWaits*wait)) + wait
}

// expire ends pulls that brought nothing for too long. Others are asked then.
func (c *Core) expire(f *flow) {
	kept := f.pulls[:0]
	for _, p := range f.pulls {
		if c.now.Mono < c.deadline(p) {
			kept = append(kept, p)
			continue
		}
		c.stats.Retries++
		c.release(p)
		f.avoid |= 1 << p.slot
		f.tries++
		f.again(c, p)
	}
	clear(f.pulls[len(kept):])
	f.pulls = kept
}

// again has what a pull did not bring asked for once more.
func (f *flow) again(c *Core, p *pull) {
	at := c.now.Mono
	if f.tries >= manyTries {
		f.tries, f.avoid = 0, 0
		at += restAfter
		f.restUntil = at
	}
	if p.old {
		c.old.add(f)
		return
	}
	if f.wantAt == 0 || at < f.wantAt {
		f.wantAt, f.wantTo = at, f.hi
	}
}

// release gives back what a pull took of its link.
func (c *Core) release(p *pull) {
	delete(c.pulls, p.id)
	if l := c.slots[p.slot]; l != nil {
		l.pulling -= p.bytes
		l.asked--
	}
	if p.old {
		c.old.open--
	}
}

// cancelFrom ends the pulls over a link.
func (f *flow) cancelFrom(c *Core, l *link) {
	kept := f.pulls[:0]
	for _, p := range f.pulls {
		if p.slot != l.slot {
			kept = append(kept, p)
			continue
		}
		c.release(p)
		if p.old {
			c.old.add(f)
		}
		if !p.old || c.claims(f) {
			c.look(f, c.now.Mono)
		}
	}
	clear(f.pulls[len(kept):])
	f.pulls = kept
}

// request asks for ranges, the lowest first. What is old is left to the backfill.
func (c *Core) request(f *flow, list messages.Ranges) {
	if n := len(list); n > 0 && list[0].From <= f.base {
		c.old.add(f)
		list = list.Above(f.base + 1)
	}
	list = list[:min(len(list), mostStuck)]
	for len(list) > 0 {
		if len(f.pulls) >= mostPulls || c.appending > c.cfg.MaxAppending/2 {
			c.look(f, c.now.Mono+c.cfg.Announce)
			return
		}
		first := list[0]
		l, end, sure := c.holder(f, first, false)
		if l == nil {
			list = list.Above(c.nobodyHolds(f, first, first.From).To + 1)
			continue
		}
		if l.pulling+min(c.pullBytes(), f.size) > c.cfg.MaxPull {
			c.look(f, c.now.Mono+c.cfg.Announce)
			return
		}
		most := c.most(f)
		if !sure { // it is only asked whether it has any of it
			most = messages.MaxSequence
		}
		part := take(list, end, most)
		c.pullFrom(f, l, part, false)
		list = list.Above(part[len(part)-1].To + 1)
	}
}

// most is how many batches one pull asks for.
func (c *Core) most(f *flow) uint64 { return uint64(max(1, c.pullBytes()/max(f.size, 1))) }

// pullBytes is what one pull asks for at most.
func (c *Core) pullBytes() int { return max(1, c.cfg.MaxPull/pullParts) }

// take cuts the beginning off a list of ranges: up to an end, and so many sequences.
func take(list messages.Ranges, end, most uint64) messages.Ranges {
	var part messages.Ranges
	for _, r := range list {
		if r.From > end || most == 0 || len(part) == frame.MaxRanges {
			break
		}
		r.To = min(r.To, end, r.From+most-1)
		most -= r.To - r.From + 1
		part = append(part, r)
	}
	return part
}

// pullFrom asks a peer for ranges.
func (c *Core) pullFrom(f *flow, l *link, part messages.Ranges, old bool) {
	c.nextPull++
	most := c.pullBytes()
	bytes := min(most, max(f.size, 1)*int(min(part.Len(), uint64(most))))
	p := &pull{id: c.nextPull, slot: l.slot, rest: part, bytes: bytes, at: c.now.Mono, askedAt: c.now.Mono, old: old}
	f.pulls = append(f.pulls, p)
	c.pulls[p.id] = f
	l.pulling += bytes
	l.asked++
	if old {
		c.old.open++
	}
	c.stats.Pulls++
	ask := &frame.Pull{ID: p.id, Origin: f.origin.id, Epoch: f.epoch, Ranges: append([]messages.Range(nil), part...), Descending: old, Bytes: uint32(bytes)}
	c.send(l, ask, Control)
	c.work.put(f, c.deadline(p))
}

// progress notes that a batch came over a link, and tells whether it was asked for there.
func (c *Core) progress(f *flow, l *link, b *wire.Sealed) bool {
	for _, p := range f.pulls {
		if p.slot == l.slot && p.rest.Has(b.Sequence) {
			p.at, p.came = c.now.Mono, true
			p.rest = p.rest.Drop(messages.Range{From: b.Sequence, To: b.Sequence})
			f.tries, f.avoid = 0, 0
			if p.old {
				f.backHLC = b.First
			}
			return true
		}
	}
	return false
}

// ended takes the end of an answer.
func (c *Core) ended(l *link, e *frame.End) {
	f, p := c.findPull(l, e.ID)
	if p == nil {
		return // it came too late: somebody else was asked
	}
	c.release(p)
	asked := p.rest
	if e.Busy {
		l.busyUntil = c.now.Mono + c.cfg.Retry
	}
	if e.Floor > 0 {
		f.peer(l.slot).floor = max(f.peer(l.slot).floor, e.Floor)
	}
	for _, r := range e.NotHeld {
		f.deny(l.slot, r, asked)
	}
	if p.old {
		c.old.add(f)
		c.old.due = true
		if rest := asked.Minus(e.NotHeld); p.came && len(rest) > 0 {
			c.owes(f, l)
		}
	}
	switch {
	case !e.Busy && !p.came && e.Floor == 0 && len(e.NotHeld) == 0:
		// It has it and does not bring it: somebody else may.
		f.avoid |= l.bit
		f.tries++
		f.again(c, p)
		c.schedule(f)
	case len(asked) > 0:
		c.wake(f)
	default:
		c.nudge(f)
	}
}

// findPull finds and forgets an open pull.
func (c *Core) findPull(l *link, id uint64) (*flow, *pull) {
	f := c.pulls[id]
	if f == nil {
		return nil, nil
	}
	for i, p := range f.pulls {
		if p.id == id && p.slot == l.slot {
			f.pulls = slices.Delete(f.pulls, i, i+1)
			return f, p
		}
	}
	return nil, nil
}

package core

import (
	"anode/messages"
)

// holder finds whom to ask for the beginning of a range, or where back is set for its end: a peer that holds it,
// with the least asked of it and the shortest way; else one that did not say that it does not. edge is
// how far it is worth asking.
func (c *Core) holder(f *flow, r messages.Range, back bool) (best *link, edge uint64, sure bool) {
	sequence := r.From
	if back {
		sequence = r.To
	}
	for slot := range c.live.each {
		l := c.slots[slot]
		if l.closing || f.avoid.has(slot) || c.now.Mono < l.busyUntil || l.asked >= mostServing || f.denies(slot, sequence) {
			continue
		}
		holds := slot < len(f.known) && f.known[slot].has(sequence)
		switch {
		case best == nil, holds && !sure, holds == sure && cheaper(l, best):
			best, sure = l, holds
		}
	}
	if best == nil {
		return nil, 0, false
	}
	return best, f.edge(best.slot, r, back), sure
}

func cheaper(a, b *link) bool {
	if a.pulling != b.pulling {
		return a.pulling < b.pulling
	}
	return a.rtt < b.rtt
}

// edge is the other end of what a peer may be asked for of a range.
func (f *flow) edge(slot int, r messages.Range, back bool) uint64 {
	if back {
		from := r.From
		if slot < len(f.known) {
			from = max(from, f.known[slot].floor)
		}
		return from
	}
	if slot < len(f.known) && f.known[slot].head >= r.From {
		return f.known[slot].head // of the ranges behind it, too
	}
	return r.To
}

// denies tells whether a peer said that it does not hold a batch.
func (f *flow) denies(slot int, sequence uint64) bool {
	return slot < len(f.known) && sequence < f.known[slot].floor || f.denied[slot].Has(sequence)
}

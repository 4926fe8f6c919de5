package sim

import (
	"maps"
	"slices"

	"anode/messages"
)

// disk is what survives the end of a node's process.
type disk struct {
	// epoch is the last that the node began, clock the last reading that it gave.
	epoch uint64
	clock messages.HLC
	// shelves are what the journal holds, by the index of the flow.
	shelves []shelf
	// forgotten are flows of which the journal remembers nothing any more.
	forgotten map[int]bool
	segments  segments
	registry  registry
}

// shelf gives that of a flow.
func (d *disk) shelf(f *flow) *shelf {
	for len(d.shelves) <= f.index {
		d.shelves = append(d.shelves, shelf{})
	}
	return &d.shelves[f.index]
}

// look gives that of a flow to read; an empty one where there is none.
func (d *disk) look(f *flow) *shelf {
	if f.index < len(d.shelves) {
		return &d.shelves[f.index]
	}
	return &shelf{}
}

// holds tells whether this very batch is held.
func (d *disk) holds(b *batch) bool {
	sh := d.look(b.flow)
	return sh.has(b.sequence()) && d.at(b.flow, sh, b.sequence()) == b
}

// at is the batch that is held at a place.
func (d *disk) at(f *flow, sh *shelf, sequence uint64) *batch {
	if b := sh.other[sequence]; b != nil {
		return b
	}
	return f.at(sequence)
}

// lines are what a node that starts finds in its journal.
func (d *disk) lines(t *truth) messages.Lines {
	lines := make(messages.Lines)
	for i := range d.shelves {
		sh, f := &d.shelves[i], t.flows[i]
		if !sh.known() {
			continue
		}
		line := lines.Open(f.origin)
		line.Recall(sh.digest(f))
		for _, hole := range sh.holes() {
			line.Lose(f.epoch, hole)
		}
		if sh.begun {
			line.Name(f.epoch, f.prior)
		}
	}
	return lines
}

func (sh *shelf) digest(f *flow) messages.EpochDigest {
	d := messages.EpochDigest{Epoch: f.epoch, Floor: sh.floor, Head: sh.head, HeadIndex: messages.IndexEnd}
	if b := f.at(sh.head); b != nil {
		d.HeadIndex, d.HeadHLC = b.sealed.Count-1, b.sealed.Last
	}
	return d
}

// last is the highest position of an origin that is held.
func (d *disk) last(t *truth, origin messages.NodeID) messages.Position {
	best := messages.Position{Origin: origin}
	for _, f := range t.byNode[origin] {
		if sh := d.look(f); sh.known() && sh.head > 0 && f.epoch > best.Epoch {
			best = messages.Position{Origin: origin, Epoch: f.epoch, Sequence: sh.head, Index: messages.IndexEnd}
			if b := f.at(sh.head); b != nil {
				best.Index = b.sealed.Count - 1
			}
		}
	}
	if best.Sequence == 0 {
		return messages.Position{}
	}
	return best
}

// clone is a copy that shares nothing that changes. Its segments are new ones.
func (d *disk) clone() disk {
	c := disk{epoch: d.epoch, clock: d.clock, forgotten: maps.Clone(d.forgotten)}
	for i := range d.shelves {
		sh := d.shelves[i]
		sh.bits, sh.other = slices.Clone(sh.bits), maps.Clone(sh.other)
		c.shelves = append(c.shelves, sh)
	}
	for _, old := range d.segments.list {
		at := *old
		at.batches = slices.Clone(old.batches)
		at.closedAt = max(at.closedAt, 1)
		c.segments.list = append(c.segments.list, &at)
	}
	c.segments.bytes = d.segments.bytes
	c.registry = registry{winners: maps.Clone(d.registry.winners)}
	return c
}

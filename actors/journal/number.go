package journal

import (
	"time"

	"anode/messages"
	"anode/messages/wire"
)

// numberer gives places and readings to this node's drafts. What it gave counts only
// once commit was called: a group that could not be stored leaves no trace. Only the
// writer uses it.
type numberer struct {
	sealer *wire.Sealer
	next   wire.Place
	last   messages.HLC
}

// sealedGroup is what a group of submissions became.
type sealedGroup struct {
	sealed    []wire.Sealed
	batches   []*messages.Batch
	positions []messages.Position
	next      wire.Place
	last      messages.HLC
}

// load is what one write stores, in order.
type load struct {
	drafts []messages.Draft
	// roles are those of drafts; nil where all are records.
	roles []role
}

// role is what a draft is in a submission.
type role uint8

const (
	// record is one of Drafts.
	record role = iota
	// bound is one of State: it stands in the batch of the draft before it.
	bound
	// free is one of State, with nothing before it in its submission.
	free
)

func (l *load) add(d messages.Draft, as role) {
	if as != record && l.roles == nil {
		l.roles = make([]role, len(l.drafts), cap(l.drafts)+1)
	}
	l.drafts = append(l.drafts, d)
	if l.roles != nil {
		l.roles = append(l.roles, as)
	}
}

func (l *load) role(i int) role {
	if l.roles == nil {
		return record
	}
	return l.roles[i]
}

// cut takes the first count off.
func (l *load) cut(count int) (first load) {
	first.drafts, l.drafts = l.drafts[:count], l.drafts[count:]
	if l.roles != nil {
		first.roles, l.roles = l.roles[:count], l.roles[count:]
	}
	return first
}

// newest drops the states that a later one of their stream in the same batch stands for.
func (l load) newest() load {
	if l.roles == nil {
		return l
	}
	last := make(map[messages.Stream]int)
	for i := range l.drafts {
		if l.roles[i] != record {
			last[l.drafts[i].Stream] = i
		}
	}
	kept := load{drafts: make([]messages.Draft, 0, len(l.drafts)), roles: make([]role, 0, len(l.drafts))}
	for i := range l.drafts {
		if l.roles[i] == record || last[l.drafts[i].Stream] == i {
			kept.drafts, kept.roles = append(kept.drafts, l.drafts[i]), append(kept.roles, l.roles[i])
		}
	}
	return kept
}

// seal makes batches of drafts, in their order. The clock is read once: now. Positions are those of
// the records.
func (n *numberer) seal(now time.Time, l load) (sealedGroup, error) {
	g := sealedGroup{next: n.next, last: n.last, positions: make([]messages.Position, 0, len(l.drafts))}
	for len(l.drafts) > 0 {
		one := l.cut(l.batchLength())
		one = one.newest()
		g.next.First = g.last.Next(now)
		sealed, batch, indexes, err := n.sealer.Seal(g.next, one.drafts)
		if err != nil {
			return sealedGroup{}, err
		}
		for i, index := range indexes {
			if one.role(i) == record {
				g.positions = append(g.positions, messages.Position{
					Origin: g.next.Origin, Epoch: g.next.Epoch, Sequence: g.next.Sequence, Index: index,
				})
			}
		}
		g.sealed, g.batches = append(g.sealed, sealed), append(g.batches, batch)
		g.last = sealed.Last
		g.next.Sequence++
		g.next.Prior, g.next.Previous = messages.Position{}, sealed.HeaderHash()
	}
	return g, nil
}

// commit makes the group's numbers count: it was stored.
func (n *numberer) commit(g *sealedGroup) { n.next, n.last = g.next, g.last }

// batchLength is how many drafts the next batch takes: at least one, with the states that are bound to it.
func (l *load) batchLength() int {
	count, size := 0, 0
	for count < len(l.drafts) {
		next := count + 1
		size += l.drafts[count].Size()
		for ; next < len(l.drafts) && l.role(next) == bound; next++ {
			size += l.drafts[next].Size()
		}
		if count > 0 && (size > messages.MaxBatchBytes || next > messages.MaxBatchRecords) {
			break
		}
		count = next
	}
	return count
}

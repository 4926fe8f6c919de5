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

// seal makes batches of drafts, in their order. The clock is read once: now.
func (n *numberer) seal(now time.Time, drafts []messages.Draft) (sealedGroup, error) {
	g := sealedGroup{next: n.next, last: n.last, positions: make([]messages.Position, 0, len(drafts))}
	for len(drafts) > 0 {
		count := batchLength(drafts)
		g.next.First = g.last.Next(now)
		sealed, batch, indexes, err := n.sealer.Seal(g.next, drafts[:count])
		if err != nil {
			return sealedGroup{}, err
		}
		for _, index := range indexes {
			g.positions = append(g.positions, messages.Position{
				Origin: g.next.Origin, Epoch: g.next.Epoch, Sequence: g.next.Sequence, Index: index,
			})
		}
		g.sealed, g.batches = append(g.sealed, sealed), append(g.batches, batch)
		g.last = sealed.Last
		g.next.Sequence++
		g.next.Prior, g.next.Previous = messages.Position{}, sealed.HeaderHash()
		drafts = drafts[count:]
	}
	return g, nil
}

// commit makes the group's numbers count: it was stored.
func (n *numberer) commit(g *sealedGroup) { n.next, n.last = g.next, g.last }

// batchLength is how many drafts the next batch takes: at least one.
func batchLength(drafts []messages.Draft) int {
	count, size := 0, 0
	for count < len(drafts) && count < messages.MaxBatchRecords {
		size += drafts[count].Size()
		if count > 0 && size > messages.MaxBatchBytes {
			break
		}
		count++
	}
	return count
}

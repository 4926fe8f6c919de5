package history

import (
	"context"
	"math"
	"slices"

	"anode/messages"
	"anode/storage"
)

// ungiven finds where the archive has what an ascending walk has not given yet.
type ungiven struct {
	w *walk
	// upTo is the key up to which all was given.
	upTo key
	// lacking is what the journal lacks behind it; unknown is before when there may be more.
	lacking map[messages.NodeID][]span
	unknown int64
	digest  messages.Digest
	said    said
}

func (w *walk) ungiven(digest messages.Digest, said said) *ungiven {
	u := &ungiven{w: w, upTo: w.now(), digest: digest, said: said}
	if w.ended {
		u.upTo = w.end()
	}
	u.lacking, u.unknown = w.history.lacking(w.stream, digest, w.heads, span{u.upTo.ms, most + 1})
	return u
}

// before is the place on an origin's line before the first record in the archive that was not given; one beyond all
// where there is none.
func (u *ungiven) before(ctx context.Context, origin messages.NodeID) messages.Position {
	beyond := messages.End(origin, math.MaxUint64)
	if u.upTo.ms > most || !u.may(origin) {
		return beyond
	}
	epochs := u.epochs(origin)
	if r := u.ready(origin); r != nil && (len(epochs) == 0 || r.Position.Epoch <= epochs[0]) {
		return keyOf(r).before().at
	}
	r, err := u.first(ctx, origin, epochs)
	switch {
	case err != nil: // it stands too low rather than too high
		if len(epochs) == 0 {
			return messages.Position{Origin: origin}
		}
		return messages.Position{Origin: origin, Epoch: epochs[0], Index: messages.IndexEnd}
	case r == nil && len(epochs) == mostEpochs: // there may be more
		return messages.End(origin, epochs[mostEpochs-1])
	case r == nil:
		return beyond
	}
	return keyOf(r).before().at
}

// may tells whether there may be something of an origin.
func (u *ungiven) may(origin messages.NodeID) bool {
	if len(u.lacking[origin]) > 0 {
		return true
	}
	if u.upTo.ms >= u.unknown {
		return false
	}
	head := u.w.heads[origin]
	for _, epoch := range u.said.epochs(origin, 0, u.upTo.ms) {
		if epoch <= head.Epoch && !knows(u.digest[origin], epoch) {
			return true
		}
	}
	return false
}

// epochs are the first epochs of an origin of which the archive may have something, in order.
func (u *ungiven) epochs(origin messages.NodeID) []uint64 {
	list := u.said.epochs(origin, 0, u.upTo.ms)
	for _, e := range u.digest[origin] {
		if (e.Floor > 1 || len(e.Holes) > 0) && e.HeadHLC.Millis() >= u.upTo.ms && !slices.Contains(list, e.Epoch) {
			list = append(list, e.Epoch)
		}
	}
	slices.Sort(list)
	return list[:min(len(list), mostEpochs)]
}

// until is up to when an epoch was received as far as is known, in ms, exclusive.
func (u *ungiven) until(origin messages.NodeID, epoch uint64) int64 {
	ms := u.said.newest(origin, epoch)
	for _, e := range u.digest[origin] {
		if e.Epoch == epoch {
			ms = max(ms, e.HeadHLC.Millis())
		}
	}
	if ms == 0 {
		return most + 1
	}
	return ms + 1
}

// ready is the next record of an origin that the walk has found already in the archive, in order of time.
func (u *ungiven) ready(origin messages.NodeID) *messages.Record {
	if r := u.w.ready; r != nil && r.Position.Origin == origin {
		return r
	}
	if u.w.merge == nil {
		return nil
	}
	var first *messages.Record
	for _, t := range u.w.merge.tracks.list {
		s, archived := t.source.(*shelf)
		if !archived || s.origin != origin || len(t.records) == 0 {
			continue
		}
		if r := &t.records[0]; first == nil || keyOf(r).compare(keyOf(first)) < 0 {
			first = r
		}
	}
	return first
}

// first asks for the first record of an origin's line that was not given.
func (u *ungiven) first(ctx context.Context, origin messages.NodeID, epochs []uint64) (*messages.Record, error) {
	h := u.w.history
	for _, epoch := range epochs {
		q := storage.ArchiveScan{Stream: u.w.stream, Origin: origin, Epoch: epoch, FromMs: u.upTo.ms, ToMs: bounded(u.until(origin, epoch)), Page: firstRows}
		r, err := h.firstRow(ctx, q, func(r *messages.Record) bool { return keyOf(r).compare(u.upTo) > 0 })
		if err != nil {
			return nil, err
		}
		if r != nil && r.Position.Compare(u.w.heads[origin]) <= 0 {
			return r, nil
		}
	}
	return nil, nil
}

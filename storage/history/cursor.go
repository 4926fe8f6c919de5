package history

import (
	"context"
	"slices"
	"sort"

	"anode/messages"
)

// young is how long ago a hole near the head may have begun for a descending walk's cursor to
// stand below it, in ms: longer than one waits before it is given up.
const young = 2 * 60 * 1000

// Cursor implements command.Walk.
func (w *walk) Cursor() messages.Cursor {
	var c messages.Cursor
	digest := w.history.cfg.Journal.Digest()
	ctx, cancel := context.WithTimeout(context.Background(), w.history.cfg.Patience)
	defer cancel()
	said, _ := w.history.confirmed.of(w.stream)
	var archive *ungiven
	if w.history.cfg.Archive != nil && !w.descending {
		archive = w.ungiven(digest, said)
	}
	for origin, head := range w.heads {
		at, since := head, w.at-young
		if !w.descending {
			since = w.start().ms
			if _, journals := digest[origin]; journals || archive == nil {
				at = lowest(head, w.given0(origin))
			}
			if archive != nil {
				if epochs := digest[origin]; at.Epoch == 0 && len(epochs) > 0 {
					at = said.below(origin, epochs[0].Epoch)
				}
				at = lowest(at, archive.before(ctx, origin))
			}
		}
		c.Advance(w.history.belowHoles(at, since, digest[origin], said))
	}
	if !w.descending && w.from > 0 {
		c.SetFrom(w.from)
	}
	return c
}

func lowest(a, b messages.Position) messages.Position {
	if b.Compare(a) < 0 {
		return b
	}
	return a
}

// given0 is the last place on an origin's line below which the walk has given all.
func (w *walk) given0(origin messages.NodeID) messages.Position {
	j, upTo := w.history.cfg.Journal, w.now()
	if w.ended {
		upTo = w.end()
	}
	at := j.Seek(origin, upTo.ms)
	for {
		step := j.Next(at)
		switch step.Kind {
		case messages.StepGap:
			at = step.Gap.To
			continue
		case messages.StepBatch:
		default:
			return at
		}
		if at.Compare(w.heads[origin]) >= 0 {
			return at
		}
		to, all := w.givenOf(step.Batch, at, upTo)
		if at = to; !all {
			return at
		}
	}
}

// givenOf tells up to where a batch, met at a place on its line, was given; and whether as a whole.
func (w *walk) givenOf(id messages.BatchID, at messages.Position, upTo key) (messages.Position, bool) {
	sealed, err := w.history.cfg.Journal.Read(id)
	if err != nil || sealed.First.Millis() > upTo.ms {
		return at, false
	}
	b, err := sealed.Open()
	if err != nil {
		return at, false
	}
	if group := b.Group(w.stream); group != nil {
		for i := range group.Records {
			r := &group.Records[i]
			if keyOf(r).compare(upTo) <= 0 {
				continue
			}
			if r.Position.Index == 0 {
				return at, false
			}
			return messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence, Index: r.Position.Index - 1}, false
		}
	}
	return b.Position().BatchEnd(), true
}

// belowHoles gives a place on an origin's line that is not beyond a hole which may still be
// filled with what was received since a time, in ms.
func (h *History) belowHoles(at messages.Position, since int64, epochs []messages.EpochDigest, said said) messages.Position {
	for i, e := range epochs {
		old := sort.Search(len(e.Holes), func(n int) bool { return h.reaches(at.Origin, &e, e.Holes[n], since) })
		for n, hole := range e.Holes {
			if n < old && hole.From > 1 {
				continue
			}
			first := messages.Position{Origin: at.Origin, Epoch: e.Epoch, Sequence: hole.From - 1, Index: messages.IndexEnd}
			if hole.From == 1 { // of any age: what it names as its prior, and so what came before, is not known
				first = lastOf(at.Origin, epochs[:i])
				if before := said.below(at.Origin, e.Epoch); before.Compare(first) > 0 {
					first = before
				}
			}
			if first.Compare(at) >= 0 {
				return at
			}
			last := messages.Position{Origin: at.Origin, Epoch: e.Epoch, Sequence: hole.To, Index: messages.IndexEnd}
			if to, waits := h.waits(first, last); waits && to.Compare(at) < 0 {
				return to
			}
		}
	}
	return at
}

// reaches tells whether a hole may have had what was received at ms or later: what is held
// behind it says so, or nothing does.
func (h *History) reaches(origin messages.NodeID, e *messages.EpochDigest, hole messages.Range, ms int64) bool {
	if ms <= 0 || hole.To >= e.Head {
		return true
	}
	sealed, err := h.cfg.Journal.Read(messages.BatchID{Origin: origin, Epoch: e.Epoch, Sequence: hole.To + 1})
	return err != nil || sealed.First.Millis() >= ms
}

// lastOf is the newest place that is known of some epochs.
func lastOf(origin messages.NodeID, epochs []messages.EpochDigest) messages.Position {
	for _, e := range slices.Backward(epochs) {
		if e.Head > 0 {
			return messages.Position{Origin: origin, Epoch: e.Epoch, Sequence: e.Head, Index: messages.IndexEnd}
		}
	}
	return messages.Position{Origin: origin}
}

// waits tells whether some of a hole may still be filled, and the place before that.
func (h *History) waits(first, last messages.Position) (messages.Position, bool) {
	for at := first; at.Compare(last) < 0; {
		switch step := h.cfg.Journal.Next(at); step.Kind {
		case messages.StepWait:
			return at, true
		case messages.StepGap:
			at = step.Gap.To
		default:
			return at, false
		}
	}
	return last, false
}

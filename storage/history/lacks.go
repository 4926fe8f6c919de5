package history

import (
	"cmp"
	"slices"
	"sort"

	"anode/messages"
)

// span is a time, [since, until) in ms.
type span struct{ since, until int64 }

func (s span) empty() bool { return s.since >= s.until }

// mostSpans is in how many spans the holes of an epoch are told; the last of them holds what is beyond.
const mostSpans = 16

// lacks says when the batches were received that the journal does not hold of one origin: what retention took, the
// holes, and what may have been before all that it knows. It reads no more than it must for what was received within
// bounds.
type lacks struct {
	h      *History
	origin messages.NodeID
	epochs []messages.EpochDigest
	// head is the newest place that matters.
	head messages.Position
	// within are the bounds.
	within span
	// young is since when a hole is not asked for, in ms: it is still awaited from peers.
	young int64
	// said is what the archive said last that it has.
	said said

	spans []span
	// taken is up to when retention took something, in ms, exclusive; first when the first record was received that
	// is held, most + 1 where none is.
	taken, first int64
}

// find fills in what is lacked.
func (l *lacks) find() {
	l.first = most + 1
	some := false
	for i := range l.epochs {
		e := &l.epochs[i]
		if e.Epoch > l.head.Epoch {
			break
		}
		low, held := lowestHeld(e)
		if held && !some {
			if first, _, ok := l.h.timeOf(l.origin, e.Epoch, low); ok {
				l.first, some = first, true
			}
		}
		l.bottom(i, low, held)
		if held && len(e.Holes) > 0 {
			l.middle(e, low)
		}
		if held {
			l.top(i)
		}
	}
	l.spans = joined(l.spans)
}

// add notes a span, as far as it is within the bounds.
func (l *lacks) add(s span) {
	s.since, s.until = max(s.since, l.within.since), min(s.until, l.within.until)
	if !s.empty() {
		l.spans = append(l.spans, s)
	}
}

// bottom is what lies below the lowest that is held of an epoch.
func (l *lacks) bottom(i int, low uint64, held bool) {
	e := &l.epochs[i]
	if low <= 1 || e.Head == 0 {
		return
	}
	until := e.HeadHLC.Millis() + 1
	if !held && (until == 1 || e.Head >= e.Floor || e.Epoch != l.head.Epoch && l.said.top(l.origin, e.Epoch) > e.Head) {
		until = l.beyond(i) // there was more than what was held
	}
	switch {
	case until <= l.within.since:
		return // all of it was received before
	case held:
		first, _, ok := l.h.timeOf(l.origin, e.Epoch, low)
		if ok && first >= l.young && e.Floor <= 1 {
			return
		}
		if ok {
			until = first + 1
		}
	}
	l.taken = max(l.taken, until)
	l.add(span{0, until})
}

// middle are the holes between what is held.
func (l *lacks) middle(e *messages.EpochDigest, low uint64) {
	holes := e.Holes
	if holes[0].To < low {
		holes = holes[1:]
	}
	if n := len(holes); n > 0 && holes[n-1].To == e.Head {
		holes = holes[:n-1]
	}
	behind := func(n int) int64 { // when what is held behind a hole was received
		if first, _, ok := l.h.timeOf(l.origin, e.Epoch, holes[n].To+1); ok {
			return first
		}
		return l.within.until
	}
	from := sort.Search(len(holes), func(n int) bool { return behind(n) >= l.within.since })
	to := sort.Search(len(holes), func(n int) bool { return behind(n) >= l.young })
	for n := from; n < to; n++ {
		_, since, _ := l.h.timeOf(l.origin, e.Epoch, holes[n].From-1)
		if since >= l.within.until {
			return
		}
		if n-from == mostSpans-1 {
			l.add(span{since, behind(to-1) + 1})
			return
		}
		l.add(span{since, behind(n) + 1})
	}
}

// top is what is known to have been above the highest that is held of an epoch.
func (l *lacks) top(i int) {
	e := &l.epochs[i]
	highest := e.Head
	if n := len(e.Holes); n > 0 && e.Holes[n-1].To == e.Head {
		highest = e.Holes[n-1].From - 1
	}
	if highest == e.Head && (e.Epoch == l.head.Epoch || l.said.top(l.origin, e.Epoch) <= e.Head) {
		return
	}
	until := l.beyond(i)
	if until <= l.within.since {
		return
	}
	if _, since, ok := l.h.timeOf(l.origin, e.Epoch, highest); !ok || since < l.young {
		l.add(span{since, until})
	}
}

// beyond is a ms, exclusive, up to which all of an epoch was received whose end is not held: as far as is known, and
// before the next epoch began.
func (l *lacks) beyond(i int) int64 {
	e := &l.epochs[i]
	until := max(e.HeadHLC.Millis(), l.said.newest(l.origin, e.Epoch))
	for n := i + 1; n < len(l.epochs); n++ {
		if low, held := lowestHeld(&l.epochs[n]); held {
			if first, _, ok := l.h.timeOf(l.origin, l.epochs[n].Epoch, low); ok {
				until = max(until, first)
			}
			break
		}
	}
	return until + 1
}

// joined sorts spans and makes one of those that touch.
func joined(list []span) []span {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.since, b.since) })
	var all []span
	for _, s := range list {
		if n := len(all); n > 0 && s.since <= all[n-1].until {
			all[n-1].until = max(all[n-1].until, s.until)
			continue
		}
		all = append(all, s)
	}
	return all
}

// lacking says what the journal lacks of all origins that matter, and before when there may be origins and epochs that
// it does not know at all.
func (h *History) lacking(stream messages.Stream, digest messages.Digest, heads map[messages.NodeID]messages.Position, within span) (map[messages.NodeID][]span, int64) {
	said, _ := h.confirmed.of(stream)
	all := make(map[messages.NodeID][]span)
	taken, first := int64(0), int64(most+1)
	for origin, epochs := range digest {
		head, ok := heads[origin]
		if !ok {
			continue
		}
		l := lacks{h: h, origin: origin, epochs: epochs, head: head, within: within, young: h.cfg.Clock().UnixMilli() - young, said: said}
		l.find()
		taken, first = max(taken, l.taken), min(first, l.first)
		if len(l.spans) > 0 {
			all[origin] = l.spans
		}
	}
	return all, max(taken, first)
}

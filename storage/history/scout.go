package history

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// scout stands in a merge for what the journal does not know at all: origins and epochs that only the archive knows.
// Where the walk comes to a time in which there may be some, it asks, and begins their tracks.
type scout struct {
	m *merge
	// span is the time in which there may be some.
	span
	// lacking are the tracks that were begun.
	lacking map[messages.NodeID][]span
	done    bool
}

// bound implements source.
func (s *scout) bound() key {
	if s.m.descending {
		return key{s.until - 1, messages.End(last, math.MaxUint64)}
	}
	return key{ms: s.since}
}

// last is behind all origins in order.
const last messages.NodeID = "\xff"

// ended implements source.
func (s *scout) ended() bool { return s.done || s.empty() }

// read implements source. It gives nothing itself.
func (s *scout) read(ctx context.Context) ([]messages.Record, error) {
	h := s.m.history
	_, err := s.m.ask(ctx, s.until, func(ctx context.Context) error { return h.learn(ctx, h.cfg.Known) })
	if err != nil && !unavailable(err) {
		return nil, err
	}
	said, ever := h.confirmed.of(s.m.stream)
	found := s.unknown(said)
	if err != nil && (!ever || len(found) > 0) {
		return nil, err
	}
	for origin, until := range found {
		for _, free := range minus(span{s.since, min(s.until, until)}, s.lacking[origin]) {
			s.m.come(&shelf{m: s.m, origin: origin, span: free, page: firstRows})
		}
	}
	s.m.archived = s.m.archived || err == nil && !s.m.gone
	s.done = true
	return nil, nil
}

// unknown gives the origins of which the archive has epochs that the journal does not know, and up to when they were
// received, in ms. It notes the heads of those that are new to the walk.
func (s *scout) unknown(said said) map[messages.NodeID]int64 {
	digest := s.m.history.cfg.Journal.Digest()
	if !s.m.archived {
		s.m.addHeads(digest, said)
	}
	found := make(map[messages.NodeID]int64)
	for i := range said.list {
		a := &said.list[i]
		head, ok := s.m.heads[a.Origin]
		if !ok || !said.holds(a) || a.Epoch > head.Epoch || knows(digest[a.Origin], a.Epoch) {
			continue
		}
		until := a.HeadHLC.Millis() + 1
		if a.HeadHLC == 0 {
			until = most + 1
		}
		found[a.Origin] = max(found[a.Origin], until)
	}
	return found
}

// addHeads notes the heads of the origins that only the archive knows.
func (r *reach) addHeads(digest messages.Digest, said said) {
	journals := headsOf(digest)
	for i := range said.list {
		a := &said.list[i]
		if _, known := journals[a.Origin]; known || len(a.Runs) == 0 || !said.holds(a) {
			continue
		}
		head := messages.Position{Origin: a.Origin, Epoch: a.Epoch, Sequence: a.Runs[len(a.Runs)-1].To, Index: a.HeadIndex}
		if was, ok := r.heads[a.Origin]; !ok || was.Compare(head) < 0 {
			r.heads[a.Origin] = head
		}
	}
}

func knows(epochs []messages.EpochDigest, epoch uint64) bool {
	_, ok := slices.BinarySearchFunc(epochs, epoch, func(e messages.EpochDigest, n uint64) int { return cmp.Compare(e.Epoch, n) })
	return ok
}

// minus gives what is left of a span without others, which are sorted.
func minus(s span, others []span) []span {
	var list []span
	for _, o := range others {
		if free := (span{s.since, min(s.until, o.since)}); !free.empty() {
			list = append(list, free)
		}
		s.since = max(s.since, o.until)
	}
	if !s.empty() {
		list = append(list, s)
	}
	return list
}

// recall puts what the archive has of an origin into its line, to tell what is late.
func recall(line *messages.Line, said said) {
	for _, a := range said.of(line.Origin, 0) {
		if len(a.Runs) == 0 || !said.holds(&a) {
			continue
		}
		line.Recall(messages.EpochDigest{Epoch: a.Epoch, Floor: 1, Head: a.Runs[len(a.Runs)-1].To, HeadIndex: a.HeadIndex, HeadHLC: a.HeadHLC})
		if a.Begun {
			line.Name(a.Epoch, a.Prior)
		}
	}
}

// unavailable tells whether an error is that the archive is away.
func unavailable(err error) bool {
	return errors.Is(err, command.ErrUnavailable) && errors.Is(err, storage.ErrAway)
}

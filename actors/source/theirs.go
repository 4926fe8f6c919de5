package source

import (
	"context"
	"encoding/json"
	"math/big"
	"time"

	"anode/actors/expr"
	"anode/messages"
	"anode/storage"
)

// What several owners at once make of each other's states, as during a hand-over. Each seals states of its own. All of
// them cover only what a journal has, so that going on from any loses nothing; what is left to see to is that none
// goes back.
//
//   - Turn: who hears of a state seals its own with higher turns from then on.
//   - A state of another owner that is ahead is gone on from, with the next that is asked of the feed: between two
//     walks over pages, and not within one. What the own feed gives behind it moves nothing until it is past it.
//   - One that is not ahead is passed over. Where a sole owner, or the first of several, hears of it, that seals its own
//     again, so that the newest turn is the furthest state. It does so too with one that is ahead, but has no higher turn: who
//     sealed that had not heard of all.
//
//   - Of a source that runs on every node, to which senders push, each node has what was pushed to it: only turns count.
//
//   - What another owner stored of a walk over pages that it did not end does not tell that what follows is known too
//     (Line.Seen), until this owner has ended one that began later.
//
// Numbers, digits and times are ahead of lower ones. Of other values nobody knows: one is ahead only of a state that
// this owner has from somebody itself, and which no message of its own moved since.

// theirs is the newest state that another owner sealed and that is not taken over yet.
type theirs struct {
	saved saved
	at    messages.HLC
	by    messages.NodeID
	// only tells that nothing but its turn counts: what it covers is not all here, or is still to be brought by this owner
	// too.
	only bool
	// late tells that turns were that high before.
	late bool
}

// hear takes over a record of a state that another owner sealed.
func (t *ledger) hear(r *messages.Record) {
	s, err := decodeSaved(r.Payload)
	if err != nil {
		t.cfg.Logger.Warn("a state of another owner can't be read", "source", t.source, "stream", r.Stream, "origin", r.Position.Origin, "error", err)
		return
	}
	if s.Of == t.of {
		t.heed(r.Stream, &theirs{
			saved: s, at: r.HLC, by: r.Position.Origin,
			only: t.role().Rank > 0 || !whole(t.cfg.Journal, r.Position),
		})
	}
}

// whole tells that this node holds what another one numbered before a position, so that a state there covers nothing
// that may be lost with it.
func whole(j storage.Journal, at messages.Position) bool {
	for _, e := range j.Digest()[at.Origin] {
		if e.Epoch == at.Epoch && len(e.Holes) > 0 {
			return at.Sequence <= sure(j, at.Origin, &e)
		}
	}
	return true
}

// heed takes over a state of another owner.
func (t *ledger) heed(stream messages.Stream, of *theirs) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard++
	s := t.onStream(stream)
	if s == nil { // it is read from the journal when it is needed
		return
	}
	s.note(of, t.heard)
	of.late = of.saved.Turn <= s.turn
	if s.turn = max(s.turn, of.saved.Turn); of.only {
		return
	}
	if s.theirs == nil || after(of.saved.Turn, of.at, s.theirs.saved.Turn, s.theirs.at) {
		s.theirs = of
	}
	t.follow(s)
}

// theirWalk is one of another owner that did not end, as far as is known.
type theirWalk struct {
	began time.Time
	// heard numbers what was heard of.
	heard uint64
}

// note notes whether another owner is within a walk.
func (s *state) note(of *theirs, heard uint64) {
	if of.saved.Walk == nil {
		delete(s.walks, of.by)
		return
	}
	if s.walks == nil {
		s.walks = make(map[messages.NodeID]theirWalk)
	}
	s.walks[of.by] = theirWalk{*of.saved.Walk, heard}
}

// walked forgets the walks of others that were known when a walk began that came to its end: it went past them.
func (s *state) walked(w *walk) {
	for by, of := range s.walks {
		if of.heard <= w.heard {
			delete(s.walks, by)
		}
	}
}

// onStream finds the state of a stream; nil where it was not asked for yet. mu is held.
func (t *ledger) onStream(stream messages.Stream) *state {
	for _, s := range t.byItem {
		if s.stream == stream {
			return s
		}
	}
	return nil
}

// follow goes on from a state of another owner where that is ahead. mu is held.
func (t *ledger) follow(s *state) {
	of := s.theirs
	if of == nil || s.walk != nil {
		return
	}
	s.theirs = nil
	if t.everywhere || t.role().Rank > 0 { // what it holds back must not be passed
		return
	}
	if of.saved.Horizon != nil || of.saved.Walk != nil || s == t.byItem[windowKey] {
		return
	}
	next := s.current
	next.cursor = of.saved.Cursor
	if of.saved.Since != nil && of.saved.From == t.from {
		since, err := expr.Decode(of.saved.Since)
		if err != nil {
			t.cfg.Logger.Warn("a state of another owner can't be read", "source", t.source, "stream", s.stream, "error", err)
			return
		}
		next.since, next.raw = since, of.saved.Since
	}
	mine := s.current
	if next.same(&mine) {
		return
	}
	if !t.ahead(s, &next) {
		if !t.role().Handing && s.moved && (mine.raw != nil || mine.cursor != "") {
			again := s.current.version == s.counts.version
			if t.set(s, s.current); again {
				s.counts = s.current
			}
		}
		return
	}
	t.set(s, next)
	s.counts, s.ahead = s.current, nil
	s.floor, s.moved = &next, false
	if !of.late && of.saved.Turn == s.turn { // it needs no record of its own: the other's is the newest
		s.sealed = s.current.version
		delete(t.unsent, s)
	}
	t.show(of.saved, of.at.Time())
}

// ahead tells whether a value is further than what this owner has. mu is held.
func (t *ledger) ahead(s *state, v *value) bool {
	mine := s.current
	if s.ahead != nil { // what waits for records that are held
		mine.since, mine.raw = s.ahead, v.raw
	}
	if mine.raw == nil && mine.cursor == "" {
		return true
	}
	known := false
	for _, c := range [...]struct {
		some         bool
		theirs, mine any
	}{{v.raw != nil || mine.raw != nil, v.since, mine.since}, {v.cursor != "" || mine.cursor != "", v.cursor, mine.cursor}} {
		if !c.some {
			continue
		}
		order, ok := orderOf(c.theirs, c.mine)
		switch {
		case !ok:
			return !s.moved && s.ahead == nil
		case order < 0:
			return false
		case order > 0:
			known = true
		}
	}
	return known
}

// behind tells that what a message gave is behind a state that was gone on from; one that is not ends its time. mu
// is held.
func (s *state) behind(v *value) bool {
	if s.floor == nil {
		return false
	}
	behind := false
	if v.raw != nil && s.floor.raw != nil {
		order, ok := orderOf(v.since, s.floor.since)
		behind = ok && order < 0
	} else if v.cursor != "" && s.floor.cursor != "" {
		order, ok := orderOf(v.cursor, s.floor.cursor)
		behind = ok && order < 0
	}
	if !behind {
		s.floor = nil
	}
	return behind
}

// orderOf compares states: numbers, texts of digits and times have an order, others only where they are equal.
func orderOf(a, b any) (order int, ok bool) {
	if x, y := numberOf(a), numberOf(b); x != nil && y != nil {
		return x.Cmp(y), true
	}
	x, isText := a.(string)
	y, isTextToo := b.(string)
	if !isText || !isTextToo {
		return 0, false
	}
	if x == y {
		return 0, true
	}
	from, err := time.Parse(time.RFC3339Nano, x)
	to, errToo := time.Parse(time.RFC3339Nano, y)
	return from.Compare(to), err == nil && errToo == nil
}

// mostDigits is the longest number that is compared: a longer one may be anything.
const mostDigits = 100

// numberOf reads a number, or a text that is one; nil where it is none.
func numberOf(v any) *big.Rat {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		for i := range len(v) {
			if v[i] < '0' || v[i] > '9' {
				return nil
			}
		}
		text = v
	case int:
		return new(big.Rat).SetInt64(int64(v))
	case *big.Int:
		return new(big.Rat).SetInt(v)
	case float64:
		return new(big.Rat).SetFloat64(v)
	}
	if text == "" || len(text) > mostDigits {
		return nil
	}
	// An exponent is not worked out: 1e999999999 is a number too.
	for i := range len(text) {
		if text[i] == 'e' || text[i] == 'E' {
			return nil
		}
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return n
}

// again looks in the journal for the newest states, as some of other owners may not have been heard of.
func (t *ledger) again(ctx context.Context) {
	t.mu.Lock()
	streams := make([]messages.Stream, 0, len(t.byItem))
	for _, s := range t.byItem {
		streams = append(streams, s.stream)
	}
	t.mu.Unlock()
	for _, stream := range streams {
		if ctx.Err() != nil {
			return
		}
		if found, ok := newest(t.cfg, t.source, stream, t.of); ok && found.position.Origin != t.cfg.Node {
			t.heed(stream, &theirs{saved: found.saved, at: found.at, by: found.position.Origin})
		}
	}
}

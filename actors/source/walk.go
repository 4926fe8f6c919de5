package source

import (
	"encoding/json"
	"time"
)

// walk is one over pages: only all of it counts.
type walk struct {
	began time.Time
	// heard numbers the states of others that were heard of before it.
	heard uint64
	// first tells that what the first page gave counts, else it is what the last did.
	first bool
	since any
	raw   json.RawMessage
}

// brought notes that a message makes records: a walk that does is to be known with the first of them.
func (t *ledger) brought(s *state) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.walk == nil || s.current.began.Equal(s.walk.began) {
		return
	}
	next := s.current
	next.began = s.walk.began
	t.set(s, next)
}

// startWalk begins a walk: with an earlier one that did not end, where there was one. It tells whether there is a state
// of anything before it.
func (t *ledger) startWalk(s *state, first bool, now time.Time) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.walk = &walk{began: now, first: first, heard: t.heard}
	if began := s.current.began; !began.IsZero() {
		s.walk.began = began
	}
	window := t.byItem[windowKey]
	return s.turn > 0 || window != nil && window.turn > 0
}

// endWalk makes current what the walk gave.
func (t *ledger) endWalk(s *state) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, next := s.walk, s.current
	if s.walk = nil; w == nil {
		return
	}
	s.walked(w)
	next.began = time.Time{}
	if w.raw != nil && !s.behind(&value{since: w.since, raw: w.raw}) {
		next.since, next.raw = w.since, w.raw
		s.moved = true
	}
	if !next.same(&s.current) {
		t.set(s, next)
	}
	t.follow(s)
}

// walking tells that pages are walked.
func (t *ledger) walking(s *state) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.walk != nil
}

// leaveWalk ends a walk without making current what it gave: that is the answer.
func (t *ledger) leaveWalk(s *state) (since any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.walk != nil {
		since = s.walk.since
		s.walked(s.walk)
	}
	s.walk = nil
	return since
}

// finish makes current what a walk gave that is over.
func (t *ledger) finish(s *state, since any) {
	raw, err := sinceText(since)
	t.mu.Lock()
	defer t.mu.Unlock()
	next := s.current
	next.began = time.Time{}
	if since != nil && err == nil {
		next.since, next.raw = since, raw
	}
	if !next.same(&s.current) {
		s.moved = true
		t.set(s, next)
	}
}

// began is when the present walk began, or one of another owner did that has not ended; zero outside of one.
func (t *ledger) began(s *state) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.walk == nil {
		return time.Time{}
	}
	began := s.walk.began
	for _, of := range s.walks {
		if of.began.Before(began) {
			began = of.began
		}
	}
	return began
}

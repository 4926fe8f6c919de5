package history

import (
	"context"
	"errors"

	"anode/messages"
)

// begun is what a walk gives and how far it has come: all that a page token carries.
type begun struct {
	stream             messages.Stream
	descending, unique bool
	// from and to bound what was received, in ms; a to of 0 is no bound.
	from, to int64
	// after is the place behind which the walk began; nil is its beginning.
	after *key
	// given is the key of the record given last; nil where none was.
	given *key
	// at is when the walk began, in ms.
	at int64
	// reach is how far it goes.
	reach
}

// start is the bound that the question sets where the walk begins, and end where it ends: every
// record of the walk is strictly between them.
func (b *begun) start() key {
	var k key
	switch {
	case !b.descending:
		k = key{ms: b.from}
	case b.to > 0:
		k = key{ms: b.to}
	default:
		k = key{ms: most + 1}
	}
	if b.after != nil && (b.after.compare(k) > 0) != b.descending {
		k = *b.after
	}
	return k
}

func (b *begun) end() key {
	switch {
	case b.descending:
		return key{ms: b.from}
	case b.to > 0:
		return key{ms: b.to}
	}
	return key{ms: most + 1}
}

// now is the bound where the walk goes on.
func (b *begun) now() key {
	if b.given != nil {
		return *b.given
	}
	return b.start()
}

func (b *begun) lower() key {
	if b.descending {
		return b.end()
	}
	return b.now()
}

func (b *begun) upper() key {
	if b.descending {
		return b.now()
	}
	return b.end()
}

// walk implements command.Walk.
type walk struct {
	history *History
	*begun
	merge *merge
	// ready is the record to give next, once it was looked for; ended that there is none.
	ready *messages.Record
	ended bool
	seen  *seen
	// closed: it gives nothing more.
	closed bool
}

var errClosed = errors.New("the walk was closed")

// Next implements command.Walk.
func (w *walk) Next(ctx context.Context) (*messages.Record, error) {
	r, err := w.peek(ctx)
	if r != nil {
		w.ready = nil
		k := keyOf(r)
		w.given = &k
	}
	return r, err
}

// peek finds the next record and keeps it.
func (w *walk) peek(ctx context.Context) (*messages.Record, error) {
	if w.closed {
		return nil, errClosed
	}
	if w.unique && w.seen == nil && !w.ended {
		if err := w.recall(ctx); err != nil {
			return nil, err
		}
	}
	for w.ready == nil && !w.ended {
		r, err := w.merge.next(ctx)
		switch {
		case err != nil:
			return nil, err
		case r == nil:
			w.ended = true
		case w.seen == nil || w.seen.first(r):
			w.ready = r
		}
	}
	return w.ready, nil
}

// Page implements command.Walk. Where it can't be told whether something is left, it says so.
func (w *walk) Page() string {
	if r, err := w.peek(context.Background()); err == nil && r == nil {
		return ""
	}
	return w.encode()
}

// Close implements command.Walk.
func (w *walk) Close() {
	w.merge, w.ready, w.seen, w.closed = nil, nil, nil, true
}

const (
	// mostSeen is how many identities a walk remembers, and mostRecalled how many records one that
	// goes on reads back for them.
	mostSeen, mostRecalled = 100_000, 10_000
)

// recall reads back what earlier pages passed.
func (w *walk) recall(ctx context.Context) error {
	w.seen = &seen{at: make(map[messages.Identity]struct{})}
	if w.given == nil {
		return nil
	}
	lower, upper := w.start(), w.given.after()
	if w.descending {
		lower, upper = w.given.before(), w.start()
	}
	back := w.history.merge(w.stream, !w.descending, lower, upper, &w.reach)
	var list []messages.Identity
	for range mostRecalled {
		r, err := back.next(ctx)
		if err != nil {
			w.seen = nil
			return err
		}
		if r == nil {
			break
		}
		if r.HasIdentity() {
			list = append(list, r.Identity())
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		w.seen.add(list[i])
	}
	return nil
}

// seen is a window of the identities that passed last.
type seen struct {
	at map[messages.Identity]struct{}
	// ring is in the order of coming; next is the oldest once it is full.
	ring []messages.Identity
	next int
}

// first tells whether a record's identity was not seen; one without is always the first.
func (s *seen) first(r *messages.Record) bool {
	return !r.HasIdentity() || s.add(r.Identity())
}

func (s *seen) add(id messages.Identity) bool {
	if _, was := s.at[id]; was {
		return false
	}
	s.at[id] = struct{}{}
	if len(s.ring) < mostSeen {
		s.ring = append(s.ring, id)
		return true
	}
	delete(s.at, s.ring[s.next])
	s.ring[s.next] = id
	s.next = (s.next + 1) % mostSeen
	return true
}

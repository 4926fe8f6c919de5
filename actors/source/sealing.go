package source

import (
	"math"
	"time"

	"anode/messages"
)

// ticket is a value that was submitted, and its record.
type ticket struct {
	state *state
	value value
	saved saved
}

// waiting tells that something is to be submitted.
func (t *ledger) waiting() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.unsent) > 0
}

// The most of one submission without records.
const mostStates, mostStatesBytes = 256, 512 << 10

// draw makes the records of some of those that are to be submitted.
func (t *ledger) draw() (drafts []messages.Draft, tickets []ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := 0
	for s := range t.unsent {
		drafts, tickets = t.draft(s, drafts, tickets)
		if size += drafts[len(drafts)-1].Size(); len(drafts) == mostStates || size > mostStatesBytes {
			break
		}
	}
	return drafts, tickets
}

// drawWith makes the records of a state, and of the source's, where they are to be submitted.
func (t *ledger) drawWith(s *state) (drafts []messages.Draft, tickets []ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range [...]*state{s, t.byItem[""], t.byItem[windowKey]} {
		if _, unsent := t.unsent[one]; unsent {
			drafts, tickets = t.draft(one, drafts, tickets)
		}
	}
	return drafts, tickets
}

// draft makes the record of a state. mu is held.
func (t *ledger) draft(s *state, drafts []messages.Draft, tickets []ticket) ([]messages.Draft, []ticket) {
	delete(t.unsent, s)
	if s.turn < math.MaxUint64 { // of equal turns the later counts
		s.turn++
	}
	record := saved{
		Version: savedVersion, Turn: s.turn, Of: t.of, Item: s.item, Since: s.current.raw, Cursor: s.current.cursor,
	}
	if record.Since != nil {
		record.From = t.from
	}
	if began := s.current.began.UTC(); !s.current.began.IsZero() {
		record.Walk = &began
	}
	if at := s.current.horizon.UTC(); !s.current.horizon.IsZero() {
		record.Horizon, record.Seen = &at, s.current.seen
	}
	return append(drafts, messages.Draft{Stream: s.stream, Source: t.source, Payload: record.encode()}), append(tickets, ticket{s, s.current, record})
}

// stored tells that the journal has values that were submitted, and all records that they cover.
func (t *ledger) stored(tickets []ticket, now time.Time) {
	if len(tickets) == 0 {
		return
	}
	t.mu.Lock()
	for i := range tickets {
		s, v := tickets[i].state, &tickets[i].value
		s.sealed = max(s.sealed, v.version)
		if v.version > s.counts.version {
			s.counts = *v
		}
	}
	t.mu.Unlock()
	for i := range tickets {
		t.show(tickets[i].saved, now)
	}
}

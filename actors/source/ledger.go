package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"anode/actors/expr"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/spec"
)

// ledger is what a source remembers: one state for all, and one for each item whose own messages
// come. What a message moves counts once the journal has all that was fed until then.
type ledger struct {
	cfg    *Config
	source string
	// of names the registration, from what gives the incremental state; empty where nothing does.
	of, from string
	// start is what since begins with; nil is null. computed tells that it has expressions: what they gave
	// is kept, so that nothing is passed over when they are asked again.
	start    transform.Template
	computed bool
	// alone bounds how often states are sealed without records.
	alone *bucket
	// show tells of what the journal has; it must not block.
	show func(saved, time.Time)

	mu sync.Mutex // guards what follows, and all of each state; a leaf
	// byItem are the states that were asked for, by item as JSON; "" is the source's, windowKey that of its window.
	byItem map[string]*state
	// unsent are those of which something is to be submitted.
	unsent map[*state]struct{}
	// versions numbers all values.
	versions uint64
	looked   time.Time // when the window was looked at last
}

// state is one of them.
type state struct {
	stream messages.Stream
	item   json.RawMessage
	turn   uint64
	// current is what the messages made of it, counts what the journal has all records of.
	current, counts value
	// sealed is the version that the journal has a record of.
	sealed uint64
	// walk is set while pages are walked.
	walk *walk
	// ahead is what the newest message of this connection gave, where that waits for records that are held: it is
	// asked for what comes after, and is sealed when they are.
	ahead any
}

// value is what a state is at one time.
type value struct {
	version uint64
	since   any
	raw     json.RawMessage // since as JSON; nil where there is none
	cursor  string
	// horizon and seen are those of a window.
	horizon time.Time
	seen    []byte
	// began is when a walk began that has brought records and did not end; zero where there is none.
	began time.Time
}

// walk is one over pages: only all of it counts.
type walk struct {
	began time.Time
	// first tells that what the first page gave counts, else it is what the last did.
	first bool
	since any
	raw   json.RawMessage
}

// ticket is a value that was submitted, and its record.
type ticket struct {
	state *state
	value value
	saved saved
}

// newLedger compiles what a spec says of its state.
func newLedger(cfg *Config, s *spec.Spec, of string) (*ledger, error) {
	t := &ledger{
		cfg: cfg, source: s.Name, of: of, alone: newBucket(1, 1), show: func(saved, time.Time) {},
		byItem: make(map[string]*state), unsent: make(map[*state]struct{}),
	}
	if s.Since == nil {
		return t, nil
	}
	t.from = fromMark(s.Since.From)
	if s.Since.Start == nil {
		return t, nil
	}
	for _, x := range s.Expressions() {
		if !strings.HasPrefix(x.Path, "/since/start") {
			continue
		}
		t.computed = true
		if pieces, err := spec.Pieces(x.Text); err == nil && slices.ContainsFunc(pieces, func(p spec.Piece) bool { return p.Secret || len(p.Secrets) > 0 }) {
			return nil, spec.Faults{{Path: x.Path, Message: "must not have a secret: it is kept"}}
		}
	}
	var err error
	if t.start, err = cfg.Language.Template(s.Since.Start); err != nil {
		return nil, spec.Faults{spec.FaultAt("/since/start", err)}
	}
	return t, nil
}

// begin goes back to what counts: the journal may not have what came after it.
func (t *ledger) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.unsent)
	for _, s := range t.byItem {
		s.walk, s.current, s.ahead = nil, s.counts, nil
		if s.current.version != s.sealed {
			t.unsent[s] = struct{}{}
		}
	}
}

// clear forgets all: it is read from the journal again.
func (t *ledger) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.byItem)
	clear(t.unsent)
}

// set makes a value current that is to be sealed. mu is held.
func (t *ledger) set(s *state, v value) {
	t.versions++
	v.version = t.versions
	s.current = v
	t.unsent[s] = struct{}{}
}

// find gives the state of an item, nil being the source's; it is read from the journal where it was not
// asked for yet.
func (t *ledger) find(ctx context.Context, item any) (*state, error) {
	var text json.RawMessage
	if item != nil {
		raw, err := expr.Append(nil, item)
		if err != nil {
			return nil, fmt.Errorf("item: %w", err)
		}
		text = raw
	}
	return t.findOn(ctx, string(text), text, stateStream(t.source, text))
}

// windowKey is no JSON.
const windowKey = "window"

// findWindow gives the state of the window of deduplication.
func (t *ledger) findWindow(ctx context.Context) (*state, error) {
	return t.findOn(ctx, windowKey, nil, windowStream(t.source))
}

func (t *ledger) findOn(ctx context.Context, key string, item json.RawMessage, stream messages.Stream) (*state, error) {
	t.mu.Lock()
	s := t.byItem[key]
	t.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s = &state{stream: stream, item: item}
	found, ok := newest(t.cfg, t.source, s.stream, t.of)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.byItem[key]; other != nil {
		return other, nil
	}
	if ok {
		if err := t.load(s, &found); err != nil {
			return nil, err
		}
	}
	t.byItem[key] = s
	return s, nil
}

// load makes a state what its newest record says. mu is held.
func (t *ledger) load(s *state, found *held) error {
	s.turn = found.Turn
	s.current.cursor = found.Cursor
	if found.Walk != nil {
		s.current.began = *found.Walk
	}
	if found.Horizon != nil {
		s.current.horizon, s.current.seen = *found.Horizon, found.Seen
	}
	if found.Since != nil && found.From == t.from {
		since, err := expr.Decode(found.Since)
		if err != nil {
			return fmt.Errorf("the state %s can't be read: %w", found.position, err)
		}
		s.current.since, s.current.raw = since, found.Since
	}
	if found.kept || found.position.Origin != t.cfg.Node { // this node should have it of its own
		t.set(s, s.current)
	}
	s.counts = s.current
	t.show(found.saved, found.at.Time())
	return nil
}

// sinceText writes a state, within its bound.
func sinceText(since any) (json.RawMessage, error) {
	raw, err := expr.Append(nil, since)
	if err == nil && len(raw) > maxSince {
		err = fmt.Errorf("the state has %d bytes, at most %d are allowed", len(raw), maxSince)
	}
	return raw, err
}

// sinceOf is the state that counts, or what it begins with.
func (t *ledger) sinceOf(ctx context.Context, s *state, vars transform.Vars) (any, error) {
	t.mu.Lock()
	since, none := s.counts.since, s.counts.raw == nil
	if s.ahead != nil {
		since, none = s.ahead, false
	}
	t.mu.Unlock()
	if !none || t.start == nil {
		return since, nil
	}
	since, present, err := t.start.Eval(ctx, vars.Input(), transform.Env{}, nil)
	if err != nil {
		return nil, fmt.Errorf("since/start: %w", err)
	}
	if !present || since == nil {
		return nil, nil
	}
	raw, err := sinceText(since)
	if err != nil {
		return nil, fmt.Errorf("since/start: %w", err)
	}
	if !t.computed {
		return since, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.current.raw == nil {
		next, clean := s.current, s.current.version == s.counts.version
		next.since, next.raw = since, raw
		if t.set(s, next); clean {
			s.counts = s.current
		} else {
			s.counts.since, s.counts.raw = since, raw
		}
	}
	return since, nil
}

// cursorOf is the feed's own place that counts.
func (t *ledger) cursorOf(s *state) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.counts.cursor
}

// move takes over what a message gave: a state, and a cursor, where they are not nil.
func (t *ledger) move(s *state, since any, cursor *string) error {
	var raw json.RawMessage
	var err error
	if since != nil {
		if raw, err = sinceText(since); err != nil {
			raw, err = nil, fmt.Errorf("since/from: %w", err)
		}
	}
	if cursor != nil && len(*cursor) > maxCursor {
		cursor, err = nil, fmt.Errorf("the feed's own place has %d bytes, at most %d are kept", len(*cursor), maxCursor)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := s.current
	if cursor != nil {
		next.cursor = *cursor
	}
	switch w := s.walk; {
	case w == nil && raw != nil:
		next.since, next.raw = since, raw
	case w != nil && raw != nil && !(w.first && w.raw != nil):
		w.since, w.raw = since, raw
	}
	if !next.same(&s.current) {
		t.set(s, next)
	}
	return err
}

// lead lets the feed be asked for what comes after a state that waits for records that are held; nil: for
// what comes after the state that counts.
func (t *ledger) lead(s *state, since any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.walk == nil { // all of a walk has one state
		s.ahead = since
	}
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

func (v *value) same(o *value) bool {
	return bytes.Equal(v.raw, o.raw) && v.cursor == o.cursor && v.began.Equal(o.began)
}

// startWalk begins a walk: with an earlier one that did not end, where there was one. It tells whether there is a state
// of anything before it.
func (t *ledger) startWalk(s *state, first bool, now time.Time) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.walk = &walk{began: now, first: first}
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
	next.began = time.Time{}
	if w.raw != nil {
		next.since, next.raw = w.since, w.raw
	}
	if !next.same(&s.current) {
		t.set(s, next)
	}
}

// began is when the present walk began; zero outside of one.
func (t *ledger) began(s *state) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.walk == nil {
		return time.Time{}
	}
	return s.walk.began
}

// count makes all count: the journal has everything that was fed.
func (t *ledger) count() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.unsent { // all others were submitted, so that stored makes them count
		s.counts = s.current
	}
}

// windowEvery is how often the window is looked at, and sealed, at most.
const windowEvery = time.Minute

// due tells that the window is to be looked at.
func (t *ledger) due(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if passed := now.Sub(t.looked); passed >= 0 && passed < windowEvery {
		return false
	}
	t.looked = now
	return true
}

// slide moves the window, where something was added that is seen again and again, or it went on by a step:
// a horizon that is too low only makes a start longer.
func (t *ledger) slide(horizon time.Time, seen []byte, step time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byItem[windowKey]
	if s == nil {
		return
	}
	passed := horizon.Sub(s.current.horizon)
	if passed >= 0 && passed < step && bytes.Equal(seen, s.current.seen) {
		return
	}
	next := s.current
	next.horizon, next.seen = horizon, seen
	t.set(s, next)
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
	s.turn++
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

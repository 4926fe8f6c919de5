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
	// stream is that of the source's own state.
	stream messages.Stream
	// of names the registration, from what gives the incremental state; empty where nothing does.
	of, from string
	// start is what since begins with; nil is null. computed tells that it has expressions: what they gave
	// is kept, so that nothing is passed over when they are asked again.
	start    transform.Template
	computed bool
	// everywhere tells that every node runs the source: none goes on from what another one got.
	everywhere bool
	// alone bounds how often states are sealed without records.
	alone *bucket
	// show tells of what the journal has; it must not block.
	show func(saved, time.Time)
	// role is what this node is to the source now.
	role func() Role

	mu sync.Mutex // guards what follows, and all of each state; a leaf
	// byItem are the states that were asked for, by item as JSON; "" is the source's, windowKey that of its window.
	byItem map[string]*state
	// heard counts the states of other owners that were heard of.
	heard uint64
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
	// theirs is of another owner, and waits for the end of a walk; floor is what was gone on from last, nil when this
	// owner is past it; moved tells that a message of this owner made the current value, not a state that was found.
	theirs *theirs
	// walks are those of other owners that did not end.
	walks map[messages.NodeID]theirWalk
	floor *value
	moved bool
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

// newLedger compiles what a spec says of its state.
func newLedger(cfg *Config, s *spec.Spec, of string) (*ledger, error) {
	t := &ledger{
		cfg: cfg, source: s.Name, stream: stateStream(s.Name, nil), of: of, alone: newBucket(1, 1), show: func(saved, time.Time) {}, role: func() Role { return Role{} },
		byItem: make(map[string]*state), unsent: make(map[*state]struct{}), everywhere: s.Kind == spec.KindPush,
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
		t.follow(s)
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
	s, heard := t.byItem[key], t.heard
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
	for tries := 0; t.heard != heard && tries < mostFound; tries++ { // another owner may have sealed it meanwhile
		heard = t.heard
		t.mu.Unlock()
		found, ok = newest(t.cfg, t.source, s.stream, t.of)
		t.mu.Lock()
	}
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

// mostFound is how often a state is looked for again that others seal.
const mostFound = 10

// load makes a state what its newest record says. mu is held.
func (t *ledger) load(s *state, found *held) error {
	s.turn = found.Turn
	for by, of := range found.walks {
		s.note(&theirs{saved: of.saved, by: by}, t.heard)
	}
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
		return nil, blameSpec(fmt.Errorf("since/start: %w", err))
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
	given := value{since: since, raw: raw}
	if cursor != nil {
		given.cursor = *cursor
	}
	if (raw != nil || cursor != nil) && s.behind(&given) {
		return err
	}
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
		s.moved = true
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

func (v *value) same(o *value) bool {
	return bytes.Equal(v.raw, o.raw) && v.cursor == o.cursor && v.began.Equal(o.began)
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

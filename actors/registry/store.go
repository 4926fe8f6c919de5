package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
	"anode/storage"
)

// The buckets of the state store.
const (
	bucketEvents  = "registry"
	bucketHeld    = "registry-held"
	bucketLog     = "registry-log"
	bucketApplied = "registry-applied"
	bucketMeta    = "registry-meta"
)

// keyHorizon is where the highest revision is that was forgotten.
const keyHorizon = "horizon"

// The bounds of what is kept for its own sake: events for people, removals for late joiners.
const (
	mostLogged  = 10_000
	mostRemoved = 10_000
)

// store keeps events in the state store.
type store struct {
	state storage.State
	log   *slog.Logger
	// first and next number the log; stamps are those of what is in it, in order, and logged the same as a set.
	first, next uint64
	stamps      []string
	logged      map[string]struct{}
	// damaged are the registers whose value could not be read, and was not replaced since, by their keys in the mesh. The actor has it.
	damaged map[string]struct{}
}

func registerKey(e *event) string {
	if e.ofPause() {
		return e.Source + lastPause
	}
	return e.Source + lastSpec
}

// stamp names an event.
func (e *event) stamp() string { return fmt.Sprintf("%s@%s@%d", registerKey(e), e.version(), e.HLC) }

// over is what goes with an event that is stored: a source that is registered again, or removed, is not held
// to a damaged word of whether it was paused.
func (s *store) over(e *event) []storage.Change {
	if _, ok := s.damaged[keySource+e.Source+lastPause]; ok && !e.ofPause() {
		return []storage.Change{{Bucket: bucketEvents, Key: e.Source + lastPause}, {Bucket: bucketHeld, Key: keySource + e.Source + lastPause}}
	}
	return nil
}

// replaced notes that an event was stored, with what goes with it.
func (s *store) replaced(e *event) {
	delete(s.damaged, e.key())
	if !e.ofPause() {
		delete(s.damaged, keySource+e.Source+lastPause)
	}
}

func logKey(number uint64) string { return fmt.Sprintf("%020d", number) }

// load folds what is stored. What is damaged is reported and left out. The clock goes on from the node's own last reading, if that
// is not far ahead of now.
func (s *store) load(self messages.NodeID, now time.Time, into *sources, rest others) {
	s.damaged, s.logged = make(map[string]struct{}), make(map[string]struct{})
	take := func(e *event) {
		if into.apply(e); e.Node == self && e.HLC.Time().Before(now.Add(messages.MaxClockLead)) {
			into.clock = max(into.clock, e.HLC)
		}
	}
	spoilt := func(key string, err error) {
		s.damaged[key] = struct{}{}
		s.log.Error("a stored event of the registry can't be read", "key", key, "error", err)
	}
	for pair := range s.state.Each(bucketEvents) {
		e, err := readEvent(pair)
		if err != nil {
			spoilt(keySource+pair.Key, err)
			continue
		}
		take(e)
	}
	for pair := range s.state.Each(bucketHeld) {
		w, err := readHeld(pair)
		switch e := readWire(&w); {
		case err != nil:
			spoilt(pair.Key, err)
		case e != nil:
			take(e)
		default:
			rest.apply(&w)
		}
	}
	s.loadLog()
	if text, err := s.state.Get(bucketMeta, keyHorizon); err == nil {
		into.horizon, _ = strconv.ParseUint(string(text), 10, 64)
	} else if !errors.Is(err, storage.ErrNotHeld) {
		s.log.Error("up to which revision removals were forgotten can't be read", "error", err)
	}
}

// loadLog finds what is in the log.
func (s *store) loadLog() {
	for pair := range s.state.Each(bucketLog) {
		var number uint64
		if _, err := fmt.Sscanf(pair.Key, "%d", &number); err != nil {
			continue
		}
		if s.next == 0 {
			s.first, s.next = number, number
		}
		for ; s.next < number; s.next++ { // a hole
			s.stamps = append(s.stamps, "")
		}
		stamp := ""
		if e, err := readEvent(pair); err == nil {
			stamp = e.stamp()
		}
		s.note(stamp)
	}
}

// note takes the next event of the log in.
func (s *store) note(stamp string) {
	s.stamps = append(s.stamps, stamp)
	s.logged[stamp] = struct{}{}
	s.next++
}

func readEvent(pair storage.Pair) (*event, error) {
	if pair.Err != nil {
		return nil, pair.Err
	}
	return readBody(pair.Value)
}

func readHeld(pair storage.Pair) (w frame.Event, err error) {
	if pair.Err != nil {
		return w, pair.Err
	}
	var h held
	if err := json.Unmarshal(pair.Value, &h); err != nil {
		return w, err
	}
	if h.Version != formatVersion {
		return w, fmt.Errorf("format version %d is not known to this version", h.Version)
	}
	return frame.Event{Key: pair.Key, Revision: h.Revision, HLC: messages.HLC(h.HLC), Node: messages.NodeID(h.Node), Body: h.Body}, nil
}

// batch is what is stored at once: all of it, or nothing.
type batch struct {
	// events hold their registers from now on, and so do values, which are of no source.
	events []*event
	values []frame.Event
	// late are events that hold nothing any more, for the log.
	late []*event
	// forgotten are removed sources of which what is left is dropped, first, as one of them may come again; horizon is what the highest
	// revision of all of them is.
	forgotten []string
	horizon   uint64
	more      []storage.Change
}

func (b *batch) empty() bool { return len(b.events)+len(b.values)+len(b.late)+len(b.more) == 0 }

// save stores a batch in one transaction. It runs once at a time.
func (s *store) save(b *batch) error {
	var changes []storage.Change
	for _, name := range b.forgotten {
		for _, last := range []string{lastSpec, lastPause} {
			changes = append(changes, storage.Change{Bucket: bucketEvents, Key: name + last}, storage.Change{Bucket: bucketHeld, Key: keySource + name + last})
		}
		changes = append(changes, storage.Change{Bucket: bucketApplied, Key: name})
	}
	if len(b.forgotten) > 0 {
		changes = append(changes, storage.Change{Bucket: bucketMeta, Key: keyHorizon, Value: strconv.AppendUint(nil, b.horizon, 10)})
	}
	changes = append(changes, b.more...)
	for _, e := range b.events {
		w := e.wire()
		if !e.unread() {
			changes = append(changes, storage.Change{Bucket: bucketEvents, Key: registerKey(e), Value: e.body}, storage.Change{Bucket: bucketHeld, Key: w.Key})
			continue
		}
		changes = append(changes, storage.Change{Bucket: bucketEvents, Key: registerKey(e)}, holds(&w))
	}
	for i := range b.values {
		changes = append(changes, holds(&b.values[i]))
	}
	lines, drop := s.lines(b)
	for i, e := range lines {
		changes = append(changes, storage.Change{Bucket: bucketLog, Key: logKey(s.next + uint64(i)), Value: e.body})
	}
	for i := range drop {
		changes = append(changes, storage.Change{Bucket: bucketLog, Key: logKey(s.first + uint64(i))})
	}
	if err := s.state.Put(changes...); err != nil {
		return err
	}
	for _, e := range lines {
		s.note(e.stamp())
	}
	for _, stamp := range s.stamps[:drop] {
		delete(s.logged, stamp)
	}
	s.stamps = s.stamps[drop:]
	s.first += uint64(drop)
	return nil
}

func holds(w *frame.Event) storage.Change {
	value, err := json.Marshal(held{Version: formatVersion, Revision: w.Revision, HLC: uint64(w.HLC), Node: string(w.Node), Body: w.Body})
	if err != nil {
		panic(err) // numbers, a text and bytes
	}
	return storage.Change{Bucket: bucketHeld, Key: w.Key, Value: value}
}

// lines are the events of a batch for the log, in order of their stamps, and how many of the oldest go for them.
func (s *store) lines(b *batch) (lines []*event, drop int) {
	for _, e := range slices.Concat(b.late, b.events) {
		if _, has := s.logged[e.stamp()]; !has && !e.unread() {
			lines = append(lines, e)
		}
	}
	slices.SortStableFunc(lines, (*event).compare)
	lines = lines[max(0, len(lines)-mostLogged):]
	return lines, max(0, len(s.stamps)+len(lines)-mostLogged)
}

// applied is the hash of the document that was last applied under a name.
func (s *store) applied(name string) string {
	hash, err := s.state.Get(bucketApplied, name)
	if err != nil {
		if !errors.Is(err, storage.ErrNotHeld) {
			s.log.Error("what was applied can't be read; the document is applied again", "source", name, "error", err)
		}
		return ""
	}
	return string(hash)
}

// events is the log, oldest first. It is safe from any goroutine.
func (s *store) events() []command.EventView {
	var log []*event
	for pair := range s.state.Each(bucketLog) {
		if e, err := readEvent(pair); err == nil { // else it was reported when it was loaded
			log = append(log, e)
		}
	}
	lost, began := superseded(log), make(map[string]bool)
	for _, e := range log {
		if e.Kind == registered {
			began[e.beginning()] = true
		}
	}
	views := make([]command.EventView, 0, len(log))
	for _, e := range log {
		if e.Kind == resumed && began[e.beginning()] { // nobody asked for it: it ends the pause of an earlier source of that name
			continue
		}
		kind := e.Kind
		if lost[e] {
			kind = lostEdit
		}
		views = append(views, command.EventView{
			At: timeOf(e.HLC), Node: e.Node, Source: e.Source, Event: kind,
			Version: e.version(), Spec: e.Spec,
		})
	}
	return views
}

// lastTime is the last that can be shown: other nodes' clocks may stand anywhere.
var lastTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// timeOf is a reading as a time that can be shown.
func timeOf(h messages.HLC) time.Time {
	if t := h.Time(); t.Before(lastTime) {
		return t
	}
	return lastTime
}

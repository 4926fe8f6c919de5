package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"anode/messages/command"
	"anode/storage"
)

// The buckets of the state store.
const (
	bucketEvents  = "registry"
	bucketLog     = "registry-log"
	bucketApplied = "registry-applied"
)

// The bounds of what is kept for its own sake: events for people, removals for late joiners.
const (
	mostLogged  = 10_000
	mostRemoved = 10_000
)

// store keeps events in the state store.
type store struct {
	state storage.State
	log   *slog.Logger
	// first and next number the log.
	first, next uint64
	// damaged are the keys whose value could not be read, and was not replaced since. The actor has it.
	damaged map[string]struct{}
}

func registerKey(e *event) string {
	if e.Kind == paused || e.Kind == resumed {
		return e.Source + "/paused"
	}
	return e.Source + "/spec"
}

// over is what goes with an event that is stored: a source that is registered again, or removed, is not held
// to a damaged word of whether it was paused.
func (s *store) over(e *event) []storage.Change {
	if _, ok := s.damaged[e.Source+"/paused"]; ok && registerKey(e) == e.Source+"/spec" {
		return []storage.Change{{Bucket: bucketEvents, Key: e.Source + "/paused"}}
	}
	return nil
}

// replaced notes that an event was stored, with what goes with it.
func (s *store) replaced(e *event) {
	delete(s.damaged, registerKey(e))
	if registerKey(e) == e.Source+"/spec" {
		delete(s.damaged, e.Source+"/paused")
	}
}

func logKey(number uint64) string { return fmt.Sprintf("%020d", number) }

// load folds what is stored. What is damaged is reported and left out.
func (s *store) load(into *sources) {
	s.damaged = make(map[string]struct{})
	for pair := range s.state.Each(bucketEvents) {
		e, err := readEvent(pair)
		if err != nil {
			s.damaged[pair.Key] = struct{}{}
			s.log.Error("a stored event of the registry can't be read", "key", pair.Key, "error", err)
			continue
		}
		into.apply(e)
	}
	for pair := range s.state.Each(bucketLog) {
		var number uint64
		if _, err := fmt.Sscanf(pair.Key, "%d", &number); err != nil {
			continue
		}
		if s.next == 0 {
			s.first = number
		}
		s.next = number + 1
	}
}

func readEvent(pair storage.Pair) (*event, error) {
	if pair.Err != nil {
		return nil, pair.Err
	}
	var e event
	if err := json.Unmarshal(pair.Value, &e); err != nil {
		return nil, err
	}
	if e.Version != formatVersion {
		return nil, fmt.Errorf("format version %d is not known to this version", e.Version)
	}
	return &e, nil
}

// save stores events, and other changes with them, in one transaction, which first drops what is left
// of sources that are forgotten: one of them may come again. It runs once at a time.
func (s *store) save(forgotten []string, events []*event, more ...storage.Change) error {
	var changes []storage.Change
	for _, name := range forgotten {
		changes = append(changes,
			storage.Change{Bucket: bucketEvents, Key: name + "/spec"}, storage.Change{Bucket: bucketEvents, Key: name + "/paused"},
			storage.Change{Bucket: bucketApplied, Key: name})
	}
	changes = append(changes, more...)
	next := s.next
	for _, e := range events {
		value, err := json.Marshal(e)
		if err != nil {
			return err
		}
		changes = append(changes,
			storage.Change{Bucket: bucketEvents, Key: registerKey(e), Value: value},
			storage.Change{Bucket: bucketLog, Key: logKey(next), Value: value})
		next++
	}
	first := s.first
	for ; next-first > mostLogged; first++ {
		changes = append(changes, storage.Change{Bucket: bucketLog, Key: logKey(first)})
	}
	if err := s.state.Put(changes...); err != nil {
		return err
	}
	s.first, s.next = first, next
	return nil
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
	lost := superseded(log)
	views := make([]command.EventView, 0, len(log))
	for _, e := range log {
		kind := e.Kind
		if lost[e] {
			kind = lostEdit
		}
		views = append(views, command.EventView{
			At: e.HLC.Time(), Node: e.Node, Source: e.Source, Event: kind,
			Version: fmt.Sprintf("%d-%s", e.Revision, e.Node), Spec: e.Spec,
		})
	}
	return views
}

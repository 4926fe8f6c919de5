package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"anode/messages"
	"anode/storage"
)

// bucketKept has the kept states by stream.
const bucketKept = "source.state"

// StateStreams are the streams that sources keep their states on.
const StateStreams = messages.Pattern(statePrefix + ">")

// Kept is the newest state of each source among those that retention took from the journal, in the
// small store. It is safe for concurrent use.
type Kept struct {
	state storage.State
	log   *slog.Logger

	mu sync.Mutex // held by who writes; a leaf
}

// NewKept makes what keeps states in a store.
func NewKept(state storage.State, log *slog.Logger) *Kept { return &Kept{state: state, log: log} }

// keptState is a stored value.
type keptState struct {
	Version int    `json:"v"`
	ID      string `json:"id"`
	// HLC is when the state was sealed.
	HLC    messages.HLC `json:"hlc"`
	Source string       `json:"source"`
	// Data is the record's.
	Data json.RawMessage `json:"data"`
}

// Keep stores those of the records, of StateStreams, that are newer than what is stored. It is called
// before a journal drops them. What is no state is passed over.
func (k *Kept) Keep(records []*messages.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	newest := make(map[messages.Stream]held)
	var changes []storage.Change
	for _, r := range records {
		s, err := decodeSaved(r.Payload)
		if err != nil {
			k.log.Warn("a state that is dropped can't be read", "source", r.Source, "stream", r.Stream, "error", err)
			continue
		}
		before, ok := newest[r.Stream]
		if !ok {
			before, ok = k.get(r.Stream)
		}
		switch {
		case ok && s.Of != before.Of && r.HLC <= before.at: // of a source that was removed since
			continue
		case ok && s.Of == before.Of && !after(s.Turn, r.HLC, before.Turn, before.at):
			continue
		}
		value, err := json.Marshal(keptState{Version: savedVersion, ID: r.Position.String(), HLC: r.HLC, Source: r.Source, Data: r.Payload})
		if err != nil {
			return err
		}
		newest[r.Stream] = held{saved: s, at: r.HLC}
		changes = append(changes, storage.Change{Bucket: bucketKept, Key: string(r.Stream), Value: value})
	}
	if len(changes) == 0 {
		return nil
	}
	if err := k.state.Put(changes...); err != nil {
		return fmt.Errorf("keep the states of %d sources: %w", len(newest), err)
	}
	return nil
}

// get gives what is kept of a stream.
func (k *Kept) get(stream messages.Stream) (held, bool) {
	value, err := k.state.Get(bucketKept, string(stream))
	if err != nil {
		if !errors.Is(err, storage.ErrNotHeld) {
			k.log.Error("a kept state can't be read", "stream", stream, "error", err)
		}
		return held{}, false
	}
	_, h, err := readKept(value)
	if err != nil {
		k.log.Error("a kept state can't be read", "stream", stream, "error", err)
		return held{}, false
	}
	return h, true
}

func readKept(value []byte) (source string, h held, err error) {
	var s keptState
	if err = json.Unmarshal(value, &s); err != nil {
		return "", held{}, err
	}
	if h.position, err = messages.ParsePosition(s.ID); err != nil {
		return "", held{}, err
	}
	h.at, h.payload, h.kept = s.HLC, s.Data, true
	h.saved, err = decodeSaved(s.Data)
	return s.Source, h, err
}

// each visits what is kept and can be read.
func (k *Kept) each(visit func(stream messages.Stream, source string, h held)) {
	for pair := range k.state.Each(bucketKept) {
		if pair.Err != nil {
			continue // reported when it is asked for
		}
		if source, h, err := readKept(pair.Value); err == nil {
			visit(messages.Stream(strings.Clone(pair.Key)), source, h)
		}
	}
}

// forget drops what is kept of streams.
func (k *Kept) forget(streams []messages.Stream) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	changes := make([]storage.Change, len(streams))
	for i, stream := range streams {
		changes[i] = storage.Change{Bucket: bucketKept, Key: string(stream)}
	}
	if len(changes) == 0 {
		return nil
	}
	return k.state.Put(changes...)
}

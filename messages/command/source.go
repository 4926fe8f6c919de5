package command

import (
	"encoding/json"
	"time"

	"anode/messages"
)

// PutSource registers a source, or replaces its spec. Faults of the document come as
// spec.Faults, all at once.
type PutSource struct {
	To[SourcePut]
	// Document is the spec as given; YAML tells its form, JSON otherwise.
	Document []byte
	YAML     bool
	// Name is what the spec must be called, where the caller named it; empty means any.
	Name string
	// Replace allows a source of that name to exist; otherwise it is ErrExists.
	Replace bool
	// IfMatch is the version that must stand, or several with commas between, "*" for any, or empty for no
	// condition; else ErrConflict.
	IfMatch string
}

// SourcePut is what became of a PutSource.
type SourcePut struct {
	Source  SourceView
	Created bool
}

// CheckSource names the faults of a spec as PutSource would, all at once, and changes nothing.
type CheckSource struct {
	To[SourceChecked]
	// Document is the spec; YAML tells its form, JSON otherwise.
	Document []byte
	YAML     bool
}

// SourceChecked is a spec without faults.
type SourceChecked struct {
	Name string `json:"name"`
	// Spec is the document as JSON.
	Spec json.RawMessage `json:"spec"`
	// Exists tells that a source of that name is registered, as this node knows.
	Exists bool `json:"exists"`
}

// RemoveSource removes a source; ErrNotFound, ErrConflict.
type RemoveSource struct {
	To[struct{}]
	Name    string
	IfMatch string
}

// PauseSource pauses a source or, with Resume, lets it run again. It is done also where nothing changes.
type PauseSource struct {
	To[SourceView]
	Name   string
	Resume bool
}

// RestartSource makes a source connect anew, without backoff.
type RestartSource struct {
	To[SourceView]
	Name string
}

// GetSource asks for one source; ErrNotFound.
type GetSource struct {
	To[SourceView]
	Name string
}

// ListSources asks for all sources, sorted by name.
type ListSources struct{ To[[]SourceView] }

// SourceView is a source as clients see it.
type SourceView struct {
	Name string `json:"name"`
	// Version is "<revision>-<node>": what If-Match compares.
	Version string `json:"version"`
	// Spec is the document as given, as JSON.
	Spec   json.RawMessage `json:"spec"`
	Status SourceStatus    `json:"status"`
}

// Source states.
const (
	SourcePending    = "pending"
	SourceConnecting = "connecting"
	SourceRunning    = "running"
	SourceStale      = "stale"
	SourceBackoff    = "backoff"
	SourcePaused     = "paused"
	SourceFailed     = "failed"
)

// SourceStatus is how a source is.
type SourceStatus struct {
	State  string            `json:"state"`
	Owners []messages.NodeID `json:"owners"`
	// Why says in words why these are the owners, or why there are none; Moved when they changed last.
	Why       string      `json:"why,omitempty"`
	Moved     *SourceMove `json:"moved,omitempty"`
	Since     time.Time   `json:"since"`
	NextAt    *time.Time  `json:"next_at,omitempty"`
	Transport SourceClock `json:"transport"`
	Protocol  SourceClock `json:"protocol"`
	Data      SourceClock `json:"data"`
	Records   uint64      `json:"records"`
	Dropped   SourceDrops `json:"dropped"`
	Errors    uint64      `json:"errors"`
	Restarts  uint64      `json:"restarts"`
	// Rate is records a second, over about ten seconds.
	Rate      float64 `json:"rate"`
	LastError string  `json:"last_error,omitempty"`
	// Hint says what to do about the last error, where that can be told.
	Hint string `json:"hint,omitempty"`
	// Resting tells of a source in backoff that nothing failed: the feed ended in order, and is left alone for a while.
	Resting bool `json:"-"`
	// Resume is where it goes on from after a restart; nil where it keeps no state of its own, or only of items.
	Resume *SourceResume `json:"resume,omitempty"`
	// Standby is of the first by rank of the owners that are not the first of several, or take over from one that still runs.
	Standby *SourceStandby `json:"standby,omitempty"`
}

// SourceStandby is what an owner holds back until it is known whether those before it numbered the same.
type SourceStandby struct {
	// Rank is how many number before it.
	Rank int `json:"rank"`
	// Records is how many it holds.
	Records uint64 `json:"records"`
}

// SourceMove is a change of owners, as the node that is asked saw it.
type SourceMove struct {
	At   time.Time         `json:"at"`
	From []messages.NodeID `json:"from"`
	To   []messages.NodeID `json:"to"`
}

// SourceResume is the state of a source that the journal has.
type SourceResume struct {
	// Since is its incremental state, Cursor the feed's own place; absent above 1 KiB.
	Since  json.RawMessage `json:"since,omitempty"`
	Cursor string          `json:"cursor,omitempty"`
	// Turn counts the states, over all owners.
	Turn uint64    `json:"turn"`
	At   time.Time `json:"at"`
}

// SourceClock is one clock of liveness.
type SourceClock struct {
	OK   bool       `json:"ok"`
	Last *time.Time `json:"last,omitempty"`
}

// SourceDrops counts what made no record, by reason.
type SourceDrops struct {
	Filtered  uint64 `json:"filtered"`
	Duplicate uint64 `json:"duplicate"`
	Limited   uint64 `json:"limited"`
	Failed    uint64 `json:"failed"`
}

// Events asks for the registry's log, oldest first.
type Events struct{ To[[]EventView] }

// EventView is one event of the registry.
type EventView struct {
	At   time.Time       `json:"at"`
	Node messages.NodeID `json:"node"`
	// Source is what it is about.
	Source string `json:"source"`
	// Event is registered, replaced, paused, resumed, removed or superseded.
	Event   string `json:"event"`
	Version string `json:"version"`
	// Spec is the whole new document of a registered or replaced source.
	Spec json.RawMessage `json:"spec,omitempty"`
}

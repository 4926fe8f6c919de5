package command

import (
	"encoding/json"
	"time"
)

// The bounds of a try.
const (
	MaxTry        = 30 * time.Second
	MaxTryRecords = 1000
)

// Try runs a spec on a node, as a source would, without saving anything: no record, no error, no state.
// A document that has a url and neither name nor kind is a beginning: the rest is guessed from what the feed says, and
// what stands in it is kept. Faults of the document come as spec.Faults; ErrTooMany where too many tries run. What it shows of another node has
// 1.75 MiB at most.
type Try struct {
	To[Trial]
	// Node is the id or the name of the node; empty is this one. ErrNotFound where none has it, ErrUnavailable where that one can't be asked,
	// ErrInvalid where several have it.
	Node string
	// Document is the spec; YAML tells its form, JSON otherwise.
	Document []byte
	YAML     bool
	// For bounds the time, up to MaxTry; Records how many records are enough, up to MaxTryRecords.
	For     time.Duration
	Records int
}

// Trial is what came of a Try. It has no secret: each stands as ***.
type Trial struct {
	// Spec is what was run, as given or as guessed; null where nothing could be guessed.
	Spec json.RawMessage `json:"spec"`
	// YAML is a guessed spec as people write it, with remarks.
	YAML string `json:"yaml,omitempty"`
	// Frames are the first that came and went, both ways; of large ones the first bytes.
	Frames []Frame `json:"frames"`
	// Records are the first that were made, without ids. RecordFrames has for each the index in Frames of
	// what it was made of; -1 is a frame that is not there.
	Records      []json.RawMessage `json:"records"`
	RecordFrames []int             `json:"record_frames"`
	Dropped      []TrialDrop       `json:"dropped"`
	// More counts what has no room above.
	More TrialMore `json:"more"`
	// Error is what ended it before its time, in words; null where nothing did.
	Error *string `json:"error"`
	// Hints say what to do, or to look at.
	Hints []string `json:"hints,omitempty"`
}

// TrialDrop is something that made no record.
type TrialDrop struct {
	// Reason is filtered, duplicate, or what failed, in words.
	Reason string `json:"reason"`
	// Frame is the beginning of the message, at most 4 KiB; Index is its place in Frames, -1 where it
	// is not there.
	Frame string `json:"frame"`
	Index int    `json:"index"`
	// Count is how many of the message's values.
	Count uint64 `json:"count"`
}

// TrialMore counts frames, records and drops beyond those that are listed.
type TrialMore struct {
	Frames  int    `json:"frames,omitempty"`
	Records int    `json:"records,omitempty"`
	Dropped uint64 `json:"dropped,omitempty"`
}

package command

import (
	"context"

	"anode/messages"
)

// History asks for a walk over the records of one stream, in order of (received ms, origin,
// position). The answer must be closed.
type History struct {
	To[Walk]
	Stream messages.Stream
	// FromMs and ToMs bound what was received, Unix ms: from inclusive, to exclusive; a ToMs of 0
	// is no bound.
	FromMs, ToMs int64
	// After is where the walk goes on; the zero Position is its beginning.
	After messages.Position
	// Page is the token that an earlier walk gave; it carries the other fields and overrides them.
	Page       string
	Descending bool
	// Unique gives the first of records with equal source, stream, key and native id.
	Unique bool
}

// Walk gives what a node held of a stream when the walk began. It is not safe for concurrent use.
type Walk interface {
	// Next gives the next record, or nil at the end. It blocks for disk.
	Next(ctx context.Context) (*messages.Record, error)
	// Page is the token that goes on after what was given; empty when nothing is left.
	Page() string
	// Cursor is where a subscription to the stream goes on: ascending, with all that this walk has
	// not given yet; descending, with all that came after the walk began.
	Cursor() messages.Cursor
	// Close releases it.
	Close()
}

package hub

import "anode/messages"

// kind says what an item is.
type kind uint8

const (
	// batch: the next batch of its origin.
	batch kind = iota
	// gap: something of its origin is gone for good.
	gap
	// late: something turned up behind all readers.
	late
	// touched: something changed below or beyond where the hub stands; who waits may look.
	touched
	// ephemeral: a record without a position.
	ephemeral
)

// item is what the hub gives each loop, in one order. It is immutable but for its sheet, which
// is safe for concurrent use.
type item struct {
	kind   kind
	origin messages.NodeID
	// from and to are where the hub stood before and stands after (batch, gap).
	from, to messages.Position
	sheet    *sheet
	gap      messages.Gap
	stream   messages.Stream
	json     []byte
	// size counts against the loop's queue.
	size int
}

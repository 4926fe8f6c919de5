package hub

import (
	"encoding/json"
	"time"

	"anode/messages"
)

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
	// record is an ephemeral one as filters see it; nil where it can't be read.
	record *messages.Record
	// size counts against the loop's queue.
	size int
}

// ephemeralRecord is the record of an ephemeral's JSON, for filters; nil when it is none.
func ephemeralRecord(text []byte) *messages.Record {
	var fields struct {
		Stream   messages.Stream
		Source   string
		Key      string
		NativeID string `json:"native_id"`
		Time     time.Time
		Received time.Time
		Data     json.RawMessage
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil
	}
	r := &messages.Record{HLC: messages.HLCFromMillis(fields.Received.UnixMilli())}
	r.Stream, r.Source, r.Key, r.NativeID = fields.Stream, fields.Source, fields.Key, fields.NativeID
	r.Time, r.Payload = fields.Time, fields.Data
	return r
}

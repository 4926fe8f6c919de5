package messages

import "time"

// Record is a draft that its origin numbered: it has a place and a time of receipt
// and never changes again.
type Record struct {
	// Position is its place and its id.
	Position Position
	// HLC is the origin's clock when it was numbered; its ms is "received".
	HLC HLC
	Draft
}

// Received is when the origin numbered the record, in UTC milliseconds.
func (r *Record) Received() time.Time { return r.HLC.Time() }

// EventTime is the feed's time, or Received where the feed gave none.
func (r *Record) EventTime() time.Time {
	if r.Time.IsZero() {
		return r.Received()
	}
	return r.Time.UTC()
}

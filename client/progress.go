package client

import (
	"encoding/json"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// progress is what a subscription has seen, and how it is to begin: a fold over what came. It
// does no I/O.
//
// The highest position of each origin that came in subscribed.after, records.pos, cursor.after or
// gap.to is where to go on; positions of an origin only grow within a subscription, so that a record
// at or below it came before. Only what "last" asked for stands lower than the heads that
// subscribed.after gave: until the first live those records are told apart by their ids.
type progress struct {
	first  command.Start
	cursor messages.Cursor
	// begun: a subscribed came, or a cursor was given.
	begun bool
	// lasting: what "last" asked for may not have come whole.
	lasting bool
	// given are the records that were given while lasting.
	given map[messages.Position]struct{}
}

func newProgress(start command.Start) progress {
	p := progress{first: start, lasting: start.Last > 0}
	if start.After != nil {
		p.cursor, p.begun = start.After.Clone(), true
	}
	if p.lasting {
		p.given = make(map[messages.Position]struct{})
	}
	return p
}

// resumable tells whether the cursor is enough to go on.
func (p *progress) resumable() bool { return p.begun && !p.lasting }

// again prepares for a new connection: what was cut before its first live is asked for as at first,
// and stands where the next answer says.
func (p *progress) again() {
	if p.lasting {
		p.cursor, p.begun = messages.Cursor{}, false
	}
}

// start is how to subscribe now, in the protocol's form.
func (p *progress) start() any {
	switch {
	case p.resumable():
		return map[string]any{"after": p.cursor.List()}
	case p.lasting:
		return map[string]any{"last": p.first.Last}
	case p.first.Earliest:
		return "earliest"
	case !p.first.Time.IsZero():
		return map[string]any{"time": p.first.Time.UTC().Format(time.RFC3339Nano)}
	}
	return "latest"
}

// take folds an event in, and tells whether it is new.
func (p *progress) take(d delivery) bool {
	fresh := d.event != nil
	switch event := d.event.(type) {
	case begin:
		p.begin(event.after)
		return false
	case Live:
		p.lasting, p.given = false, nil
	case *Record:
		fresh = p.isNew(event.Position)
	}
	for _, position := range d.seen {
		p.cursor.Advance(position)
	}
	return fresh
}

// begin takes the cursor of a subscribed: as it is at first, and later only where it is higher.
func (p *progress) begin(after messages.Cursor) {
	if !p.begun {
		p.cursor, p.begun = after.Clone(), true
		return
	}
	p.cursor.Merge(after)
}

// isNew tells whether a record has not been given; what has no place always is.
func (p *progress) isNew(at messages.Position) bool {
	if at.IsZero() {
		return true
	}
	if !p.lasting {
		return !p.cursor.Covers(at)
	}
	if _, given := p.given[at]; given {
		return false
	}
	p.given[at] = struct{}{}
	return true
}

// begin is the event of a subscribed; nobody is told of it.
type begin struct{ after messages.Cursor }

func (begin) event() {}

// subscribeMessage is the request for a subscription.
type subscribeMessage struct {
	Op      string          `json:"op"`
	Sub     string          `json:"sub"`
	Streams []string        `json:"streams"`
	Start   any             `json:"start"`
	Where   string          `json:"where,omitempty"`
	Unique  bool            `json:"unique,omitempty"`
	Policy  json.RawMessage `json:"policy,omitempty"`
}

package chaos

import (
	"encoding/json"
	"time"
)

// History is what clients did and saw during a run, and what the nodes hold at its end. All times count from its
// beginning. Check reads it.
type History struct {
	Publishes []Publish
	Readers   []Reader
	// Held is what each node that runs at the end holds of the streams that were published to, by the node's name.
	Held map[string][]Record
	// Wiped are the origins that lost their disk: they may store a record twice that they had stored before.
	Wiped map[string]bool
}

// Datum is what a publisher numbers: it is the data of a record. Its native id is "<publisher>.<number>".
type Datum struct {
	Publisher int `json:"p"`
	Number    int `json:"n"`
}

// Record is what a client looks at of a record.
type Record struct {
	ID       string `json:"id"`
	Stream   string `json:"stream"`
	NativeID string `json:"native_id"`
	Data     Datum  `json:"data"`
	// Received is when the node that numbered it had it from its feed, by that node's clock.
	Received time.Time `json:"received"`
}

// Outcome is what a publisher knows after a try.
type Outcome string

const (
	// Acknowledged: stored, with an id or as a duplicate.
	Acknowledged Outcome = "acknowledged"
	// Unknown: no answer, or unconfirmed. It may be stored.
	Unknown Outcome = "unknown"
	// Refused: not stored.
	Refused Outcome = "refused"
)

// Publish is one try to publish a datum. Tries that were not acknowledged are followed by others, of the same datum.
type Publish struct {
	Datum
	// Node is the name of the node that was asked.
	Node       string
	Begin, End time.Duration
	Outcome    Outcome
	// ID is the record's, empty where it was a duplicate or not acknowledged.
	ID string
	// Why is what the node said, where it did not acknowledge: the code of the problem, of other than 503 and 507 behind the status.
	Why string
}

// Reader is a subscriber that read everything, on one node after the other: from the beginning, or from where a node said
// at first that all that is older is before it.
type Reader struct {
	Name string
	// Latest: it began with start "latest".
	Latest   bool
	Sessions []Session
}

// Session is one connection of a reader.
type Session struct {
	Node string
	// After is the cursor that it came with; empty is the beginning, or what is latest.
	After      []string
	Begin, End time.Duration
	Messages   []Message
	// End of the connection, in words.
	Why string
}

// Message is what a node says to a subscriber.
type Message struct {
	Op      string   `json:"op"`
	Stream  string   `json:"stream,omitempty"`
	Pos     string   `json:"pos,omitempty"`
	After   []string `json:"after,omitempty"`
	Origin  string   `json:"origin,omitempty"`
	From    string   `json:"from,omitempty"`
	To      string   `json:"to,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Code    string   `json:"code,omitempty"`
	Message string   `json:"message,omitempty"`
	Records []Record `json:"records,omitempty"`
}

// parseMessage reads a text message.
func parseMessage(text []byte) (m Message, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}

// seen moves a cursor over a message, by the contract's rule for who comes again.
func (c Cursor) seen(m *Message) {
	switch m.Op {
	case "subscribed", "cursor":
		c.See(m.After...)
	case "records":
		c.See(m.Pos)
	case "gap":
		c.See(m.To)
	}
}

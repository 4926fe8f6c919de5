package transform

import (
	"time"

	"anode/messages"
)

// Meta is what is known of a message besides its bytes.
type Meta struct {
	// Received is when it came; required.
	Received time.Time
	// URL is where it came from, without secrets.
	URL string
	// Status and Headers are those of an HTTP answer, names in lower case.
	Status  int
	Headers map[string]string
	// Event and ID are of a server-sent event.
	Event, ID string
	// Raw is the message as it was on the wire, where decoding made the message of it; nil is the message itself.
	// Binary tells that it was a binary message of a WebSocket. Those who look at frames see both.
	Raw    []byte
	Binary bool
	// Cursor is the feed's own place behind this message, for kinds that have one, such as the last id of
	// server-sent events: at most 16 KiB, or it is not kept; nil leaves it where it was, an empty one is none.
	Cursor *string
	// Began is when the walk over pages began that this message is of; zero is none.
	Began time.Time
	// State is the $state of the connection that it came over; nil is that of the pipeline, for kinds with one
	// connection at a time.
	State *State
	// Vars are what the templates of rules see beside the message; Vars.Item is the item of $meta too.
	Vars Vars
	// Secret resolves secrets for answers to where it came from; nil means that there are none.
	Secret Secret
}

// Action is what a rule asks the connection to do: one of its fields is set.
type Action struct {
	// Send is a text message.
	Send []byte
	// Fail closes the connection with this reason.
	Fail string
}

// Dropped counts what made no draft.
type Dropped struct{ Filtered, Duplicate, Limited, Failed uint64 }

// Failure is something that could not be made a draft.
type Failure struct {
	Reason string
	// Frame is the message, or the line or row of it, cut to maxFrame bytes; Size is its whole length.
	Frame []byte
	Size  int
	// Gap is set where the failure is a hole in the feed's numbering.
	Gap *Gap
}

const (
	// maxFrame is the most of a message that a Failure keeps, in bytes.
	maxFrame = 4 << 10
	// maxFailures is the most failures that one message gives; all are counted.
	maxFailures = 10
)

// Result is what became of one message.
type Result struct {
	// Drafts have the order of the message.
	Drafts []messages.Draft
	// Actions have the order of the rules; nothing comes after a Fail.
	Actions []Action
	Dropped Dropped
	// Failures are the first of Faults: what is counted in Dropped.Failed, and what cost no record, such as a
	// rule that failed.
	Failures []Failure
	Faults   uint64
	// Missing counts what the feed's own numbering says did not come.
	Missing uint64
	// Since is the last state that since.from gave; nil is none.
	Since any
	// Decoded tells that some of the message could be parsed.
	Decoded bool
	// Data tells that it made a record, be it a duplicate or one that limit holds or drops.
	Data bool
	// Seen tells that its last record is a duplicate of one that was there before Meta.Began.
	Seen bool
	// Page is what the message says of the page that it is.
	Page Page
	// Untimed counts drafts whose time can't be read; they have none.
	Untimed uint64
}

// Unreadable is the result of a message that was no message.
func Unreadable(reason string, frame []byte) Result {
	var r Result
	r.fail(frame, reason)
	return r
}

// Page is what a page of a polled feed says of itself, where the spec asks.
type Page struct {
	// Next is the last that rest.pages.next gave but null; nil is none. Failed tells that it can't be known.
	Next   any
	Failed bool
	// Last tells that rest.pages.until holds.
	Last bool
	// Values is how many values the page has: those that split gave; without it the elements of an array; else
	// those that map gave.
	Values int
}

func (r *Result) fail(frame []byte, reason string) {
	r.Dropped.Failed++
	r.note(frame, reason)
}

// note reports a failure that cost no record.
func (r *Result) note(frame []byte, reason string) { r.add(Failure{Reason: reason}, frame) }

// gap reports a hole.
func (r *Result) gap(frame []byte, reason string, g Gap) {
	r.add(Failure{Reason: reason, Gap: &g}, frame)
}

func (r *Result) add(f Failure, frame []byte) {
	r.Faults++
	if len(r.Failures) < maxFailures {
		f.Frame, f.Size = frame[:min(len(frame), maxFrame)], len(frame)
		r.Failures = append(r.Failures, f)
	}
}

package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/units"
)

// Outlet is the gateway's end of a subscriber's connection. Everything that is written after the
// handshake goes through it, and only the hub's loop that has it writes: one call of TryWrite or
// Write at a time. Close may be called at any time, also twice.
type Outlet interface {
	// Frame appends one message, head and body after one another, in the connection's framing. It is safe for
	// concurrent use.
	Frame(dst, head, body []byte) []byte
	// Farewell appends what the connection says last: why it ends.
	Farewell(dst []byte, code int, reason string) []byte
	// TryWrite writes what the connection takes without blocking.
	TryWrite(p []byte) (int, error)
	// Write writes all of it. It fails when nothing could be written for as long as patience.
	Write(p []byte, patience time.Duration) error
	// Close ends the connection at once.
	Close()
	// Events tells that the connection carries server-sent events, not messages of anode.v1.json.
	Events() bool
}

// Close codes of a session.
const (
	CloseGoingAway   = 1001
	CloseForbidden   = 1008
	CloseTooLarge    = 1009
	CloseBadFrame    = 4400
	CloseTooSlow     = 4408
	CloseTooMany     = 4429
	CloseUnavailable = 4503
)

// Seat is a connection's place in the hub. All methods are safe for concurrent use and, but for
// Room, never block.
type Seat interface {
	// ID tells it apart on this node.
	ID() string
	// Send queues one message as it is, behind all that is queued.
	Send(message []byte)
	// Room waits until what Send queued is nearly written, so that a client that asks without
	// reading is not read either.
	Room(ctx context.Context) error
	// Raw queues bytes that need no framing: control frames.
	Raw(frame []byte)
	// Subscribe makes a place for a subscription. Its feed is not live: nothing is delivered until
	// it is attached.
	Subscribe(s Subscription) Feed
	// Close ends the connection after what is queued, with a code of the protocol.
	Close(code int, reason string)
	// Heard tells that the client has said that it closes, first or in answer: nobody reads what would
	// come after the farewell, so the connection ends with that.
	Heard()
	// Gone is closed when the connection has ended.
	Gone() <-chan struct{}
}

// Feed is a subscription's place in the hub. Batch, Gap, Last and Progress are for one reader at a
// time, which is not live; they block until the client has taken enough of what they gave.
type Feed interface {
	// Begin says "subscribed" with the cursor; the reader goes on from there.
	Begin(after messages.Cursor)
	// BeginLive says "subscribed" with the heads and makes it live at once; heads stands for the
	// origins where it is beyond the hub.
	BeginLive(heads messages.Cursor)
	// Batch gives the records of a batch after a position.
	Batch(ctx context.Context, after messages.Position, b *messages.Batch) error
	// Last gives records of one stream that stand before the cursor.
	Last(ctx context.Context, records []*messages.Record) error
	// Gap gives a gap.
	Gap(ctx context.Context, g messages.Gap) error
	// Progress tells how far the reader is, where nothing was to give.
	Progress(ctx context.Context, seen messages.Cursor) error
	// Attach tells the hub what was read, and gives where the hub stands: the reader must still give
	// what lies between, while the hub keeps for it what comes after. Of a reader of some origins
	// (only is not nil), both speak of these.
	Attach(ctx context.Context, seen messages.Cursor, only []messages.NodeID) (messages.Cursor, error)
	// Live releases what was kept: from now on the hub delivers. Origins that wait for a hole are left
	// out, where seen says.
	Live(ctx context.Context, seen messages.Cursor, waiting, only []messages.NodeID) (Joining, error)
	// LeftOut tells which of the origins a live feed still leaves out, and where it is in them; one that
	// the cursor does not list begins as the start said. Of those met tells where the feed met them: just before
	// a batch that came live.
	LeftOut(ctx context.Context, origins []messages.NodeID) (list []messages.NodeID, at, met messages.Cursor, err error)
	// LeaveOut has a live feed leave out some of the origins that the hub has not met: a reader of these reads them. Of
	// others, and of a feed that is not live, nothing changes.
	LeaveOut(ctx context.Context, origins []messages.NodeID) error
	// End says "unsubscribed".
	End()
}

// Joining is what became of a reader's hand-over.
type Joining uint8

const (
	// Lost: the feed lagged or ended meanwhile; the reader is not needed any more.
	Lost Joining = iota
	// Again: too much came meanwhile; the reader goes on and tries again.
	Again
	// Joined: the feed is live.
	Joined
)

// Filter decides which records a subscription gets.
type Filter interface {
	Match(r *messages.Record) bool
	// String is its text; equal texts match the same.
	String() string
}

// Subscription is what a client asks for, but for where it begins.
type Subscription struct {
	Sub     string
	Streams []messages.Pattern
	// Filter is nil when all match.
	Filter Filter
	Unique bool
	Policy Policy
	// Told hears Lagged and Behind from the hub's loop. It must not block; false is "try again".
	Told func(message any) bool
}

// Matches tells whether one of the patterns selects the stream.
func (s *Subscription) Matches(stream messages.Stream) bool {
	for _, p := range s.Streams {
		if p.Match(stream) {
			return true
		}
	}
	return false
}

// Lagged tells a session that a subscription is not live any more: it goes on reading at At.
type Lagged struct {
	Sub string
	At  messages.Cursor
}

// Behind tells a session that something may have come of origins that its live subscription leaves
// out.
type Behind struct {
	Sub     string
	Origins []messages.NodeID
}

// Policies of slow or thrifty subscriptions.
const (
	PolicyCatchUp    = "catchup"
	PolicyConflate   = "conflate"
	PolicySample     = "sample"
	PolicyDrop       = "drop"
	PolicyDisconnect = "disconnect"
)

// Policy is what a subscription wants of the hub when it can't, or will not, get everything as it comes.
type Policy struct {
	// Kind is one of the policies; empty is PolicyCatchUp.
	Kind string
	// Every is the interval of conflate and sample.
	Every time.Duration
}

// The bounds of Policy.Every.
const (
	minEvery = 10 * time.Millisecond
	maxEvery = time.Hour
)

// Name is the policy's kind.
func (p Policy) Name() string {
	if p.Kind == "" {
		return PolicyCatchUp
	}
	return p.Kind
}

// Thrifty tells whether the policy leaves records out by time.
func (p Policy) Thrifty() bool { return p.Kind == PolicyConflate || p.Kind == PolicySample }

// UnmarshalJSON reads "catchup", "drop", "disconnect", {"conflate":"250ms"} or {"sample":"250ms"}.
func (p *Policy) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var name string
		if err := json.Unmarshal(text, &name); err != nil {
			return err
		}
		parsed, err := parsePolicy(name)
		if errors.Is(err, errUnknown) {
			err = policyError(string(text))
		}
		*p = parsed
		return err
	}
	var fields map[string]string
	if err := json.Unmarshal(text, &fields); err != nil || len(fields) != 1 {
		return policyError(string(text))
	}
	for kind, every := range fields {
		parsed, err := parsePolicy(kind + ":" + every)
		if errors.Is(err, errUnknown) {
			err = policyError(string(text))
		}
		if err != nil {
			return err
		}
		*p = parsed
	}
	return nil
}

// ParsePolicy reads the form of URLs and command lines: catchup, drop, disconnect, conflate:250ms, sample:250ms.
func ParsePolicy(text string) (Policy, error) {
	p, err := parsePolicy(text)
	if errors.Is(err, errUnknown) {
		err = fmt.Errorf("policy: %q is none of catchup, drop, disconnect, conflate:250ms, sample:250ms", clip(text))
	}
	return p, err
}

// errUnknown marks a word that is none of those known. What they are is said in the form of who asked.
var errUnknown = errors.New("unknown")

func parsePolicy(text string) (Policy, error) {
	kind, every, timed := strings.Cut(text, ":")
	switch p := (Policy{Kind: kind}); kind {
	case PolicyCatchUp, PolicyDrop, PolicyDisconnect:
		if !timed {
			return p, nil
		}
	case PolicyConflate, PolicySample:
		var err error
		if p.Every, err = units.ParseDuration(every); err != nil {
			return Policy{}, fmt.Errorf("policy: %s: %w", kind, err)
		}
		if p.Every < minEvery || p.Every > maxEvery {
			return Policy{}, fmt.Errorf("policy: %s of %s, %s to %s are allowed", kind, every, minEvery, maxEvery)
		}
		return p, nil
	}
	return Policy{}, errUnknown
}

// clip cuts a refused text so that an error stays readable.
func clip(text string) string { return units.Clip(text, 80) }

// policyError tells the forms of the protocol; text is JSON.
func policyError(text string) error {
	text = clip(text)
	return fmt.Errorf(`policy: %s is none of "catchup", "drop", "disconnect", {"conflate":"250ms"}, {"sample":"250ms"}`, text)
}

// MaxLast is the most records of each stream that a start asks for.
const MaxLast = 10_000

// Start is where a subscription begins. The zero Start is the latest.
type Start struct {
	// Earliest begins with all that is held.
	Earliest bool
	// After goes on from a cursor, where not nil.
	After *messages.Cursor
	// Time begins with what was received then or later, where not zero.
	Time time.Time
	// Last begins with so many of each stream.
	Last int
}

// startFields is Start as a JSON object: one of them.
type startFields struct {
	After *messages.Cursor `json:"after"`
	Time  *string          `json:"time"`
	Last  *int             `json:"last"`
}

// UnmarshalJSON reads "latest", "earliest", {"after":[…]}, {"time":"…"} or {"last":n}.
func (s *Start) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		var name string
		if err := json.Unmarshal(text, &name); err != nil {
			return err
		}
		if name != "latest" && name != "earliest" {
			return startError(string(text))
		}
		*s = Start{Earliest: name == "earliest"}
		return nil
	}
	if len(text) > 0 && text[0] != '{' && string(text) != "null" {
		return startError(string(text))
	}
	var f startFields
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	switch {
	case f.After != nil && f.Time == nil && f.Last == nil:
		*s = Start{After: f.After}
		return nil
	case f.Time != nil && f.After == nil && f.Last == nil:
		return s.setTime(*f.Time)
	case f.Last != nil && f.After == nil && f.Time == nil:
		return s.setLast(*f.Last)
	}
	return startError(string(text))
}

// ParseStart reads the form of URLs and command lines: latest, earliest, last:10, time:T, after:P,P.
func ParseStart(text string) (Start, error) {
	kind, value, _ := strings.Cut(text, ":")
	var s Start
	switch {
	case text == "", text == "latest":
		return s, nil
	case text == "earliest":
		return Start{Earliest: true}, nil
	case kind == "last":
		n, err := strconv.Atoi(value)
		if err != nil {
			return s, fmt.Errorf("start: last:%q is no number", value)
		}
		return s, s.setLast(n)
	case kind == "time":
		return s, s.setTime(value)
	case kind == "after":
		c, err := messages.ParseCursorText(value)
		if err != nil {
			return s, err
		}
		return Start{After: &c}, nil
	}
	return s, fmt.Errorf("start: %q is none of latest, earliest, last:10, time:T, after:P,P", clip(text))
}

func (s *Start) setTime(text string) error {
	t, err := messages.ParseTime(text)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	*s = Start{Time: t}
	return nil
}

func (s *Start) setLast(n int) error {
	if n < 1 || n > MaxLast {
		return fmt.Errorf("start: last %d, 1 to %d are allowed", n, MaxLast)
	}
	*s = Start{Last: n}
	return nil
}

// startError tells the forms of the protocol; text is JSON.
func startError(text string) error {
	text = clip(text)
	return fmt.Errorf(`start: %s is none of "latest", "earliest", {"after":[…]}, {"time":"…"}, {"last":n}`, text)
}

// OpenSession makes a session of a connection.
type OpenSession struct {
	To[Session]
	Outlet Outlet
	// Remote is the client's address.
	Remote string
	// Taken is given the session before the answer, and tells whether there is somebody to hang it up: where nobody waits for the answer any
	// more, it is ended at once. It must not block. nil is always somebody.
	Taken func(Session) bool
}

// Session is the gateway's hold on a session.
type Session interface {
	Seat
	// Ask lets the session do an operation: Subscribe or Unsubscribe. What comes of it is told to the
	// client; an error says that it was refused.
	Ask(ctx context.Context, operation any) error
	// Hangup tells that the connection has ended. The gateway calls it once, at last.
	Hangup()
}

// Subscribe begins a subscription.
type Subscribe struct {
	Sub     string
	Streams []string
	Start   Start
	Where   string
	Unique  bool
	Policy  Policy
}

// Check tells what is wrong with a Subscribe, without doing it.
type Check Subscribe

// Unsubscribe ends one.
type Unsubscribe struct{ Sub string }

// Subscribers asks for the sessions of this node.
type Subscribers struct{ To[[]SubscriberView] }

// SubscriberView is one session.
type SubscriberView struct {
	ID     string    `json:"id"`
	Remote string    `json:"remote"`
	Kind   string    `json:"kind"`
	Since  time.Time `json:"since"`
	// Queued is bytes that wait to be written.
	Queued int64  `json:"queued_bytes"`
	Sent   uint64 `json:"sent_records"`
	// Subscriptions are its subscriptions by name.
	Subscriptions []SubscriptionView `json:"subscriptions"`
}

// SubscriptionView is one subscription.
type SubscriptionView struct {
	Sub     string             `json:"sub"`
	Streams []messages.Pattern `json:"streams"`
	Where   string             `json:"where,omitempty"`
	Unique  bool               `json:"unique,omitempty"`
	Policy  string             `json:"policy"`
	// State is reading, joining, live or dropping.
	State string `json:"state"`
}

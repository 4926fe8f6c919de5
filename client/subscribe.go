package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// Subscribe says what to follow.
type Subscribe struct {
	// Streams are patterns; none is everything but the mesh's own streams.
	Streams []string
	// Start is latest, earliest, last:10, time:T or after:P,P; empty is latest.
	Start string
	// After goes on from a cursor that a subscription or a walk gave; where not nil it counts, not Start.
	After *messages.Cursor
	// Where is a filter, a jq expression over the record; empty is none.
	Where string
	// Unique drops what this subscription got already under the same source, stream, key and native id.
	// A reconnect begins with no memory of that.
	Unique bool
	// Policy is catchup, drop, disconnect, conflate:250ms or sample:250ms; empty is catchup.
	Policy string
	// GiveUp ends the subscription when no server answers the very first attempt; otherwise it retries
	// for ever.
	GiveUp bool
	// Retrying is told why a connection ended, or none could be made, and how long the pause is: none while
	// a first server is searched. Nil is nobody.
	Retrying func(err error, pause time.Duration)
}

// Event is what a subscription gives: *Record, Gap, Live or Progress.
type Event interface{ event() }

// Gap says that records after From, up to and with To, are not coming.
type Gap struct {
	Origin   messages.NodeID
	From, To messages.Position
	// Reason is retention, missing, late or slow.
	Reason messages.Reason
}

// Live says that the subscription has caught up with the present; it comes again after each catching up.
type Live struct{}

// Progress says that the cursor may have moved without a record, and that the node lives.
type Progress struct{}

func (*Record) event()  {}
func (Gap) event()      {}
func (Live) event()     {}
func (Progress) event() {}

// Subscription follows streams over any number of connections. It is for one goroutine.
type Subscription struct {
	client *Client
	ask    Subscribe
	policy json.RawMessage
	start  command.Start

	progress progress
	route    route
	conn     *connection
	queue    []delivery
	failed   error
}

// delivery is an event, or nil, and the places that are seen with it.
type delivery struct {
	event Event
	seen  []messages.Position
}

// Subscribe checks what is asked for and makes a subscription; it connects with the first Next.
func (c *Client) Subscribe(ask Subscribe) (*Subscription, error) {
	s := &Subscription{client: c, ask: ask, route: newRoute(c)}
	var faults []error
	if len(ask.Streams) == 0 {
		ask.Streams = []string{string(messages.Everything)}
	}
	s.ask.Streams = nil
	for _, text := range ask.Streams {
		p, err := messages.ParseShortPattern(text)
		if err != nil {
			faults = append(faults, err)
		}
		s.ask.Streams = append(s.ask.Streams, string(p))
	}
	var err error
	if s.start, err = command.ParseStart(ask.Start); err != nil {
		faults = append(faults, err)
	}
	if s.policy, err = policyJSON(ask.Policy); err != nil {
		faults = append(faults, err)
	}
	if ask.After != nil {
		after := ask.After.Clone()
		s.start = command.Start{After: &after}
	}
	s.progress = newProgress(s.start)
	return s, errors.Join(faults...)
}

// policyJSON is a policy in the protocol's form.
func policyJSON(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	if _, err := command.ParsePolicy(text); err != nil {
		return nil, err
	}
	kind, every, timed := strings.Cut(text, ":")
	if timed {
		return json.Marshal(map[string]string{kind: every})
	}
	return json.Marshal(kind)
}

// Next gives the next event. It blocks until there is one, and reconnects as often as it takes; an
// error is final: the end of ctx, or a *Problem that retrying does not mend. While nobody calls it
// nothing is read, and the node treats the subscription as slow, as its policy says.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		for len(s.queue) > 0 {
			d := s.queue[0]
			s.queue = s.queue[1:]
			if s.progress.take(d) {
				return d.event, nil
			}
		}
		if s.failed != nil {
			return nil, s.failed
		}
		if err := s.fill(ctx); err != nil {
			s.drop()
			if ctx.Err() == nil {
				s.failed = err
			}
			return nil, err
		}
	}
}

// All yields events until an error, which it yields last.
func (s *Subscription) All(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			event, err := s.Next(ctx)
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// Buffered is how many events Next can give at most without waiting for the node: a good moment to
// flush and to save the cursor is when it is 0.
func (s *Subscription) Buffered() int { return len(s.queue) }

// Cursor is what was seen with the events that Next gave: another subscription with it as After gets
// what comes then, exactly. It is false while nothing can be resumed yet: before the first answer, and,
// with a start of last, before the first Live.
func (s *Subscription) Cursor() (messages.Cursor, bool) {
	return s.progress.cursor.Clone(), s.progress.resumable()
}

// Server is the node that it is connected to; empty while it is not.
func (s *Subscription) Server() string {
	if s.conn == nil {
		return ""
	}
	return s.conn.server.String()
}

// Close ends the connection. Next fails afterwards.
func (s *Subscription) Close() {
	if s.conn != nil {
		s.conn.bye()
	}
	s.drop()
	s.queue, s.failed = nil, ErrClosed
}

// ErrClosed is what Next gives after Close.
var ErrClosed = errors.New("the subscription was closed")

func (s *Subscription) drop() {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}

// fill waits for the next message, over as many connections as it takes.
func (s *Subscription) fill(ctx context.Context) error {
	for {
		err := s.connect(ctx)
		if err == nil {
			if s.queue, err = s.conn.next(ctx); err == nil {
				s.route.heard(s.conn)
				return nil
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if final(err) {
			return err
		}
		if err := s.retry(ctx, err); err != nil {
			return err
		}
	}
}

// connect makes a connection where there is none, and subscribes on it.
func (s *Subscription) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	conn, err := s.client.dial(ctx, s.route.server())
	if err != nil {
		return err
	}
	s.conn = conn
	s.progress.again()
	return conn.subscribe(s.message())
}

// message asks for the subscription, from where it is.
func (s *Subscription) message() subscribeMessage {
	return subscribeMessage{
		Op: "subscribe", Sub: subName, Streams: s.ask.Streams, Start: s.progress.start(),
		Where: s.ask.Where, Unique: s.ask.Unique, Policy: s.policy,
	}
}

// retry chooses where to go next, and waits.
func (s *Subscription) retry(ctx context.Context, why error) error {
	lived := time.Duration(0)
	if s.conn != nil && s.conn.subscribed {
		lived = time.Since(s.conn.since)
	}
	s.drop()
	pause := s.route.next(lived)
	if s.ask.GiveUp && s.route.hopeless() {
		return why
	}
	s.client.cfg.Logger.Debug("a subscription connects anew", "error", why, "pause", pause)
	if s.ask.Retrying != nil {
		s.ask.Retrying(why, pause)
	}
	return sleep(ctx, pause)
}

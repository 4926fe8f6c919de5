package subscriber

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
)

// session is the actor of one connection.
type session struct {
	shared *shared
	seat   command.Seat
	subs   map[string]*subscription
	// spent: an earlier incarnation failed, and what it knew is lost.
	spent bool
}

// subscription is one of the session's.
type subscription struct {
	spec command.Subscription
	feed command.Feed
	// from is the time of the cursor that it began with, where it has one: origins that are not listed
	// begin there.
	from  int64
	timed bool
	// stop ends its reader; nil while it has none.
	stop context.CancelFunc
	// again is a whole reading that waits for the end of the reader, and behind are origins that do.
	again  *messages.Cursor
	behind map[messages.NodeID]struct{}
	// yield asks a reader of some origins to make room.
	yield atomic.Bool
	// absent is what waits for the archive.
	absent absence
}

// told is what the hub's loop tells of a subscription: Lagged or Behind.
type told struct {
	sub     *subscription
	message any
}

// finished tells that a subscription's reader has ended, and where.
type finished struct {
	sub    *subscription
	reader *reader
	only   []messages.NodeID
	err    error
}

// Started implements actor.Starter.
func (s *session) Started(*actor.Context) error {
	if s.spent {
		s.seat.Close(command.CloseUnavailable, "the session failed, come again with your cursor")
	}
	return nil
}

// Stopped implements actor.Stopper. A connection that was hung up has ended already.
func (s *session) Stopped(*actor.Context) {
	s.shared.subscriptions.Add(int64(-len(s.subs)))
	s.seat.Close(command.CloseUnavailable, "the session ended, come again with your cursor")
}

// Receive implements actor.Actor.
func (s *session) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case command.Subscribe:
		ctx.Respond(nil, s.subscribe(ctx, m))
	case command.Check:
		_, err := s.check(command.Subscribe(m))
		ctx.Respond(nil, err)
	case command.Unsubscribe:
		ctx.Respond(nil, s.unsubscribe(m))
	case told:
		if s.subs[m.sub.spec.Sub] == m.sub { // not an earlier one of that name
			s.hear(ctx, m)
		}
	case finished:
		s.finish(ctx, m)
	case askAgain:
		s.askAgain(ctx, m.sub)
	}
}

// hear goes on with what the hub's loop told of a subscription.
func (s *session) hear(ctx *actor.Context, m told) {
	switch about := m.message.(type) {
	case command.Lagged:
		s.reread(ctx, m.sub, about.At)
	case command.Behind:
		s.catchUp(ctx, m.sub, about)
	}
}

// subscribe checks a request as a whole, and begins.
func (s *session) subscribe(ctx *actor.Context, m command.Subscribe) error {
	spec, err := s.check(m)
	if err != nil {
		return err
	}
	if s.shared.subscriptions.Add(1) > s.shared.MostOfNode {
		s.shared.subscriptions.Add(-1)
		return fmt.Errorf("%w: the node has %d subscriptions", command.ErrTooMany, s.shared.MostOfNode)
	}
	self := ctx.Self()
	sub := &subscription{}
	spec.Told = func(message any) bool { return self.Tell(told{sub, message}) }
	sub.spec, sub.feed = spec, s.seat.Subscribe(spec)
	s.subs[m.Sub] = sub
	start := s.start(m.Start)
	sub.from, sub.timed = start.From()
	if m.Start == (command.Start{}) {
		sub.feed.BeginLive(start)
		return nil
	}
	sub.feed.Begin(start)
	s.read(ctx, sub, reader{seen: start, last: m.Start.Last})
	return nil
}

// start is a start as a cursor.
func (s *session) start(at command.Start) messages.Cursor {
	var c messages.Cursor
	switch {
	case at.After != nil:
		return at.After.Clone()
	case at.Earliest:
	case !at.Time.IsZero():
		c.SetFrom(at.Time.UnixMilli())
	default:
		return s.heads()
	}
	return c
}

func (s *session) check(m command.Subscribe) (command.Subscription, error) {
	spec := command.Subscription{Sub: m.Sub, Unique: m.Unique, Policy: m.Policy}
	switch {
	case m.Sub == "" || len(m.Sub) > mostSub:
		return spec, fmt.Errorf("%w: sub must have 1 to %d bytes", command.ErrInvalid, mostSub)
	case s.subs[m.Sub] != nil:
		return spec, fmt.Errorf("%w: sub %q is in use", command.ErrExists, m.Sub)
	case len(s.subs) >= s.shared.MostSubscriptions:
		return spec, fmt.Errorf("%w: a connection may have %d subscriptions", command.ErrTooMany, s.shared.MostSubscriptions)
	case len(m.Streams) == 0 || len(m.Streams) > mostPatterns:
		return spec, fmt.Errorf("%w: streams must have 1 to %d patterns, not %d", messages.ErrPattern, mostPatterns, len(m.Streams))
	case len(m.Where) > mostWhere:
		return spec, fmt.Errorf("%w: where has %d bytes, at most %d are allowed", command.ErrInvalidFilter, len(m.Where), mostWhere)
	}
	var faults []error
	for _, text := range m.Streams {
		p, err := messages.ParsePattern(text)
		if err != nil {
			faults = append(faults, err)
		}
		spec.Streams = append(spec.Streams, p)
	}
	if m.Where != "" {
		filter, err := s.shared.Compile(m.Where)
		if err != nil {
			faults = append(faults, fmt.Errorf("%w: %w", command.ErrInvalidFilter, err))
		}
		spec.Filter = filter
	}
	return spec, errors.Join(faults...)
}

// heads is the cursor of the latest: the highest place of every known origin, held here or by a peer, and a time for
// those that turn up later.
func (s *session) heads() messages.Cursor {
	var c messages.Cursor
	for _, origin := range s.shared.Journal.Origins() {
		if head := s.shared.Journal.Head(origin); head.Sequence > 0 {
			c.Advance(head)
		}
	}
	if s.shared.Heads != nil {
		for _, head := range s.shared.Heads() {
			c.Advance(head)
		}
	}
	c.SetFrom(s.shared.Clock().Add(-s.shared.LatestFrom).UnixMilli())
	return c
}

func (s *session) unsubscribe(m command.Unsubscribe) error {
	sub := s.subs[m.Sub]
	if sub == nil {
		return fmt.Errorf("%w: no subscription %q", command.ErrNotFound, m.Sub)
	}
	delete(s.subs, m.Sub)
	s.shared.subscriptions.Add(-1)
	if sub.stop != nil {
		sub.stop()
	}
	sub.feed.End()
	return nil
}

// reread reads on where a live subscription fell behind, after its reader, if it has one.
func (s *session) reread(ctx *actor.Context, sub *subscription, at messages.Cursor) {
	sub.behind = nil
	if sub.stop != nil {
		sub.again = &at
		sub.yield.Store(true)
		return
	}
	s.read(ctx, sub, reader{seen: at})
}

// catchUp reads the origins that a live subscription leaves out, but for those that wait for the archive: they are read in
// their time.
func (s *session) catchUp(ctx *actor.Context, sub *subscription, m command.Behind) {
	origins := slices.DeleteFunc(m.Origins, sub.absent.waits)
	switch {
	case len(origins) == 0:
	case sub.stop != nil:
		if sub.behind == nil {
			sub.behind = make(map[messages.NodeID]struct{})
		}
		for _, origin := range origins {
			sub.behind[origin] = struct{}{}
		}
		sub.yield.Store(true)
	default:
		s.read(ctx, sub, reader{only: origins})
	}
}

// read starts a reader, of which is given where it reads and what.
func (s *session) read(ctx *actor.Context, sub *subscription, with reader) {
	life, stop := context.WithCancel(context.Background())
	sub.stop = stop
	sub.yield.Store(false)
	r := &with
	r.shared, r.sub, r.began, r.archive.replay = s.shared, sub, s.shared.Clock(), s.shared.Replay
	r.seen = r.seen.Clone()
	if sub.timed {
		r.seen.SetFrom(sub.from)
	}
	self, only := ctx.Self(), r.only
	ctx.Go("reader "+sub.spec.Sub, func(incarnation context.Context) error {
		defer stop()
		defer context.AfterFunc(incarnation, stop)()
		err := r.run(life)
		if !self.Tell(finished{sub: sub, reader: r, only: only, err: err}) && incarnation.Err() == nil {
			return errors.New("the mailbox has no room for the end of a reading") // nobody would ever read on
		}
		return nil
	})
}

// finish goes on with what waited for a reader's end.
func (s *session) finish(ctx *actor.Context, m finished) {
	sub := m.sub
	sub.stop = nil
	if s.subs[sub.spec.Sub] != sub {
		return
	}
	if m.err != nil && !errors.Is(m.err, context.Canceled) {
		select {
		case <-s.seat.Gone():
		default:
			ctx.Log().Warn("a subscription can't be read for: its connection is closed", "sub", sub.spec.Sub, "error", m.err)
			s.seat.Close(command.CloseUnavailable, "the journal can't be read")
		}
		return
	}
	s.note(ctx, sub, m)
	switch {
	case sub.again != nil:
		at := *sub.again
		sub.again, sub.behind = nil, nil
		if m.only != nil { // it read further than the live feed stood in these
			at.Merge(m.reader.seen)
		}
		s.read(ctx, sub, reader{seen: at})
	case len(sub.behind)+len(m.reader.rest) > 0:
		origins := slices.Collect(maps.Keys(sub.behind))
		for origin := range m.reader.rest {
			if _, both := sub.behind[origin]; !both {
				origins = append(origins, origin)
			}
		}
		sub.behind = nil
		s.read(ctx, sub, reader{only: origins})
	}
}

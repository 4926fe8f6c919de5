package hub

import (
	"context"
	"encoding/json"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// The methods that a session's reader uses.

// run lets the loop do something and waits for it. After an error the loop may be doing it still:
// what the command writes must not be looked at then.
func (f *feed) run(ctx context.Context, command func()) error {
	done := make(chan struct{})
	if !f.seat.loop.do(func() {
		defer close(done)
		if !f.seat.over && f.mode != ended {
			command()
		}
	}) {
		return errGone
	}
	select {
	case <-done:
		return nil
	case <-f.seat.gone:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// subscribed says where the subscription begins.
func (f *feed) subscribed(after messages.Cursor) {
	f.begun = true
	if f.events {
		f.whole, f.moved = after.Clone(), true
		f.seat.loop.mark(f.seat)
		return
	}
	h := f.seat.loop.hub
	body := cursorBody(after)
	body = append(append(append(body[:len(body)-1], `,"node":"`...), h.cfg.Node...), `","nodes":`...)
	nodes, err := json.Marshal(h.cfg.Nodes())
	if err != nil { // a list of texts always marshals
		nodes = []byte("[]")
	}
	f.control(f.message("subscribed"), append(append(body, nodes...), '}'))
}

// Begin implements command.Feed.
func (f *feed) Begin(after messages.Cursor) {
	after = after.Clone()
	f.seat.loop.do(func() {
		if f.mode != ended {
			f.subscribed(after)
		}
	})
}

// BeginLive implements command.Feed.
func (f *feed) BeginLive(heads messages.Cursor) {
	heads = heads.Clone()
	l := f.seat.loop
	l.do(func() {
		if f.mode == ended || f.seat.over {
			return
		}
		for _, p := range l.at {
			heads.Advance(p.at)
		}
		f.setAhead(heads)
		f.leaveUnmet(heads)
		f.subscribed(heads)
		f.mark = l.moves
		f.goLive()
		f.retouch()
	})
}

// setAhead notes where the cursor is beyond the hub.
func (f *feed) setAhead(seen messages.Cursor) {
	f.ahead = nil
	for p := range seen.All() {
		f.beAhead(p)
	}
}

func (f *feed) beAhead(p messages.Position) {
	if at := f.seat.loop.at[p.Origin]; at == nil || p.Compare(at.at) > 0 {
		if f.ahead == nil {
			f.ahead = make(map[messages.NodeID]messages.Position)
		}
		f.ahead[p.Origin] = p
	}
}

// leaveUnmet leaves out the origins of which something came while the feed was read for, and
// that the hub has not met: no hand-over covers them.
func (f *feed) leaveUnmet(seen messages.Cursor) {
	for origin, count := range f.seat.loop.touched {
		if count > f.touchMark && f.seat.loop.at[origin] == nil {
			f.leaveOutAt(origin, seen)
		}
	}
}

// retouch tells of what came of the origins that are left out since the reader began.
func (f *feed) retouch() {
	for origin := range f.left {
		if f.seat.loop.touched[origin] > f.touchMark {
			f.tellBehind(origin)
		}
	}
}

// goLive makes the feed live, and says so.
func (f *feed) goLive() {
	f.mode = live
	l := f.seat.loop
	for _, i := range l.hub.latest(&f.spec) {
		f.ephemeral(i)
	}
	f.sayLive()
}

// sayLive tells the client that it has caught up, and its cursor.
func (f *feed) sayLive() {
	if f.events {
		f.seat.loop.mark(f.seat)
		return
	}
	f.claim(f.message("live"), []byte("}"))
	f.sendCursor(time.Now())
}

// give queues a piece on credit.
func (f *feed) give(ctx context.Context, p piece) error {
	if err := f.await(ctx); err != nil {
		return err
	}
	p.fed, p.feed = true, f
	f.inflight.Add(int64(p.size()))
	if f.thrift != nil { // what is saved from now on must not overtake it
		return f.run(ctx, func() { f.seat.add(p) })
	}
	if !f.seat.loop.do(func() {
		if f.mode != ended {
			f.seat.add(p)
		}
	}) {
		return errGone
	}
	return nil
}

// await waits until the client has taken enough of what was given. What its reader has in hand counts among what
// slow connections hold.
func (f *feed) await(ctx context.Context) error {
	slack := int64(f.seat.loop.hub.cfg.Slack)
	if f.inflight.Load() <= slack {
		return nil
	}
	defer f.slow()()
	for f.inflight.Load() > slack {
		select {
		case <-f.credit:
		case <-f.seat.gone:
			return errGone
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// slow counts what the reader has in hand among what its connection holds; leave must be called.
func (f *feed) slow() (leave func()) {
	bytes := int64(f.inHand)
	f.seat.place.More(bytes)
	return func() { f.seat.place.More(-bytes) }
}

// Batch implements command.Feed.
func (f *feed) Batch(ctx context.Context, after messages.Position, b *messages.Batch) error {
	s := newSheet(b, time.Time{})
	defer func() { f.inHand = 0 }()
	for i := range s.groups {
		g := &s.groups[i]
		last := &g.group.Records[len(g.group.Records)-1]
		if !f.spec.Matches(g.group.Stream) || last.Position.Compare(after) <= 0 {
			continue
		}
		f.inHand = s.size
		if f.thrift != nil {
			if err := f.saveRead(ctx, g.group, after); err != nil {
				return err
			}
			continue
		}
		pieces := f.render(g, after, after)
		for i := range pieces {
			f.inHand += pieces[i].size()
		}
		for _, p := range pieces {
			if err := f.give(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// Last implements command.Feed.
func (f *feed) Last(ctx context.Context, records []*messages.Record) error {
	var list []noted
	w := chunkWriter{events: f.events}
	var pieces []piece
	end := func() {
		for _, c := range w.close() {
			pieces = append(pieces, piece{head: f.head, body: c.body, records: c.count})
		}
		w = chunkWriter{events: f.events}
	}
	for _, r := range records {
		if !f.passes(r, messages.Position{}, &list) {
			continue
		}
		// A message has one position, that of its last record: it must not jump between origins or back.
		if w.open() && (w.pos.Origin != r.Position.Origin || w.pos.Compare(r.Position) > 0) {
			end()
		}
		w.stream = r.Stream
		w.add(r.AppendJSON(nil), r.Position, r.Position)
	}
	end()
	defer func() { f.inHand = 0 }()
	for _, r := range records {
		f.inHand += r.Size()
	}
	for i := range pieces {
		f.inHand += pieces[i].size()
	}
	for _, p := range pieces {
		if err := f.give(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// Gap implements command.Feed.
func (f *feed) Gap(ctx context.Context, g messages.Gap) error {
	if f.thrift != nil {
		if err := f.spillAll(ctx); err != nil {
			return err
		}
	}
	return f.give(ctx, f.gapPiece(g))
}

// Progress implements command.Feed.
func (f *feed) Progress(ctx context.Context, seen messages.Cursor) error {
	now := time.Now()
	if f.progress.IsZero() {
		f.progress = now
	}
	if now.Sub(f.progress) < f.seat.loop.hub.cfg.Heartbeat {
		return nil
	}
	f.progress = now
	if f.thrift != nil {
		if err := f.spillAll(ctx); err != nil {
			return err
		}
	}
	if f.events {
		whole := seen.Clone()
		return f.run(ctx, func() {
			f.whole.Merge(whole)
			f.moved = true
			f.seat.add(piece{raw: true, body: []byte(":\n\n")})
		})
	}
	return f.give(ctx, piece{head: f.message("cursor"), body: cursorBody(seen), claim: f.thrift != nil})
}

// Attach implements command.Feed.
func (f *feed) Attach(ctx context.Context, seen messages.Cursor, only []messages.NodeID) (messages.Cursor, error) {
	seen = seen.Clone()
	var stand messages.Cursor
	err := f.run(ctx, func() {
		l := f.seat.loop
		f.dropHeld()
		f.overflow = false
		if only == nil {
			f.mode = joining
			f.setAhead(seen)
			for _, p := range l.at {
				stand.Advance(p.at)
			}
			return
		}
		if f.mode != live { // it lagged: Live will say that the reader is not needed
			return
		}
		f.joins = make(map[messages.NodeID]bool, len(only))
		for _, origin := range only {
			f.joins[origin] = true
			delete(f.told, origin)
			if p := l.at[origin]; p != nil {
				stand.Advance(p.at)
			}
			if at, ok := seen.At(origin); ok {
				f.beAhead(at)
			}
		}
	})
	if err != nil {
		return messages.Cursor{}, err
	}
	return stand, nil
}

// LeftOut implements command.Feed.
func (f *feed) LeftOut(ctx context.Context, origins []messages.NodeID) ([]messages.NodeID, messages.Cursor, messages.Cursor, error) {
	var list []messages.NodeID
	var at, met messages.Cursor
	err := f.run(ctx, func() {
		f.touchMark = f.seat.loop.touches
		for _, origin := range origins {
			p, out := f.left[origin]
			if !out || f.mode != live {
				continue
			}
			delete(f.told, origin)
			list = append(list, origin)
			if p.Origin != "" {
				at.Advance(p)
			}
			if p, ok := f.met[origin]; ok {
				met.Advance(p)
			}
		}
	})
	if err != nil {
		return nil, messages.Cursor{}, messages.Cursor{}, err
	}
	return list, at, met, nil
}

// LeaveOut implements command.Feed.
func (f *feed) LeaveOut(ctx context.Context, origins []messages.NodeID) error {
	return f.run(ctx, func() {
		if f.mode != live && f.mode != dropping {
			return
		}
		for _, origin := range origins {
			if _, out := f.left[origin]; !out && f.seat.loop.at[origin] == nil {
				f.leaveOut(origin, f.ahead[origin])
			}
		}
	})
}

// End implements command.Feed.
func (f *feed) End() {
	f.seat.loop.do(func() {
		if f.mode == ended {
			return
		}
		s := f.seat
		kept := s.pending[:0]
		for _, p := range s.pending {
			if p.feed == f {
				s.queued -= p.size()
				continue
			}
			kept = append(kept, p)
		}
		clear(s.pending[len(kept):])
		s.pending = kept
		f.leave()
		delete(s.feeds, f.spec.Sub)
		f.control(f.message("unsubscribed"), []byte("}"))
	})
}

var _ command.Feed = (*feed)(nil)

package hub

import (
	"anode/messages"
	"anode/messages/command"
)

// lag turns a live feed into one that is read for, from the first record that it did not get.
func (l *loop) lag(f *feed, why string) {
	if f.mode != live {
		if f.mode == joining {
			f.overflow = true
			f.dropHeld()
		}
		return
	}
	at := f.takeBack()
	l.hub.metrics.lagged.WithLabelValues(f.spec.Policy.Name()).Inc()
	switch f.spec.Policy.Kind {
	case command.PolicyDisconnect:
		f.seat.close(command.CloseTooSlow, "subscription "+f.spec.Sub+": "+why)
	case command.PolicyDrop:
		f.mode, f.lost, f.seat.drops = dropping, at, true
		l.mark(f.seat) // it is live again after a write
	default:
		f.mode, f.left, f.told, f.touchMark = reading, nil, nil, l.touches
		delete(l.waiters, f)
		f.tell(command.Lagged{Sub: f.spec.Sub, At: at})
	}
}

// heldPiece is a piece that is held until its feed is live; of a thrifty feed it is a group,
// which then goes the way of all its records.
type heldPiece struct {
	piece
	group *messages.Group
	after messages.Position
}

func (h *heldPiece) size() int {
	size := h.piece.size()
	if h.group != nil {
		for i := range h.group.Records {
			size += h.group.Records[i].Size()
		}
	}
	return size
}

func (f *feed) hold(h heldPiece) {
	if f.overflow {
		f.unique.forget(h.identities)
		return
	}
	f.held = append(f.held, h)
	if f.heldBytes += h.size(); f.heldBytes > f.seat.loop.hub.cfg.Slack && len(f.held) > 1 {
		f.overflow = true
		f.dropHeld()
	}
}

// dropHeld forgets what was held: its reader reads it.
func (f *feed) dropHeld() {
	for i := range f.held {
		f.unique.forget(f.held[i].identities)
	}
	f.held, f.heldBytes = nil, 0
}

// takeBack removes what waits of a live feed, and gives the cursor of what it got. What a
// reader gave of the origins that are left out stays: it says itself how far it is.
func (f *feed) takeBack() messages.Cursor {
	l, s := f.seat.loop, f.seat
	at := make(map[messages.NodeID]messages.Position)
	for p := range l.cursor(f, 0).All() {
		at[p.Origin] = p
	}
	for origin, p := range f.ahead {
		if l.at[origin] == nil { // the hub has not met it: only the feed knows where it is
			at[origin] = p
		}
	}
	for origin, p := range f.left {
		if at[origin] = p; p.Origin == "" {
			delete(at, origin)
		}
	}
	unsaid, before := f.thrift.empty(f.left)
	f.unique.forget(f.noted(unsaid))
	for origin, p := range before {
		at[origin] = p
	}
	kept := s.pending[:0]
	var back []piece
	for _, p := range s.pending {
		if p.feed == f && p.claim {
			f.withdraw(&p)
			continue
		}
		// What a reader saved is flushed by the loop: what the reader gave behind it goes back with it.
		given := p.fed && f.thrift == nil
		if _, out := f.left[p.to.Origin]; p.feed == f && !given && !p.to.IsZero() && !out {
			back = append(back, p)
			f.withdraw(&p)
			continue
		}
		kept = append(kept, p)
	}
	clear(s.pending[len(kept):])
	s.pending = kept
	dropped := 0
	for i := len(back) - 1; i >= 0; i-- {
		p := &back[i]
		f.unique.forget(p.identities)
		dropped += p.records
		at[p.to.Origin] = p.from
	}
	if f.spec.Policy.Kind == command.PolicyDrop || f.spec.Policy.Kind == command.PolicyDisconnect {
		l.hub.metrics.dropped.WithLabelValues(f.spec.Policy.Name()).Add(float64(dropped))
	}
	f.mark = 0
	f.dropHeld()
	f.joins, f.overflow = nil, false
	var c messages.Cursor
	for _, p := range at {
		c.Advance(p)
	}
	return c
}

// withdraw takes a piece out of the seat's account; claims are in no other, but for a reader's.
func (f *feed) withdraw(p *piece) {
	f.seat.queued -= p.size()
	switch {
	case p.fed:
		f.inflight.Add(int64(-p.size()))
		signal(f.credit)
	case !p.claim:
		f.queued -= p.size()
		f.pieces--
	}
}

// resume makes a feed live again that drops, with a gap for each origin that it lost.
func (f *feed) resume() {
	l := f.seat.loop
	f.mode = live
	for p := range l.cursor(f, 0).All() {
		from, known := f.lost.At(p.Origin)
		if !known {
			from = messages.Position{Origin: p.Origin}
		}
		if from.Compare(p) < 0 {
			f.put(f.gapPiece(messages.Gap{Origin: p.Origin, From: from, To: p, Reason: messages.ReasonSlow}))
		}
	}
	f.lost, f.told = messages.Cursor{}, nil
	f.tellLate(l.cursor(f, 0))
	f.sayLive()
	for origin := range f.left {
		f.tellBehind(origin)
	}
}

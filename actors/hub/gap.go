package hub

import (
	"time"

	"anode/messages"
)

// passGap gives the feed a gap of its origin.
func (f *feed) passGap(i *item) {
	held, ok := f.wants(i.origin)
	if !ok {
		return
	}
	g := i.gap
	if ahead, beyond := f.ahead[i.origin]; beyond && ahead.Compare(g.From) > 0 {
		if g.From = ahead; g.From.Compare(g.To) >= 0 {
			return
		}
	}
	if !held {
		f.spillNow(time.Now())
	}
	if f.seat.loop.hub.cfg.Archived && (g.Reason == messages.ReasonRetention || g.Reason == messages.ReasonMissing) {
		f.leaveGap(g, held)
		return
	}
	f.queue(f.gapPiece(g), held)
}

// leaveGap has the feed's reader read what is in a gap: an archive may have it.
func (f *feed) leaveGap(g messages.Gap, held bool) {
	if held { // its reader is at work, and reads it too
		f.overflow = true
		f.dropHeld()
		return
	}
	delete(f.told, g.Origin)
	f.leaveOut(g.Origin, g.From)
}

// passLate tells a reader who passed what turned up behind it.
func (f *feed) passLate(i *item) {
	if _, out := f.left[i.origin]; out || f.mode != live {
		if f.late == nil {
			f.late = make(map[messages.NodeID]messages.Gap)
		}
		f.late[i.origin] = widen(f.late[i.origin], i.gap)
		return
	}
	f.queue(f.latePiece(i.gap), false)
}

// tellLate tells of what turned up behind a feed while it was not live, where it has passed that.
func (f *feed) tellLate(seen messages.Cursor) {
	for origin, g := range f.late {
		if _, out := f.left[origin]; out {
			continue
		}
		if delete(f.late, origin); seen.Covers(g.To) {
			f.put(f.latePiece(g))
		}
	}
}

// widen makes one gap of two of an origin; the zero Gap is none.
func widen(a, b messages.Gap) messages.Gap {
	if a.Origin == "" {
		return b
	}
	if b.From.Compare(a.From) < 0 {
		a.From = b.From
	}
	if b.To.Compare(a.To) > 0 {
		a.To = b.To
	}
	return a
}

func (f *feed) latePiece(g messages.Gap) piece {
	p := f.gapPiece(g)
	p.to = messages.Position{} // it moves nobody
	return p
}

func (f *feed) gapPiece(g messages.Gap) piece {
	body := make([]byte, 0, 320)
	open, end := ",", "}"
	if f.events {
		open, end = "event: gap\ndata: {", "}\n\n"
	}
	body = append(append(append(append(body, open...), `"origin":"`...), g.Origin...), `","from":"`...)
	body = g.To.AppendText(append(g.From.AppendText(body), `","to":"`...))
	body = append(append(append(append(body, `","reason":"`...), g.Reason...), '"'), end...)
	return piece{head: f.message("gap"), body: body, feed: f, from: g.From, to: g.To}
}

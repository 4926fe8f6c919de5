package hub

import (
	"context"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// Live implements command.Feed.
func (f *feed) Live(ctx context.Context, seen messages.Cursor, waiting, only []messages.NodeID) (command.Joining, error) {
	seen = seen.Clone()
	became := command.Lost
	err := f.run(ctx, func() {
		switch {
		case only == nil && f.mode == joining:
			became = f.joinAll(seen, waiting)
		case only != nil && f.mode == live && f.joins != nil:
			became = f.joinSome(seen, waiting, only)
		case only != nil && (f.mode == live || f.mode == dropping):
			f.lostSome(seen, only)
		}
	})
	if err != nil {
		return command.Lost, err
	}
	return became, nil
}

// joinAll ends the reading of all origins.
func (f *feed) joinAll(seen messages.Cursor, waiting []messages.NodeID) command.Joining {
	if f.overflow {
		f.mode, f.overflow, f.left, f.told = reading, false, nil, nil
		delete(f.seat.loop.waiters, f)
		return command.Again
	}
	for p := range seen.All() {
		f.beAhead(p)
	}
	for _, origin := range waiting {
		f.leaveOutAt(origin, seen)
	}
	for origin, at := range f.left {
		if at.Origin == "" { // it turned up meanwhile: the reader may have a place in it
			f.leaveOutAt(origin, seen)
		}
	}
	f.leaveUnmet(seen)
	f.mode, f.mark = live, 0
	f.release(seen)
	f.tellLate(f.seat.loop.cursor(f, 0))
	f.goLive()
	f.retouch()
	return command.Joined
}

// joinSome ends the reading of some.
func (f *feed) joinSome(seen messages.Cursor, waiting, only []messages.NodeID) command.Joining {
	f.joins = nil
	for _, origin := range only {
		if f.overflow || slices.Contains(waiting, origin) || f.seat.loop.at[origin] == nil {
			f.leaveOutAt(origin, seen)
		} else {
			if at, ok := seen.At(origin); ok {
				f.beAhead(at)
			}
			delete(f.left, origin)
			delete(f.met, origin)
		}
	}
	if f.overflow {
		f.overflow = false
		return command.Again
	}
	if len(f.left) == 0 {
		delete(f.seat.loop.waiters, f)
	}
	f.mark = 0
	f.release(seen)
	f.tellLate(f.seat.loop.cursor(f, 0))
	f.sayLive()
	f.retouch()
	return command.Joined
}

// lostSome notes how far a reader of some origins came whose hand-over failed: the feed dropped
// meanwhile. Another goes on there.
func (f *feed) lostSome(seen messages.Cursor, only []messages.NodeID) {
	f.dropHeld()
	f.joins = nil
	for _, origin := range only {
		if _, out := f.left[origin]; out {
			f.leaveOutAt(origin, seen)
			delete(f.told, origin)
			f.tellBehind(origin)
		}
	}
}

func (f *feed) leaveOutAt(origin messages.NodeID, seen messages.Cursor) {
	at, _ := seen.At(origin)
	f.leaveOut(origin, at)
}

// release queues what was held, but of origins that wait, and what the reader saw. It is put as
// a whole: a feed that lagged in the middle would stand where what is still held is passed.
func (f *feed) release(seen messages.Cursor) {
	held := f.held
	f.held, f.heldBytes = nil, 0
	for i := range held {
		h := &held[i]
		_, out := f.left[h.to.Origin]
		switch {
		case out || seen.Covers(h.to):
			f.unique.forget(h.identities)
		case h.group != nil:
			f.collect(h.group, h.after)
		default:
			f.spillNow(time.Now())
			f.put(h.piece)
		}
	}
}

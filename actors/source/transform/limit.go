package transform

import (
	"container/list"
	"time"

	"anode/messages"
	"anode/messages/spec"
)

const (
	// maxLimited is of how many (stream, key) it is known when something passed last.
	maxLimited = 100_000
	// maxHeld is the most bytes that drafts take which wait for their turn.
	maxHeld = 4 << 20
	// limitGrain is how much later than their turn they may come, so that many come at once.
	limitGrain = 5 * time.Millisecond
)

// limit lets one draft of each (stream, key) pass in each interval, which begins with that draft: the first
// (sample), or the first and then, at the end of the interval, the last (conflate). What waits for
// that is never lost: where there is no room for it, it passes early.
type limit struct {
	conflate           bool
	every              time.Duration
	mostKeys, mostHeld int
	at                 map[limitKey]*limited
	order              list.List // of *limited, by when something of it passed, the earliest first
	waiting            list.List // of *limited that hold something, the longest first
	bytes              int       // of what waits
	marks              uint64    // numbers what was held
}

type limitKey struct {
	stream messages.Stream
	key    string
}

// limited is one (stream, key) of which something passed within the last interval.
type limited struct {
	key     limitKey
	passed  time.Time
	inOrder *list.Element
	// held waits for the end of the interval; nil means nothing.
	held      *messages.Draft
	mark      uint64
	inWaiting *list.Element
}

func newLimit(s *spec.Limit) *limit {
	if s == nil {
		return nil
	}
	return &limit{
		conflate: s.Policy == spec.LimitConflate, every: s.Every.Of(), mostKeys: maxLimited, mostHeld: maxHeld,
		at: make(map[limitKey]*limited),
	}
}

// take lets a draft pass to out, holds it, or drops it; dropped counts what it makes pass never.
func (l *limit) take(out []messages.Draft, draft messages.Draft, now time.Time) (_ []messages.Draft, dropped uint64) {
	key := limitKey{draft.Stream, draft.Key}
	e := l.at[key]
	switch {
	case e == nil:
		out = l.room(out, now)
		e = &limited{key: key}
		e.inOrder = l.order.PushBack(e)
		l.at[key] = e
	case l.open(e, now) && e.held != nil: // its turn has come, and what comes now has the next
		return l.hold(l.pass(out, e, now), e, draft, now), 0
	case l.open(e, now):
		l.order.MoveToBack(e.inOrder)
	case !l.conflate:
		return out, 1
	default:
		if e.held != nil {
			dropped = 1
		}
		return l.hold(out, e, draft, now), dropped
	}
	e.passed = now
	return append(out, draft), dropped
}

// open tells that the interval is over. A clock that was set back ends it.
func (l *limit) open(e *limited, now time.Time) bool {
	since := now.Sub(e.passed)
	return since >= l.every || since < 0
}

// hold keeps a draft, in the place of what is held.
func (l *limit) hold(out []messages.Draft, e *limited, draft messages.Draft, now time.Time) []messages.Draft {
	if e.held == nil {
		l.marks++
		e.mark = l.marks
		e.inWaiting = l.waiting.PushBack(e)
	} else {
		l.bytes -= e.held.Size()
	}
	e.held = &draft
	l.bytes += draft.Size()
	for l.bytes > l.mostHeld {
		out = l.pass(out, l.waiting.Front().Value.(*limited), now)
	}
	return out
}

// release gives what an entry holds.
func (l *limit) release(e *limited) messages.Draft {
	draft := *e.held
	l.bytes -= draft.Size()
	l.waiting.Remove(e.inWaiting)
	e.held, e.inWaiting = nil, nil
	return draft
}

// pass lets pass what an entry holds.
func (l *limit) pass(out []messages.Draft, e *limited, now time.Time) []messages.Draft {
	e.passed = now
	l.order.MoveToBack(e.inOrder)
	return append(out, l.release(e))
}

// room makes room for one more.
func (l *limit) room(out []messages.Draft, now time.Time) []messages.Draft {
	if len(l.at) < l.mostKeys {
		return out
	}
	out = l.due(out, now)
	if len(l.at) < l.mostKeys {
		return out
	}
	first := l.order.Front().Value.(*limited)
	if first.held != nil {
		out = append(out, l.release(first))
	}
	l.drop(first)
	return out
}

func (l *limit) drop(e *limited) {
	l.order.Remove(e.inOrder)
	delete(l.at, e.key)
}

// due lets pass what waits and has its turn now, and forgets what is over.
func (l *limit) due(out []messages.Draft, now time.Time) []messages.Draft {
	for front := l.order.Front(); front != nil; front = l.order.Front() {
		e := front.Value.(*limited)
		if !l.open(e, now) {
			break
		}
		if e.held == nil {
			l.drop(e)
		} else {
			out = l.pass(out, e, now)
		}
	}
	return out
}

// flush lets pass all that waits.
func (l *limit) flush(now time.Time) (out []messages.Draft) {
	for front := l.waiting.Front(); front != nil; front = l.waiting.Front() {
		out = l.pass(out, front.Value.(*limited), now)
	}
	return out
}

// next is how long it takes until due may have something; none while nothing waits.
func (l *limit) next(now time.Time) (wait time.Duration, waits bool) {
	if l.waiting.Len() == 0 {
		return 0, false
	}
	first := l.order.Front().Value.(*limited)
	return max(first.passed.Add(l.every).Sub(now), 0) + min(limitGrain, l.every/10), true
}

// marked are the numbers of the first that waits and of the last that ever did, counted by when its place
// began to wait; false where nothing does.
func (l *limit) marked() (oldest, newest uint64, waits bool) {
	front := l.waiting.Front()
	if front == nil {
		return 0, 0, false
	}
	return front.Value.(*limited).mark, l.marks, true
}

// forget takes back that a draft passed: the journal did not store it.
func (l *limit) forget(draft *messages.Draft) {
	if e := l.at[limitKey{draft.Stream, draft.Key}]; e != nil && e.held == nil {
		l.drop(e)
	}
}

package source

import (
	"context"
	"fmt"
	"time"

	"anode/actors/source/transform"
	"anode/messages/command"
)

// Vars is what templates see of the source: item, and its incremental state. The item is nil where one
// connection brings the messages of all; its messages are fed with Meta.Vars.Item, and have a state of
// their own. It counts what the journal has, and what this connection read whose records limit holds; before there
// is any it is what since.start says. It is safe for any goroutine once it was called for the item. What start says may fail.
func (l *Line) Vars(ctx context.Context, item any) (transform.Vars, error) {
	vars := transform.Vars{Item: item}
	s, err := l.job.states.find(ctx, item)
	if err == nil {
		vars.Since, err = l.job.states.sinceOf(ctx, s, vars)
	}
	return vars, err
}

// Cursor is the feed's own place that was given with Meta.Cursor, or to Passed, of what the journal has; empty
// where there is none. It outlives the node, and moves with the source.
func (l *Line) Cursor(ctx context.Context, item any) (string, error) {
	s, err := l.job.states.find(ctx, item)
	if err != nil {
		return "", err
	}
	return l.job.states.cursorOf(s), nil
}

// Passed moves the feed's own place without a message, behind what the spec does not ask for.
func (l *Line) Passed(ctx context.Context, item any, cursor string) error {
	s, err := l.job.states.find(ctx, item)
	if err != nil {
		return err
	}
	if err := l.job.turn.take(ctx); err != nil {
		return err
	}
	defer l.job.turn.give()
	l.holder.move(l, move{state: s, cursor: &cursor})
	return l.sealAlone(ctx, false)
}

// Walk begins a walk over pages of which only all counts: the incremental state moves with Walked, to what the last page gave,
// or the first where the newest comes first. Should the walk end before, Seen does not tell of what it brought. There
// is one at a time of an item. Again tells that it is not the first that the source ever makes.
func (l *Line) Walk(ctx context.Context, item any, newestFirst bool) (again bool, err error) {
	s, err := l.job.states.find(ctx, item)
	if err != nil {
		return false, err
	}
	l.walked = false
	return l.job.states.startWalk(s, newestFirst, l.cfg.Clock()), nil
}

// Seen tells that the last record of the last message was known, and was before the present walk began: what
// follows in a feed with the newest first is known too.
func (l *Line) Seen() bool { return l.seen }

// Page is what the last message said of the page that it was.
func (l *Line) Page() transform.Page { return l.page }

// Walked ends a walk: the journal has all of it when it returns nil.
func (l *Line) Walked(ctx context.Context, item any) error {
	s, err := l.job.states.find(ctx, item)
	if err != nil {
		return err
	}
	if err := l.holder.flush(ctx, l); err != nil {
		return err
	}
	if err := l.Settle(ctx); err != nil {
		return err
	}
	if heldBack, err := l.walkedBehind(ctx, s); heldBack || err != nil {
		return err
	}
	l.job.states.endWalk(s)
	if err := l.sealAlone(ctx, l.walked); err != nil {
		return err
	}
	return l.Settle(ctx)
}

// walkedBehind ends a walk of which something is held back: what it gave counts when that is in the journal.
func (l *Line) walkedBehind(ctx context.Context, s *state) (heldBack bool, err error) {
	by := l.job.standby
	if by == nil {
		return false, nil
	}
	if err := l.job.turn.take(ctx); err != nil {
		return false, err
	}
	defer l.job.turn.give()
	if !by.holds() {
		return false, nil
	}
	by.move(l, move{state: s, since: l.job.states.leaveWalk(s), walked: true})
	return true, nil
}

// enterState gives the state that a message may move, and tells the message of the present walk.
func (l *Line) enterState(ctx context.Context, meta *transform.Meta) (*state, error) {
	s, err := l.job.states.find(ctx, meta.Vars.Item)
	if err != nil {
		return nil, err
	}
	meta.Began = l.job.states.began(s)
	return s, nil
}

// mostSeen is how many identities a state lists: those that a feed repeats for longer than the window.
const mostSeen = 1000

// move takes over what a message made of its state, and looks after the window.
func (l *Line) move(s *state, since any, cursor *string) {
	states, now := l.job.states, l.cfg.Clock()
	l.holder.move(l, move{state: s, since: since, cursor: cursor})
	dedupe := l.job.pipeline.Dedupe()
	if _, needed := dedupe.Horizon(now); needed && states.due(now) {
		if horizon, seen, some := dedupe.Needed(now, mostSeen); some {
			states.slide(time.UnixMilli(horizon), seen, l.job.spec.Dedupe.Window.Of()/4)
		}
	}
}

// sealAlone seals what messages made of states where no records go with it: at most once a second,
// unless it must be.
func (l *Line) sealAlone(ctx context.Context, must bool) error {
	states := l.job.states
	if s := l.job.standby; s != nil && s.active.Load() { // the first owner seals; this one has none of its own to cover
		if l.whole() && l.job.window.clean() {
			states.count()
		}
		return nil
	}
	for states.waiting() && l.whole() {
		if !must && !states.alone.take(l.cfg.Clock()) {
			break
		}
		must = true // the rest of them too
		var p parcel
		p.bind(states.draw())
		if err := l.enter(ctx, p); err != nil {
			return err
		}
	}
	if l.whole() && l.job.window.clean() {
		states.count()
	}
	return nil
}

var errLeft = fmt.Errorf("%w: the connection ended before the journal had what it brought", command.ErrUnavailable)

// end waits until what the connection brought is in the journal, with all states. What is not there by
// then is refused: it is asked for again.
func (l *Line) end(ctx context.Context) error {
	err := l.Settle(ctx)
	if err == nil && l.whole() {
		if err = l.sealAlone(ctx, true); err == nil {
			err = l.Settle(ctx)
		}
	}
	l.chain.Break(errLeft)
	return err
}

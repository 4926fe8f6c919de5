package subscriber

import (
	"context"
	"slices"
	"time"

	"anode/messages"
	"anode/storage/replay"
)

// recall is what a reader reads in the archive: what the journal lacks. The zero recall has no archive.
type recall struct {
	replay *replay.Replay
	walks  map[messages.NodeID]*replay.Walk
	// has is how far the archive is, as it was listed last. unlisted: it could not be listed.
	has      map[messages.NodeID]replay.Origin
	unlisted bool
	// away are the origins that wait for the archive.
	away map[messages.NodeID]bool
}

// walk is the reader's walk of an origin.
func (r *reader) walk(origin messages.NodeID) *replay.Walk {
	if w := r.archive.walks[origin]; w != nil {
		return w
	}
	if r.archive.walks == nil {
		r.archive.walks = make(map[messages.NodeID]*replay.Walk)
	}
	w := r.archive.replay.Walk(origin, r.sub.spec.Streams, func() *messages.Line { return r.shared.Journal.Line(origin) })
	r.archive.walks[origin] = w
	return w
}

// close lets go of what the walks hold.
func (a *recall) close() {
	for _, w := range a.walks {
		w.Close()
	}
}

// list asks which origins the archive has.
func (r *reader) list(ctx context.Context) error {
	if r.archive.replay == nil {
		return nil
	}
	list, err := r.archive.replay.Origins(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.archive.unlisted = err != nil
	r.archive.has = make(map[messages.NodeID]replay.Origin, len(list))
	for _, o := range list {
		r.archive.has[o.Head.Origin] = o
	}
	return nil
}

// archived are origins that only the archive has, and that the reader is owed something of, sorted.
func (r *reader) archived() []messages.NodeID {
	var list []messages.NodeID
	for origin := range r.archive.has {
		if at, listed := r.seen.At(origin); r.owed(origin, at, listed) && !r.known(origin) {
			list = append(list, origin)
		}
	}
	slices.Sort(list)
	return list
}

// owed tells whether there may be something in the archive for a reader who is at a place, or has none.
func (r *reader) owed(origin messages.NodeID, at messages.Position, listed bool) bool {
	has, there := r.archive.has[origin]
	if from, timed := r.seen.From(); there && !listed && timed {
		return has.HLC.Millis() >= from
	}
	return there && has.Head.Compare(at) > 0
}

// known tells whether the journal knows an origin.
func (r *reader) known(origin messages.NodeID) bool {
	return r.shared.Journal.Line(origin).Newest() > 0
}

// unheld tells whether the journal holds nothing of an origin: nothing more will come of it, but from the archive.
func (r *reader) unheld(origin messages.NodeID) bool {
	for e := range r.shared.Journal.Line(origin).Epochs() {
		if e.Head >= e.Floor {
			return false
		}
	}
	return true
}

// announced tells whether a peer knows of an origin: what is absent of it may still come.
func (r *reader) announced(origin messages.NodeID) bool {
	return r.shared.Heads != nil && slices.ContainsFunc(r.shared.Heads(), func(p messages.Position) bool { return p.Origin == origin })
}

// beyond reads on behind what the journal knows.
func (r *reader) beyond(ctx context.Context, origin messages.NodeID, at messages.Position) (more, waits bool, err error) {
	if r.archive.replay == nil || !r.owed(origin, at, true) || !r.unheld(origin) {
		return false, false, nil
	}
	reason := messages.ReasonMissing
	if r.known(origin) || r.announced(origin) {
		reason = ""
	}
	return r.part(ctx, origin, at, messages.Position{}, reason)
}

// gap gives what is in a gap of the journal, as far as the archive has it, or the gap.
func (r *reader) gap(ctx context.Context, at messages.Position, g messages.Gap) (more, waits bool, err error) {
	if r.archive.replay != nil && (g.Reason == messages.ReasonRetention || g.Reason == messages.ReasonMissing) {
		return r.part(ctx, g.Origin, at, g.To, g.Reason)
	}
	if err := r.sub.feed.Gap(ctx, g); err != nil {
		return false, false, err
	}
	r.seen.Advance(g.To)
	return true, false, nil
}

// part gives a part of what the archive has behind a place.
func (r *reader) part(ctx context.Context, origin messages.NodeID, at, to messages.Position, reason messages.Reason) (more, waits bool, err error) {
	if r.archive.away[origin] {
		return false, true, nil
	}
	from := at
	p, err := r.walk(origin).Next(ctx, at, to, reason)
	if err != nil {
		return false, true, r.wait(ctx, origin)
	}
	for _, b := range p.Batches {
		if err := r.sub.feed.Batch(ctx, at, b); err != nil {
			return false, false, err
		}
		at = b.Position()
		r.seen.Advance(at)
	}
	if p.Gap != nil {
		if err := r.sub.feed.Gap(ctx, *p.Gap); err != nil {
			return false, false, err
		}
	}
	r.seen.Advance(p.At)
	r.moved = r.moved || p.At.Compare(from) > 0
	return !p.End, false, nil
}

// wait notes that an origin waits for the archive.
func (r *reader) wait(ctx context.Context, origin messages.NodeID) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.archive.away == nil {
		r.archive.away = make(map[messages.NodeID]bool)
	}
	r.archive.away[origin] = true
	return nil
}

// beginning is where a reader of a time begins in an origin of which the journal says that retention took the beginning, or which
// it does not know; false while that can't be told.
func (r *reader) beginning(ctx context.Context, begin messages.Position, ms int64) (at messages.Position, known bool, err error) {
	origin := begin.Origin
	step := r.shared.Journal.Next(begin)
	if step.Kind != messages.StepHead && (step.Kind != messages.StepGap || step.Gap.Reason != messages.ReasonRetention) {
		return begin, true, nil
	}
	if r.archive.away[origin] {
		return begin, false, nil
	}
	at, found, err := r.walk(origin).Begin(ctx, ms)
	switch {
	case err != nil:
		return begin, false, r.wait(ctx, origin)
	case step.Kind == messages.StepHead && !found:
		return begin, false, nil
	case (!found || begin.Sequence > 0) && at.Compare(begin) < 0:
		at = begin
	case step.Kind == messages.StepGap && at.Compare(step.Gap.To) > 0: // the journal has what comes then
		at = step.Gap.To
	}
	return at, true, nil
}

// soon is how long a reader of some origins is left alone before it makes room for others.
const soon = time.Second

// yields tells whether a reader of some origins is to end, that others may be read too.
func (r *reader) yields() bool {
	return r.only != nil && r.moved && r.sub.yield.Load() && r.shared.Clock().Sub(r.began) >= soon
}

// leave ends the reading of the origins that are not through: another reader goes on there.
func (r *reader) leave(todo []messages.NodeID) {
	if r.rest == nil {
		r.rest = make(map[messages.NodeID]bool, len(todo))
	}
	for _, origin := range todo {
		r.rest[origin] = true
	}
}

// waiting adds those that wait for the archive to those that wait for something else.
func (r *reader) waiting(others []messages.NodeID) []messages.NodeID {
	for origin := range r.archive.away {
		if !slices.Contains(others, origin) {
			others = append(others, origin)
		}
	}
	return others
}

// findOthers has a live feed leave out the origins that only the archive has, which could not be listed before.
func (r *reader) findOthers(ctx context.Context) error {
	if err := r.list(ctx); err != nil || r.archive.unlisted {
		return err
	}
	r.found = true
	others := r.archived()
	r.only = append(r.only, others...)
	return r.sub.feed.LeaveOut(ctx, others)
}

package subscriber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// reader reads for a subscription that is not live, or for some origins that a live one leaves
// out. It is one goroutine's.
type reader struct {
	shared *shared
	sub    *subscription
	seen   messages.Cursor
	only   []messages.NodeID
	last   int
	// met is where the feed met origins that seen does not list. until is up to where what is absent is named, and
	// not awaited.
	met, until messages.Cursor

	archive recall
	// find: origins that only the archive has are to be found first. found: they were.
	find, found bool
	// rest are origins that are not read to their end, because others have their turn. moved: something was read in the archive.
	rest  map[messages.NodeID]bool
	moved bool
	began time.Time
}

// stretch is how many batches of one origin are read before the next has its turn.
const stretch = 64

// run reads until the hub delivers.
func (r *reader) run(ctx context.Context) error {
	defer r.archive.close()
	if r.find {
		if err := r.findOthers(ctx); err != nil {
			return err
		}
	}
	if r.only != nil {
		if err := r.leftOut(ctx); err != nil || len(r.only) == 0 {
			return err
		}
	}
	if r.last > 0 {
		if err := r.readLast(ctx); err != nil {
			return err
		}
	}
	for {
		before := r.seen.Clone()
		waiting, err := r.readAll(ctx, nil)
		if err != nil {
			return err
		}
		if r.only != nil && len(waiting) == len(r.only) && r.seen.Equal(before) {
			return nil // all of them wait as before
		}
		stand, err := r.sub.feed.Attach(ctx, r.seen, r.only)
		if err != nil {
			return err
		}
		if waiting, err = r.readAll(ctx, &stand); err != nil {
			return err
		}
		became, err := r.sub.feed.Live(ctx, r.seen, r.waiting(waiting), r.only)
		if became != command.Again || err != nil {
			return err
		}
	}
}

// leftOut asks which origins are to be read, and from where.
func (r *reader) leftOut(ctx context.Context) error {
	origins, seen, met, err := r.sub.feed.LeftOut(ctx, r.only)
	if from, timed := r.seen.From(); timed {
		seen.SetFrom(from)
	}
	r.only, r.seen, r.met = origins, seen, met
	return err
}

// mostArchived is of how many streams that the journal has nothing of a pattern gives the newest, out of the archive. A pattern that names one
// stream is asked for in any case.
const mostArchived = 256

// readLast gives the newest records of each stream at or below the start.
func (r *reader) readLast(ctx context.Context) error {
	for _, pattern := range r.sub.spec.Streams {
		held := make(map[messages.Stream]bool)
		for _, info := range r.shared.Journal.Streams(pattern) {
			held[info.Stream] = true
			if err := r.readLastOf(ctx, info.Stream, pattern); err != nil {
				return err
			}
		}
		if one := messages.Stream(pattern); pattern.Literal() && !held[one] {
			if err := r.readLastOf(ctx, one, pattern); err != nil {
				return err
			}
		}
		if pattern.Literal() {
			continue
		}
		left := mostArchived
		for _, stream := range r.shared.Tail.Archived(ctx, pattern, "", mostArchived+len(held)) {
			if held[stream] || left == 0 {
				continue
			}
			left--
			if err := r.readLastOf(ctx, stream, pattern); err != nil {
				return err
			}
		}
	}
	return nil
}

// readLastOf gives the newest of a stream that a pattern selects.
func (r *reader) readLastOf(ctx context.Context, stream messages.Stream, by messages.Pattern) error {
	if r.covered(stream, by) {
		return nil
	}
	give := func(records []*messages.Record) error { return r.sub.feed.Last(ctx, records) }
	if err := r.shared.Tail.Last(ctx, stream, r.last, r.seen, give); err != nil {
		return fmt.Errorf("last of %s: %w", stream, err)
	}
	return nil
}

// covered tells whether a pattern before this one selects the stream too.
func (r *reader) covered(stream messages.Stream, by messages.Pattern) bool {
	for _, p := range r.sub.spec.Streams {
		if p == by {
			return false
		}
		if p.Match(stream) {
			return true
		}
	}
	return false
}

// origins are those that the reader reads: with a place where the hub stands, the hub's too.
func (r *reader) origins(stand *messages.Cursor) []messages.NodeID {
	if r.only != nil {
		return r.only
	}
	origins := r.shared.Journal.Origins()
	if stand == nil {
		return append(origins, r.archived()...)
	}
	known := make(map[messages.NodeID]bool, len(origins))
	for _, origin := range origins {
		known[origin] = true
	}
	for p := range stand.All() {
		if !known[p.Origin] {
			origins = append(origins, p.Origin)
		}
	}
	return origins
}

// readAll reads every origin to its head, or to where the hub stands. It gives the origins that wait
// for a hole, or for the archive.
func (r *reader) readAll(ctx context.Context, stand *messages.Cursor) ([]messages.NodeID, error) {
	var waiting []messages.NodeID
	if stand == nil {
		r.rest, r.archive.away = nil, nil
		if err := r.list(ctx); err != nil {
			return nil, err
		}
	}
	todo := r.origins(stand)
	for len(todo) > 0 {
		if r.yields() {
			r.leave(todo)
		}
		var rest []messages.NodeID
		for _, origin := range todo {
			more, waits, err := r.readOrigin(ctx, origin, stand)
			switch {
			case err != nil:
				return waiting, err
			case waits:
				waiting = append(waiting, origin)
			case more:
				rest = append(rest, origin)
			}
		}
		if err := r.sub.feed.Progress(ctx, r.seen); err != nil {
			return waiting, err
		}
		todo = rest
	}
	return waiting, nil
}

// at is where the reader is in an origin. One that it does not list begins as the cursor says; false while what is still
// to come, or an archive that is away, decides where that is.
func (r *reader) at(ctx context.Context, origin messages.NodeID) (messages.Position, bool, error) {
	if at, ok := r.seen.At(origin); ok {
		return at, true, nil
	}
	begin := messages.Beginning{At: messages.Position{Origin: origin}}
	if ms, timed := r.seen.From(); timed {
		line := r.shared.Journal.Line(origin) // before Seek
		met, _ := r.met.At(origin)
		known := false
		if begin, known = line.Begin(ms, r.shared.Journal.Seek(origin, ms), met); !known {
			begin.At = messages.Position{Origin: origin}
		}
		if r.archive.replay != nil && (known || line.Newest() == 0) {
			var err error
			if begin.At, known, err = r.beginning(ctx, begin.At, ms); err != nil {
				return begin.At, false, err
			}
		}
		if !known {
			return begin.At, false, nil
		}
	}
	if begin.Until.Origin != "" {
		r.until.Advance(begin.Until)
	}
	r.seen.Advance(begin.At)
	return begin.At, true, nil
}

// skip makes a gap of a hole that is not awaited.
func (r *reader) skip(step *messages.Step, at messages.Position) {
	id := step.Batch
	from := messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence}
	until, named := r.until.At(id.Origin)
	if step.Kind != messages.StepWait || !named || from.Compare(until) > 0 {
		return
	}
	to := messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: step.Hole.To, Index: messages.IndexEnd}
	if until.Compare(to) < 0 {
		to = until
	}
	*step = messages.Step{Kind: messages.StepGap, Gap: messages.Gap{Origin: id.Origin, From: at, To: to, Reason: messages.ReasonLate}}
}

// readOrigin reads a stretch of one origin by the reading rule.
func (r *reader) readOrigin(ctx context.Context, origin messages.NodeID, stand *messages.Cursor) (more, waits bool, err error) {
	if r.rest[origin] {
		return false, true, nil
	}
	at, known, err := r.at(ctx, origin)
	if err != nil || !known {
		return false, true, err
	}
	failed := 0
	for range stretch {
		if stand != nil {
			if to, ok := stand.At(origin); !ok || at.Compare(to) >= 0 {
				return false, false, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return false, false, context.Cause(ctx)
		}
		step := r.shared.Journal.Next(at)
		r.skip(&step, at)
		switch step.Kind {
		case messages.StepHead:
			if stand != nil {
				return false, false, nil
			}
			return r.beyond(ctx, origin, at)
		case messages.StepWait:
			return false, true, nil
		case messages.StepGap:
			return r.gap(ctx, at, step.Gap)
		case messages.StepBatch:
			last, err := r.give(ctx, step, at)
			switch {
			case errors.Is(err, storage.ErrNotHeld), errors.Is(err, storage.ErrDamaged):
				if failed++; failed > 1 { // it is a hole now; who mends or gives it up will say so
					return false, true, nil
				}
				continue
			case err != nil:
				return false, false, err
			}
			at = last
		}
		failed = 0
		r.seen.Advance(at)
		at = beyond(at)
	}
	return true, false, nil
}

// beyond is the place where nothing of a batch whose last record was given is left.
func beyond(at messages.Position) messages.Position {
	if at.Sequence == 0 {
		return at
	}
	return at.BatchEnd()
}

// give reads a batch and gives it; it tells the place of its last record.
func (r *reader) give(ctx context.Context, step messages.Step, after messages.Position) (messages.Position, error) {
	sealed, err := r.shared.Journal.Read(step.Batch)
	if err != nil {
		return after, err
	}
	b, err := sealed.Open()
	if err != nil {
		return after, fmt.Errorf("%w: %w", storage.ErrDamaged, err)
	}
	return b.Position(), r.sub.feed.Batch(ctx, after, b)
}

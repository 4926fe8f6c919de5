package subscriber

import (
	"context"
	"errors"
	"fmt"

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
}

// stretch is how many batches of one origin are read before the next has its turn.
const stretch = 64

// run reads until the hub delivers.
func (r *reader) run(ctx context.Context) error {
	if r.only != nil {
		var err error
		if r.only, r.seen, err = r.leftOut(ctx); err != nil || len(r.only) == 0 {
			return err
		}
	}
	if r.last > 0 {
		if err := r.readLast(ctx); err != nil {
			return err
		}
	}
	for {
		if _, err := r.readAll(ctx, nil); err != nil {
			return err
		}
		stand, err := r.sub.feed.Attach(ctx, r.seen, r.only)
		if err != nil {
			return err
		}
		waiting, err := r.readAll(ctx, &stand)
		if err != nil {
			return err
		}
		became, err := r.sub.feed.Live(ctx, r.seen, waiting, r.only)
		if became != command.Again || err != nil {
			return err
		}
	}
}

// leftOut asks which origins are to be read, and from where.
func (r *reader) leftOut(ctx context.Context) ([]messages.NodeID, messages.Cursor, error) {
	origins, seen, err := r.sub.feed.LeftOut(ctx, r.only)
	if from, timed := r.seen.From(); timed {
		seen.SetFrom(from)
	}
	return origins, seen, err
}

// readLast gives the newest records of each stream at or below the start.
func (r *reader) readLast(ctx context.Context) error {
	for _, pattern := range r.sub.spec.Streams {
		for _, info := range r.shared.Journal.Streams(pattern) {
			if r.covered(info.Stream, pattern) {
				continue
			}
			give := func(records []*messages.Record) error { return r.sub.feed.Last(ctx, records) }
			if err := r.shared.Tail.Last(ctx, info.Stream, r.last, r.seen, give); err != nil {
				return fmt.Errorf("last of %s: %w", info.Stream, err)
			}
		}
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
		return origins
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
// for a hole.
func (r *reader) readAll(ctx context.Context, stand *messages.Cursor) ([]messages.NodeID, error) {
	var waiting []messages.NodeID
	todo := r.origins(stand)
	for len(todo) > 0 {
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

// at is where the reader is in an origin. One that it does not list begins as the cursor says.
func (r *reader) at(origin messages.NodeID) messages.Position {
	if at, ok := r.seen.At(origin); ok {
		return at
	}
	at := messages.Position{Origin: origin}
	if ms, timed := r.seen.From(); timed {
		at = r.shared.Journal.Seek(origin, ms)
	}
	r.seen.Advance(at)
	return at
}

// readOrigin reads a stretch of one origin by the reading rule.
func (r *reader) readOrigin(ctx context.Context, origin messages.NodeID, stand *messages.Cursor) (more, waits bool, err error) {
	at := r.at(origin)
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
		switch step := r.shared.Journal.Next(at); step.Kind {
		case messages.StepHead:
			return false, false, nil
		case messages.StepWait:
			return false, true, nil
		case messages.StepGap:
			if err := r.sub.feed.Gap(ctx, step.Gap); err != nil {
				return false, false, err
			}
			at = step.Gap.To
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

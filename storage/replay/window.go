package replay

import (
	"context"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/storage"
)

// How much time a window spans, and how long it should take.
const (
	firstSpan = time.Hour
	leastSpan = time.Minute
	mostSpan  = 10 * 365 * 24 * time.Hour
	quick     = time.Second
	slow      = 10 * time.Second
	// light is what a scan takes at most, on average, of which it is not known that a longer one would take longer.
	light = 25 * time.Millisecond
)

// mostNames is how many streams' names a walk keeps; of more it asks for each window.
const mostNames = 4096

// names are the streams that a walk reads, where they are asked: none where there are too many.
type names struct {
	list        []messages.Stream
	asked, many bool
}

// hint says that what a reader is still to get of a run, up to its last sequence, was received at fromMs or later.
type hint struct {
	at     messages.Position
	epoch  uint64
	last   uint64
	fromMs int64
}

// run reads windows of a run, until something is found or it took a while. gone tells that a TTL took some of it meanwhile: the
// chart says so.
func (w *Walk) run(ctx context.Context, at messages.Position, first messages.BatchID, last uint64) (p Part, gone bool, err error) {
	began := w.replay.cfg.Clock()
	if err := w.start(ctx, at, first, last); err != nil {
		return p, false, err
	}
	for {
		toMs := w.hint.fromMs + w.span.Milliseconds()
		if w.hint.fromMs == 0 || toMs > w.chart.epochs[first.Epoch].hlc.Millis() {
			toMs = 0
		}
		c := &collector{after: afterOf(at, first), last: last, budget: w.replay.budget()}
		start := w.replay.cfg.Clock()
		scans, err := w.scan(ctx, c, first, toMs)
		if err != nil {
			return p, false, err
		}
		now := w.replay.cfg.Clock()
		w.pace(now.Sub(start), scans, c.limit != nil)
		if gone, err := w.gone(ctx, first); gone || err != nil {
			return p, gone, err
		}
		c.trim()
		p = Part{Batches: batches(c.records), At: w.reach(c, at, toMs)}
		w.holds = c.size
		w.replay.held.Add(c.size)
		switch {
		case p.At.Compare(at) > 0:
			return p, false, nil
		case now.Sub(began) >= quick:
			p.At, err = w.progress(ctx, at, first, last)
			return p, false, err
		}
	}
}

// afterOf is the place behind which a run is read from its first batch on, by a reader who stands at a place.
func afterOf(at messages.Position, first messages.BatchID) messages.Position {
	if at.Epoch == first.Epoch && at.Sequence == first.Sequence {
		return at
	}
	return before(messages.Position{Origin: first.Origin, Epoch: first.Epoch, Sequence: first.Sequence})
}

// start finds the time from which a run is to be read.
func (w *Walk) start(ctx context.Context, at messages.Position, first messages.BatchID, last uint64) error {
	if w.hint.epoch == first.Epoch && w.hint.last == last && w.hint.at.Compare(at) <= 0 {
		return nil
	}
	mark, err := w.replay.locate(ctx, first)
	if err != nil {
		return err
	}
	w.hint = hint{at: at, epoch: first.Epoch, last: last, fromMs: mark.Ms}
	return nil
}

// reach is up to where a window was read, and notes from when to go on.
func (w *Walk) reach(c *collector, at messages.Position, toMs int64) messages.Position {
	switch {
	case c.limit != nil:
		at, w.hint.fromMs = before(c.limit.Position), c.limit.HLC.Millis()
	case toMs == 0 || c.beyond: // it was read to its end
		at, w.hint = messages.Position{Origin: w.origin, Epoch: c.after.Epoch, Sequence: c.last, Index: messages.IndexEnd}, hint{}
	case len(c.records) > 0:
		at, w.hint.fromMs = c.records[len(c.records)-1].Position, toMs
	default:
		w.hint.fromMs = toMs
	}
	w.hint.at = at
	return at
}

// pace makes windows as long as they may take. Where it is the number of scans that takes long, shorter ones would take as long.
func (w *Walk) pace(took time.Duration, scans int64, limited bool) {
	switch {
	case took < quick, !limited && took < time.Duration(scans)*light:
		w.span = min(2*w.span, mostSpan)
	case took > slow && limited:
		w.span = max(w.span/2, leastSpan)
	}
}

// gone tells whether a TTL took something of what was read while it was.
func (w *Walk) gone(ctx context.Context, first messages.BatchID) (bool, error) {
	if w.replay.cfg.Archive.TTL() <= 0 {
		return false, nil
	}
	oldest, err := w.replay.oldest(ctx, w.origin, first.Epoch)
	if err != nil || oldest.Sequence > 0 && oldest.Sequence <= first.Sequence {
		return false, err
	}
	w.raise(first.Epoch, oldest)
	return true, nil
}

// progress is a place up to which the windows came: nothing below it matches.
func (w *Walk) progress(ctx context.Context, at messages.Position, first messages.BatchID, last uint64) (messages.Position, error) {
	mark, err := w.locate(ctx, first.Epoch, first.Sequence, last, w.hint.fromMs)
	if err != nil || mark.Sequence <= first.Sequence {
		return at, err
	}
	w.hint.at = before(messages.Position{Origin: w.origin, Epoch: first.Epoch, Sequence: mark.Sequence})
	return w.hint.at, nil
}

// scan reads all streams into a collector, and tells how many these were.
func (w *Walk) scan(ctx context.Context, c *collector, first messages.BatchID, toMs int64) (int64, error) {
	from := w.hint.fromMs
	var scans atomic.Int64
	err := w.each(ctx, from, toMs, func(ctx context.Context, stream messages.Stream) error {
		scans.Add(1)
		return w.replay.scan(ctx, storage.ArchiveScan{
			Stream: stream, Origin: w.origin, FromMs: from, ToMs: c.toMs(toMs), Epoch: first.Epoch, After: first.Sequence - 1, Page: w.page(),
		}, c.take)
	})
	return scans.Load(), err
}

// Pages of scans, in rows.
const (
	partRows  = 4096
	leastPage = 16
	mostPage  = 1000
)

// page is how many rows a scan reads ahead: what all scans read together is about a part.
func (w *Walk) page() int {
	if len(w.names.list) == 0 {
		return leastPage
	}
	return min(max(partRows/len(w.names.list), leastPage), mostPage)
}

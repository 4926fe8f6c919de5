package replay

import (
	"context"
	"sync"

	"anode/messages"
	"anode/storage"
)

// Begin finds where a reader begins that is owed all that was received at ms (Unix) or later, as far as the archive knows: just
// before the first batch on the line with a matching record of then or later, or before something absent that may be of then;
// false, and the end of what it has, where it has nothing of then. The reader stands there only for what the archive has: what the journal has is not passed.
func (w *Walk) Begin(ctx context.Context, ms int64) (messages.Position, bool, error) {
	leave, err := w.begin(ctx)
	if err != nil {
		return messages.Position{}, false, err
	}
	defer leave()
	var at messages.Position
	found := false
	err = w.draw(ctx)
	if err == nil {
		at, found, err = w.seek(ctx, ms)
	}
	if err = w.replay.gate.told(ctx, err); err != nil {
		return messages.Position{}, false, err
	}
	return at, found, nil
}

// seek finds the epoch.
func (w *Walk) seek(ctx context.Context, ms int64) (messages.Position, bool, error) {
	var list []uint64
	for d := range w.chart.line.Epochs() {
		if !w.chart.line.Late(d.Epoch, 1) && d.Head > 0 {
			list = append(list, d.Epoch)
		}
	}
	for i, number := range list {
		e := w.chart.epochs[number]
		if e != nil && e.hlc.Millis() >= ms {
			at, err := w.within(ctx, number, ms)
			return at, err == nil, err
		}
		d, _ := w.chart.line.Epoch(number)
		if top := w.top(number); top < d.Head && i+1 < len(list) && int64(list[i+1]) > ms { // what is absent may be of then
			return messages.Position{Origin: w.origin, Epoch: number, Sequence: top, Index: messages.IndexEnd}, true, nil
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		if e := w.chart.epochs[list[i]]; e != nil && len(e.some) > 0 {
			return messages.Position{Origin: w.origin, Epoch: list[i], Sequence: e.some[len(e.some)-1].To, Index: messages.IndexEnd}, false, nil
		}
	}
	return messages.Position{Origin: w.origin}, false, nil
}

// top is the highest sequence of an epoch that is there.
func (w *Walk) top(number uint64) uint64 {
	if e := w.chart.epochs[number]; e != nil && len(e.runs) > 0 {
		return e.runs[len(e.runs)-1].To
	}
	return 0
}

// within finds the place in an epoch.
func (w *Walk) within(ctx context.Context, number uint64, ms int64) (messages.Position, error) {
	at := messages.Position{Origin: w.origin, Epoch: number}
	if _, err := w.age(ctx, number); err != nil {
		return at, err
	}
	d, _ := w.chart.line.Epoch(number)
	mark, err := w.locate(ctx, number, 1, d.Head, ms)
	if err != nil || mark.Sequence == 0 {
		return at, err // all that is known of it is of then
	}
	first, err := w.first(ctx, mark, number, ms)
	if err != nil {
		return at, err
	}
	if lowest := mark.Sequence; absent(d.Holes, lowest, first) > 0 { // who reads from there must not be given what was before
		if lowest, err = w.lastBefore(ctx, mark, number, ms); err != nil {
			return at, err
		}
		if hole := absent(d.Holes, lowest+1, first); hole > 0 {
			first = hole
		}
	}
	return before(messages.Position{Origin: w.origin, Epoch: number, Sequence: first}), nil
}

// absent is the lowest sequence of some holes in [from, to); 0 where there is none.
func absent(holes messages.Ranges, from, to uint64) uint64 {
	for _, hole := range holes {
		if low := max(hole.From, from); low <= hole.To {
			if low < to {
				return low
			}
			return 0
		}
	}
	return 0
}

// lastBefore is the sequence of the last batch behind a mark with a matching record of before ms: the one before the mark's
// where there is none.
func (w *Walk) lastBefore(ctx context.Context, mark storage.Mark, number uint64, ms int64) (uint64, error) {
	var mu sync.Mutex
	last := mark.Sequence - 1
	err := w.each(ctx, mark.Ms, ms, func(ctx context.Context, stream messages.Stream) error {
		q := storage.ArchiveScan{
			Stream: stream, Origin: w.origin, FromMs: mark.Ms, ToMs: ms, Epoch: number, After: mark.Sequence - 1, Descending: true, Page: 1,
		}
		return w.replay.scan(ctx, q, func(r *messages.Record) bool {
			mu.Lock()
			defer mu.Unlock()
			last = max(last, r.Position.Sequence)
			return false
		})
	})
	return last, err
}

// first is the sequence of the first batch with a matching record of ms or later, behind a mark; the one after all that is
// there where there is none.
func (w *Walk) first(ctx context.Context, mark storage.Mark, number uint64, ms int64) (uint64, error) {
	var mu sync.Mutex
	best, toMs := max(w.top(number)+1, mark.Sequence), int64(0)
	err := w.each(ctx, ms, 0, func(ctx context.Context, stream messages.Stream) error {
		mu.Lock()
		q := storage.ArchiveScan{
			Stream: stream, Origin: w.origin, FromMs: ms, ToMs: toMs, Epoch: number, After: mark.Sequence - 1, Page: 1,
		}
		mu.Unlock()
		return w.replay.scan(ctx, q, func(r *messages.Record) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.Position.Sequence < best {
				best, toMs = r.Position.Sequence, r.HLC.Millis()+1
			}
			return false
		})
	})
	return best, err
}

package replay

import (
	"context"
	"time"

	"anode/messages"
	"anode/storage"
)

// Part is what a reader gets at a time: batches, or a gap, or only a place to go on from.
type Part struct {
	// Batches have the matching records, ascending; of the last one the rest may come in the next part. They are good until the
	// next call.
	Batches []*messages.Batch
	// Gap is what the archive has not.
	Gap *messages.Gap
	// At is where the reader stands when it has given them. It may be where it stood.
	At messages.Position
	// End tells that there is nothing more.
	End bool
}

// Walk is one reader's walk of one origin.
type Walk struct {
	replay  *Replay
	origin  messages.NodeID
	match   []messages.Pattern
	journal func() *messages.Line

	chart *chart
	asOf  time.Time
	names names
	hint  hint
	span  time.Duration
	holds int64
}

// Walk begins a walk of one origin for some patterns. journal gives the journal's line of it. Close must be called.
func (r *Replay) Walk(origin messages.NodeID, match []messages.Pattern, journal func() *messages.Line) *Walk {
	return &Walk{replay: r, origin: origin, match: match, journal: journal, span: firstSpan}
}

// Close lets go of the last part.
func (w *Walk) Close() {
	w.replay.held.Add(-w.holds)
	w.holds = 0
}

// keep is how long a chart is good for what is there.
const keep = 30 * time.Second

// Next gives what comes after a place, up to another one: what the journal lacks, for a reason. Where to is the zero Position it
// goes up to the end of what the archive has; what is absent there is named where there is a reason, and is the end where it is "".
// An error means that nobody knows, and passes.
func (w *Walk) Next(ctx context.Context, at, to messages.Position, reason messages.Reason) (Part, error) {
	leave, err := w.begin(ctx)
	if err != nil {
		return Part{}, err
	}
	defer leave()
	p, err := w.sure(ctx, func() (Part, bool, error) {
		p, err := w.step(ctx, at, to, reason)
		return p, p.Gap == nil && !p.End, err
	})
	if err = w.replay.gate.told(ctx, err); err != nil {
		return Part{}, err
	}
	return p, nil
}

// begin waits until the walk may read.
func (w *Walk) begin(ctx context.Context) (leave func(), err error) {
	w.Close()
	if err := w.replay.gate.enter(); err != nil {
		return nil, err
	}
	return w.replay.enter(ctx)
}

// sure has an answer of what is absent given by a chart that was drawn after the question.
func (w *Walk) sure(ctx context.Context, ask func() (p Part, there bool, err error)) (Part, error) {
	now := w.replay.cfg.Clock()
	fresh := w.chart == nil || now.Sub(w.asOf) >= keep || now.Before(w.asOf)
	for {
		if fresh {
			if err := w.draw(ctx); err != nil {
				return Part{}, err
			}
		}
		p, there, err := ask()
		if err != nil || there || fresh {
			return p, err
		}
		fresh = true
	}
}

// draw asks the archive how far it is.
func (w *Walk) draw(ctx context.Context) error {
	asOf := w.replay.cfg.Clock()
	list, err := w.replay.confirmed(ctx, w.origin)
	if err != nil {
		return err
	}
	w.chart, w.asOf, w.names = draw(w.origin, list, w.match, w.journal()), asOf, names{}
	return nil
}

// step walks until it meets a run, or knows what is absent.
func (w *Walk) step(ctx context.Context, at, to messages.Position, reason messages.Reason) (Part, error) {
	bounded := !to.IsZero()
	lack := absence{from: at, at: at, to: to}
	for {
		step := w.chart.line.Next(lack.at)
		begins := messages.Position{Origin: w.origin, Epoch: step.Batch.Epoch, Sequence: step.Batch.Sequence}
		switch {
		case step.Kind == messages.StepHead, step.Kind != messages.StepGap && bounded && begins.Compare(to) > 0:
			if bounded {
				lack.pass(to, reason)
			}
			return lack.part(), nil
		case step.Kind == messages.StepGap:
			if !lack.pass(step.Gap.To, messages.ReasonRetention) {
				return lack.part(), nil
			}
		case step.Kind == messages.StepWait:
			end := messages.Position{Origin: w.origin, Epoch: step.Batch.Epoch, Sequence: step.Hole.To, Index: messages.IndexEnd}
			if reason == "" || !lack.pass(end, w.chart.reason(step.Batch.Epoch, step.Batch.Sequence, reason)) {
				return lack.part(), nil
			}
		default:
			if aged, err := w.age(ctx, step.Batch.Epoch); err != nil {
				return Part{}, err
			} else if aged {
				continue
			}
			if lack.reason != "" {
				return lack.part(), nil
			}
			most := uint64(messages.MaxSequence)
			if bounded && to.Epoch == step.Batch.Epoch {
				most = to.Sequence
			}
			p, gone, err := w.run(ctx, lack.at, step.Batch, w.chart.last(step.Batch.Epoch, step.Batch.Sequence, most))
			if gone {
				continue
			}
			return p, err
		}
		if bounded && lack.at.Compare(to) >= 0 {
			return lack.part(), nil
		}
	}
}

// absence is what was passed that is not there.
type absence struct {
	from, at, to messages.Position
	reason       messages.Reason
}

// pass goes beyond what is absent. It has one reason: false where another one begins.
func (a *absence) pass(to messages.Position, reason messages.Reason) bool {
	switch {
	case a.reason != "" && a.reason != reason:
		return false
	case !a.to.IsZero() && to.Compare(a.to) > 0:
		to = a.to
	}
	a.at, a.reason = to, reason
	return true
}

// part is the gap, or the end where nothing was passed.
func (a *absence) part() Part {
	if a.reason == "" || a.at.Compare(a.from) <= 0 {
		return Part{At: a.from, End: true}
	}
	return Part{At: a.at, Gap: &messages.Gap{Origin: a.from.Origin, From: a.from, To: a.at, Reason: a.reason}}
}

// age raises an epoch to what a TTL left of it. It tells whether the line changed.
func (w *Walk) age(ctx context.Context, number uint64) (bool, error) {
	e := w.chart.epochs[number]
	if e.aged || w.replay.cfg.Archive.TTL() <= 0 {
		return false, nil
	}
	was, _ := w.chart.line.Epoch(number)
	oldest, err := w.replay.oldest(ctx, w.origin, number)
	if err != nil {
		return false, err
	}
	e.aged = true
	w.raise(number, oldest)
	is, _ := w.chart.line.Epoch(number)
	return is.Floor != was.Floor, nil
}

// raise notes that what is below the oldest mark is gone: all of an epoch that has none.
func (w *Walk) raise(number uint64, oldest storage.Mark) {
	floor := oldest.Sequence
	if d, _ := w.chart.line.Epoch(number); floor == 0 {
		floor = d.Head + 1
	}
	w.chart.line.Raise(number, floor)
}

// locate gives the newest mark of an epoch between two sequences that was received before ms; the zero Mark where there is
// none.
func (w *Walk) locate(ctx context.Context, number, from, to uint64, ms int64) (storage.Mark, error) {
	var best storage.Mark
	for from <= to {
		mid := from + (to-from)/2
		m, err := w.replay.locate(ctx, messages.BatchID{Origin: w.origin, Epoch: number, Sequence: mid})
		switch {
		case err != nil:
			return storage.Mark{}, err
		case m.Sequence < from: // there is none between from and mid
			if m.Sequence > 0 && m.Ms >= ms {
				return best, nil
			}
			if m.Sequence > best.Sequence {
				best = m
			}
			from = mid + 1
		case m.Ms >= ms:
			to = m.Sequence - 1
		default:
			best, from = m, mid+1
		}
	}
	return best, nil
}

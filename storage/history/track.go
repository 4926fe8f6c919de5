package history

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"anode/messages"
	"anode/storage"
)

const (
	// stretch is the first length of time that a track asks for, in ms, and longer how much longer
	// the next is where one was empty.
	stretch, longer = 1000, 4
	// mostRefs is how many names of batches a track keeps.
	mostRefs = 256
)

// held is what a walk reads of one epoch of one origin in the journal, lazily: first indexes up to some time,
// then batches.
type held struct {
	m      *merge
	origin messages.NodeID
	epoch  uint64
	// low and high bound the sequences that are left; a high of 0 is no bound.
	low, high uint64
	// holes are those of which the merge knows.
	holes messages.Ranges
	// since and until bound the times of which nothing was asked yet: [since, until).
	since, until int64
	length       int64
	refs         []storage.BatchRef
	// forgotten: the journal knows nothing of the epoch any more.
	forgotten bool
}

// bound implements source.
func (t *held) bound() key {
	switch {
	case len(t.refs) > 0 && t.m.descending:
		return key{t.refs[0].Last.Millis(), t.refs[0].ID.End()}
	case len(t.refs) > 0:
		id := t.refs[0].ID
		return key{t.refs[0].First.Millis(), messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence}}
	case t.m.descending:
		return key{t.until - 1, messages.End(t.origin, t.epoch)}
	default:
		return key{t.since, messages.Position{Origin: t.origin, Epoch: t.epoch}}
	}
}

// ended implements source.
func (t *held) ended() bool {
	return len(t.refs) == 0 && (t.forgotten || t.since >= t.until || t.high > 0 && t.low > t.high)
}

// read implements source: it opens a batch, or asks for more.
func (t *held) read(ctx context.Context) ([]messages.Record, error) {
	if len(t.refs) == 0 {
		return nil, t.ask(ctx)
	}
	records, err := t.open(ctx, t.refs[0])
	if err == nil {
		t.refs = t.refs[1:]
	}
	return records, err
}

// ask has the index tell of the next stretch of time.
func (t *held) ask(ctx context.Context) error {
	q := storage.Scan{Stream: t.m.stream, Origin: t.origin, Epoch: t.epoch, From: t.low, To: t.high, FromMs: t.since, ToMs: t.until, Descending: t.m.descending}
	if t.length < t.until-t.since {
		if q.Descending {
			q.FromMs = t.until - t.length
		} else {
			q.ToMs = t.since + t.length
		}
	}
	var refs []storage.BatchRef
	for ref, err := range t.m.history.cfg.Journal.Scan(q) {
		if err != nil {
			return fmt.Errorf("history of %s: %w", t.m.stream, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refs = append(refs, ref); len(refs) == mostRefs {
			break
		}
	}
	if t.m.history.cfg.Archive != nil {
		t.missed()
	}
	t.refs = refs
	t.pass(q)
	return nil
}

// missed has the archive asked for what the journal dropped or lost of what the track has not been told yet. It
// comes after the index was asked: what it had no more is dropped by now.
func (t *held) missed() {
	was := span{t.since, t.until}
	line := t.m.history.cfg.Journal.Line(t.origin)
	e, ok := line.Epoch(t.epoch)
	if !ok {
		t.m.come(&shelf{m: t.m, origin: t.origin, span: was, page: firstRows})
		t.forgotten = true
		return
	}
	if e.Floor > t.low {
		s := was
		if low, some := lowestHeld(&e); some {
			if first, _, ok := t.m.history.timeOf(t.origin, t.epoch, low); ok {
				s.until = min(s.until, first+1)
			}
		}
		t.m.come(&shelf{m: t.m, origin: t.origin, span: s, page: firstRows})
		t.low = e.Floor
	}
	if slices.Equal(e.Holes, t.holes) {
		return
	}
	lost := messages.Ranges(slices.Clone(e.Holes)).Minus(t.holes).Above(t.low)
	for _, run := range lost {
		if t.high > 0 && run.From > t.high {
			break
		}
		s := was
		if _, last, ok := t.m.history.timeOf(t.origin, t.epoch, run.From-1); ok {
			s.since = max(s.since, last)
		}
		if first, _, ok := t.m.history.timeOf(t.origin, t.epoch, run.To+1); ok {
			s.until = min(s.until, first+1)
		}
		t.m.come(&shelf{m: t.m, origin: t.origin, span: s, page: firstRows})
	}
	t.holes = slices.Clone(e.Holes)
}

// pass goes beyond what was asked for.
func (t *held) pass(q storage.Scan) {
	n := len(t.refs)
	if n > 0 && q.Descending {
		t.high = t.refs[n-1].ID.Sequence - 1
	} else if n > 0 {
		t.low = t.refs[n-1].ID.Sequence + 1
	}
	switch {
	case n == mostRefs && q.Descending: // the rest of the stretch is asked for again
		t.until = min(t.until, t.refs[n-1].Last.Millis()+1)
		t.length = max(1, t.refs[0].Last.Millis()-t.refs[n-1].First.Millis())
	case n == mostRefs:
		t.since = max(t.since, t.refs[n-1].First.Millis())
		t.length = max(1, t.refs[n-1].Last.Millis()-t.refs[0].First.Millis())
	case q.Descending:
		t.until = q.FromMs
	default:
		t.since = q.ToMs
	}
	if n == 0 {
		t.length = min(t.length*longer, most)
	}
	if n > 0 && q.Descending && t.high == 0 { // the first of the epoch was told: 0 would be no bound
		t.until = t.since
	}
}

// open reads a batch and gives what the walk has not passed. Where the journal can't, the archive may.
func (t *held) open(ctx context.Context, ref storage.BatchRef) ([]messages.Record, error) {
	m := t.m
	if m.lineOnly && !m.onLine(ref.ID) {
		return nil, nil
	}
	sealed, err := m.history.cfg.Journal.Read(ref.ID)
	if err != nil {
		return m.instead(ctx, ref, err)
	}
	b, err := sealed.Open()
	if err != nil {
		return m.instead(ctx, ref, fmt.Errorf("%w: %w", storage.ErrDamaged, err))
	}
	group := b.Group(m.stream)
	if group == nil {
		return nil, nil
	}
	records := m.inside(group.Records)
	if !m.descending {
		return records, nil
	}
	reversed := make([]messages.Record, 0, len(records))
	for i := len(records) - 1; i >= 0; i-- {
		reversed = append(reversed, records[i])
	}
	return reversed, nil
}

// inside cuts a batch's records to those of the walk: readings and positions grow within it.
func (m *merge) inside(records []messages.Record) []messages.Record {
	from, to := 0, len(records)
	for from < to && m.outside(&records[from]) {
		from++
	}
	for to > from && m.outside(&records[to-1]) {
		to--
	}
	return records[from:to]
}

// onLine tells whether a batch that the journal told of is delivered in order, not late.
func (m *merge) onLine(id messages.BatchID) bool {
	step := m.history.cfg.Journal.Next(messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence - 1, Index: messages.IndexEnd})
	if step.Kind == messages.StepBatch && step.Batch == id {
		return true
	}
	return m.history.cfg.Archive != nil && !m.late(id.End())
}

// skip counts what can't be given; what is wrong with the whole journal is an error.
func (m *merge) skip(id messages.BatchID, err error) error {
	switch {
	case errors.Is(err, storage.ErrDamaged):
		m.history.damaged.Add(1)
	case errors.Is(err, storage.ErrNotHeld):
		m.history.vanished.Add(1)
	default:
		return fmt.Errorf("history of %s: batch %s: %w", m.stream, id, err)
	}
	return nil
}

package history

import (
	"context"
	"errors"
	"fmt"

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

// track is what a walk reads of one epoch of one origin, lazily: first indexes up to some time,
// then batches.
type track struct {
	m      *merge
	origin messages.NodeID
	epoch  uint64
	// low and high bound the sequences that are left; a high of 0 is no bound.
	low, high uint64
	// since and until bound the times of which nothing was asked yet: [since, until).
	since, until int64
	length       int64
	refs         []storage.BatchRef
	// records are what is left of the open batch, in the order of the walk.
	records []messages.Record
	// key is that of the next record, or a bound on all that is left.
	key key
}

// bound sets the key to what all that is left is not before.
func (t *track) bound() {
	switch {
	case len(t.records) > 0:
		t.key = keyOf(&t.records[0])
	case len(t.refs) > 0 && t.m.descending:
		t.key = key{t.refs[0].Last.Millis(), t.refs[0].ID.End()}
	case len(t.refs) > 0:
		id := t.refs[0].ID
		t.key = key{t.refs[0].First.Millis(), messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence}}
	case t.m.descending:
		t.key = key{t.until - 1, messages.End(t.origin, t.epoch)}
	default:
		t.key = key{t.since, messages.Position{Origin: t.origin, Epoch: t.epoch}}
	}
}

// ended tells whether nothing is left.
func (t *track) ended() bool {
	return len(t.records) == 0 && len(t.refs) == 0 && (t.since >= t.until || t.high > 0 && t.low > t.high)
}

// advance does the next step towards a record: it opens a batch, or asks for more.
func (t *track) advance(ctx context.Context) error {
	if len(t.refs) == 0 {
		return t.ask(ctx)
	}
	id := t.refs[0].ID
	t.refs = t.refs[1:]
	return t.open(id)
}

// ask has the index tell of the next stretch of time.
func (t *track) ask(ctx context.Context) error {
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
	t.refs = refs
	t.pass(q)
	return nil
}

// pass goes beyond what was asked for.
func (t *track) pass(q storage.Scan) {
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

// open reads a batch and takes what the walk has not passed.
func (t *track) open(id messages.BatchID) error {
	if t.m.lineOnly && !t.onLine(id) {
		return nil
	}
	sealed, err := t.m.history.cfg.Journal.Read(id)
	if err != nil {
		return t.m.skip(id, err)
	}
	b, err := sealed.Open()
	if err != nil {
		return t.m.skip(id, fmt.Errorf("%w: %w", storage.ErrDamaged, err))
	}
	group := b.Group(t.m.stream)
	if group == nil {
		return nil
	}
	records := group.Records // readings and positions grow within it
	from, to := 0, len(records)
	for from < to && t.m.outside(&records[from]) {
		from++
	}
	for to > from && t.m.outside(&records[to-1]) {
		to--
	}
	t.records = records[from:to]
	if t.m.descending {
		reversed := make([]messages.Record, 0, to-from)
		for i := to - 1; i >= from; i-- {
			reversed = append(reversed, records[i])
		}
		t.records = reversed
	}
	return nil
}

// onLine tells whether a batch is delivered in order, not late.
func (t *track) onLine(id messages.BatchID) bool {
	step := t.m.history.cfg.Journal.Next(messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence - 1, Index: messages.IndexEnd})
	return step.Kind == messages.StepBatch && step.Batch == id
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

package source

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"anode/messages"
	"anode/storage"
)

// mostReread is the most bytes of batches that are read for the window of deduplication, the newest first.
const mostReread = 256 << 20

// restore reads the source's state from the journal, and fills the window of deduplication back to its
// horizon.
func (j *job) restore(ctx context.Context) error {
	if j.standby.holds() { // what is held may have a copy among it
		if err := j.catchUp(ctx, j.board); err != nil {
			return err
		}
	}
	_, _ = j.learnt.take() // it is in the journal
	j.states.clear()
	if _, err := j.states.find(ctx, nil); err != nil {
		return err
	}
	dedupe := j.pipeline.Dedupe()
	dedupe.Clear()
	now := j.cfg.Clock()
	since, needed := dedupe.Horizon(now)
	if !needed {
		return nil
	}
	window, err := j.states.findWindow(ctx)
	if err != nil {
		return err
	}
	// The clock of whoever numbered the records may be a little behind of that which was read before.
	if at := window.counts.horizon; !at.IsZero() {
		dedupe.Remember(window.counts.seen, now)
		since = min(since, at.Add(-time.Second).UnixMilli())
	} else if last := j.lastRecord(); last > 0 {
		since = min(since, dedupe.Before(last))
	}
	if !dedupe.NativeIDs() {
		return j.readDrafts(ctx, since, func(r *messages.Record, ms int64) { dedupe.RestoreDraft(&r.Draft, ms, now) })
	}
	var known []storage.IdentityAt
	err = j.readIdentities(ctx, since, func(at storage.IdentityAt) { known = newestOf(append(known, at), dedupe.Most()) })
	if err != nil {
		return err
	}
	slices.SortFunc(known, byTime)
	for _, at := range known {
		dedupe.Restore(at.Identity, at.Ms, now)
	}
	return nil
}

func byTime(a, b storage.IdentityAt) int { return cmp.Compare(a.Ms, b.Ms) }

// newestOf drops the oldest of twice as many as are remembered, so that a long window of a fast feed does not fill
// the memory.
func newestOf(known []storage.IdentityAt, most int) []storage.IdentityAt {
	if len(known) < 2*most {
		return known
	}
	slices.SortFunc(known, byTime)
	return known[:copy(known, known[len(known)-most:])]
}

// lastRecord is when, in Unix ms, a record came last on the source's streams; 0 where none is held.
func (j *job) lastRecord() (ms int64) {
	for _, info := range j.cfg.Journal.Streams(streamsOf(j.spec.Stream)) {
		ms = max(ms, info.Last)
	}
	return ms
}

// readDrafts reads the source's records since a Unix ms, of each stream the newest first.
func (j *job) readDrafts(ctx context.Context, since int64, take func(r *messages.Record, ms int64)) error {
	left := int64(mostReread)
	for _, info := range j.cfg.Journal.Streams(streamsOf(j.spec.Stream)) {
		if info.Last < since {
			continue
		}
		for record, err := range j.records(info.Stream, since, &left) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				j.cfg.Logger.Warn("some of what was collected before can't be read; it may come twice", "source", j.spec.Name, "stream", info.Stream, "error", err)
				continue
			}
			if ms := record.HLC.Millis(); ms >= since && record.Source == j.spec.Name {
				take(record, ms)
			}
		}
	}
	return nil
}

var errMuch = errors.New("it is too much to read")

// records reads a stream, epoch by epoch, each from its end, until left is used up.
func (j *job) records(stream messages.Stream, since int64, left *int64) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		for origin, epochs := range j.cfg.Journal.Digest() {
			for i := range slices.Backward(epochs) {
				query := storage.Scan{Stream: stream, Origin: origin, Epoch: epochs[i].Epoch, FromMs: since, Descending: true}
				for ref, err := range j.cfg.Journal.Scan(query) {
					if *left <= 0 {
						yield(nil, errMuch)
						return
					}
					if err == nil {
						err = j.batch(ref.ID, stream, left, yield)
					}
					if errors.Is(err, errEnough) || err != nil && !yield(nil, err) {
						return
					}
				}
			}
		}
	}
}

var errEnough = errors.New("enough")

func (j *job) batch(id messages.BatchID, stream messages.Stream, left *int64, yield func(*messages.Record, error) bool) error {
	sealed, err := j.cfg.Journal.Read(id)
	if err != nil {
		return err
	}
	*left -= int64(len(sealed.Bytes()))
	b, err := sealed.Open()
	if err != nil {
		return err
	}
	group := b.Group(stream)
	if group == nil {
		return nil
	}
	for i := range slices.Backward(group.Records) {
		if !yield(&group.Records[i], nil) {
			return errEnough
		}
	}
	return nil
}

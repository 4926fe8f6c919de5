package history

import (
	"context"
	"errors"
	"fmt"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// keyOf gives the place of a record in the order. One that is not held stands before the next
// on its origin's line.
func (h *History) keyOf(ctx context.Context, stream messages.Stream, p messages.Position) (key, error) {
	batch := messages.BatchID{Origin: p.Origin, Epoch: p.Epoch, Sequence: p.Sequence}
	if sealed, err := h.cfg.Journal.Read(batch); err == nil {
		if p.Index >= sealed.Count {
			return key{sealed.Last.Millis(), p.BatchEnd()}, nil
		}
		return key{(sealed.First + messages.HLC(p.Index)).Millis(), p}, nil
	} else if !absent(err) {
		return key{}, fmt.Errorf("after %s: %w", p, err)
	}
	if h.cfg.Archive == nil || !h.lacksBatch(batch) {
		return h.keyBefore(p)
	}
	var at key
	var found bool
	err := h.patiently(ctx, h.cfg.Patience, 0, func(ctx context.Context) (err error) {
		at, found, err = h.keyInArchive(ctx, stream, p)
		return err
	})
	switch {
	case err != nil && !(unavailable(err) && !h.mayHold(stream)):
		return key{}, fmt.Errorf("after %s: %w", p, err)
	case found && at.at == p:
		return at, nil
	}
	next, err := h.keyBefore(p)
	if found && (err != nil || at.ms < next.ms) {
		return key{at.ms, p}, nil
	}
	return next, err
}

// lacksBatch tells whether a batch may be in the archive and not in the journal.
func (h *History) lacksBatch(id messages.BatchID) bool {
	line := h.cfg.Journal.Line(id.Origin)
	newest := line.Newest()
	e, ok := line.Epoch(id.Epoch)
	if !ok {
		return newest == 0 || id.Epoch < newest
	}
	return !line.Holds(id.Epoch, id.Sequence) && (id.Sequence <= e.Head || id.Epoch < newest)
}

// mostEpochs is in how many epochs the archive is asked for the next record on a line.
const mostEpochs = 8

// keyInArchive gives the key of a record of a stream in the archive, or of the one that comes next on its origin's line
// there.
func (h *History) keyInArchive(ctx context.Context, stream messages.Stream, p messages.Position) (key, bool, error) {
	from := max(1, p.Sequence)
	mark, err := h.cfg.Archive.Locate(ctx, messages.BatchID{Origin: p.Origin, Epoch: p.Epoch, Sequence: from})
	if err != nil {
		return key{}, false, fmt.Errorf("locate %s: %w", p, err)
	}
	q := storage.ArchiveScan{Stream: stream, Origin: p.Origin, Epoch: p.Epoch, After: from - 1, FromMs: mark.Ms, Page: firstRows}
	r, err := h.firstRow(ctx, q, func(r *messages.Record) bool { return r.Position.Compare(p) >= 0 })
	if r != nil || err != nil {
		return rowKey(r), r != nil, err
	}
	if err := h.learn(ctx, h.cfg.Known); err != nil {
		return key{}, false, err
	}
	said, _ := h.confirmed.of(stream)
	for _, epoch := range said.epochs(p.Origin, p.Epoch+1, 0) {
		r, err := h.firstRow(ctx, storage.ArchiveScan{Stream: stream, Origin: p.Origin, Epoch: epoch, Page: 1}, nil)
		if r != nil || err != nil {
			return rowKey(r), r != nil, err
		}
	}
	return key{}, false, nil
}

// firstRow gives the first record of a scan that is one by a rule, nil without one. A nil rule takes any.
func (h *History) firstRow(ctx context.Context, q storage.ArchiveScan, is func(*messages.Record) bool) (*messages.Record, error) {
	for r, err := range h.cfg.Archive.Scan(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", q.Stream, err)
		}
		if is == nil || is(r) {
			return r, nil
		}
	}
	return nil, nil
}

func rowKey(r *messages.Record) key {
	if r == nil {
		return key{}
	}
	return keyOf(r)
}

// keyBefore is keyOf of what is not held.
func (h *History) keyBefore(p messages.Position) (key, error) {
	for at := p; ; {
		step := h.cfg.Journal.Next(at)
		switch step.Kind {
		case messages.StepBatch:
			sealed, err := h.cfg.Journal.Read(step.Batch)
			if err == nil {
				return key{sealed.First.Millis(), p}, nil
			}
			if !absent(err) {
				return key{}, fmt.Errorf("after %s: %w", p, err)
			}
			at = step.Batch.End()
		case messages.StepGap:
			at = step.Gap.To
		case messages.StepWait:
			at = messages.Position{Origin: p.Origin, Epoch: step.Batch.Epoch, Sequence: step.Hole.To, Index: messages.IndexEnd}
		default:
			return h.keyAhead(p)
		}
	}
}

// keyAhead is keyOf beyond all that is held of an origin.
func (h *History) keyAhead(p messages.Position) (key, error) {
	var newest messages.HLC
	epochs := h.cfg.Journal.Digest()[p.Origin]
	for _, e := range epochs {
		newest = max(newest, e.HeadHLC)
	}
	some := len(epochs) > 0
	said, _ := h.confirmed.of("")
	for _, a := range said.of(p.Origin, 0) {
		newest, some = max(newest, a.HeadHLC), true
	}
	if !some {
		return key{}, fmt.Errorf("%w after: nothing is known here of the origin of %s", command.ErrInvalid, p)
	}
	return key{newest.Millis(), p}, nil
}

// absent tells whether a batch can't be read for good, and others can.
func absent(err error) bool {
	return errors.Is(err, storage.ErrNotHeld) || errors.Is(err, storage.ErrDamaged)
}

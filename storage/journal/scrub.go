package journal

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"anode/messages"
)

// scrubber is where the scrub goes on. mu guards it, and has one scrub at a time.
type scrubber struct {
	mu     sync.Mutex
	number uint64
	offset uint32
}

// Scrub implements storage.Journal.
func (j *Journal) Scrub(ctx context.Context, most int64) (int64, error) {
	s := &j.scrub
	s.mu.Lock()
	defer s.mu.Unlock()
	var read int64
	wrapped := false
	for read < most {
		seg := j.scrubNext(s.number)
		if seg == nil {
			if wrapped || s.number == 0 {
				return read, nil
			}
			wrapped, s.number, s.offset = true, 0, 0
			continue
		}
		if seg.number != s.number {
			s.number, s.offset = seg.number, 0
		}
		n, done, err := j.scrubSegment(ctx, seg, most-read)
		if read += n; err != nil {
			return read, err
		}
		if done {
			s.number, s.offset = seg.number+1, 0
		}
	}
	return read, nil
}

// scrubNext gives the closed segment with the lowest number from one on.
func (j *Journal) scrubNext(number uint64) *segment {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, seg := range j.segments {
		if seg.number >= number && seg.closed != 0 && seg.durable {
			return seg
		}
	}
	return nil
}

func (j *Journal) scrubSegment(ctx context.Context, seg *segment, most int64) (read int64, done bool, err error) {
	j.mu.RLock()
	x := seg.index
	j.mu.RUnlock()
	if x == nil {
		if x, err = j.detailsOf(seg); err != nil {
			return 0, true, nil // it was dropped, or is read again whole by upkeep
		}
	}
	type place struct {
		entry
		id messages.BatchID
	}
	var places []place
	j.mu.RLock()
	for _, sp := range seg.spans {
		if sp.ordinal >= len(x.entries) {
			continue
		}
		for _, e := range x.entries[sp.ordinal] {
			if e.offset >= j.scrub.offset && sp.held.has(e.sequence) {
				places = append(places, place{e, messages.BatchID{Origin: sp.key.origin, Epoch: sp.key.epoch, Sequence: e.sequence}})
			}
		}
	}
	j.mu.RUnlock()
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.offset, b.offset) })
	for _, p := range places {
		if read >= most {
			return read, false, nil
		}
		if err := ctx.Err(); err != nil {
			return read, false, err
		}
		_, fault := j.readAt(seg, p.entry)
		if fault != nil && !errors.Is(fault, errUnopened) && !j.moved(seg, p.id, p.entry) {
			j.quarantine(seg, p.id, fault)
		}
		read += int64(p.length)
		j.scrub.offset = p.offset + 1
	}
	return read, true, nil
}

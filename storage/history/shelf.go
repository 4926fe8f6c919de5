package history

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"anode/messages"
	"anode/storage"
)

const (
	// firstRows is how many records the archive is asked for first, and mostRows up to how many later, where a walk
	// goes on; mostRowBytes is about the most of them that a track holds.
	firstRows, mostRows = 128, 2048
	mostRowBytes        = 1 << 20
)

// shelf is what a walk reads of one origin in the archive, lazily, of all its epochs.
type shelf struct {
	m      *merge
	origin messages.NodeID
	// span is what is left.
	span
	// page is how many rows are asked for next.
	page int
	// last is the key of what was read last, once something was.
	last key
	some bool
}

// bound implements source.
func (s *shelf) bound() key {
	switch {
	case s.some:
		return s.last
	case s.m.descending:
		return key{s.until - 1, messages.End(s.origin, math.MaxUint64)}
	default:
		return key{s.since, messages.Position{Origin: s.origin}}
	}
}

// ended implements source.
func (s *shelf) ended() bool { return s.empty() }

// read implements source.
func (s *shelf) read(ctx context.Context) ([]messages.Record, error) {
	present, err := s.m.has(ctx, s.origin, s.until)
	if err != nil {
		return nil, err
	}
	if !present {
		s.since = s.until
		return nil, nil
	}
	var list []messages.Record
	away, err := s.m.ask(ctx, s.until, func(ctx context.Context) error {
		var err error
		list, err = s.rows(ctx)
		if len(list) > 0 {
			return nil // an error comes again
		}
		return err
	})
	if away {
		s.since = s.until
	}
	return list, err
}

// rows reads a page.
func (s *shelf) rows(ctx context.Context) ([]messages.Record, error) {
	q := storage.ArchiveScan{Stream: s.m.stream, Origin: s.origin, FromMs: s.since, ToMs: bounded(s.until), Descending: s.m.descending, Page: s.page}
	var list []messages.Record
	size := 0
	for r, err := range s.m.history.cfg.Archive.Scan(ctx, q) {
		if err != nil {
			return list, fmt.Errorf("history of %s: %w", s.m.stream, err)
		}
		k := keyOf(r)
		if c := k.compare(s.last); s.some && (c == 0 || c < 0 != s.m.descending) {
			continue // it was read already
		}
		s.reached(k)
		if s.m.outside(r) || s.m.lineOnly && s.m.late(r.Position) {
			continue
		}
		list = append(list, *r)
		if size += r.Size(); len(list) >= s.page || size >= mostRowBytes {
			s.page = min(2*s.page, mostRows)
			return list, nil
		}
	}
	s.since = s.until
	return list, nil
}

// reached notes how far it was read.
func (s *shelf) reached(k key) {
	s.last, s.some = k, true
	if s.m.descending {
		s.until = min(s.until, k.ms+1)
	} else {
		s.since = max(s.since, k.ms)
	}
}

// bounded is a bound of times as the archive takes it: 0 is none.
func bounded(until int64) int64 {
	if until > most {
		return 0
	}
	return until
}

// ask asks the archive with the patience of the merge. It tells whether the merge does without.
func (m *merge) ask(ctx context.Context, before int64, ask func(context.Context) error) (away bool, err error) {
	if m.gone {
		return true, nil
	}
	if m.patience == 0 && m.history.silence.lately() {
		m.gone = true
		return true, nil
	}
	if m.vain != nil && time.Since(m.vainAt) < known {
		err = m.vain
	} else {
		err = m.history.patiently(ctx, max(m.patience, glance), before, ask)
		if m.vain = nil; unavailable(err) {
			m.vain, m.vainAt = err, time.Now()
		}
	}
	if unavailable(err) && (m.patience == 0 || !m.history.mayHold(m.stream)) {
		m.gone = true
		return true, nil
	}
	return false, err
}

// has tells whether the archive may have records of an origin.
func (m *merge) has(ctx context.Context, origin messages.NodeID, before int64) (bool, error) {
	if m.present == nil || time.Since(m.presentAt) > known {
		var list []messages.NodeID
		now := time.Now()
		away, err := m.ask(ctx, before, func(ctx context.Context) (err error) {
			list, err = m.history.cfg.Archive.Origins(ctx, m.stream, m.lower.ms, bounded(m.upper.ms+1))
			return err
		})
		if away || err != nil {
			return false, err
		}
		m.present, m.presentAt = make(map[messages.NodeID]bool, len(list)), now
		for _, origin := range list {
			m.present[origin] = true
		}
	}
	return m.present[origin], nil
}

// instead gives a batch's records out of the archive, when the journal could not: they were dropped since it told of
// them, or are damaged.
func (m *merge) instead(ctx context.Context, ref storage.BatchRef, why error) ([]messages.Record, error) {
	if m.history.cfg.Archive == nil || !absent(why) {
		return nil, m.skip(ref.ID, why)
	}
	var list []messages.Record
	_, err := m.ask(ctx, 0, func(ctx context.Context) (err error) {
		list, err = m.history.rowsOf(ctx, m.stream, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, m.skip(ref.ID, why)
	}
	list = m.inside(list)
	if m.descending {
		slices.Reverse(list)
	}
	return list, nil
}

// rowsOf gives the records of a stream that the archive has of a batch.
func (h *History) rowsOf(ctx context.Context, stream messages.Stream, ref storage.BatchRef) ([]messages.Record, error) {
	var list []messages.Record
	q := storage.ArchiveScan{
		Stream: stream, Origin: ref.ID.Origin, Epoch: ref.ID.Epoch, After: ref.ID.Sequence - 1,
		FromMs: ref.First.Millis(), ToMs: ref.Last.Millis() + 1,
	}
	for r, err := range h.cfg.Archive.Scan(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("history of %s: batch %s: %w", stream, ref.ID, err)
		}
		if r.Position.Sequence > ref.ID.Sequence {
			break
		}
		list = append(list, *r)
	}
	return list, nil
}

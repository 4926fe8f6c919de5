package cassandra

import (
	"iter"
	"slices"

	"anode/messages"
	"anode/storage"
)

// moment is what was received in one ms. It keeps no more than some bytes of rows: where it is over that, it knows the epochs alone. A clock
// that was put back has an origin number up to 65,536 records in one ms.
type moment struct {
	query  storage.ArchiveScan
	ms     int64
	rows   []*messages.Record
	bytes  int
	epochs []uint64
	over   bool
}

func (m *moment) add(r *messages.Record) {
	m.ms = r.HLC.Millis()
	if !slices.Contains(m.epochs, r.Position.Epoch) {
		m.epochs = append(m.epochs, r.Position.Epoch)
	}
	if m.over {
		return
	}
	m.rows, m.bytes = append(m.rows, r), m.bytes+rowSize(r)
	if m.bytes > sameBytes {
		m.over, m.rows = true, nil
	}
}

func (m *moment) clear() {
	clear(m.rows)
	m.rows, m.bytes, m.epochs, m.over = m.rows[:0], 0, m.epochs[:0], false
}

// give yields what is kept, by position, each once.
func (m *moment) give(yield func(*messages.Record, error) bool) bool {
	slices.SortFunc(m.rows, func(a, b *messages.Record) int {
		if m.query.Descending {
			a, b = b, a
		}
		return a.Position.Compare(b.Position)
	})
	m.rows = slices.CompactFunc(m.rows, func(a, b *messages.Record) bool { return a.Position == b.Position })
	for _, r := range m.rows {
		if !yield(r, nil) {
			return false
		}
	}
	return true
}

// giveEpochs yields what is read anew, one epoch after the other: in one the order of HLC is that of position.
func (m *moment) giveEpochs(read func(storage.ArchiveScan) iter.Seq2[*messages.Record, error], yield func(*messages.Record, error) bool) bool {
	slices.Sort(m.epochs)
	if m.query.Descending {
		slices.Reverse(m.epochs)
	}
	for _, epoch := range m.epochs {
		q, last := m.query, messages.Position{}
		q.FromMs, q.ToMs, q.Epoch = m.ms, m.ms+1, epoch
		for r, err := range read(q) {
			switch {
			case err != nil:
				yield(nil, err)
				return false
			case r.Position.Epoch != epoch || r.Position.Sequence <= q.After && m.query.Epoch > 0 || r.Position == last:
				continue
			}
			last = r.Position
			if !yield(r, nil) {
				return false
			}
		}
	}
	return true
}

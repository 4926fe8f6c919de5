package history

import (
	"container/heap"
	"context"

	"anode/messages"
)

// merge gives the records of all tracks in order, those with keys in (lower, upper), and of
// each origin those at or below its head.
type merge struct {
	history      *History
	stream       messages.Stream
	descending   bool
	lower, upper key
	heads        map[messages.NodeID]messages.Position
	// lineOnly leaves out what is late.
	lineOnly bool
	tracks   tracks
}

// merge begins one.
func (h *History) merge(stream messages.Stream, descending bool, lower, upper key, heads map[messages.NodeID]messages.Position) *merge {
	m := &merge{history: h, stream: stream, descending: descending, lower: lower, upper: upper, heads: heads}
	for origin, epochs := range h.cfg.Journal.Digest() {
		head, ok := heads[origin]
		if !ok {
			continue
		}
		for _, e := range epochs {
			if e.Epoch > head.Epoch || e.Head < e.Floor {
				continue
			}
			t := &track{m: m, origin: origin, epoch: e.Epoch, low: 1, since: lower.ms, until: min(upper.ms, e.HeadHLC.Millis()) + 1, length: stretch}
			if e.Epoch == head.Epoch {
				t.high = head.Sequence
			}
			if t.bound(); !t.ended() {
				m.tracks.list = append(m.tracks.list, t)
			}
		}
	}
	m.tracks.descending = descending
	heap.Init(&m.tracks)
	return m
}

// next gives the next record, or nil at the end.
func (m *merge) next(ctx context.Context) (*messages.Record, error) {
	for m.tracks.Len() > 0 {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		t := m.tracks.list[0]
		if len(t.records) > 0 {
			r := &t.records[0]
			t.records = t.records[1:]
			m.settle(t)
			return r, nil
		}
		if err := t.advance(ctx); err != nil {
			return nil, err
		}
		m.settle(t)
	}
	return nil, nil
}

// settle puts the first track where it belongs now.
func (m *merge) settle(t *track) {
	if t.ended() {
		heap.Pop(&m.tracks)
		return
	}
	t.bound()
	heap.Fix(&m.tracks, 0)
}

// outside tells whether a record is not one of the walk's.
func (m *merge) outside(r *messages.Record) bool {
	k := keyOf(r)
	return k.compare(m.lower) <= 0 || k.compare(m.upper) >= 0 || r.Position.Compare(m.heads[r.Position.Origin]) > 0
}

// tracks is a heap of those that have something left.
type tracks struct {
	list       []*track
	descending bool
}

func (t *tracks) Len() int { return len(t.list) }

func (t *tracks) Less(i, j int) bool {
	c := t.list[i].key.compare(t.list[j].key)
	if c == 0 { // a bound is opened before a record of the same key is given
		return len(t.list[i].records) < len(t.list[j].records)
	}
	return c < 0 != t.descending
}

func (t *tracks) Swap(i, j int) { t.list[i], t.list[j] = t.list[j], t.list[i] }

func (t *tracks) Push(x any) { t.list = append(t.list, x.(*track)) }

func (t *tracks) Pop() any {
	last := t.list[len(t.list)-1]
	t.list[len(t.list)-1] = nil
	t.list = t.list[:len(t.list)-1]
	return last
}

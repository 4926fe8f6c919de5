package history

import (
	"container/heap"
	"context"
	"time"

	"anode/messages"
)

// reach is how far a walk goes.
type reach struct {
	// heads are the newest places held of each origin when the walk began.
	heads map[messages.NodeID]messages.Position
	// archived tells that they list the origins that only the archive knows.
	archived bool
}

// merge gives the records of all tracks in order, those with keys in (lower, upper), and of
// each origin those at or below its head. Equal keys are given once.
type merge struct {
	history      *History
	stream       messages.Stream
	descending   bool
	lower, upper key
	*reach
	// lineOnly leaves out what is late.
	lineOnly bool
	// patience is how long the archive is waited for; 0 does without it when it is away, and gone says that it was.
	patience time.Duration
	gone     bool
	// vain is what came of waiting for the archive at vainAt, which is not done twice for one answer; nil where it was not in vain.
	vain   error
	vainAt time.Time
	// present are the origins of which the archive may have records, as of a time.
	present   map[messages.NodeID]bool
	presentAt time.Time
	// lines are those of origins of which the archive gave something.
	lines map[messages.NodeID]*messages.Line

	tracks tracks
	// coming are tracks that came up while one was read.
	coming []*track
	// given is the key of the record given last, once some was.
	given key
	some  bool
}

// merge begins one.
func (h *History) merge(stream messages.Stream, descending bool, lower, upper key, to *reach) *merge {
	m := &merge{history: h, stream: stream, descending: descending, lower: lower, upper: upper, reach: to, patience: h.cfg.Patience}
	digest := h.cfg.Journal.Digest()
	for origin, epochs := range digest {
		head, ok := m.heads[origin]
		if !ok {
			continue
		}
		for i := range epochs {
			if e := &epochs[i]; e.Epoch <= head.Epoch && e.Head >= e.Floor {
				m.add(m.inJournal(origin, e, head))
			}
		}
	}
	if h.cfg.Archive != nil {
		m.addLacking(digest)
	}
	m.tracks.descending = descending
	heap.Init(&m.tracks)
	return m
}

// inJournal is the track of what the journal holds of an epoch.
func (m *merge) inJournal(origin messages.NodeID, e *messages.EpochDigest, head messages.Position) *held {
	t := &held{
		m: m, origin: origin, epoch: e.Epoch, low: max(1, e.Floor), holes: e.Holes,
		since: m.lower.ms, until: min(m.upper.ms, e.HeadHLC.Millis()) + 1, length: stretch,
	}
	if e.Epoch == head.Epoch {
		t.high = head.Sequence
	}
	return t
}

// addLacking begins the tracks of what the archive may have and the journal lacks. It does not ask the archive.
func (m *merge) addLacking(digest messages.Digest) {
	within := span{m.lower.ms, m.upper.ms + 1}
	lacking, unknown := m.history.lacking(m.stream, digest, m.heads, within)
	for origin, spans := range lacking {
		for _, s := range spans {
			m.add(&shelf{m: m, origin: origin, span: s, page: firstRows})
		}
	}
	if s := (span{within.since, min(within.until, unknown)}); !s.empty() {
		m.add(&scout{m: m, span: s, lacking: lacking})
	}
}

// add begins a track, before the merge begins.
func (m *merge) add(s source) {
	if !s.ended() {
		m.tracks.list = append(m.tracks.list, &track{source: s, key: s.bound()})
	}
}

// come begins a track while one is read: of what is not before that one's bound.
func (m *merge) come(s source) {
	if !s.ended() {
		m.coming = append(m.coming, &track{source: s, key: s.bound()})
	}
}

// next gives the next record, or nil at the end. After an error it may be asked again.
func (m *merge) next(ctx context.Context) (*messages.Record, error) {
	for m.tracks.Len() > 0 {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		t := m.tracks.list[0]
		if len(t.records) > 0 {
			r := &t.records[0]
			t.records = t.records[1:]
			k := keyOf(r)
			c := k.compare(m.given)
			m.settle(t)
			if m.some && (c == 0 || c < 0 != m.descending) {
				continue // the other copy was given, or a track that came up begins with what was
			}
			m.given, m.some = k, true
			return r, nil
		}
		var err error
		if t.records, err = t.read(ctx); err != nil {
			m.vain = nil // who asks again waits again
			return nil, err
		}
		m.settle(t)
	}
	return nil, nil
}

// settle puts the first track where it belongs now, and those that came up with it.
func (m *merge) settle(t *track) {
	switch {
	case len(t.records) > 0:
		t.key = keyOf(&t.records[0])
		heap.Fix(&m.tracks, 0)
	case t.ended():
		heap.Pop(&m.tracks)
	default:
		t.key = t.bound()
		heap.Fix(&m.tracks, 0)
	}
	for _, c := range m.coming {
		heap.Push(&m.tracks, c)
	}
	m.coming = nil
}

// outside tells whether a record is not one of the walk's.
func (m *merge) outside(r *messages.Record) bool {
	k := keyOf(r)
	return k.compare(m.lower) <= 0 || k.compare(m.upper) >= 0 || r.Position.Compare(m.heads[r.Position.Origin]) > 0
}

// late tells of a record in the archive whether it is none of its origin's line.
func (m *merge) late(p messages.Position) bool {
	line := m.lines[p.Origin]
	if line == nil {
		line = m.history.cfg.Journal.Line(p.Origin)
		said, _ := m.history.confirmed.of(m.stream)
		recall(line, said)
		if m.lines == nil {
			m.lines = make(map[messages.NodeID]*messages.Line)
		}
		m.lines[p.Origin] = line
	}
	return line.Late(p.Epoch, p.Sequence)
}

// source is where the records of a track come from.
type source interface {
	// read does the next step towards records: it gives some, in the order of the walk, or none yet.
	read(ctx context.Context) ([]messages.Record, error)
	// bound is a key that all that is left to be read is not before.
	bound() key
	// ended tells whether nothing is left to be read.
	ended() bool
}

// track is one of the sources that a merge reads.
type track struct {
	source
	// records are what was read and is not given yet.
	records []messages.Record
	// key is that of the next record, or a bound on all that is left.
	key key
}

// rank orders tracks with equal keys.
func (t *track) rank() int {
	if len(t.records) == 0 {
		return 0
	}
	if _, archived := t.source.(*shelf); archived {
		return 2
	}
	return 1
}

// tracks is a heap of those that have something left.
type tracks struct {
	list       []*track
	descending bool
}

func (t *tracks) Len() int { return len(t.list) }

func (t *tracks) Less(i, j int) bool {
	c := t.list[i].key.compare(t.list[j].key)
	if c == 0 { // a bound is opened before a record of the same key is given, and the journal's is given before the archive's
		return t.list[i].rank() < t.list[j].rank()
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

package journal

import (
	"cmp"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// epochKey names one epoch of an origin.
type epochKey struct {
	origin messages.NodeID
	epoch  uint64
}

// span is what one segment has of one epoch.
type span struct {
	seg *segment
	key epochKey
	// ordinal is its place in the segment.
	ordinal int
	// held can be read; lost was there and is damaged.
	held, lost ranges
	// first and last bound the readings of all in it.
	first, last messages.HLC
	// top is the highest sequence, topCount how many records that has.
	top      uint64
	topCount uint32
	// begun says that sequence 1 is in it, and prior what that names.
	begun bool
	prior messages.Position
}

func (s *span) note(h *messages.Header) {
	if s.first == 0 || h.First < s.first {
		s.first = h.First
	}
	s.last = max(s.last, h.Last)
	if h.Sequence >= s.top {
		s.top, s.topCount = h.Sequence, h.Count
	}
	if h.Sequence == 1 {
		s.begun, s.prior = true, h.Prior
	}
	s.held.add(h.Sequence)
	s.lost.cut(h.Sequence)
}

// entry says where a batch is in its segment.
type entry struct {
	sequence    uint64
	first, last messages.HLC
	offset      uint32
	length      uint32
	sum         uint32
}

// posting says that a batch has records of a stream.
type posting struct {
	epoch    uint32 // the span's ordinal
	records  uint32
	sequence uint64
	bytes    uint64
}

// postings are what a segment has of one stream.
type postings struct {
	total
	list []posting
}

// total is how much there is of a stream.
type total struct {
	records, bytes uint64
	last           int64 // ms of the newest
}

// identity is one identity, when it was received and of which source.
type identity struct {
	id     messages.Identity
	ms     int64
	source uint32
}

// index is what a segment holds in full.
type index struct {
	// entries are by ordinal of the span, then by sequence.
	entries  [][]entry
	streams  map[messages.Stream]*postings
	sources  []string
	sourceOf map[string]uint32
	ids      []identity
}

func newIndex() *index {
	return &index{streams: make(map[messages.Stream]*postings), sourceOf: make(map[string]uint32)}
}

// add notes where a batch is.
func (x *index) add(ordinal int, e entry) {
	for len(x.entries) <= ordinal {
		x.entries = append(x.entries, nil)
	}
	list := x.entries[ordinal]
	if n := len(list); n == 0 || list[n-1].sequence < e.sequence {
		x.entries[ordinal] = append(list, e)
		return
	}
	at, found := searchEntry(list, e.sequence)
	if found {
		list[at] = e
		return
	}
	x.entries[ordinal] = slices.Insert(list, at, e)
}

func (x *index) find(ordinal int, sequence uint64) (entry, bool) {
	if ordinal >= len(x.entries) {
		return entry{}, false
	}
	at, found := searchEntry(x.entries[ordinal], sequence)
	if !found {
		return entry{}, false
	}
	return x.entries[ordinal][at], true
}

func searchEntry(list []entry, sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(list, sequence, func(e entry, s uint64) int { return cmp.Compare(e.sequence, s) })
}

// extract is what an index takes of batches: how much there is of each stream, and the identities. Its texts are parts
// of the batches' bytes.
type extract struct {
	groups []extracted
	ids    []extractedIdentity
}

// extracted is one stream of one batch. The first ids of what is not posted yet are its own.
type extracted struct {
	stream   messages.Stream
	key      epochKey
	sequence uint64
	ids      int
	total
}

type extractedIdentity struct {
	id     messages.Identity
	ms     int64
	source string
}

// add takes a batch in, or nothing of one that can't be read.
func (e *extract) add(s *wire.Sealed) error {
	groups, ids := len(e.groups), len(e.ids)
	err := s.Each(func(r *messages.Record) {
		if n := len(e.groups); n == groups || e.groups[n-1].stream != r.Stream {
			e.groups = append(e.groups, extracted{stream: r.Stream, key: epochKey{s.Origin, s.Epoch}, sequence: s.Sequence})
		}
		g := &e.groups[len(e.groups)-1]
		g.total.add(total{records: 1, bytes: uint64(len(r.Payload)), last: r.HLC.Millis()})
		if r.HasIdentity() {
			g.ids++
			e.ids = append(e.ids, extractedIdentity{id: r.Identity(), ms: r.HLC.Millis(), source: r.Source})
		}
	})
	if err != nil {
		e.groups, e.ids = e.groups[:groups], e.ids[:ids]
	}
	return err
}

// mostExtracted is up to how many streams and identities the room for them is kept.
const mostExtracted = 4096

// clear empties it; false is that it has grown too large to be kept.
func (e *extract) clear() bool {
	clear(e.groups)
	clear(e.ids)
	e.groups, e.ids = e.groups[:0], e.ids[:0]
	return cap(e.groups) <= mostExtracted && cap(e.ids) <= mostExtracted
}

// post notes streams and identities of batches. It keeps nothing of their bytes.
func (x *index) post(ordinal func(epochKey) int, e *extract, totals map[messages.Stream]*total) {
	ids := e.ids
	for i := range e.groups {
		g := &e.groups[i]
		p := x.streams[g.stream]
		if p == nil {
			p = &postings{}
			x.streams[messages.Stream(strings.Clone(string(g.stream)))] = p
		}
		for _, one := range ids[:g.ids] {
			x.ids = append(x.ids, identity{id: one.id, ms: one.ms, source: x.source(one.source)})
		}
		ids = ids[g.ids:]
		p.list = append(p.list, posting{epoch: uint32(ordinal(g.key)), sequence: g.sequence, records: uint32(g.records), bytes: g.bytes})
		p.total.add(g.total)
		addTotal(totals, g.stream, g.total)
	}
}

func (x *index) source(name string) uint32 {
	n, ok := x.sourceOf[name]
	if !ok {
		n = uint32(len(x.sources))
		name = strings.Clone(name)
		x.sources = append(x.sources, name)
		x.sourceOf[name] = n
	}
	return n
}

func (t *total) add(more total) {
	t.records += more.records
	t.bytes += more.bytes
	t.last = max(t.last, more.last)
}

// addTotal adds to a stream's total.
func addTotal(totals map[messages.Stream]*total, stream messages.Stream, more total) {
	if totals == nil {
		return
	}
	t := totals[stream]
	if t == nil {
		t = &total{}
		totals[messages.Stream(strings.Clone(string(stream)))] = t
	}
	t.add(more)
}

// takeTotal takes from a stream's total what is dropped.
func takeTotal(totals map[messages.Stream]*total, stream messages.Stream, less total) {
	t := totals[stream]
	if t == nil {
		return
	}
	t.records -= min(t.records, less.records)
	t.bytes -= min(t.bytes, less.bytes)
	if t.records == 0 {
		delete(totals, stream)
	}
}

// size is about what the index takes in memory.
func (x *index) size() int64 {
	n := int64(1024)
	for _, list := range x.entries {
		n += int64(cap(list)) * 40
	}
	for stream, p := range x.streams {
		n += int64(len(stream)) + 96 + int64(cap(p.list))*24
	}
	return n
}

// segment is one file of frames. Its fields are guarded by the journal's mu, but those set when it is made.
type segment struct {
	number uint64
	family storage.Family
	path   string // without its ending

	spans []*span
	byKey map[epochKey]*span
	// index is nil where the sidecar has it.
	index *index
	// unposted are batches whose streams are not in the index yet.
	unposted      []*wire.Sealed
	unpostedBytes int64
	posted        uint64 // how many were

	size             int64 // where good bytes end
	sidecar          int64 // size of the sidecar, 0 without one
	batches, records uint64
	made, closed     int64 // ms; closed is 0 while it is active
	// durable says that all of it is on the disk; stale that its sidecar must be made again.
	durable, stale bool
}

func newSegment(dir string, number uint64, family storage.Family) *segment {
	return &segment{
		number: number, family: family, path: join(dir, segmentName(number, family)), byKey: make(map[epochKey]*span),
	}
}

// span gives what the segment has of an epoch, made where it is missing.
func (s *segment) span(key epochKey) (sp *span, made bool) {
	if sp = s.byKey[key]; sp != nil {
		return sp, false
	}
	sp = &span{seg: s, key: key, ordinal: len(s.spans)}
	s.spans = append(s.spans, sp)
	s.byKey[key] = sp
	return sp, true
}

// note takes in a batch that is in the segment at an offset.
func (s *segment) note(sealed *wire.Sealed, offset int64) (sp *span, made bool) {
	sp, made = s.span(epochKey{sealed.Origin, sealed.Epoch})
	sp.note(&sealed.Header)
	b := sealed.Bytes()
	s.index.add(sp.ordinal, entry{
		sequence: sealed.Sequence, first: sealed.First, last: sealed.Last,
		offset: uint32(offset), length: uint32(len(b)), sum: le.Uint32(b[len(b)-4:]),
	})
	s.batches++
	s.records += uint64(sealed.Count)
	return sp, made
}

// last is the newest reading in the segment, in ms.
func (s *segment) last() int64 {
	var last messages.HLC
	for _, sp := range s.spans {
		last = max(last, sp.last)
	}
	return last.Millis()
}

func (s *segment) bytes() int64 { return s.size + s.sidecar }

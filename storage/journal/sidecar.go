package journal

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"anode/messages"
	"anode/messages/wire"
)

// The parts of a sidecar, in order.
const (
	partSummary = iota
	partDetails
	partIdentities
	parts

	sidecarHeader = 4 + 1 + 4*parts + 4
	// maxPart is the most bytes of a part: more than a segment of 64 MiB can give.
	maxPart = 256 * mib
)

// summary is what is kept in memory of a closed segment, but the spans that it fills in.
type summary struct {
	size             int64
	made, closed     int64
	batches, records uint64
	streams          map[messages.Stream]total
}

// encodeSidecar gives a segment's sidecar. The segment has its index.
func encodeSidecar(s *segment) []byte {
	var e [parts]encoder
	encodeSummary(&e[partSummary], s)
	encodeDetails(&e[partDetails], s.index)
	encodeIdentities(&e[partIdentities], s.index)
	out := append([]byte(sidecarMark), formatVersion)
	size := sidecarHeader
	for i := range e {
		out = le.AppendUint32(out, uint32(len(e[i].b)))
		size += len(e[i].b) + 4
	}
	out = slices.Grow(le.AppendUint32(out, wire.Checksum(out)), size)
	for i := range e {
		out = append(out, e[i].b...)
		out = le.AppendUint32(out, wire.Checksum(e[i].b))
	}
	return out
}

func encodeSummary(e *encoder, s *segment) {
	for _, v := range []uint64{uint64(s.size), uint64(max(s.made, 0)), uint64(max(s.closed, 0)), s.batches, s.records, uint64(len(s.spans))} {
		e.uint(v)
	}
	for _, sp := range s.spans {
		e.text(string(sp.key.origin))
		for _, v := range []uint64{sp.key.epoch, sp.top, uint64(sp.topCount), uint64(sp.first), uint64(sp.last)} {
			e.uint(v)
		}
		e.ranges(sp.held)
		e.ranges(sp.lost)
		e.bool(sp.begun)
		e.position(sp.prior)
	}
	streams := slices.Sorted(maps.Keys(s.index.streams))
	e.uint(uint64(len(streams)))
	for _, stream := range streams {
		t := s.index.streams[stream].total
		e.text(string(stream))
		e.uint(t.records)
		e.uint(t.bytes)
		e.uint(uint64(max(t.last, 0)))
	}
}

// decodeSummary fills in a segment's spans.
func decodeSummary(b []byte, s *segment) (summary, error) {
	d := decoder{b: b}
	sum := summary{size: d.int64(), made: d.int64(), closed: d.int64(), batches: d.uint(), records: d.uint()}
	for range d.count(8) {
		key := epochKey{messages.NodeID(d.text()), d.uint()}
		sp, made := s.span(key)
		if d.err == nil && (!made || key.origin == "") {
			return sum, errCut
		}
		sp.top, sp.topCount = d.uint(), d.uint32()
		sp.first, sp.last = messages.HLC(d.uint()), messages.HLC(d.uint())
		sp.held, sp.lost = d.ranges(), d.ranges()
		sp.begun, sp.prior = d.bool(), d.position(key.origin)
	}
	n := d.count(4)
	sum.streams = make(map[messages.Stream]total, n)
	for range n {
		sum.streams[messages.Stream(d.text())] = total{records: d.uint(), bytes: d.uint(), last: d.int64()}
	}
	return sum, d.end()
}

func encodeDetails(e *encoder, x *index) {
	e.uint(uint64(len(x.entries)))
	for _, list := range x.entries {
		e.uint(uint64(len(list)))
		for _, one := range list {
			e.uint(one.sequence)
			e.fixed(uint64(one.first))
			e.uint(uint64(one.last - one.first))
			e.uint(uint64(one.offset))
			e.uint(uint64(one.length))
			e.fixed(uint64(one.sum))
		}
	}
	streams := slices.Sorted(maps.Keys(x.streams))
	e.uint(uint64(len(streams)))
	for _, stream := range streams {
		e.text(string(stream))
		list := x.streams[stream].list
		e.uint(uint64(len(list)))
		for _, p := range list {
			e.uint(uint64(p.epoch))
			e.uint(p.sequence)
			e.uint(uint64(p.records))
			e.uint(p.bytes)
		}
	}
}

// decodeDetails gives the index without identities.
func decodeDetails(b []byte) (*index, error) {
	d := decoder{b: b}
	x := &index{streams: make(map[messages.Stream]*postings)}
	x.entries = make([][]entry, d.count(1))
	for i := range x.entries {
		list := make([]entry, d.count(20))
		for k := range list {
			one := &list[k]
			one.sequence, one.first = d.uint(), messages.HLC(d.fixed())
			one.last = one.first + messages.HLC(d.uint())
			one.offset, one.length, one.sum = d.uint32(), d.uint32(), uint32(d.fixed())
		}
		x.entries[i] = list
	}
	for range d.count(2) {
		stream := messages.Stream(d.text())
		p := &postings{list: make([]posting, d.count(4))}
		for k := range p.list {
			p.list[k] = posting{epoch: d.uint32(), sequence: d.uint(), records: d.uint32(), bytes: d.uint()}
		}
		x.streams[stream] = p
	}
	return x, d.end()
}

func encodeIdentities(e *encoder, x *index) {
	e.uint(uint64(len(x.sources)))
	for _, name := range x.sources {
		e.text(name)
	}
	e.uint(uint64(len(x.ids)))
	for _, one := range x.ids {
		e.b = append(e.b, one.id[:]...)
		e.fixed(uint64(one.ms))
		e.uint(uint64(one.source))
	}
}

// decodeIdentities gives an index with nothing but sources and identities.
func decodeIdentities(b []byte) (*index, error) {
	d := decoder{b: b}
	x := &index{sources: make([]string, d.count(1))}
	for i := range x.sources {
		x.sources[i] = d.text()
	}
	x.ids = make([]identity, d.count(25))
	for i := range x.ids {
		copy(x.ids[i].id[:], d.bytes(16))
		x.ids[i].ms, x.ids[i].source = int64(d.fixed()), d.uint32()
		if d.err == nil && int(x.ids[i].source) >= len(x.sources) {
			d.fail()
		}
	}
	return x, d.end()
}

// readPart reads one part of a sidecar, checked, and tells the size of the whole.
func readPart(fs FS, name string, part int) ([]byte, int64, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	var head [sidecarHeader]byte
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, sidecarHeader), head[:]); err != nil {
		return nil, 0, fmt.Errorf("sidecar %s: %w", name, err)
	}
	if string(head[:4]) != sidecarMark || head[4] != formatVersion || wire.Checksum(head[:sidecarHeader-4]) != le.Uint32(head[sidecarHeader-4:]) {
		return nil, 0, fmt.Errorf("sidecar %s: header %w", name, errCut)
	}
	whole, from, length := int64(sidecarHeader), int64(0), int64(0)
	for i := range parts {
		n := int64(le.Uint32(head[5+4*i:]))
		if i == part {
			from, length = whole, n
		}
		whole += n + 4
	}
	if length > maxPart {
		return nil, 0, fmt.Errorf("sidecar %s: a part of %d bytes, at most %d are allowed", name, length, maxPart)
	}
	if size, err := f.Size(); err != nil || size < whole {
		return nil, 0, errors.Join(fmt.Errorf("sidecar %s: %d of %d bytes", name, size, whole), err)
	}
	b := make([]byte, length+4)
	if _, err := io.ReadFull(io.NewSectionReader(f, from, length+4), b); err != nil {
		return nil, 0, fmt.Errorf("sidecar %s: %w", name, err)
	}
	if b = b[:length]; wire.Checksum(b) != le.Uint32(b[length:length+4]) {
		return nil, 0, fmt.Errorf("sidecar %s: %w", name, wire.ErrChecksum)
	}
	return b, whole, nil
}

// writeSidecar puts a sidecar in its place. It is not synced: one that a loss of power
// spoils is seen by its checksum and made again.
func writeSidecar(fs FS, path string, b []byte) error {
	f, err := fs.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	_, err = f.WriteAt(b, 0)
	if end := f.Close(); err == nil {
		err = end
	}
	if err == nil {
		err = fs.Rename(path+".tmp", path+sidecarEnding)
	}
	if err != nil {
		_ = fs.Remove(path + ".tmp")
		return fmt.Errorf("sidecar: %w", err)
	}
	return nil
}

package journal

import (
	"bytes"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// seal makes a batch of one record.
func seal(t testing.TB, origin messages.NodeID, sequence uint64, payload string) wire.Sealed {
	t.Helper()
	s, _, _, err := wire.NewSealer(0).Seal(
		wire.Place{BatchID: messages.BatchID{Origin: origin, Epoch: 3, Sequence: sequence}, First: messages.HLCFromMillis(int64(1000 + sequence))},
		[]messages.Draft{{Stream: "a.b", NativeID: payload, Source: "feed", Payload: []byte(payload)}, {Stream: "c", Payload: []byte("1")}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sample is a segment of some batches with its bytes.
func sample(t testing.TB) (*segment, []byte) {
	seg := newSegment("d", 7, storage.Own)
	seg.index, seg.size = newIndex(), segmentHeader
	b := appendSegmentHeader(nil, 7, storage.Own, messages.HLCFromMillis(1000).Time())
	for i := range uint64(6) {
		s := seal(t, []messages.NodeID{"self", "peer"}[i%2], i/2+1, string(bytes.Repeat([]byte{'x'}, int(i)*40)))
		b = appendFrame(b, s.Bytes())
		seg.take(seg.size+frameHeader, &s)
		seg.size = int64(len(b))
	}
	return seg, b
}

// FuzzSidecar wants that no bytes make the decoders panic, take memory beyond reason, or give
// what encodes to something that they don't decode to the same.
func FuzzSidecar(f *testing.F) {
	seg, _ := sample(f)
	var e [parts]encoder
	encodeSummary(&e[partSummary], seg)
	encodeDetails(&e[partDetails], seg.index)
	encodeIdentities(&e[partIdentities], seg.index)
	for part := range e {
		f.Add(uint8(part), e[part].b)
	}
	f.Fuzz(func(t *testing.T, part uint8, b []byte) {
		switch part % parts {
		case partSummary:
			into := newSegment("d", 7, storage.Own)
			sum, err := decodeSummary(b, into)
			if err != nil {
				return
			}
			into.size, into.made, into.closed, into.batches, into.records = sum.size, sum.made, sum.closed, sum.batches, sum.records
			into.index = newIndex()
			for stream, total := range sum.streams {
				into.index.streams[stream] = &postings{total: total}
			}
			var again encoder
			encodeSummary(&again, into)
			if other, err := decodeSummary(again.b, newSegment("d", 7, storage.Own)); err != nil || other.size != sum.size || len(other.streams) != len(sum.streams) {
				t.Fatalf("encoded again it gives %v", err)
			}
		case partDetails:
			x, err := decodeDetails(b)
			if err != nil {
				return
			}
			var again, third encoder
			encodeDetails(&again, x)
			y, err := decodeDetails(again.b)
			if err != nil {
				t.Fatal(err)
			}
			if encodeDetails(&third, y); !bytes.Equal(again.b, third.b) {
				t.Fatal("encoded again it differs")
			}
		case partIdentities:
			x, err := decodeIdentities(b)
			if err != nil {
				return
			}
			for _, one := range x.ids {
				_ = x.sources[one.source]
			}
		}
	})
}

// FuzzRemembered wants that no value of State makes its decoders panic.
func FuzzRemembered(f *testing.F) {
	r := remembered{floor: 7, head: 9, index: 3, hlc: 99, begun: true, prior: messages.Position{Origin: "self", Epoch: 1, Sequence: 4, Index: 2}}
	f.Add(r.encode())
	f.Add(goneChange(epochKey{"self", 3}, ranges{{From: 3, To: 9}, {From: 11, To: 11}}).Value)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRemembered(b, "self"); err == nil {
			if again, err := decodeRemembered(r.encode(), "self"); err != nil || again != r {
				t.Fatalf("%+v became %+v, %v", r, again, err)
			}
		}
		if list, err := decodeGone(b); err == nil && len(list) > 0 {
			if again, err := decodeGone(goneChange(epochKey{"self", 3}, list).Value); err != nil || len(again) != len(list) {
				t.Fatalf("%v became %v, %v", list, again, err)
			}
		}
	})
}

// FuzzScan wants that no bytes make the scanner panic, loop, or give a batch whose checksum is
// wrong, and that every byte is a good batch's, damage, or behind the end.
func FuzzScan(f *testing.F) {
	_, whole := sample(f)
	f.Add(whole, true, uint32(0), byte(0))
	f.Add(whole[:len(whole)-7], true, uint32(0), byte(0))
	f.Add(append(bytes.Clone(whole), make([]byte, 300)...), false, uint32(100), byte(4))
	f.Add(whole, false, uint32(400), byte(0x80))
	f.Fuzz(func(t *testing.T, b []byte, open bool, at uint32, with byte) {
		if b = bytes.Clone(b); len(b) > 0 {
			b[int(at)%len(b)] ^= with
		}
		var bad, good int64
		last := int64(0)
		s := scanner{
			window: window{file: bytes.NewReader(b), size: int64(len(b))}, open: open,
			bad: func(d damage) {
				if d.length <= 0 || d.offset < 0 || d.offset+d.length > int64(len(b)) {
					t.Fatalf("damage %+v in %d bytes", d, len(b))
				}
				bad += d.length
			},
			good: func(offset int64, s *wire.Sealed) {
				if offset < last {
					t.Fatalf("a batch at %d comes after one that ends at %d", offset, last)
				}
				if _, err := wire.Parse(bytes.Clone(s.Bytes())); err != nil {
					t.Fatal(err)
				}
				last = offset + int64(len(s.Bytes()))
				good += int64(len(s.Bytes())) + frameHeader
			},
		}
		end, torn, err := s.scan()
		if err != nil {
			return
		}
		if end < last || torn && !open {
			t.Fatalf("it ends at %d (torn %v, open %v), a batch at %d", end, torn, open, last)
		}
		if end > int64(len(b)) && len(b) >= segmentHeader {
			t.Fatalf("it ends at %d of %d", end, len(b))
		}
		if !torn && segmentHeader+good+bad < end {
			t.Fatalf("%d bytes are good, %d bad, of %d: some are nothing", good, bad, end)
		}
	})
}

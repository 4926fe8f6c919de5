package journal

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

func TestSumsAreTheChecksums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	file := make([]byte, 3*windowSize+77)
	for i := range file {
		file[i] = byte(r.Uint32())
	}
	w := window{file: bytes.NewReader(file), size: int64(len(file))}
	var s sums
	off := 0
	for range 600 {
		switch r.IntN(20) {
		case 0:
			off = r.IntN(len(file)) // elsewhere, back too
		case 1:
			off += r.IntN(300_000)
		default:
			off += r.IntN(5000)
		}
		off %= len(file)
		n := min(r.IntN(1<<(1+r.IntN(21))), wire.MaxSealed, len(file)-off)
		if got, want := s.of(&w, int64(off), n), wire.Checksum(file[off:off+n]); got != want {
			t.Fatalf("%d bytes at %d: %08x, want %08x", n, off, got, want)
		}
	}
}

// Payloads may be made of what looks like batches: behind damage each is looked at, and none may cost
// the reading of all that it claims to be.
func TestPayloadsMadeToLookLikeBatchesDoNotHoldUpTheScan(t *testing.T) {
	s := seal(t, "self", 9, "the payload")
	b := appendSegmentHeader(nil, 7, storage.Own, messages.HLCFromMillis(1000).Time())
	b = append(b, "damage"...)
	claim := bytes.Clone(s.Bytes()[:le.Uint32(s.Bytes()[4:])])
	le.PutUint32(claim[8:], wire.MaxSealed-uint32(len(claim))-4)
	for len(b) < 16*mib {
		b = append(b, claim...)
	}
	b = append(b, s.Bytes()...)
	good := 0
	scan := scanner{
		window: window{file: bytes.NewReader(b), size: int64(len(b))},
		good:   func(int64, *wire.Sealed) { good++ }, bad: func(damage) {},
	}
	began := time.Now()
	if _, _, err := scan.scan(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	} else {
		t.Logf("it took %s", took)
	}
	if good != 1 {
		t.Errorf("%d batches are found behind it, want 1", good)
	}
}

package messages

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// chainAll finds the ends of all epochs from nothing.
func (l *Line) chainAll() []uint64 {
	ends := make([]uint64, len(l.epochs))
	var next *epoch
	for i := len(l.epochs) - 1; i >= 0; i-- {
		e := l.epochs[i]
		switch ends[i] = math.MaxUint64; {
		case next == nil:
		case e.Epoch > next.prior.Epoch:
			ends[i] = 0
			continue
		case e.Epoch == next.prior.Epoch:
			ends[i] = next.prior.Sequence
		}
		if next = nil; e.named() {
			next = e
		}
	}
	return ends
}

// Whatever comes in whatever order, the ends are those that a chain made of all of it has.
func TestEndsOfEpochsDependOnNothingButWhatIsKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLine("o")
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			number := rapid.Uint64Range(1, 12).Draw(t, "epoch")
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				l.Forget(number)
			case 1:
				l.Raise(number, rapid.Uint64Range(1, 5).Draw(t, "floor"))
			default:
				h := Header{Origin: "o", Epoch: number, Sequence: rapid.Uint64Range(1, 3).Draw(t, "sequence"), Count: 1}
				if h.Sequence == 1 && number > 1 {
					h.Prior = Position{"o", rapid.Uint64Range(1, number-1).Draw(t, "prior"), rapid.Uint64Range(1, 4).Draw(t, "end"), 0}
				}
				l.Hold(&h)
			}
			for i, end := range l.chainAll() {
				if l.epochs[i].end != end {
					t.Fatalf("epoch %d ends at %d, want %d", l.epochs[i].Epoch, l.epochs[i].end, end)
				}
			}
		}
	})
}

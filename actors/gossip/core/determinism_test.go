package core_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// Two cores that get the same put out the same, byte by byte: what was seen once can be seen again.
func TestEqualInputsGiveEqualOutputs(t *testing.T) {
	for seed := range uint64(6) {
		if first, second := fingerprint(t, seed), fingerprint(t, seed); first != second {
			t.Errorf("seed %d gives %x, and then %x", seed, first, second)
		}
	}
}

// fingerprint is a hash over all that the nodes of a lab put out.
func fingerprint(t *testing.T, seed uint64) uint64 {
	c := seeded{rand.New(rand.NewPCG(seed, 3))}
	sum := fnv.New64a()
	l := newLab(t, 4+c.IntN(10), seed, nil)
	l.seen = func(n *node, o string, f frame.Frame) {
		fmt.Fprintln(sum, l.now, n.id, o)
		switch f := f.(type) {
		case nil:
		case *frame.Push: // its batch is a stand-in
			fmt.Fprintln(sum, f.Hop, f.Refresh, f.Repair, id(f.Batch))
		default:
			sum.Write(frame.Append(nil, f))
		}
	}
	for range 60 {
		publish(l, c)
		l.perform(actions[c.IntN(len(actions))], c)
	}
	return sum.Sum64()
}

func id(b *wire.Sealed) string {
	if b == nil {
		return ""
	}
	return b.ID().String()
}

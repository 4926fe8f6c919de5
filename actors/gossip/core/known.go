package core

import (
	"anode/messages"
)

// known is what a peer holds of a flow: all of [run, head], and below floor nothing. From from on, where that
// is not 0, it holds all up to head but the holes. A zero head is nothing known.
type known struct {
	floor, run, head, from uint64
	holes                  messages.Ranges
}

// peer is what a link's peer holds, to be changed.
func (f *flow) peer(slot int) *known {
	for len(f.known) <= slot {
		f.known = append(f.known, known{})
	}
	return &f.known[slot]
}

// note notes that a peer holds a batch.
func (f *flow) note(slot int, sequence uint64) {
	k := f.peer(slot)
	switch {
	case k.head == 0:
		k.run, k.head = sequence, sequence
	case sequence == k.head+1:
		k.head = sequence
	case sequence > k.head:
		if k.from != 0 {
			k.holes = k.holes.Add(messages.Range{From: k.head + 1, To: sequence - 1})
		}
		k.run, k.head = sequence, sequence
	case sequence == k.run-1:
		k.run = sequence
	default:
		k.holes = k.holes.Drop(messages.Range{From: sequence, To: sequence})
	}
	k.bound()
	if f.denied[slot].Has(sequence) {
		f.redeem(slot, messages.Ranges{{From: sequence, To: sequence}})
	}
}

// bound keeps what is remembered of a peer's holes small: of what lies below the highest ones nothing is known then.
func (k *known) bound() {
	if n := len(k.holes); n > mostDenied {
		k.from, k.holes = k.holes[n-1].To+1, nil
	}
}

// has tells whether the peer is known to hold a batch.
func (k *known) has(sequence uint64) bool {
	switch {
	case k.head == 0 || sequence > k.head || sequence < k.floor:
		return false
	case sequence >= k.run:
		return true
	}
	return k.from != 0 && sequence >= k.from && !k.holes.Has(sequence)
}

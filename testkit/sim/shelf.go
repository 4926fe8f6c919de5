package sim

import (
	"math/bits"

	"anode/messages"
)

// shelf is what a journal holds of one flow: a bit a batch. 10,000 nodes with 10,000 batches each are 12 MB.
// The zero shelf has never held anything.
type shelf struct {
	// floor: retention dropped all below it; 0 is none yet. head is the highest sequence held, or floor - 1.
	floor, head uint64
	// solid: all from the floor to it is held.
	solid uint64
	// bits has the bit of sequence base + i + 1 at i.
	bits []uint64
	base uint64
	// begun: the first batch was held once, and so what it names as prior is known.
	begun bool
	// other are batches held that are not the first that was sealed at their place.
	other map[uint64]*batch
}

// known tells whether the journal has heard of the flow.
func (sh *shelf) known() bool { return sh.floor > 0 }

func (sh *shelf) open() {
	if sh.floor == 0 {
		sh.floor = 1
	}
}

// has tells whether a sequence is held.
func (sh *shelf) has(sequence uint64) bool {
	if sequence < max(sh.floor, 1) || sequence > sh.head {
		return false
	}
	i := sequence - sh.base - 1
	return sh.bits[i/64]>>(i%64)&1 == 1
}

// put holds a sequence; it must not be below the floor.
func (sh *shelf) put(sequence uint64) {
	sh.open()
	i := sequence - sh.base - 1
	for uint64(len(sh.bits)) <= i/64 {
		sh.bits = append(sh.bits, 0)
	}
	sh.bits[i/64] |= 1 << (i % 64)
	sh.head = max(sh.head, sequence)
	sh.begun = sh.begun || sequence == 1
	sh.settle()
}

// fill holds all from 1 to a sequence.
func (sh *shelf) fill(to uint64) {
	sh.open()
	sh.bits = make([]uint64, to/64+1)
	for i := range sh.bits {
		sh.bits[i] = ^uint64(0)
	}
	sh.bits[to/64] = 1<<(to%64) - 1
	sh.head, sh.solid, sh.begun = to, to, to > 0
}

// settle moves solid over what is held.
func (sh *shelf) settle() {
	for sh.solid = max(sh.solid, sh.floor-1); sh.solid < sh.head; {
		i := sh.solid - sh.base
		held := uint64(bits.TrailingZeros64(^(sh.bits[i/64] >> (i % 64))))
		if held = min(held, 64-i%64); held == 0 {
			break
		}
		sh.solid += held
	}
}

// take loses a sequence.
func (sh *shelf) take(sequence uint64) {
	if !sh.has(sequence) {
		return
	}
	i := sequence - sh.base - 1
	sh.bits[i/64] &^= 1 << (i % 64)
	delete(sh.other, sequence)
	sh.solid = min(sh.solid, sequence-1)
	for sh.head >= sh.floor && !sh.has(sh.head) {
		sh.head--
	}
}

// raise drops all below a floor.
func (sh *shelf) raise(floor uint64) {
	sh.open()
	if floor <= sh.floor {
		return
	}
	for sequence := range sh.other {
		if sequence < floor {
			delete(sh.other, sequence)
		}
	}
	sh.floor = floor
	if sh.head < floor {
		sh.head, sh.solid = floor-1, floor-1
		sh.bits, sh.base = nil, floor-1
		return
	}
	if words := (floor - 1 - sh.base) / 64; words > 32 && words > uint64(len(sh.bits))/2 {
		sh.bits = append([]uint64(nil), sh.bits[words:]...)
		sh.base += words * 64
	}
	sh.settle()
}

// holes are the absent runs between floor and head.
func (sh *shelf) holes() []messages.Range {
	var list []messages.Range
	for s := sh.solid + 1; s <= sh.head; s++ {
		if sh.has(s) {
			continue
		}
		if n := len(list); n > 0 && list[n-1].To == s-1 {
			list[n-1].To = s
		} else {
			list = append(list, messages.Range{From: s, To: s})
		}
	}
	return list
}

// missing counts what is absent up to a sequence, from the floor on, and calls for each.
func (sh *shelf) missing(to uint64, each func(sequence uint64)) {
	for s := max(sh.solid, max(sh.floor, 1)-1) + 1; s <= to; s++ {
		if !sh.has(s) {
			each(s)
		}
	}
}

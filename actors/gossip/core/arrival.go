package core

import (
	"anode/messages"
	"anode/messages/wire"
)

// arrival is a batch that waits to be appended.
type arrival struct {
	batch *wire.Sealed
	// peer brought it, over the link of that slot.
	peer messages.NodeID
	slot int
	hop  uint8
	// refresh and repair are the push's. old: it is not passed on.
	refresh, repair, old bool
}

// arrivals are the batches of a flow that wait to be appended, in the order in which the journal got them. It
// answers in that order too, save for what fails.
type arrivals struct {
	list  []arrival
	first int
}

func (a *arrivals) len() int { return len(a.list) - a.first }

func (a *arrivals) add(one arrival) {
	if a.first > 64 && a.first > len(a.list)/2 {
		n := copy(a.list, a.list[a.first:])
		clear(a.list[n:])
		a.list, a.first = a.list[:n], 0
	}
	a.list = append(a.list, one)
}

// take gives and forgets the one of a batch.
func (a *arrivals) take(b *wire.Sealed) (arrival, bool) {
	for i := a.first; i < len(a.list); i++ {
		one := a.list[i]
		if one.batch.Sequence != b.Sequence {
			continue
		}
		copy(a.list[a.first+1:i+1], a.list[a.first:i])
		a.list[a.first] = arrival{}
		if a.first++; a.first == len(a.list) {
			a.list, a.first = a.list[:0], 0
		}
		return one, true
	}
	return arrival{}, false
}

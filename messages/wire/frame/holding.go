package frame

import (
	"fmt"

	"anode/messages"
)

// leastHolding is the least bytes of a Holding: an id, four numbers, an HLC, and a count.
const leastHolding = 1 + 4 + sizeFixed + 1

// Of a Holding Head stands first, Floor as the distance from its end, and each hole as the distance of its From
// from the end of the one before it (from Floor, of the first) and of its To from its From; all
// modulo 2^64, as in Held.

func (h *Holding) size() int {
	n := sizeID(h.Origin) + sizeUint(h.Epoch) + sizeUint(h.Head) + sizeUint(h.Head+1-h.Floor) + sizeUint(uint64(h.HeadIndex)) + sizeFixed +
		sizeUint(uint64(len(h.Holes)))
	end := h.Floor
	for _, hole := range h.Holes {
		n += sizeUint(hole.From-end) + sizeUint(hole.To-hole.From)
		end = hole.To
	}
	return n
}

func (h *Holding) append(dst []byte) []byte {
	dst = appendUint(appendID(dst, h.Origin), h.Epoch)
	dst = appendUint(appendUint(dst, h.Head), h.Head+1-h.Floor)
	dst = appendFixed(appendUint(dst, uint64(h.HeadIndex)), uint64(h.HeadHLC))
	dst = appendUint(dst, uint64(len(h.Holes)))
	end := h.Floor
	for _, hole := range h.Holes {
		dst = appendUint(appendUint(dst, hole.From-end), hole.To-hole.From)
		end = hole.To
	}
	return dst
}

func (h *Holding) read(d *decoder) {
	h.Origin, h.Epoch, h.Head = d.id(), d.uint(), d.uint()
	h.Floor = h.Head + 1 - d.uint()
	h.HeadIndex, h.HeadHLC = d.uint32(), d.hlc()
	h.Holes = room[messages.Range](d, 2, MaxHoles)
	end := h.Floor
	for i := range h.Holes {
		hole := &h.Holes[i]
		hole.From = end + d.uint()
		hole.To = hole.From + d.uint()
		end = hole.To
	}
}

func (h *Holding) check() error {
	if err := checkFlow(h.Origin, h.Epoch); err != nil {
		return err
	}
	if h.Floor == 0 || h.Floor > h.Head+1 || h.Head > maxSequence {
		return fmt.Errorf("floor %d, head %d of %s-%d: want 1 ≤ floor ≤ head + 1", h.Floor, h.Head, h.Origin, h.Epoch)
	}
	if h.HeadIndex > messages.IndexEnd {
		return fmt.Errorf("index %d of the head of %s-%d, at most %d is allowed", h.HeadIndex, h.Origin, h.Epoch, messages.IndexEnd)
	}
	return h.checkHoles()
}

func (h *Holding) checkHoles() error {
	if len(h.Holes) > MaxHoles {
		return fmt.Errorf("%d holes of %s-%d, at most %d are allowed", len(h.Holes), h.Origin, h.Epoch, MaxHoles)
	}
	least := h.Floor
	for _, hole := range h.Holes {
		if hole.From < least || hole.From > hole.To || hole.To > h.Head {
			return fmt.Errorf("hole %s of %s-%d: holes ascend between floor %d and head %d, and no two touch", hole, h.Origin, h.Epoch, h.Floor, h.Head)
		}
		least = hole.To + 2
	}
	return nil
}

func sizeHoldings(list []Holding) int {
	n := sizeUint(uint64(len(list)))
	for i := range list {
		n += list[i].size()
	}
	return n
}

func appendHoldings(dst []byte, list []Holding) []byte {
	dst = appendUint(dst, uint64(len(list)))
	for i := range list {
		dst = list[i].append(dst)
	}
	return dst
}

func (d *decoder) holdings() []Holding {
	list := room[Holding](d, leastHolding, Max)
	for i := range list {
		list[i].read(d)
	}
	return list
}

package history

import (
	"sync"

	"anode/messages"
)

// mostTimes is how many batches' times are remembered.
const mostTimes = 16_384

// times remembers when batches were received, in ms. mu guards it, and is a leaf.
type times struct {
	mu sync.Mutex
	of map[messages.BatchID][2]int64
}

// timeOf gives when the first and the last record of a batch were received, in ms; false where it can't be read.
func (h *History) timeOf(origin messages.NodeID, epoch, sequence uint64) (first, last int64, ok bool) {
	id := messages.BatchID{Origin: origin, Epoch: epoch, Sequence: sequence}
	h.times.mu.Lock()
	at, ok := h.times.of[id]
	h.times.mu.Unlock()
	if ok {
		return at[0], at[1], true
	}
	sealed, err := h.cfg.Journal.Read(id)
	if err != nil {
		return 0, 0, false
	}
	at = [2]int64{sealed.First.Millis(), sealed.Last.Millis()}
	h.times.mu.Lock()
	defer h.times.mu.Unlock()
	if h.times.of == nil || len(h.times.of) >= mostTimes {
		h.times.of = make(map[messages.BatchID][2]int64)
	}
	h.times.of[id] = at
	return at[0], at[1], true
}

// lowestHeld is the lowest sequence of an epoch that is held; false where none is.
func lowestHeld(e *messages.EpochDigest) (uint64, bool) {
	low := max(1, e.Floor)
	if len(e.Holes) > 0 && e.Holes[0].From <= low {
		low = e.Holes[0].To + 1
	}
	return low, low <= e.Head
}

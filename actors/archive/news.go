package archive

import (
	"sync"

	"anode/messages/command"
)

// heard is a batch that was stored.
type heard struct {
	epochKey
	sequence uint64
	count    uint32
}

// news are batches that were stored, for the loop. Where too many wait they are dropped: the loop then looks at all that the journal holds. It
// is safe for concurrent use.
type news struct {
	mu sync.Mutex // guards what follows; a leaf
	// list are those since the loop looked last, in order; spare is the room of those before.
	list, spare []heard
	missed      bool
	dropped     uint64
}

// put takes in what was stored.
func (n *news) put(stored *command.Stored) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range stored.Batches {
		h := &stored.Batches[i].Header
		if len(n.list) >= mostNews {
			n.missed = true
			n.dropped++
			continue
		}
		n.list = append(n.list, heard{epochKey{h.Origin, h.Epoch}, h.Sequence, h.Count})
	}
}

// take gives what came, until it is called again, and tells whether some was dropped.
func (n *news) take() (list []heard, missed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list, missed = n.list, n.missed
	n.list, n.spare, n.missed = n.spare[:0], list, false
	return list, missed
}

// waiting is how many wait, and how many were dropped since the start.
func (n *news) waiting() (waiting int, dropped uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.list), n.dropped
}

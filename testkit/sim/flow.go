package sim

import (
	"encoding/binary"

	"anode/messages"
	"anode/messages/wire"
)

// flow is one epoch of one origin: the truth, which no node knows whole.
type flow struct {
	index  int
	origin messages.NodeID
	epoch  uint64
	prior  messages.Position
	// batches are those sealed, by sequence - 1. Where two nodes number as one origin there may be others at
	// the same place: forks has them.
	batches []*batch
	forks   map[uint64][]*batch
	// owed is how many of the batches are older than the grace that the last look at the whole gave them.
	owed uint64
}

// batch is one sealed batch and what became of it.
type batch struct {
	sealed *wire.Sealed
	flow   *flow
	// by sealed it, at that time.
	by *node
	at int64
	// holders is how many nodes that are up hold it.
	holders int32
	// audience is how many nodes were up at the time, besides by, and still are; have of them hold it, the
	// last since last.
	audience, have int32
	last           int64
	// mended are those of them to whom the tree did not bring it.
	mended []int32
	// received is how often it came out of a link, by the tree and by repair.
	received int32
	// got is how many nodes appended it that did not seal it.
	got int32
	// calm: no fault was near. done: all of the audience have it. old: it stands for history. stored: a journal
	// has held it.
	calm, done, old, stored bool
	// flooded is when the last node would have had it by flooding, since it was sealed; 0 was not tried.
	flooded int64
}

// sequence is its place in its flow.
func (b *batch) sequence() uint64 { return b.sealed.Sequence }

// size is how many bytes it has.
func (b *batch) size() int { return len(b.sealed.Bytes()) }

// flowKey names a flow.
type flowKey struct {
	origin messages.NodeID
	epoch  uint64
}

// truth is everything that was ever sealed.
type truth struct {
	flows   []*flow
	byKey   map[flowKey]*flow
	byNode  map[messages.NodeID][]*flow
	batches []*batch
	// open are those that some of their audience do not have.
	open []*batch
}

func newTruth() *truth {
	return &truth{byKey: make(map[flowKey]*flow), byNode: make(map[messages.NodeID][]*flow)}
}

// room is what all bodies of batches are parts of: nobody reads them.
var room = make([]byte, wire.MaxSealed)

// flow gives the flow of an epoch, made where it is new.
func (t *truth) flow(origin messages.NodeID, epoch uint64) *flow {
	key := flowKey{origin, epoch}
	f := t.byKey[key]
	if f == nil {
		f = &flow{index: len(t.flows), origin: origin, epoch: epoch}
		t.flows = append(t.flows, f)
		t.byKey[key] = f
		t.byNode[origin] = append(t.byNode[origin], f)
	}
	return f
}

// seal makes a batch of a header, which lacks only what tells it from others.
func (t *truth) seal(f *flow, h messages.Header, size int) *batch {
	// The root is its number: so any batch that comes out of a link is found again.
	binary.LittleEndian.PutUint64(h.Root[:], uint64(len(t.batches)))
	h.Root[31] = 1
	b := &batch{sealed: wire.StandIn(h, room[:size]), flow: f}
	t.batches = append(t.batches, b)
	switch {
	case h.Sequence == uint64(len(f.batches))+1:
		f.batches = append(f.batches, b)
	default:
		if f.forks == nil {
			f.forks = make(map[uint64][]*batch)
		}
		f.forks[h.Sequence] = append(f.forks[h.Sequence], b)
	}
	return b
}

// of finds the batch of sealed bytes; nil where they are none that was sealed here.
func (t *truth) of(s *wire.Sealed) *batch {
	if i := binary.LittleEndian.Uint64(s.Root[:8]); i < uint64(len(t.batches)) && t.batches[i].sealed == s {
		return t.batches[i]
	}
	return nil
}

// at is the batch that stands at a place first; nil where none does.
func (f *flow) at(sequence uint64) *batch {
	if sequence == 0 || sequence > uint64(len(f.batches)) {
		return nil
	}
	return f.batches[sequence-1]
}

// head is the highest sequence sealed.
func (f *flow) head() uint64 { return uint64(len(f.batches)) }

package storagetest

import (
	"fmt"
	"testing"

	"anode/messages"
	"anode/messages/wire"
)

// Origin makes the batches of one origin, chained as its journal actor would.
type Origin struct {
	ID       messages.NodeID
	Epoch    uint64
	Sequence uint64
	HLC      messages.HLC
	prior    messages.Position
	previous messages.Hash
	sealer   *wire.Sealer
}

// NewOrigin begins an origin's first epoch with a time of receipt in Unix ms.
func NewOrigin(id messages.NodeID, epoch uint64, ms int64) *Origin {
	return &Origin{ID: id, Epoch: epoch, HLC: messages.HLCFromMillis(ms), sealer: wire.NewSealer(wire.S2)}
}

// Restart begins a new epoch that names a place on the line of the origin.
func (o *Origin) Restart(epoch uint64, prior messages.Position) {
	o.Epoch, o.Sequence, o.prior, o.previous = epoch, 0, prior, messages.Hash{}
}

// At moves the origin's clock on to a Unix ms.
func (o *Origin) At(ms int64) { o.HLC = max(o.HLC+1, messages.HLCFromMillis(ms)) }

// Next seals the next batch; without drafts it has one record of stream "test.a".
func (o *Origin) Next(t testing.TB, drafts ...messages.Draft) wire.Sealed {
	t.Helper()
	if len(drafts) == 0 {
		drafts = []messages.Draft{Draft("test.a", fmt.Sprintf(`{"n":%d}`, o.Sequence+1))}
	}
	o.Sequence++
	at := wire.Place{BatchID: messages.BatchID{Origin: o.ID, Epoch: o.Epoch, Sequence: o.Sequence}, First: o.HLC, Previous: o.previous}
	if o.Sequence == 1 {
		at.Prior = o.prior
	}
	s, _, _, err := o.sealer.Seal(at, drafts)
	if err != nil {
		t.Fatalf("seal %s: %v", at.BatchID, err)
	}
	o.HLC, o.previous = s.Last+1, s.HeaderHash()
	return s
}

// Run seals a number of batches.
func (o *Origin) Run(t testing.TB, n int) []wire.Sealed {
	t.Helper()
	list := make([]wire.Sealed, n)
	for i := range list {
		list[i] = o.Next(t)
	}
	return list
}

// Draft is a draft with a JSON payload.
func Draft(stream messages.Stream, payload string) messages.Draft {
	return messages.Draft{Stream: stream, Payload: []byte(payload)}
}

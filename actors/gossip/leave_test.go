package gossip_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/gossip"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
)

// seal stores and announces a batch of its own.
func (g *gossiper) seal(sequence uint64) {
	g.t.Helper()
	s, b, _, err := wire.NewSealer(wire.None).Seal(wire.Place{
		BatchID: messages.BatchID{Origin: g.id, Epoch: 1, Sequence: sequence}, First: messages.HLCFromMillis(time.Now().UnixMilli()),
	}, []messages.Draft{{Stream: "s", ContentType: "text/plain", Payload: []byte("x")}})
	must(g.t, err)
	_, err = g.journal.Append(storage.Own, []wire.Sealed{s})
	must(g.t, err)
	g.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: s, Batch: b, Live: true}}})
}

// A node whose journal takes nothing of others any more, as it is stopping, stays linked until it has sent what it sealed last.
func TestWhoRetiresSendsWhatItSealsUntilItLeaves(t *testing.T) {
	var stopping atomic.Bool
	a, b := pair(t, func(c *gossip.Config) {
		store := c.Store
		c.Store = func(batch *wire.Sealed, backfill bool, done func(storage.Held, error)) {
			if stopping.Load() {
				done(0, errors.New("the node is stopping"))
				return
			}
			store(batch, backfill, done)
		}
	})
	b.Retire(t.Context())
	stopping.Store(true)
	pace := time.NewTicker(50 * time.Millisecond) // for longer than a journal may take nothing
	defer pace.Stop()
	for sequence := uint64(1); sequence <= 30; sequence++ {
		a.seal(sequence)
		<-pace.C
	}
	stopping.Store(false) // a's journal works
	b.seal(1)
	b.stop(true)
	if head := a.journal.Head(b.id); head.Sequence != 1 {
		t.Errorf("the other has up to %d of what was sealed last, want 1", head.Sequence)
	}
}

package gossip

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"testing"
	"time"

	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// Where the mesh port can't be opened no incarnation lasts as long as one waits for peers: who asks for the latest, or edits the
// registry, is not made to wait for ever.
func TestTheWaitForPeersIsCountedOverIncarnations(t *testing.T) {
	over := func(c chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	g, err := New(Config{
		Node: "aaaa", Key: make(ed25519.PrivateKey, ed25519.PrivateKeySize), NodeIDOf: func(ed25519.PublicKey) messages.NodeID { return "aaaa" },
		Epoch: 1, Cluster: "test", Keys: func() *link.Keys { return nil }, Open: func() (Network, error) { return nil, errors.New("it is in use") },
		Seeds: []string{"192.0.2.1:7946"}, Journal: memory.NewJournal(memory.Config{}), State: memory.NewState(),
		Store:   func(*wire.Sealed, bool, func(storage.Held, error)) {},
		Number:  func(uint64, messages.Position, func(uint64, error)) {},
		Covered: func(uint64, messages.Range) {}, GaveUp: func(command.GaveUp) {}, Show: func(command.Ephemeral) {}, Stop: func(string) {},
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		age           time.Duration
		met, informed bool
	}{{0, false, false}, {meetPatience, true, false}, {joinPatience, true, true}} {
		if c.age > 0 {
			g.began = time.Now().Add(-c.age)
		}
		if _, err := newLoop(g, nil); err == nil {
			t.Fatal("it lives")
		}
		if over(g.met) != c.met || over(g.informed) != c.informed {
			t.Errorf("after %s: met %v, informed %v", c.age, over(g.met), over(g.informed))
		}
	}
}

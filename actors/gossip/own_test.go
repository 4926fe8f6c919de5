package gossip

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/storage"
	"anode/storage/memory"
)

// numbered is a loop of node aaaa that does not run, with a core and a journal; it numbers with an epoch.
func numbered(t *testing.T, epoch uint64) (l *loop, journal *memory.Journal) {
	t.Helper()
	journal = memory.NewJournal(memory.Config{Self: "aaaa"})
	g := &Gossip{cfg: Config{Node: "aaaa", Journal: journal, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}}
	g.epoch.Store(epoch)
	var err error
	if g.metrics, err = newMetrics(g, nil); err != nil {
		t.Fatal(err)
	}
	l = &loop{
		gossip: g, cfg: &g.cfg, log: g.cfg.Logger, start: time.Now(), mail: newMail(), epochSaid: epoch,
		links: make(map[messages.NodeID]*peer), sent: make(map[uint8]uint64),
	}
	if l.core, err = core.New(core.Config{Node: "aaaa", Epoch: epoch}); err != nil {
		t.Fatal(err)
	}
	g.loop.Store(l)
	return l, journal
}

// own is a batch of node aaaa.
func own(t *testing.T, epoch, sequence uint64, bytes int) (*wire.Sealed, *messages.Batch) {
	t.Helper()
	s, b, _, err := wire.NewSealer(wire.None).Seal(wire.Place{
		BatchID: messages.BatchID{Origin: "aaaa", Epoch: epoch, Sequence: sequence}, First: 1,
	}, []messages.Draft{{Stream: "s", ContentType: "text/plain", Payload: make([]byte, bytes)}})
	if err != nil {
		t.Fatal(err)
	}
	return &s, b
}

// stores appends own batches to the journal.
func stores(t *testing.T, journal *memory.Journal, epoch, from, to uint64, bytes int) {
	t.Helper()
	for sequence := from; sequence <= to; sequence++ {
		s, _ := own(t, epoch, sequence, bytes)
		if _, err := journal.Append(storage.Own, []wire.Sealed{*s}); err != nil {
			t.Fatal(err)
		}
	}
}

// head is what the core holds of the node's own in an epoch.
func (l *loop) head(epoch uint64) uint64 {
	e, _ := l.core.Lines()["aaaa"].Epoch(epoch)
	return e.Head
}

// However much was sealed that the loop was not told of, it looks at other things in between.
func TestTheLoopCatchesUpInTurns(t *testing.T) {
	l, journal := numbered(t, 1)
	const size = 300_000
	stores(t, journal, 1, 1, 20, size)
	l.mail.fallBehind()
	turns := 0
	for last := uint64(0); l.head(1) < 20; turns++ {
		<-l.mail.stir
		l.read()
		if got := l.head(1); got == last || (got-last)*size > catchBytes+size {
			t.Fatalf("from %d to %d in a turn", last, got)
		} else {
			last = got
		}
	}
	// What is announced while it is behind comes in its order.
	s, b := own(t, 1, 22, 10)
	stores(t, journal, 1, 21, 22, 10)
	l.gossip.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: *s, Batch: b}}})
	l.read()
	if got := l.head(1); got != 22 || turns < 5 {
		t.Errorf("up to %d after %d turns", got, turns)
	}
	if e, _ := l.core.Lines()["aaaa"].Epoch(1); len(e.Holes) > 0 {
		t.Errorf("without %v", e.Holes)
	}
}

// Own batches that peers bring back are not spread as if they were sealed now: and where they are of a higher epoch than
// the node numbers with, those that it seals are still told of.
func TestOwnBatchesThatPeersBringBackAreNoneThatWereSealed(t *testing.T) {
	l, journal := numbered(t, 7)
	brought, _ := own(t, 9, 1, 10)
	stores(t, journal, 7, 1, 1, 10)
	stores(t, journal, 9, 1, 1, 10)
	l.gossip.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: *brought, Live: true}}})
	l.mail.fallBehind()
	l.read()
	if l.head(7) != 1 || l.head(9) != 0 {
		t.Errorf("told up to %d of epoch 7, to %d of epoch 9", l.head(7), l.head(9))
	}
	stores(t, journal, 7, 2, 2, 10)
	s, b := own(t, 7, 2, 10)
	l.gossip.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: *s, Batch: b, Live: true}}})
	l.read()
	if l.head(7) != 2 {
		t.Errorf("what is sealed after that is not told: up to %d", l.head(7))
	}
	if at := lastOwn(journal.Lines()["aaaa"], "aaaa", 7); at.Epoch != 7 || at.Sequence != 2 {
		t.Errorf("the next incarnation begins at %s", at)
	}
}

// A word about a link's queue that comes late does not make the core believe that what it sent since is gone.
func TestWhatWaitsInALinkIsAskedWhenTheLoopComesToIt(t *testing.T) {
	l, _ := numbered(t, 1)
	conn := connection(t)
	p := &peer{loop: l, id: conn.Peer, hello: conn.Hello}
	p.link = link.New(conn, p) // it does not run: nothing goes
	l.links[p.id] = p
	l.act(func(now core.Now) { l.core.LinkUp(now, p.id, p.hello) })
	p.Queued(0)
	l.read()
	p.Queued(0) // it was so when it was said
	for sequence := uint64(1); sequence <= 8; sequence++ {
		s, _ := own(t, 1, sequence, 1_000_000)
		l.local(s)
	}
	l.read()
	if stats := l.core.Look(); len(stats) != 1 || !stats[0].Slow {
		t.Errorf("%d bytes wait, and the core says %+v", p.link.Waiting(), stats)
	}
}

// connection is one whose other end reads nothing.
func connection(t *testing.T) *link.Conn {
	t.Helper()
	keys, err := link.NewKeys("test", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	keyOf := func(name string) ed25519.PrivateKey {
		seed := make([]byte, ed25519.SeedSize)
		copy(seed, name)
		return ed25519.NewKeyFromSeed(seed)
	}
	endpoint := func(name string) *link.Endpoint {
		e, err := link.NewEndpoint(link.Config{
			Cluster: "test", Key: keyOf(name), Keys: func() *link.Keys { return keys },
			NodeIDOf: func(key ed25519.PublicKey) messages.NodeID {
				if key.Equal(keyOf("aaaa").Public()) {
					return "aaaa"
				}
				return "bbbb"
			},
			Hello: func(context.Context, messages.NodeID) (frame.Hello, error) { return frame.Hello{Epoch: 1}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	near, far := net.Pipe()
	type outcome struct {
		conn *link.Conn
		err  error
	}
	accepted := make(chan outcome, 1)
	go func() {
		conn, err := endpoint("bbbb").Accept(t.Context(), far)
		accepted <- outcome{conn, err}
	}()
	dialed, err := endpoint("aaaa").Dial(t.Context(), near, "")
	if err != nil {
		t.Fatal(err)
	}
	other := <-accepted
	if other.err != nil {
		t.Fatal(other.err)
	}
	t.Cleanup(func() {
		_ = dialed.Close()
		_ = other.conn.Close()
	})
	return dialed
}

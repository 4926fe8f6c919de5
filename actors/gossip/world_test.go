package gossip_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anode/actors/actor"
	"anode/actors/gossip"
	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/storage"
	"anode/storage/memory"
	"anode/storage/state"
)

// A probe of memberlist that is under way at its end goes on until its own time is out.
func TestMain(m *testing.M) {
	const of = "github.com/hashicorp/memberlist.(*Memberlist)."
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(of+"probeNode"), goleak.IgnoreAnyFunction(of+"handleIndirectPing.func2"), goleak.IgnoreAnyFunction(of+"sendPingAndWaitForAck"))
}

// gossiper is one part of a mesh without the rest of a node: what peers bring is appended at once.
type gossiper struct {
	*gossip.Gossip
	t       *testing.T
	id      messages.NodeID
	cfg     gossip.Config
	addr    string
	system  *actor.System
	ref     *actor.Ref
	journal *memory.Journal
	first   gossip.Network

	mu      sync.Mutex
	learnt  []frame.Event
	deaf    bool
	stopped []string
}

// newGossiper makes one that listens on loopback; tune changes its settings.
func newGossiper(t *testing.T, tune func(*gossip.Config)) *gossiper {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	g := &gossiper{t: t, id: state.NodeIDOf(public), addr: "127.0.0.1:0"}
	keys, err := link.NewKeys("test", nil, true)
	must(t, err)
	g.journal = memory.NewJournal(memory.Config{Self: g.id})
	g.first, err = g.open()
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", g.id[:4])
	}
	var storing sync.Mutex // one appends at a time
	g.cfg = gossip.Config{
		Node: g.id, Key: key, NodeIDOf: state.NodeIDOf, Epoch: 1, Cluster: "test", Name: string(g.id[:4]), HTTP: "http://" + string(g.id[:4]),
		Keys: func() *link.Keys { return keys }, Journal: g.journal, State: memory.NewState(),
		Open: func() (gossip.Network, error) {
			if n := g.first; n != nil {
				g.first = nil
				return n, nil
			}
			return g.open()
		},
		Store: func(b *wire.Sealed, backfill bool, done func(storage.Held, error)) {
			storing.Lock()
			defer storing.Unlock()
			held, err := g.journal.Append(map[bool]storage.Family{true: storage.Backfill, false: storage.Live}[backfill], []wire.Sealed{*b})
			if err != nil {
				done(0, err)
				return
			}
			done(held[0], nil)
		},
		Number:  func(_ uint64, _ messages.Position, done func(uint64, error)) { done(1, nil) },
		Covered: func(uint64, messages.Range) {}, GaveUp: func(command.GaveUp) {}, Show: func(command.Ephemeral) {},
		Learn: g.learn,
		Stop: func(reason string) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.stopped = append(g.stopped, reason)
		},
		Clock: time.Now, Logger: log,
	}
	if tune != nil {
		tune(&g.cfg)
	}
	return g
}

func (g *gossiper) open() (gossip.Network, error) {
	for try := 0; ; try++ {
		l, err := net.Listen("tcp", g.addr)
		if err != nil {
			return nil, err
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			g.addr = l.Addr().String()
			return member.NewSockets(p, l), nil
		}
		if l.Close(); try == 20 {
			return nil, err
		}
	}
}

// start runs it, with seeds to join.
func (g *gossiper) start(seeds ...string) {
	g.t.Helper()
	g.cfg.Seeds = seeds
	var err error
	g.Gossip, err = gossip.New(g.cfg)
	must(g.t, err)
	g.system, err = actor.NewSystem(actor.Config{Logger: g.cfg.Logger})
	must(g.t, err)
	g.ref, err = g.system.Spawn(g.Spec())
	must(g.t, err)
	g.t.Cleanup(func() {
		if g.system != nil {
			g.stop(true)
		}
	})
}

// stop ends it, with a goodbye or without.
func (g *gossiper) stop(says bool) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if says {
		g.Leave(ctx)
	}
	if err := g.system.Stop(ctx); err != nil {
		g.t.Error(err)
	}
	g.system = nil
}

func (g *gossiper) learn(events []frame.Event) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.deaf {
		return false
	}
	g.learnt = append(g.learnt, events...)
	return true
}

// linked tells to how many a link is up.
func (g *gossiper) linked() (n int) {
	v, err := command.Ask(g.t.Context(), g.ref, command.Peers{})
	if err != nil {
		return 0
	}
	for _, l := range v.Links {
		if l.State == command.LinkUp {
			n++
		}
	}
	return n
}

// pair are two that are linked.
func pair(t *testing.T, tune func(*gossip.Config)) (a, b *gossiper) {
	t.Helper()
	a, b = newGossiper(t, tune), newGossiper(t, tune)
	a.start()
	b.start(a.addr)
	await(t, "they are linked", func() bool { return a.linked() == 1 && b.linked() == 1 })
	return a, b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

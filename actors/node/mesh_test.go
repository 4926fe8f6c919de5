package node_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/gossip"
	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/actors/journal"
	"anode/actors/node"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
	"anode/storage/state"
)

// meshed is a node of a mesh on loopback, over its lives.
type meshed struct {
	*node.Node
	t       *testing.T
	id      messages.NodeID
	key     ed25519.PrivateKey
	journal *memory.Journal
	state   storage.State
	addr    string
	stopped chan string
	ack     journal.Ack
	// sources and labels are as in node.Config.
	sources node.Sources
	labels  map[string]string
}

func newMeshed(t *testing.T) *meshed {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := state.NodeIDOf(public)
	return &meshed{
		t: t, id: id, key: key, journal: memory.NewJournal(memory.Config{Self: id}), state: memory.NewState(), addr: "127.0.0.1:0",
		stopped: make(chan string, 1),
	}
}

// open binds the node's port: TCP and UDP.
func (m *meshed) open() (gossip.Network, error) {
	for try := 0; ; try++ {
		l, err := net.Listen("tcp", m.addr)
		if err != nil {
			return nil, err
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			m.addr = l.Addr().String()
			return member.NewSockets(p, l), nil
		}
		if l.Close(); try == 20 {
			return nil, err
		}
	}
}

func (m *meshed) start(secret string, seeds ...string) {
	m.t.Helper()
	first, err := m.open() // so that others may be told where it is
	if err != nil {
		m.t.Fatal(err)
	}
	keys, err := link.NewKeys("test", [][]byte{[]byte(secret)}, true)
	if err != nil {
		m.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", m.id[:4])
	}
	epoch, err := state.NextEpoch(m.state, time.Now(), m.journal.Head(m.id).Epoch+1)
	if err != nil {
		m.t.Fatal(err)
	}
	m.Node, err = node.Start(node.Config{
		View: command.NodeView{ID: m.id, Name: string(m.id[:4]), HTTP: "http://" + string(m.id[:4]), Labels: m.labels}, Cluster: "test",
		Epoch: epoch, Ack: m.ack, Sources: m.sources, Journal: m.journal, State: m.state, History: noHistory{}, Clock: time.Now, Logger: log,
		NextEpoch:  func(atLeast uint64) (uint64, error) { return state.NextEpoch(m.state, time.Now(), atLeast) },
		Registerer: prometheus.NewPedanticRegistry(),
		Mesh: &node.Mesh{
			Key: m.key, NodeIDOf: state.NodeIDOf, Keys: func() *link.Keys { return keys }, Seeds: seeds,
			Open: func() (gossip.Network, error) {
				if n := first; n != nil {
					first = nil
					return n, nil
				}
				return m.open()
			},
			Stop: func(reason string) { m.stopped <- reason },
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	node := m.Node
	m.t.Cleanup(func() {
		if m.Node == node {
			m.stop()
		}
	})
}

func (m *meshed) stop() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := m.Stop(ctx); err != nil {
		m.t.Error(err)
	}
	m.Node = nil
}

// publish stores some records.
func (m *meshed) publish(n int, what string) {
	m.t.Helper()
	for i := range n {
		d := messages.Draft{Stream: "lab.a", Payload: fmt.Appendf(nil, "%s %d", what, i)}
		done := make(chan command.Outcome, 1)
		if err := m.Submit(m.t.Context(), command.Submission{Drafts: []messages.Draft{d}, Done: func(o command.Outcome) { done <- o }}); err != nil {
			m.t.Fatal(err)
		}
		if o := <-done; o.Err != nil {
			m.t.Fatal(o.Err)
		}
	}
}

// equal tells whether all nodes hold the same, without holes.
func equal(nodes ...*meshed) bool {
	first := nodes[0].journal.Digest()
	for _, n := range nodes[1:] {
		if fmt.Sprint(n.journal.Digest()) != fmt.Sprint(first) {
			return false
		}
	}
	for _, epochs := range first {
		for _, e := range epochs {
			if len(e.Holes) > 0 {
				return false
			}
		}
	}
	return true
}

// What one node stores all store, also who joins later, and who was away.
func TestAMeshHoldsWhatEachOfItsNodesStores(t *testing.T) {
	a, b, c := newMeshed(t), newMeshed(t), newMeshed(t)
	a.start(secret)
	a.publish(10, "before all")
	b.start(secret, a.addr)
	c.start(secret, a.addr)
	a.publish(10, "from a")
	b.publish(10, "from b")
	c.publish(10, "from c")
	await(t, "all hold the same", func() bool { return len(a.journal.Origins()) == 3 && equal(a, b, c) })
	b.stop()
	a.publish(10, "while b is away")
	await(t, "the two hold the same", func() bool { return equal(a, c) })
	b.start(secret, c.addr)
	b.publish(10, "back")
	await(t, "all hold the same again", func() bool { return equal(a, b, c) })
	await(t, "all see three nodes", func() bool {
		for _, n := range []*meshed{a, b, c} {
			v, err := command.Ask(t.Context(), n, command.Peers{})
			if err != nil || len(v.Nodes) != 3 || len(v.Links) != 2 {
				return false
			}
		}
		return true
	})
}

// What was acknowledged last before a node was told to stop, others have.
func TestANodeThatStopsHasSentAll(t *testing.T) {
	a, b := newMeshed(t), newMeshed(t)
	a.start(secret)
	b.start(secret, a.addr)
	await(t, "they are linked", func() bool {
		v, err := command.Ask(t.Context(), b, command.Peers{})
		return err == nil && len(v.Links) == 1 && v.Links[0].State == command.LinkUp
	})
	for round := range 5 {
		b.publish(20, fmt.Sprint("round ", round))
		b.stop()
		if !equal(a, b) {
			t.Errorf("round %d: what was stored last did not come", round)
		}
		b.start(secret, a.addr)
		await(t, "they are linked again", func() bool {
			v, err := command.Ask(t.Context(), b, command.Peers{})
			return err == nil && len(v.Links) == 1 && v.Links[0].State == command.LinkUp
		})
	}
}

// A mesh of another secret stays apart, and both say why.
func TestAnotherSecretIsAnotherMesh(t *testing.T) {
	a, b := newMeshed(t), newMeshed(t)
	a.start("a secret of the test's own")
	a.publish(3, "mine")
	b.start("another secret altogether", a.addr)
	await(t, "it is said in words", func() bool {
		v, err := command.Ask(t.Context(), b, command.Peers{})
		return err == nil && len(v.Problems) > 0 && len(v.Nodes) == 1
	})
	if len(b.journal.Origins()) > 0 {
		t.Error("it got something")
	}
}

// With an acknowledgement by a peer, a record that is answered is on two disks; alone there is none.
func TestAnAcknowledgementByAPeer(t *testing.T) {
	a, b := newMeshed(t), newMeshed(t)
	a.ack, b.ack = journal.AckPeer, journal.AckPeer
	a.start(secret)
	submit := func() error {
		done := make(chan command.Outcome, 1)
		d := messages.Draft{Stream: "lab.a", Payload: []byte("1")}
		if err := a.Submit(t.Context(), command.Submission{Drafts: []messages.Draft{d}, Done: func(o command.Outcome) { done <- o }}); err != nil {
			t.Fatal(err)
		}
		return (<-done).Err
	}
	if err := submit(); !errors.Is(err, command.ErrUnconfirmed) {
		t.Errorf("alone: %v", err)
	}
	b.start(secret, a.addr)
	await(t, "it is acknowledged", func() bool { return submit() == nil })
	for range 20 {
		if err := submit(); err != nil {
			t.Fatal(err)
		}
		if head := a.journal.Head(a.id); b.journal.Head(a.id) != head {
			t.Fatalf("acknowledged %s, and the peer has %s", head, b.journal.Head(a.id))
		}
	}
}

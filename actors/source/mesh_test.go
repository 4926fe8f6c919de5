package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/actor"
	"anode/actors/source"
	"anode/actors/source/egress"
	"anode/actors/source/rest"
	"anode/actors/source/sse"
	"anode/actors/source/websocket"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// mesh is the sources of several nodes, with journals whose batches reach each other a moment later.
type mesh struct {
	t      *testing.T
	random *rand.Rand
	feed   *counted
	// takes is the longest that a batch takes, in ns.
	takes atomic.Int64
	// real are the connectors themselves, and real time; else it is the counted feed.
	real bool
	// nativeIDs tells that number gives some.
	nativeIDs bool

	mu    sync.Mutex
	nodes map[messages.NodeID]*meshNode
	epoch uint64
}

// meshNode is one node: its sources and its journal, as its own intake.
type meshNode struct {
	*source.Sources
	mesh    *mesh
	id      messages.NodeID
	epoch   uint64
	journal *memory.Journal
	system  *actor.System
	log     *lines
	life    context.Context
	kill    context.CancelFunc
	outbox  chan onItsWay

	mu   sync.Mutex
	dead bool
	seq  uint64
	hash messages.Hash
	due  time.Time
	list []source.Assignment
	// heard are the states of others, with when they came.
	heard []heardState
}

type heardState struct {
	n  int
	at time.Time
}

// hear notes the states in a batch of another node.
func (n *meshNode) hear(sealed *wire.Sealed) {
	b, err := sealed.Open()
	if err != nil {
		n.mesh.t.Error(err)
		return
	}
	group := b.Group("$state.p")
	if group == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range group.Records {
		var s savedState
		_ = json.Unmarshal(r.Payload, &s)
		if v, err := strconv.Atoi(string(s.Since) + s.Cursor); err == nil && s.Of == "" {
			n.heard = append(n.heard, heardState{v, time.Now()})
		}
	}
}

// heardOf is the furthest state that the node knows of for a while: what is asked for is settled before the request has its turn at the host.
func (n *meshNode) heardOf() (most int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.heard {
		if time.Since(h.at) > 100*time.Millisecond {
			most = max(most, h.n)
		}
	}
	return most
}

// onItsWay is a batch that reaches the others at a time.
type onItsWay struct {
	sealed wire.Sealed
	at     time.Time
}

// latency is the longest that a batch takes.
func (m *mesh) latency() time.Duration { return time.Duration(m.takes.Load()) }

func newMesh(t *testing.T, seed uint64, names ...messages.NodeID) *mesh {
	m := &mesh{t: t, random: rand.New(rand.NewPCG(seed, 1)), nativeIDs: true, nodes: make(map[messages.NodeID]*meshNode)}
	m.takes.Store(int64(30 * time.Millisecond))
	m.feed = &counted{mesh: m, lag: 3}
	for _, name := range names {
		m.start(name)
	}
	return m
}

// n is a random number below most.
func (m *mesh) n(most int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.IntN(most)
}

func (m *mesh) node(id messages.NodeID) *meshNode {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nodes[id]
}

func (m *mesh) all() []*meshNode {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*meshNode
	for _, n := range m.nodes {
		all = append(all, n)
	}
	return all
}

// start makes a node that has what another one holds.
func (m *mesh) start(id messages.NodeID) *meshNode {
	m.t.Helper()
	guard, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		m.t.Fatal(err)
	}
	n := &meshNode{mesh: m, id: id, journal: memory.NewJournal(memory.Config{Self: id}), log: &lines{}, outbox: make(chan onItsWay, 10000)}
	n.life, n.kill = context.WithCancel(context.Background())
	kind := func(s source.Setup) (source.Connector, error) {
		return &counting{feed: m.feed, node: n, spec: s.Spec}, nil
	}
	kinds := map[string]source.Kind{spec.KindWebSocket: kind, spec.KindSSE: kind, spec.KindREST: kind}
	if m.real {
		kinds = map[string]source.Kind{spec.KindWebSocket: websocket.New, spec.KindSSE: sse.New, spec.KindREST: rest.New}
	}
	n.Sources, err = source.New(source.Config{
		Node: id, Intake: n, Journal: n.journal, Language: language(), Guard: guard, Clock: time.Now, StatesEvery: time.Hour,
		Kinds:  kinds,
		Logger: slog.New(slog.NewTextHandler(n.log, nil)),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if n.system, err = actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(n.log, nil))}); err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	m.epoch++
	n.epoch = m.epoch
	for _, other := range m.nodes {
		copyJournal(m.t, other.journal, n.journal)
		break
	}
	m.nodes[id] = n
	m.mu.Unlock()
	if _, err := n.system.Spawn(n.Spec()); err != nil {
		m.t.Fatal(err)
	}
	go n.deliver()
	return n
}

func copyJournal(t *testing.T, from, to *memory.Journal) {
	for origin, epochs := range from.Digest() {
		for _, e := range epochs {
			for seq := e.Floor; seq <= e.Head; seq++ {
				sealed, err := from.Read(messages.BatchID{Origin: origin, Epoch: e.Epoch, Sequence: seq})
				if err != nil {
					continue
				}
				if _, err := to.Append(storage.Backfill, []wire.Sealed{sealed}); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// Submit implements command.Intake: everything is stored at once, and at the others a moment later.
func (n *meshNode) Submit(_ context.Context, s command.Submission) error {
	done := s.Done
	if done == nil {
		done = func(command.Outcome) {}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		return command.ErrUnavailable
	}
	if err := s.Chain.Broken(); err != nil {
		done(command.Outcome{Err: err})
		return nil
	}
	n.seq++
	sealed, _, _, err := wire.NewSealer(wire.S2).Seal(wire.Place{
		BatchID: messages.BatchID{Origin: n.id, Epoch: n.epoch, Sequence: n.seq}, First: messages.HLC(0).Next(time.Now()) + messages.HLC(n.seq), Previous: n.hash,
	}, slices.Concat(s.Drafts, s.State))
	if err != nil {
		n.mesh.t.Error(err)
		return err
	}
	n.hash = sealed.HeaderHash()
	if _, err := n.journal.Append(storage.Own, []wire.Sealed{sealed}); err != nil {
		n.mesh.t.Error(err)
		return err
	}
	if at := time.Now().Add(time.Duration(1+n.mesh.n(int(n.mesh.latency()/time.Millisecond))) * time.Millisecond); at.After(n.due) {
		n.due = at
	}
	n.outbox <- onItsWay{sealed, n.due}
	done(command.Outcome{Positions: make([]messages.Position, len(s.Drafts))})
	return nil
}

// seal has a node seal one record.
func (n *meshNode) seal(stream messages.Stream, payload string) {
	n.mesh.t.Helper()
	d := messages.Draft{Stream: stream, Source: "p", Payload: []byte(payload)}
	if err := n.Submit(context.Background(), command.Submission{Drafts: []messages.Draft{d}}); err != nil {
		n.mesh.t.Error(err)
	}
}

// number has a node number values as its source would.
func (n *meshNode) number(values ...int) {
	n.mesh.t.Helper()
	var drafts []messages.Draft
	for _, v := range values {
		d := messages.Draft{Stream: "p", Source: "p", Payload: fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, v, strings.Repeat("x", n.mesh.feed.pad))}
		if n.mesh.nativeIDs {
			d.NativeID = strconv.Itoa(v)
		}
		drafts = append(drafts, d)
	}
	if err := n.Submit(context.Background(), command.Submission{Drafts: drafts}); err != nil {
		n.mesh.t.Error(err)
	}
}

// batchValues are those of one of its own batches.
func (n *meshNode) batchValues(seq uint64) (all []int) {
	sealed, err := n.journal.Read(messages.BatchID{Origin: n.id, Epoch: n.epoch, Sequence: seq})
	if err != nil {
		n.mesh.t.Fatal(err)
	}
	b, err := sealed.Open()
	if err != nil {
		n.mesh.t.Fatal(err)
	}
	if group := b.Group("p"); group != nil {
		for _, r := range group.Records {
			var v struct{ N int }
			if err := json.Unmarshal(r.Payload, &v); err != nil {
				n.mesh.t.Fatal(err)
			}
			all = append(all, v.N)
		}
	}
	return all
}

// deliver brings the batches to the others until the node dies.
func (n *meshNode) deliver() {
	for {
		select {
		case b := <-n.outbox:
			if source.Sleep(n.life, time.Until(b.at)) != nil {
				return
			}
			for _, other := range n.mesh.all() {
				if other == n {
					continue
				}
				held, err := other.journal.Append(storage.Live, []wire.Sealed{b.sealed})
				if err != nil {
					n.mesh.t.Error(err)
				} else if held[0] == storage.HeldNew {
					other.hear(&b.sealed)
					other.Learn(command.Stored{Batches: []command.StoredBatch{{Sealed: b.sealed, Live: true}}})
				}
			}
		case <-n.life.Done():
			return
		}
	}
}

// stop ends a node: what did not reach others is lost.
func (m *mesh) stop(n *meshNode) {
	m.t.Helper()
	n.mu.Lock()
	n.dead = true
	n.mu.Unlock()
	n.kill()
	m.mu.Lock()
	delete(m.nodes, n.id)
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.system.Stop(ctx); err != nil {
		m.t.Error(err)
	}
}

func (m *mesh) close() {
	for _, n := range m.all() {
		m.stop(n)
	}
	if !m.real {
		time.Sleep(5 * time.Second) // the actor library's throttle
	}
}

// run has a node run a source in a role; a nil one ends it.
func (n *meshNode) run(s *spec.Spec, role *source.Role) {
	n.mesh.t.Helper()
	n.list = nil
	if role != nil {
		n.list = []source.Assignment{{Spec: s, Role: *role}}
	}
	for !n.Assign(n.list) {
		time.Sleep(time.Millisecond)
	}
}

func (n *meshNode) standsBy() bool {
	s, _ := n.Status("p")
	return s.Standby != nil
}

func (n *meshNode) awaitRunning() {
	n.mesh.t.Helper()
	for range 100_000 {
		if s, ok := n.Status("p"); ok && s.State == command.SourceRunning {
			return
		}
		time.Sleep(time.Millisecond)
	}
	n.mesh.t.Fatalf("%s does not run: %s", n.id, n.log)
}

// numberedBy is one record of a value.
type numberedBy struct {
	by messages.NodeID
	at time.Time
}

// values are all records of the source that a node holds, by value.
func (n *meshNode) values() map[int][]numberedBy {
	n.mesh.t.Helper()
	out := make(map[int][]numberedBy)
	for origin, epochs := range n.journal.Digest() {
		for _, e := range epochs {
			for ref, err := range n.journal.Scan(storage.Scan{Stream: "p", Origin: origin, Epoch: e.Epoch}) {
				if err != nil {
					n.mesh.t.Fatal(err)
				}
				sealed, err := n.journal.Read(ref.ID)
				if err != nil {
					n.mesh.t.Fatal(err)
				}
				b, err := sealed.Open()
				if err != nil {
					n.mesh.t.Fatal(err)
				}
				for _, r := range b.Group("p").Records {
					var v struct{ N int }
					if err := json.Unmarshal(r.Payload, &v); err != nil {
						n.mesh.t.Fatal(err)
					}
					out[v.N] = append(out[v.N], numberedBy{origin, r.HLC.Time()})
				}
			}
		}
	}
	return out
}

// newest is the newest state that a node holds.
func (n *meshNode) newest() (best savedState) {
	n.mesh.t.Helper()
	var at time.Time
	for origin, epochs := range n.journal.Digest() {
		for _, e := range epochs {
			for ref := range n.journal.Scan(storage.Scan{Stream: "$state.p", Origin: origin, Epoch: e.Epoch}) {
				sealed, _ := n.journal.Read(ref.ID)
				b, err := sealed.Open()
				if err != nil {
					n.mesh.t.Fatal(err)
				}
				for _, r := range b.Group("$state.p").Records {
					var s savedState
					if err := json.Unmarshal(r.Payload, &s); err != nil {
						n.mesh.t.Fatal(err)
					}
					if s.Of != "" {
						continue
					}
					if s.Turn > best.Turn || s.Turn == best.Turn && r.HLC.Time().After(at) {
						best, at = s, r.HLC.Time()
					}
				}
			}
		}
	}
	return best
}

// check wants each value once, and more often only where two nodes numbered it within the time that they need to
// hear of each other.
func (m *mesh) check(n *meshNode, upTo int) (doubles int) {
	m.t.Helper()
	values, missing := n.values(), 0
	for v := 1; v <= upTo; v++ {
		all := values[v]
		if len(all) == 0 {
			if missing++; missing < 5 {
				m.t.Errorf("%d of %d is missing", v, upTo)
			}
			continue
		}
		slices.SortFunc(all, func(a, b numberedBy) int { return a.at.Compare(b.at) })
		for i := 1; i < len(all); i++ {
			doubles++
			if apart := all[i].at.Sub(all[i-1].at); !m.real && apart > m.latency()+5*time.Millisecond || all[i].by == all[i-1].by {
				m.t.Errorf("%d came twice, %s apart: %v", v, apart, all)
			}
		}
	}
	if missing > 0 {
		m.t.Errorf("%d are missing", missing)
	}
	return doubles
}

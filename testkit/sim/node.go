package sim

import (
	"fmt"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// Node is a simulated node: its number, from 0 to below Sim.Len; methods panic for others, as slices do. It is not
// who the node is in the mesh: of a cloned identity two nodes have one messages.NodeID.
type Node int

// node is a node: what it is while it runs, and its disk.
type node struct {
	id    messages.NodeID
	index int32
	// life counts its starts; 0 is not started yet.
	life uint32
	up   bool
	// gone: it was replaced or refused, and never starts again. deaf: its machine is down, not only its
	// process: who dials it hears nothing.
	gone, deaf bool
	// lossy: its disk has lost something.
	lossy bool
	// upAt and downAt are since when.
	upAt, downAt int64
	// skew is how far its wall clock is from the others', in ms.
	skew int64
	disk disk

	core Core
	// offset is what its monotonic clock began with.
	offset time.Duration
	// tickAt is when its core is called next; 0 is never.
	tickAt int64
	// paused: it gets nothing, and later all of backlog at once.
	paused  bool
	backlog []event

	// epoch is what it numbers with; sequence is the last that it gave. flow is nil before the first seal.
	epoch, sequence uint64
	flow            *flow
	// heard is the highest position of its own that others named.
	heard messages.Position
	// version counts what it published of its status.
	version uint64
	// published is when, of each version; seen is what it was shown of others in this life, by node.
	published []int64
	seen      []uint32

	sockets []socket
	calls   []*call
	claims  []*call
	// refusedAt is when it was refused first in this life; 0 is never.
	refusedAt int64

	cohort *cohort
	view   *core.Members
	// viewed is the cohort's version of the view.
	viewed int

	journal journal
	// arriving is the push that its core is just getting.
	arriving *frame.Push
	// hub is where the hub stands, of each origin that it knows.
	hub     map[messages.NodeID]messages.Position
	readers []*reader
	// heads are what the core said last of the heads of its lines.
	heads  map[messages.NodeID]messages.Position
	gaveUp map[int][]messages.Range
	// stirred are origins of which readers may go on.
	stirred []messages.NodeID
	// past are the counts of its earlier lives.
	past core.Stats
}

// addNode makes a node that has not started.
func (s *Sim) addNode() *node {
	n := &node{index: int32(len(s.nodes)), id: messages.NodeID(fmt.Sprintf("n%05d", len(s.nodes)))}
	s.nodes = append(s.nodes, n)
	s.byID[n.id] = append(s.byID[n.id], n)
	if s.started && s.watch != nil && len(s.watch) < s.cfg.Readers {
		s.watch[n.index] = true
	}
	return n
}

// wall is a node's wall clock, in Unix ms.
func (s *Sim) wall(n *node) int64 { return s.begin + s.now/1e6 + n.skew }

// mono is a node's monotonic clock.
func (s *Sim) mono(n *node) time.Duration { return n.offset + time.Duration(s.now) }

// start begins a life of a node.
func (s *Sim) start(n *node) {
	if n.up || n.gone {
		return
	}
	wall := s.wall(n)
	n.epoch = max(n.disk.epoch+1, uint64(max(wall, 1)))
	n.disk.epoch = n.epoch
	if n.disk.clock.Millis() > wall+messages.MaxClockLead.Milliseconds() {
		n.disk.clock = 0
	}
	n.sequence, n.flow, n.heard = 0, nil, messages.Position{}
	n.life++
	n.offset = time.Duration(1 + s.random.nodes.Int64N(int64(24*time.Hour)))
	n.journal = journal{}
	cfg := core.Config{
		Node: n.id, Epoch: n.epoch, Seed: s.random.nodes.Uint64(), Lines: n.disk.lines(s.truth),
		Registry: n.disk.registry.events(), RetentionAge: s.cfg.RetentionAge, Expect: len(s.nodes) > 1,
	}
	if s.cfg.Tune != nil {
		s.cfg.Tune(Node(n.index), &cfg)
	}
	made, err := s.cfg.New(cfg)
	if err != nil {
		s.fail(n, "does not start: %v", err)
		return
	}
	n.core, n.up, n.upAt, n.deaf = made, true, s.now, false
	n.view, n.viewed, n.refusedAt, n.tickAt = nil, 0, 0, 0
	s.up++
	s.log(n, "starts with epoch %d", n.epoch)
	s.hold(n, 1)
	s.stand(n)
	s.joins(n)
	s.upkeep(n)
	n.core.Room(s.clock(n), s.space(n))
	s.drain(n)
}

// upkeep begins what a node does from time to time.
func (s *Sim) upkeep(n *node) {
	if s.cfg.RetentionBytes > 0 || s.cfg.RetentionAge > 0 {
		s.later(keepEvery, event{kind: keep, node: n.index, life: n.life})
	}
	if s.cfg.Status > 0 {
		s.later(upTo(s.random.nodes, s.cfg.Status), event{kind: show, node: n.index, life: n.life})
	}
}

// hold counts a node in or out among those that hold what is on its disk.
func (s *Sim) hold(n *node, by int32) {
	for i := range n.disk.shelves {
		sh, f := &n.disk.shelves[i], s.truth.flows[i]
		if !sh.known() {
			continue
		}
		for q := sh.floor; q <= sh.head; q++ {
			if sh.has(q) {
				n.disk.at(f, sh, q).holders += by
			}
		}
	}
}

// kill ends a life of a node.
func (s *Sim) kill(n *node, how How) {
	if !n.up {
		return
	}
	s.log(n, "ends")
	n.past = sum(n.past, n.core.Stats())
	s.hold(n, -1)
	for _, k := range n.sockets {
		s.cut(k.link, k.side, !how.Machine)
	}
	n.sockets, n.claims = nil, nil
	for _, c := range n.calls {
		c.off = true
	}
	n.calls, n.backlog, n.paused = nil, nil, false
	n.core, n.up, n.downAt, n.deaf = nil, false, s.now, how.Machine
	n.hub, n.heads, n.gaveUp, n.stirred, n.seen = nil, nil, nil, nil, nil
	s.up--
	s.absent(n)
	if how.Power {
		n.forget()
	}
	n.journal = journal{}
	s.leaves(n)
	s.strand(n)
}

// forget loses what the last sync came before.
func (n *node) forget() {
	n.lossy = n.lossy || len(n.journal.unsynced) > 0
	for _, b := range n.journal.unsynced {
		if n.disk.holds(b) {
			n.disk.shelf(b.flow).take(b.sequence())
			n.disk.segments.drop(b)
		}
	}
}

// wipe empties the disk of a node that is down.
func (n *node) wipe() {
	n.disk = disk{}
	n.lossy = true
}

// pause keeps everything from a node for a time.
func (s *Sim) pause(n *node, d int64) {
	if n.up && !n.paused {
		n.paused = true
		s.later(d, event{kind: wake, node: n.index, life: n.life})
	}
}

// resume gives it everything at once.
func (s *Sim) resume(n *node) {
	list := n.backlog
	n.paused, n.backlog = false, nil
	if !n.journal.stalled {
		s.unstall(n)
	}
	for i := range list {
		if n.up {
			s.happen(&list[i])
		}
	}
}

// absent takes a node out of the audience of what is under way.
func (s *Sim) absent(n *node) {
	kept := s.truth.open[:0]
	for _, b := range s.truth.open {
		if b.done {
			continue
		}
		if n.upAt <= b.at && b.by != n {
			b.audience--
			if n.disk.holds(b) {
				b.have--
			}
		}
		if s.complete(b); !b.done {
			kept = append(kept, b)
		}
	}
	clear(s.truth.open[len(kept):])
	s.truth.open = kept
}

package sim

import (
	"strings"
	"time"

	"anode/messages"
)

// Now is the simulated time since the start.
func (s *Sim) Now() time.Duration { return time.Duration(s.now) }

// Len is how many nodes there are, those that are down included.
func (s *Sim) Len() int { return len(s.nodes) }

// ID is who a node is in the mesh.
func (s *Sim) ID(n Node) messages.NodeID { return s.nodes[n].id }

// Up tells whether a node runs.
func (s *Sim) Up(n Node) bool { return s.nodes[n].up }

// Core is what decides in a node; nil while it is down. It is to be looked at only.
func (s *Sim) Core(n Node) Core { return s.nodes[n].core }

// Holds tells whether a node's journal holds a batch.
func (s *Sim) Holds(n Node, id messages.BatchID) bool {
	f := s.truth.byKey[flowKey{id.Origin, id.Epoch}]
	return f != nil && s.nodes[n].disk.look(f).has(id.Sequence)
}

// Held is how many batches a node's journal holds.
func (s *Sim) Held(n Node) int {
	sum := 0
	for i := range s.nodes[n].disk.shelves {
		sh := &s.nodes[n].disk.shelves[i]
		if sh.known() {
			sum += int(sh.head-sh.floor+1) - int(messages.Ranges(sh.holes()).Len())
		}
	}
	return sum
}

// Links are the peers to which a node has a link that is up.
func (s *Sim) Links(n Node) []messages.NodeID {
	var list []messages.NodeID
	for _, k := range s.nodes[n].sockets {
		list = append(list, k.peer)
	}
	return list
}

// Sealed is how many batches were sealed in the run.
func (s *Sim) Sealed() int { return int(s.figures.sealed) }

// Violations are those so far.
func (s *Sim) Violations() []Violation { return s.violations }

// Hash is over all that has happened: equal for the same seed, actions and cores.
func (s *Sim) Hash() uint64 { return uint64(s.hash) }

// Loaded tells whether an action begins a load.
func (s *Sim) Loaded() bool {
	for _, st := range s.script {
		if strings.HasPrefix(st.action.text, "load ") {
			return true
		}
	}
	return false
}

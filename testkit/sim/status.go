package sim

import (
	"cmp"
	"fmt"

	"anode/messages"
	"anode/messages/wire/frame"
)

// statusSize is the bytes of a node's status.
const statusSize = 200

// publishStatus publishes a node's status, and plans the next.
func (s *Sim) publishStatus(n *node) {
	s.later(int64(s.cfg.Status), event{kind: show, node: n.index, life: n.life})
	n.version++
	n.core.Publish(s.clock(n), frame.Ephemeral{Node: n.id, Kind: 1, Epoch: n.epoch, Version: n.version, Body: room[:statusSize]})
	s.drain(n)
}

// Register decides so many events of the registry on each node picked: each is to be learned by all.
func Register(p Pick, count int) Action {
	return Action{text: fmt.Sprintf("register %s %d", p, count), check: func(f *forecast) error {
		f.events += max(count, 0) * f.count(p)
		return cmp.Or(
			fault(count < 1, "want at least one"), fault(count > mostEvents || f.events > mostEvents, "a run has at most %d events of the registry", mostEvents),
			nodesUp(p, 0)(f),
		)
	}, run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
		s.register(n, count)
	})}
}

func (s *Sim) register(n *node, count int) {
	events := make([]frame.Event, 0, count)
	for range count {
		s.registered++
		events = append(events, frame.Event{
			Key: fmt.Sprintf("source/%d", s.registered), Revision: 1, Node: n.id, HLC: messages.HLCFromMillis(max(s.wall(n), 1)), Body: room[:statusSize],
		})
	}
	s.registeredAt = s.now
	n.disk.registry.learn(events)
	n.core.Register(s.clock(n), events)
	s.drain(n)
}

// unlearned counts the events that some nodes know and others do not.
func (s *Sim) unlearned() uint64 {
	if s.registered == 0 {
		return 0
	}
	all := make(map[string]int)
	for _, n := range s.nodes {
		if n.up {
			for key := range n.disk.registry.winners {
				all[key]++
			}
		}
	}
	var sum uint64
	for _, count := range all {
		sum += uint64(s.up - count)
	}
	return sum
}

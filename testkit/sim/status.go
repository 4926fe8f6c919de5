package sim

import (
	"cmp"
	"fmt"

	"anode/messages"
	"anode/messages/wire/frame"
)

const (
	// statusSize is the bytes of a node's status, of at most 2 KiB; eventSize those of an event of the registry.
	statusSize = 1536
	eventSize  = 200
	// statusGrace is how old a status may be for not all to have been shown it.
	statusGrace = int64(3e9)
)

// publishStatus publishes a node's status, and plans the next.
func (s *Sim) publishStatus(n *node) {
	s.later(int64(s.cfg.Status), event{kind: show, node: n.index, life: n.life})
	n.version++
	n.published = append(n.published, s.now)
	n.core.Publish(s.clock(n), frame.Ephemeral{Node: n.id, Kind: 1, Epoch: n.epoch, Version: n.version, Body: room[:statusSize]})
	s.drain(n)
}

// saw notes that a node was shown a status.
func (s *Sim) saw(n *node, r *frame.Ephemeral) {
	s.figures.shown++
	if len(s.byID[r.Node]) == 0 || r.Version == 0 {
		return
	}
	by := s.byID[r.Node][0]
	if r.Version > uint64(len(by.published)) {
		return // a clone's
	}
	if at := by.published[r.Version-1]; at >= int64(s.cfg.Warm) && n.upAt <= at {
		s.figures.statuses.add(s.now - at)
	}
	if more := len(s.nodes) - len(n.seen); more > 0 {
		n.seen = append(n.seen, make([]uint32, more)...)
	}
	n.seen[by.index] = uint32(r.Version)
}

// unshown counts pairs of nodes of which one was not shown a status of the other that is older than statusGrace.
func (s *Sim) unshown() (sum uint64) {
	if s.cfg.Status == 0 {
		return 0
	}
	for _, by := range s.nodes {
		version := len(by.published)
		for version > 0 && by.published[version-1] > s.now-statusGrace {
			version--
		}
		if !by.up || version == 0 || by.upAt > by.published[version-1] {
			continue
		}
		for _, n := range s.nodes {
			if n.up && n != by && n.upAt < s.now-2*statusGrace && (int(by.index) >= len(n.seen) || n.seen[by.index] < uint32(version)) {
				sum++
			}
		}
	}
	return sum
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
			Key: fmt.Sprintf("source/%d", s.registered), Revision: 1, Node: n.id, HLC: messages.HLCFromMillis(max(s.wall(n), 1)), Body: room[:eventSize],
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

package sim

import (
	"cmp"
	"fmt"
	"time"
)

// How says how a node ends.
type How struct {
	// Machine: its machine ends too, so that peers hear nothing; else their links are reset.
	Machine bool
	// Power: what was not synced is lost (Config.Sync). Wipe: all of the disk is.
	Power, Wipe bool
	// Back is after how long it starts again; 0 is not by itself.
	Back time.Duration
}

// Crash ends nodes that run.
func Crash(p Pick, how How) Action {
	text := "crash " + p.String()
	for _, option := range []struct {
		on   bool
		name string
	}{{how.Machine, "machine"}, {how.Power, "power"}, {how.Wipe, "wipe"}} {
		if option.on {
			text += " " + option.name
		}
	}
	if how.Back > 0 {
		text += " back=" + durationText(how.Back)
	}
	return Action{text: text, fault: true, check: nodesUp(p, how.Back), run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
		s.kill(n, how)
		if how.Wipe {
			n.wipe()
		}
		if how.Back > 0 {
			s.soon(how.Back, func() { s.start(n); s.troubled() })
		}
	})}
}

// Restart starts nodes that do not run.
func Restart(p Pick) Action {
	return Action{text: "restart " + p.String(), fault: true, check: nodesUp(p, 0), run: on(p, (*Sim).pickDown, (*Sim).start)}
}

// Wipe empties the disks of nodes; those that run are ended first. They stay down.
func Wipe(p Pick) Action {
	return Action{text: "wipe " + p.String(), fault: true, check: nodesUp(p, 0), run: on(p, (*Sim).pick, func(s *Sim, n *node) {
		s.kill(n, How{})
		n.wipe()
	})}
}

// Join starts so many new nodes.
func Join(count int) Action {
	return Action{text: fmt.Sprintf("join %d", count), fault: true, check: func(f *forecast) error {
		return cmp.Or(fault(count < 1, "want at least one"), f.joins(count))
	}, run: func(s *Sim) error {
		if err := (&forecast{nodes: len(s.nodes)}).joins(count); err != nil {
			return err
		}
		for range count {
			s.start(s.addNode())
		}
		return nil
	}}
}

// Pause keeps everything from nodes for a time, as a machine does that is suspended: then it gets all at once.
func Pause(p Pick, d time.Duration) Action {
	text := fmt.Sprintf("pause %s for=%s", p, durationText(d))
	return Action{text: text, fault: true, check: nodesUp(p, d), run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
		s.pause(n, int64(d))
		s.soon(d+1, s.troubled)
	})}
}

// Clock moves the wall clocks of nodes.
func Clock(p Pick, by time.Duration) Action {
	text := fmt.Sprintf("clock %s %s", p, signed(by))
	return Action{text: text, fault: true, check: anyNodes(p), run: on(p, (*Sim).pick, func(_ *Sim, n *node) {
		n.skew += by.Milliseconds()
	})}
}

func signed(d time.Duration) string {
	if d < 0 {
		return "-" + durationText(-d)
	}
	return "+" + durationText(d)
}

// Clone starts another node for each of those picked, with its identity and a copy of its disk.
func Clone(p Pick) Action {
	return Action{text: "clone " + p.String(), fault: true, check: func(f *forecast) error {
		return cmp.Or(f.knows(p), f.joins(f.count(p)))
	}, run: func(s *Sim) error {
		list := s.pick(p)
		if err := cmp.Or(s.knows(p), (&forecast{nodes: len(s.nodes)}).joins(len(list))); err != nil {
			return err
		}
		for _, n := range list {
			s.clone(n)
		}
		return nil
	}}
}

// clone starts a copy of a node.
func (s *Sim) clone(n *node) *node {
	c := s.addNode()
	s.byID[c.id] = nil
	c.id = n.id
	s.byID[n.id] = append(s.byID[n.id], c)
	c.disk, c.skew = n.disk.clone(), n.skew
	if s.network.sides != nil {
		for len(s.network.sides) < len(s.nodes) {
			s.network.sides = append(s.network.sides, 0)
		}
	}
	s.start(c)
	return c
}

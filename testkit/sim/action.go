package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Action is something that is done to the mesh: a load begins, nodes die, the network parts. Its text is how a
// script has it. The zero Action does nothing.
type Action struct {
	text  string
	fault bool
	run   func(*Sim) error
}

// String is the action as a script has it, without its time.
func (a Action) String() string { return a.text }

func (a Action) do(s *Sim) error {
	if a.run == nil {
		return nil
	}
	return a.run(s)
}

// errNobody is that no node fits what an action is about.
var errNobody = errors.New("no node is meant")

// on makes an action that is done to nodes. Numbers that no node has are an error; that none is left of a share
// is not.
func on(p Pick, fit func(*Sim, Pick) []*node, do func(*Sim, *node)) func(*Sim) error {
	return func(s *Sim) error {
		if err := s.knows(p); err != nil {
			return err
		}
		for _, n := range fit(s, p) {
			do(s, n)
		}
		return nil
	}
}

// knows tells whether there are the nodes that a pick names.
func (s *Sim) knows(picks ...Pick) error {
	for _, p := range picks {
		if high := p.highest(); int(high) >= len(s.nodes) {
			return fmt.Errorf("there is no node %d: there are 0 to %d", high, len(s.nodes)-1)
		}
		if p.String() == "" {
			return errNobody
		}
	}
	return nil
}

// Publish begins a load. It ends with the run's Duration.
func Publish(l Load) Action {
	text := fmt.Sprintf("load at=%s rate=%g", l.At, l.Rate)
	if l.Size > 0 {
		text += fmt.Sprintf(" size=%d", l.Size)
	}
	if l.Records > 1 {
		text += fmt.Sprintf(" records=%d", l.Records)
	}
	if l.Even {
		text += " spacing=even"
	}
	if l.For > 0 {
		text += fmt.Sprintf(" for=%s", l.For)
	}
	return Action{text: text, run: func(s *Sim) error {
		if !(l.Rate > 0) {
			return fmt.Errorf("rate %g: want more than 0 batches a second", l.Rate)
		}
		if l.Size > len(room) {
			return fmt.Errorf("size %d: a batch has at most %d bytes", l.Size, len(room))
		}
		if err := s.knows(l.At); err != nil {
			return err
		}
		s.pour(l)
		return nil
	}}
}

// Stop ends all loads.
func Stop() Action {
	return Action{text: "stop", run: func(s *Sim) error {
		for _, st := range s.streams {
			st.off = true
		}
		return nil
	}}
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
		text += " back=" + how.Back.String()
	}
	return Action{text: text, fault: true, run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
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
	return Action{text: "restart " + p.String(), fault: true, run: on(p, (*Sim).pickDown, (*Sim).start)}
}

// Wipe empties the disks of nodes; those that run are ended first. They stay down.
func Wipe(p Pick) Action {
	return Action{text: "wipe " + p.String(), fault: true, run: on(p, (*Sim).pick, func(s *Sim, n *node) {
		s.kill(n, How{})
		n.wipe()
	})}
}

// Join starts so many new nodes.
func Join(count int) Action {
	return Action{text: fmt.Sprintf("join %d", count), fault: true, run: func(s *Sim) error {
		if len(s.nodes)+count > MaxNodes {
			return fmt.Errorf("there would be more than %d nodes", MaxNodes)
		}
		for range count {
			s.start(s.addNode())
		}
		return nil
	}}
}

// Partition parts the mesh: nodes of different groups hear nothing of each other until Heal. Nodes that are in
// no group are one more.
func Partition(groups ...Pick) Action {
	texts := make([]string, 0, len(groups))
	for _, g := range groups {
		texts = append(texts, g.String())
	}
	return Action{text: "partition " + strings.Join(texts, " | "), fault: true, run: func(s *Sim) error {
		if err := s.knows(groups...); err != nil {
			return err
		}
		if s.network.sides != nil {
			return errors.New("the mesh is parted already: heal it first")
		}
		sides := make([]int16, len(s.nodes))
		for i, g := range groups {
			for _, n := range s.pickOf(g, func(n *node) bool { return sides[n.index] == 0 }) {
				sides[n.index] = int16(i + 1)
			}
		}
		s.network.sides, s.cutAt = sides, s.now
		s.part()
		return nil
	}}
}

// Block keeps the nodes of a from talking with those of b, in both directions, until Heal.
func Block(a, b Pick) Action {
	return Action{text: "block " + a.String() + " " + b.String(), fault: true, run: wall(a, b, true)}
}

// OneWay loses all that nodes of a send to nodes of b, until Heal.
func OneWay(a, b Pick) Action {
	return Action{text: "oneway " + a.String() + " " + b.String(), fault: true, run: wall(a, b, false)}
}

func wall(a, b Pick, both bool) func(*Sim) error {
	return func(s *Sim) error {
		if err := s.knows(a, b); err != nil {
			return err
		}
		if s.network.walls == nil {
			s.network.walls = make(map[pair]bool)
		}
		left, right := s.pick(a), s.pick(b)
		for _, from := range left {
			for _, to := range right {
				s.network.walls[pair{from.index, to.index}] = true
				if both {
					s.network.walls[pair{to.index, from.index}] = true
				}
			}
		}
		s.cutAt = s.now
		return nil
	}
}

// Heal ends partitions and blocks.
func Heal() Action {
	return Action{text: "heal", fault: true, run: func(s *Sim) error {
		if s.network.sides != nil {
			s.unite()
		}
		s.network.sides, s.network.walls, s.cutAt = nil, nil, s.now
		return nil
	}}
}

// Pause keeps everything from nodes for a time, as a machine does that is suspended: then it gets all at once.
func Pause(p Pick, d time.Duration) Action {
	return Action{text: fmt.Sprintf("pause %s for=%s", p, d), fault: true, run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
		s.pause(n, int64(d))
		s.soon(d+1, s.troubled)
	})}
}

// Clock moves the wall clocks of nodes.
func Clock(p Pick, by time.Duration) Action {
	return Action{text: fmt.Sprintf("clock %s %s", p, signed(by)), fault: true, run: on(p, (*Sim).pick, func(_ *Sim, n *node) {
		n.skew += by.Milliseconds()
	})}
}

func signed(d time.Duration) string {
	if d < 0 {
		return d.String()
	}
	return "+" + d.String()
}

// Clone starts another node for each of those picked, with its identity and a copy of its disk.
func Clone(p Pick) Action {
	return Action{text: "clone " + p.String(), fault: true, run: on(p, (*Sim).pick, func(s *Sim, n *node) {
		s.clone(n)
	})}
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

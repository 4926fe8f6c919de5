package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errParted is that there is a partition already.
var errParted = errors.New("the mesh is parted already: heal it first")

// Partition parts the mesh: nodes of different groups hear nothing of each other until Heal. Nodes that are in
// no group are one more.
func Partition(groups ...Pick) Action {
	texts := make([]string, 0, len(groups))
	for _, g := range groups {
		texts = append(texts, g.String())
	}
	return Action{text: "partition " + strings.Join(texts, " | "), fault: true, check: func(f *forecast) error {
		if err := cmp.Or(f.knows(groups...), apart(groups)); err != nil {
			return err
		}
		if f.parted {
			return errParted
		}
		f.parted = true
		return nil
	}, run: func(s *Sim) error {
		if err := s.knows(groups...); err != nil {
			return err
		}
		if s.network.sides != nil {
			return errParted
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

// apart tells whether sides have something to be parted by: no node is on two, and not all are on one. Shares
// are drawn of the nodes that are on none yet.
func apart(groups []Pick) error {
	type side struct {
		first, last Node
		group       int
	}
	var sides []side
	for i, g := range groups {
		if g.all {
			return errors.New("all nodes are on one side: name some of them")
		}
		for k := 0; k+1 < len(g.ranges); k += 2 {
			sides = append(sides, side{g.ranges[k], g.ranges[k+1], i})
		}
	}
	slices.SortFunc(sides, func(a, b side) int { return cmp.Compare(a.first, b.first) })
	reach := side{last: -1}
	for _, r := range sides {
		if r.first <= reach.last && r.group != reach.group {
			return fmt.Errorf("node %d is on two sides", r.first)
		}
		if r.last > reach.last {
			reach = r
		}
	}
	return fault(len(groups) == 0, "no side is named")
}

// Block keeps the nodes of a from talking with those of b, in both directions, until Heal.
func Block(a, b Pick) Action {
	return Action{text: "block " + a.String() + " " + b.String(), fault: true, check: anyNodes(a, b), run: wall(a, b, true)}
}

// OneWay loses all that nodes of a send to nodes of b, until Heal.
func OneWay(a, b Pick) Action {
	return Action{text: "oneway " + a.String() + " " + b.String(), fault: true, check: anyNodes(a, b), run: wall(a, b, false)}
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
	return Action{text: "heal", fault: true, check: func(f *forecast) error {
		f.parted = false
		return nil
	}, run: func(s *Sim) error {
		if s.network.sides != nil {
			s.unite()
		}
		s.network.sides, s.network.walls, s.cutAt = nil, nil, s.now
		return nil
	}}
}

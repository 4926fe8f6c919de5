package sim

import (
	"slices"

	"anode/actors/gossip/core"
	"anode/messages"
)

const (
	// quantum is the grid on which changes of the members are told, so that changes that are near each other
	// make one set, which all nodes share.
	quantum = int64(100e6)
	// glances is in how many steps a set is told.
	glances = 8
)

// cohort is the nodes that can hear of each other: all of them, or one side of a partition. What its nodes
// know of the members is a row of sets that all of them pass in the same order, each at its own pace.
type cohort struct {
	set *core.Members
	// version counts the sets.
	version int
	// since is when it was parted from the others. from is before when nobody hears anything new: after a heal.
	since, from int64
	// slow: somebody's death is among what has happened, which takes its time to be noticed by all.
	slow bool
	// planned are the times at which the members are looked at.
	planned []int64
}

// glance is a step in which some of a cohort hear of a set.
type glance struct {
	cohort  *cohort
	set     *core.Members
	version int
	step    int
}

// joins says that a node has started.
func (s *Sim) joins(n *node) {
	if n.cohort == nil {
		n.cohort = s.cohorts[0]
	}
	s.plans(n.cohort, int64(s.cfg.Spread.Min), false)
}

// leaves says that a node has ended.
func (s *Sim) leaves(n *node) { s.plans(n.cohort, int64(s.cfg.Detect.Min), true) }

// plans looks at a cohort's members after a time.
func (s *Sim) plans(c *cohort, in int64, slow bool) {
	at := (s.now + in + quantum - 1) / quantum * quantum
	c.slow = c.slow || slow
	if slices.Contains(c.planned, at) {
		return
	}
	c.planned = append(c.planned, at)
	s.queue.add(at, event{kind: survey, node: -1, extra: c})
}

// listed tells whether those of a cohort take a node for alive.
func (s *Sim) listed(n *node, c *cohort) bool {
	if n.life == 0 || n.cohort != c && s.now-c.since >= int64(s.cfg.Detect.Min) {
		return false
	}
	if n.up {
		return s.now-n.upAt >= int64(s.cfg.Spread.Min) || n.downAt > 0 && n.upAt-n.downAt < int64(s.cfg.Detect.Min)
	}
	return s.now-n.downAt < int64(s.cfg.Detect.Min)
}

// survey makes the set of a cohort anew, and begins to tell it.
func (s *Sim) survey(c *cohort) {
	c.planned = slices.DeleteFunc(c.planned, func(at int64) bool { return at <= s.now })
	if s.now < c.from || !slices.Contains(s.cohorts, c) {
		return
	}
	ids := make([]messages.NodeID, 0, len(s.nodes))
	for _, n := range s.nodes {
		if s.listed(n, c) {
			ids = append(ids, n.id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if c.set == nil || !slices.Equal(ids, c.set.All()) {
		c.version++
		c.set = s.members(ids)
		s.tell(c)
	}
	for _, n := range s.nodes { // who has joined hears of all
		if n.up && n.view == nil && n.cohort == c && s.listed(n, c) {
			s.see(n, c.set, c.version)
		}
	}
}

// members is a set; those made last are kept, as many changes come back to what was.
func (s *Sim) members(ids []messages.NodeID) *core.Members {
	for _, m := range s.sets {
		if slices.Equal(m.All(), ids) {
			return m
		}
	}
	m := core.NewMembers(ids)
	if len(s.sets) < 4 {
		s.sets = append(s.sets, m)
	} else {
		s.sets[s.setAt%4] = m
		s.setAt++
	}
	return m
}

// tell brings a set to all of a cohort, in steps.
func (s *Sim) tell(c *cohort) {
	over := s.cfg.Spread.Max - s.cfg.Spread.Min
	if c.slow {
		over = max(over, s.cfg.Detect.Max-s.cfg.Detect.Min)
	}
	c.slow = false
	for step := range glances {
		s.later(int64(over)*int64(step+1)/glances, event{
			kind: view, node: -1, extra: &glance{cohort: c, set: c.set, version: c.version, step: step},
		})
	}
}

// show brings a set to those whose turn it is.
func (s *Sim) show(g *glance) {
	for _, n := range s.nodes {
		if !n.up || n.cohort != g.cohort || n.view == nil || n.viewed >= g.version {
			continue
		}
		if mix(uint64(n.index)<<32|uint64(g.version))%glances == uint64(g.step) {
			s.see(n, g.set, g.version)
		}
	}
}

// see gives a node its members.
func (s *Sim) see(n *node, m *core.Members, version int) {
	n.view, n.viewed = m, version
	if n.paused {
		n.backlog = append(n.backlog, event{kind: sight, node: n.index, life: n.life, extra: m})
		return
	}
	n.core.Members(s.clock(n), m)
	s.drain(n)
}

// part makes a cohort of each side of a partition.
func (s *Sim) part() {
	sides := make(map[int16]*cohort)
	old := s.cohorts[0]
	s.cohorts = nil
	for _, n := range s.nodes {
		side := s.network.side(n)
		c := sides[side]
		if c == nil {
			c = &cohort{set: old.set, version: old.version, since: s.now}
			sides[side] = c
			s.cohorts = append(s.cohorts, c)
			s.plans(c, int64(s.cfg.Detect.Min), true)
		}
		n.cohort = c
	}
}

// unite makes one cohort of all.
func (s *Sim) unite() {
	c := &cohort{since: s.now}
	for _, old := range s.cohorts {
		c.version = max(c.version, old.version)
	}
	s.cohorts = []*cohort{c}
	for _, n := range s.nodes {
		n.cohort = c
	}
	in := s.cfg.Rejoin.draw(s.random.members)
	c.from = s.now + in
	s.plans(c, in, false)
}

package placement

import (
	"slices"

	"anode/messages"
)

// Weights are random, so the number of sources that a node wins is off the mean by about its square root:
// with 1,000 sources on 20 nodes one is usually 30 % off. A node that levels the mesh yields a few.
const (
	// levelPart is the part of the mean, one over it, by which a node may be off.
	levelPart = 4
	// levelLeast is the number of sources by which it may be off in any case: below, a move costs more than it brings.
	levelLeast = 4
)

// LevelReason is the reason of a yield with Level.
const LevelReason = "this node has more than its part of the mesh, or another one much less"

// Level names the sources that this node should yield, with Yield.Level, so that each node's number of them is within
// a quarter of the mean, or four sources of it where a quarter is less. They are few: each goes from its owner to the
// next by rank, and only where that helps. Exclusive and redundant ones stay. What is yielded for levelling now is
// looked at as if it was not, so that the answer is what should be yielded from now on, and the whole of it; with
// equal views it is stable. It takes about as long as a plan from nothing: once a minute is often enough.
func (p *Plan) Level() []string {
	l := p.leveller()
	if !l.uneven() {
		return nil
	}
	var mine []string
	for i := range p.sources.list {
		if from, moved := l.move(i); moved && from == p.at {
			mine = append(mine, p.sources.list[i].Name)
		}
	}
	return mine
}

// SameCandidates tells that the same nodes take all that they win as by another plan.
func (p *Plan) SameCandidates(o *Plan) bool {
	at := func(p *Plan) func(e elector) messages.NodeID {
		return func(e elector) messages.NodeID { return p.roster.nodes[e.at].ID }
	}
	name, other := at(p), at(o)
	return slices.EqualFunc(p.roster.electors[0], o.roster.electors[0], func(a, b elector) bool { return name(a) == other(b) })
}

// leveller counts sources by node, as if nothing was yielded for levelling.
type leveller struct {
	p     *Plan
	loads []int // by node
	nodes []elector
	total int
}

func (p *Plan) leveller() *leveller {
	l := &leveller{p: p, loads: make([]int, len(p.roster.nodes)), nodes: p.roster.electors[0]}
	for i := range p.sources.list {
		row := p.row(i)
		if len(p.roster.yields[int32(i)]) > 0 {
			var natural [MaxRedundancy]int32
			row = natural[:len(row)]
			p.roster.choose(p.sources, i, row, false)
		}
		for _, at := range row {
			if at >= 0 {
				l.loads[at]++
			}
		}
	}
	for _, e := range l.nodes {
		l.total += l.loads[e.at]
	}
	return l
}

// off is by how much a node is above the mean, times the number of nodes.
func (l *leveller) off(at int32) int { return l.loads[at]*len(l.nodes) - l.total }

// much is how much that may be.
func (l *leveller) much() int { return max(l.total/levelPart, levelLeast*len(l.nodes)) }

func (l *leveller) uneven() bool {
	for _, e := range l.nodes {
		if off := l.off(e.at); off > l.much() || off < -l.much() {
			return true
		}
	}
	return false
}

// move moves a source to its next owner if that helps, and tells from whom.
func (l *leveller) move(i int) (int32, bool) {
	s, r := l.p.sources, l.p.roster
	if s.list[i].owners() != 1 || s.list[i].Exclusive {
		return 0, false
	}
	for _, y := range r.yields[int32(i)] {
		if !y.level {
			return 0, false
		}
	}
	var first [2]int32
	r.choose(s, i, first[:], false)
	from, to := first[0], first[1]
	if from < 0 || to < 0 || !r.is[0][from] || !r.is[0][to] {
		return 0, false
	}
	above, below := l.off(from), l.off(to)
	if above > l.much() && below < 0 || below < -l.much() && above > 0 {
		l.loads[from]--
		l.loads[to]++
		return from, true
	}
	return 0, false
}

// Loads is how many sources each node owns, of all that are there; those that run everywhere are left out.
func (p *Plan) Loads() map[messages.NodeID]int {
	loads := make(map[messages.NodeID]int, len(p.roster.nodes))
	for i := range p.roster.nodes {
		loads[p.roster.nodes[i].ID] = 0
	}
	for _, at := range p.seats {
		if at >= 0 {
			loads[p.roster.nodes[at].ID]++
		}
	}
	return loads
}
